import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { record as writeRecord, type Principal } from "../identity/index.ts"
import { systemActor, type Reads, type Store } from "../journal/index.ts"
import type { NewServiceRecord, ServiceRecordView } from "./commands.ts"
import { followed, type JoinedStanding } from "./joins.ts"
import { pythonText } from "./python-text.ts"
import type { JsonText, ServiceId, ServiceJoin, ServiceRecord, ServiceStore } from "./types.ts"
import { mayBeOverruled } from "./watches/step.ts"
import { checkSettings } from "./watches/service.ts"
import type { ServiceWatches } from "./watches/commands.ts"
import type { WatchSettings } from "./watches/types.ts"

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
  /** Brings the record in line with what it follows; nothing where it is gone or follows nothing. */
  follow(id: ServiceId): Promise<void>
  /** How what it follows stands now. */
  standing(record: ServiceRecord): Promise<JoinedStanding>
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
  readonly rows: Pick<ServiceStore, "records">
  readonly clock: Clock
  readonly watches: Pick<ServiceWatches, "put">
  readonly createJoined: (
    principal: Principal,
    wanted: NewServiceRecord,
    join: ServiceJoin,
  ) => Promise<ServiceRecordView>
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
    if (!differs(seen, standing)) return
    const atMs = Math.trunc(clock.nowMs())
    await store.tx(async (tx) => {
      const row = await rows.records.byId(tx, id)
      if (!row || !differs(row, standing)) return
      const after = { ...row, ...followed(row, standing) }
      const updatedAtUs = Math.max(row.updatedAtUs + 1, atMs * 1000)
      await rows.records.update(tx, { ...after, updatedAtUs })
      if (after.state === row.state) return
      await writeRecord(tx, {
        operation: "service.observe",
        event: "service-record.state_changed",
        subject: { kind: "service-record", id },
        workspace: row.workspaceId,
        actor,
        atMs,
        data: { name: row.name, from: row.state, to: after.state, detail: standing.detail },
      })
    })
  }

  return {
    async register(principal, wanted) {
      if (wanted.watch) checkSettings(wanted.watch)
      const found = await options.find(principal, wanted.kind, wanted.name)
      if (found.refusal !== null)
        throw new AppError("conflict", found.refusal, {
          resource: wanted.kind,
          name: wanted.name,
          detail: "no_service",
        })
      const made = await options.createJoined(principal, newRecord(wanted, found), found.join)
      const { id } = made.record
      if (wanted.watch) await options.watches.put(principal, id, wanted.watch)
      await follow(id)
      const record = await rows.records.byId(store.committed, id)
      return { ...made, record: record ?? made.record }
    },
    follow,
    async standing(record) {
      if (!record.joined) throw new AppError("internal", "The record follows nothing.")
      return options.standing(store.committed, record.joined)
    },
  }
}

/** Whether the record is to be written: an owner's word stays until what it follows is over. */
function differs(record: ServiceRecord, standing: JoinedStanding): boolean {
  if (standing.state !== "inactive" && !mayBeOverruled(record)) return false
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
