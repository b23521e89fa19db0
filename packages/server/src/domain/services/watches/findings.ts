import { systemActor, type Store, type Tx } from "../../journal/index.ts"
import type { ServiceRecord, ServiceState, ServiceStore } from "../types.ts"
import type { WatchFinding } from "./commands.ts"
import { tellState } from "../state-events.ts"
import { stateToShow } from "./step.ts"
import type { LastProbe, ServiceWatch, WatchEntry } from "./types.ts"

type Rows = Pick<ServiceStore, "records" | "watches">
const actor = systemActor("service-watch")

/**
 * Writes down what probes found, all of it in one transaction: the verdict with an entry of history where it is
 * another one, and the record's state where that is another one then. What is no longer watched is passed over.
 */
export async function writeFindings(
  { store, rows }: { readonly store: Pick<Store, "tx">; readonly rows: Rows },
  findings: readonly WatchFinding[],
): Promise<void> {
  await store.tx(async (tx) => {
    for (const finding of findings) await writeFinding(rows, tx, finding)
  })
}

async function writeFinding(rows: Rows, tx: Tx, finding: WatchFinding): Promise<void> {
  const watch = await rows.watches.byId(tx, finding.serviceId)
  const row = watch && (await rows.records.byId(tx, finding.serviceId))
  if (!watch || !row || watch.verdict === "over") return
  const { lastProbe, verdict } = finding
  // what a joined record has come to is written with the record itself (follow.ts)
  const after = row.joined ? { ...watch, lastProbe } : await withVerdict(rows, tx, watch, finding)
  await rows.watches.update(tx, after)
  const state = stateToShow(row, verdict)
  if (state !== null)
    await showState(rows, tx, row, { state, detail: lastProbe.detail, atMs: lastProbe.atMs })
}

async function withVerdict(
  rows: Rows,
  tx: Tx,
  watch: ServiceWatch,
  { verdict, lastProbe }: WatchFinding,
): Promise<ServiceWatch> {
  if (verdict === "unknown" || verdict === watch.verdict) return { ...watch, lastProbe }
  return withEntry(rows, tx, watch, { verdict, lastProbe })
}

/** The watch with a verdict from now on; the history says when and why. */
export async function withEntry(
  rows: Pick<Rows, "watches">,
  tx: Tx,
  watch: ServiceWatch,
  { verdict, lastProbe }: { readonly verdict: WatchEntry["verdict"]; readonly lastProbe: LastProbe },
): Promise<ServiceWatch> {
  const { atMs, detail } = lastProbe
  const seq = watch.historySeq + 1
  await rows.watches.addHistory(tx, watch.serviceId, { seq, atMs, verdict, detail })
  return { ...watch, verdict, lastProbe, sinceMs: atMs, historySeq: seq }
}

/** Writes the state and says so; nothing where the record has it already. */
async function showState(
  rows: Rows,
  tx: Tx,
  row: ServiceRecord,
  { state, detail, atMs }: { readonly state: ServiceState; readonly detail: string; readonly atMs: number },
): Promise<void> {
  if (row.state === state) return
  const updatedAtUs = Math.max(row.updatedAtUs + 1, Math.trunc(atMs) * 1000)
  await rows.records.update(tx, { ...row, state, updatedAtUs })
  await tellState(tx, row, { state, detail, atMs, actor })
}
