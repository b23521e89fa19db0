import { record as writeRecord } from "../../identity/index.ts"
import { systemActor, type Store, type Tx } from "../../journal/index.ts"
import type { ServiceRecord, ServiceState, ServiceStore } from "../types.ts"
import type { WatchFinding } from "./commands.ts"
import { stateToShow } from "./step.ts"
import type { ServiceWatch } from "./types.ts"

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
  if (!watch || !row) return
  await rows.watches.update(tx, await withVerdict(rows, tx, watch, finding))
  const { lastProbe, verdict } = finding
  const state = stateToShow(row, verdict)
  if (state !== null)
    await showState(rows, tx, row, { state, detail: lastProbe.detail, atMs: lastProbe.atMs })
}

async function withVerdict(
  rows: Rows,
  tx: Tx,
  watch: ServiceWatch,
  { serviceId, verdict, lastProbe }: WatchFinding,
): Promise<ServiceWatch> {
  if (verdict === "unknown" || verdict === watch.verdict) return { ...watch, lastProbe }
  const { atMs, detail } = lastProbe
  const seq = watch.historySeq + 1
  await rows.watches.addHistory(tx, serviceId, { seq, atMs, verdict, detail })
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
  await writeRecord(tx, {
    operation: "service.observe",
    event: "service-record.state_changed",
    subject: { kind: "service-record", id: row.id },
    workspace: row.workspaceId,
    actor,
    atMs,
    data: { name: row.name, from: row.state, to: state, detail },
  })
}
