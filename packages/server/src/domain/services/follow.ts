import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { Principal } from "../identity/index.ts"
import { systemActor, type Reads, type Store, type Tx } from "../journal/index.ts"
import type { NewServiceRecord, ServiceRecordView } from "./commands.ts"
import { followed, type JoinedStanding, verdictOf } from "./joins.ts"
import { pythonText } from "./python-text.ts"
import type { JoinedRecords } from "./records.ts"
import { tellState } from "./state-events.ts"
import { checkTexts } from "./texts.ts"
import type { JsonText, ServiceId, ServiceJoin, ServiceRecord, ServiceStore } from "./types.ts"
import { withEntry } from "./watches/findings.ts"
import { checkSettings } from "./watches/service.ts"
import { mayBeOverruled } from "./watches/step.ts"
import type { ServiceWatch, WatchSettings } from "./watches/types.ts"

export interface WantedJoin {
  readonly kind: ServiceJoin["kind"]
  /** A workload's id, or a Ray service's `namespace/name`. */
  readonly name: string
  /** Of the record. Default: that of what it follows. */
  readonly recordName?: string
  readonly labels?: Readonly<Record<string, string>>
  /** null = not watched. */
  readonly watch: Partial<WatchSettings> | null
}

export interface ServiceJoins {
  /**
   * Makes a record that follows a workload with a service, or a Ray service: its state, endpoint and addresses.
   * @throws AppError `not_found` (resource `workload`, `ray-service`), `forbidden`, `already_exists` (it has a record),
   *   `conflict` detail `no_service` (a workload without one, or that is over), `invalid`
   */
  register(principal: Principal, wanted: WantedJoin): Promise<ServiceRecordView>
  /** Brings the record and its watch in line with what it follows; nothing where it is gone or follows nothing. */
  follow(id: ServiceId): Promise<void>
  /** How what it follows stands now. */
  standing(record: Pick<ServiceRecord, "joined">): Promise<JoinedStanding>
}

/** What may be joined, as its reader sees it. */
export interface Joinable {
  readonly join: ServiceJoin
  readonly workspaceId: string
  readonly displayName: string
  /** Why it cannot be; null: it can. */
  readonly refusal: string | null
}

export interface ServiceJoinsOptions {
  readonly store: Pick<Store, "tx" | "committed">
  readonly rows: Pick<ServiceStore, "records" | "watches">
  readonly clock: Clock
  readonly createJoined: JoinedRecords["createJoined"]
  /** @throws AppError `not_found`, `forbidden` */
  readonly find: (principal: Principal, kind: ServiceJoin["kind"], name: string) => Promise<Joinable>
  readonly standing: (from: Reads, join: ServiceJoin) => Promise<JoinedStanding>
}

const actor = systemActor("service-join")

export function createServiceJoins(options: ServiceJoinsOptions): ServiceJoins {
  const { store, rows, clock } = options

  async function follow(id: ServiceId): Promise<void> {
    const seen = await rows.records.byId(store.committed, id)
    if (!seen?.joined) return
    const standing = await options.standing(store.committed, seen.joined)
    const watch = await rows.watches.byId(store.committed, id)
    if (!differs(seen, standing) && !isNews(seen, watch, standing)) return
    const atMs = Math.trunc(clock.nowMs())
    await store.tx((tx) => bringInLine(rows, tx, { id, standing, atMs }))
  }

  return {
    async register(principal, wanted) {
      if (wanted.watch) checkSettings(wanted.watch)
      const labels = Object.entries(wanted.labels ?? {})
        .flat()
        .join("")
      checkTexts("service-record", { name: wanted.recordName, labels })
      const found = await options.find(principal, wanted.kind, wanted.name)
      if (found.refusal !== null)
        throw new AppError("conflict", found.refusal, {
          resource: wanted.kind,
          name: wanted.name,
          detail: "no_service",
        })
      const standing = await options.standing(store.committed, found.join)
      // as it stands at once; what moves until the row is there is followed as ever
      const { state, status, ...addresses } = followed(
        { state: null, status: null, endpoint: null },
        standing,
      )
      const record = { ...newRecord(wanted, found), ...addresses, status: status && { text: status, state } }
      return options.createJoined(principal, record, { join: { ...found.join, state }, watch: wanted.watch })
    },
    follow,
    async standing(record) {
      if (!record.joined) throw new AppError("internal", "The record follows nothing.")
      return options.standing(store.committed, record.joined)
    },
  }
}

/** Writes the record, and the watch of it where there is one, in one transaction: neither tells what the other does not. */
async function bringInLine(
  rows: ServiceJoinsOptions["rows"],
  tx: Tx,
  {
    id,
    standing,
    atMs,
  }: { readonly id: ServiceId; readonly standing: JoinedStanding; readonly atMs: number },
): Promise<void> {
  const row = await rows.records.byId(tx, id)
  if (!row) return
  if (differs(row, standing)) {
    const shown = followed(row, standing)
    const after = { ...row, ...shown, joined: row.joined && { ...row.joined, state: shown.state } }
    const { detail } = standing
    await rows.records.update(tx, { ...after, updatedAtUs: Math.max(row.updatedAtUs + 1, atMs * 1000) })
    if (after.state !== row.state) await tellState(tx, row, { state: after.state, detail, atMs, actor })
  }
  const watch = await rows.watches.byId(tx, id)
  const verdict = verdictOf(standing)
  if (!watch || verdict === null || !isNews(row, watch, standing)) return
  const lastProbe = { atMs, ok: verdict === "up", detail: standing.detail, tookMs: 0 }
  await rows.watches.update(tx, await withEntry(rows, tx, watch, { verdict, lastProbe }))
}

/** Whether its history has something to tell: each end once, and nothing against its owner's word while it lives. */
function isNews(record: ServiceRecord, watch: ServiceWatch | undefined, standing: JoinedStanding): boolean {
  const verdict = verdictOf(standing)
  if (!watch || verdict === null) return false
  if (verdict !== "over") return verdict !== watch.verdict && !isOwnersWord(record)
  return watch.verdict !== "over" || (standing.over === "over" && watch.lastProbe?.detail !== standing.detail)
}

/** Whether its owner says that nobody is there: what following it has written is no word of an owner. */
function isOwnersWord({ state, joined }: ServiceRecord): boolean {
  return !mayBeOverruled({ state }) && joined?.state !== state
}

/** Whether the record is to be written: an owner's word stays until what it follows is over. */
function differs(record: ServiceRecord, standing: JoinedStanding): boolean {
  if (standing.over === "no" && isOwnersWord(record)) return false
  const wanted = followed(record, standing)
  return (Object.keys(wanted) as (keyof typeof wanted)[]).some((name) => wanted[name] !== record[name])
}

function newRecord(wanted: WantedJoin, { join, workspaceId, displayName }: Joinable): NewServiceRecord {
  const { labels } = wanted
  return {
    workspaceId,
    name: wanted.recordName ?? displayName,
    type: { type: "model-serving", flavor: "berth", name: join.kind, description: "", logoUrl: "" },
    source: null,
    adminState: "active",
    // one record for each thing: none has the same config
    config: pythonText({ type: "berth", kind: join.kind, id: join.name, key: join.key }) as JsonText,
    pipelineName: null,
    pipelineStepName: null,
    labels: labels && Object.keys(labels).length > 0 ? (pythonText(labels) as JsonText) : null,
    status: null,
    endpoint: null,
    predictionUrl: null,
    healthCheckUrl: null,
    modelVersionId: null,
    pipelineRunId: null,
  }
}
