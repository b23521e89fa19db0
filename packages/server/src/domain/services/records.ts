import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { type Ids, ulidToUuid } from "../../kit/ids.ts"
import {
  authorize,
  record as writeRecord,
  type Operation,
  type Principal,
  type User,
} from "../identity/index.ts"
import type { Reads, Store, Tx } from "../journal/index.ts"
import { requireActive, type WorkspaceRow } from "../workspaces/index.ts"
import type {
  ListedServiceView,
  NewServiceRecord,
  ServiceRecordChange,
  ServiceRecords,
  ServiceRecordView,
} from "./commands.ts"
import { notThere } from "./refusals.ts"
import type {
  ListedService,
  Parts,
  ServiceCondition,
  ServiceId,
  ServiceJoin,
  ServiceRecord,
  ServiceStatus,
  ServiceStore,
} from "./types.ts"
import { beginWatch } from "./watches/service.ts"
import type { WatchSettings } from "./watches/types.ts"

export interface ServiceRecordsOptions {
  readonly store: Pick<Store, "tx" | "committed">
  readonly rows: ServiceStore
  readonly clock: Clock
  readonly ids: Pick<Ids, "ulid">
  /** Everybody, in memory. */
  readonly users: () => readonly User[]
  readonly workspaceRow: WorkspaceRow
}

const resource = "service-record"

/** For records that show something of this server. */
export interface JoinedRecords {
  /** @param watch it is watched from the same transaction on; null: it is not. The settings were checked. */
  createJoined(
    principal: Principal,
    wanted: NewServiceRecord,
    joined: { readonly join: ServiceJoin; readonly watch: Partial<WatchSettings> | null },
  ): Promise<ServiceRecordView>
}

/** Records of model servers: rules and rights. */
export function createServiceRecords(options: ServiceRecordsOptions): ServiceRecords & JoinedRecords {
  const { store, rows, clock } = options
  const nowUs = growingMicroseconds(clock)

  async function found(from: Reads, principal: Principal, id: ServiceId, operation: Operation) {
    const row = await rows.records.byId(from, id)
    if (!row || principal.roleIn(row.workspaceId) === null) throw notThere(resource, id)
    authorize(principal, operation, { workspaceId: row.workspaceId })
    return row
  }

  async function create(
    principal: Principal,
    wanted: NewServiceRecord,
    joined: Parameters<JoinedRecords["createJoined"]>[2] | null,
  ): Promise<ServiceRecord> {
    const { workspaceId } = wanted
    authorize(principal, "service.write", { workspaceId })
    const createdAtUs = nowUs()
    const record: ServiceRecord = {
      ...wanted,
      ...standingOf(wanted.status),
      id: ulidToUuid(options.ids.ulid()) as ServiceId,
      joined: joined?.join ?? null,
      userId: principal.userId,
      createdAtUs,
      updatedAtUs: createdAtUs,
      version: 1,
    }
    await store.tx(async (tx) => {
      await requireActive(options.workspaceRow, tx, workspaceId)
      // the insert finds that out too, but only after the links
      if (isLinked(wanted) && (await rows.records.bySameConfig(tx, record.config)))
        throw sameConfig(record.name)
      await requireLinks(rows, tx, workspaceId, wanted)
      await rows.records.insert(tx, record)
      await tell(tx, principal, record, "created", clock.nowMs())
      const settings = joined?.watch
      if (settings) await beginWatch(rows, tx, principal, { row: record, settings, atMs: clock.nowMs() })
    })
    return record
  }

  async function update(
    principal: Principal,
    id: ServiceId,
    change: ServiceRecordChange,
  ): Promise<ServiceRecord> {
    const updatedAtUs = nowUs()
    return store.tx(async (tx) => {
      const before = await found(tx, principal, id, "service.write")
      await requireLinks(rows, tx, before.workspaceId, change)
      const { status, ...others } = change
      const standing = status === undefined ? {} : standingOf(status)
      const after: ServiceRecord = { ...before, ...others, ...standing, updatedAtUs }
      await rows.records.update(tx, after)
      await tell(tx, principal, after, "updated", clock.nowMs())
      return after
    })
  }

  return {
    create: async (principal, wanted) => viewOf(rows, store.committed, await create(principal, wanted, null)),
    createJoined: async (principal, wanted, joined) =>
      viewOf(rows, store.committed, await create(principal, wanted, joined)),
    get: async (principal, id) =>
      viewOf(rows, store.committed, await found(store.committed, principal, id, "service.get")),
    update: async (principal, id, change) =>
      viewOf(rows, store.committed, await update(principal, id, change)),
    async delete(principal, id) {
      await store.tx(async (tx) => {
        const row = await found(tx, principal, id, "service.write")
        await rows.records.delete(tx, id)
        await tell(tx, principal, row, "deleted", clock.nowMs())
        await tellJoined(tx, principal, row, clock.nowMs())
      })
    },
    async list(principal, { users, ...query }) {
      authorize(principal, "service.list", { workspaceId: query.workspaceId })
      const conditions = [...query.conditions, ...madeBy(users, options.users())]
      const { total, first, rest } = await rows.records.list(store.committed, { ...query, conditions })
      const views = (items: readonly ListedService[]) => viewsOf(rows, store.committed, items)
      try {
        return { total, first: await views(first), rest: rest && mapParts(rest, views) }
      } catch (error) {
        rest?.close()
        throw error
      }
    },
  }
}

/** What a record says of itself when its owner has written its status. */
function standingOf(status: ServiceStatus | null): Pick<ServiceRecord, "status" | "state"> {
  return { status: status && status.text, state: status && status.state }
}

function madeBy(
  tests: Parameters<ServiceRecords["list"]>[1]["users"],
  users: readonly User[],
): readonly ServiceCondition[] {
  return tests.map((test) => ({
    column: "user",
    op: "one_of",
    values: users.filter(test).map(({ id }) => id),
  }))
}

/** Instants of this process grow, also within a millisecond and when the clock is set back. */
function growingMicroseconds(clock: Clock): () => number {
  let last = 0
  return () => (last = Math.max(last + 1, Math.trunc(clock.nowMs()) * 1000))
}

function isLinked({ pipelineRunId, modelVersionId }: NewServiceRecord): boolean {
  return pipelineRunId !== null || modelVersionId !== null
}

/** The run, then the model version; each in the record's workspace. */
async function requireLinks(
  rows: ServiceStore,
  tx: Tx,
  workspaceId: string,
  links: Partial<Pick<ServiceRecord, "pipelineRunId" | "modelVersionId">>,
): Promise<void> {
  const { pipelineRunId, modelVersionId } = links
  if (pipelineRunId) {
    const run = await rows.runs.byId(tx, pipelineRunId)
    if (run?.workspaceId !== workspaceId) throw notThere("pipeline-run", pipelineRunId)
  }
  if (modelVersionId) {
    const model = await rows.modelVersions.byId(tx, modelVersionId)
    if (model?.workspaceId !== workspaceId) throw notThere("model-version", modelVersionId)
  }
}

async function viewOf(rows: ServiceStore, from: Reads, record: ServiceRecord): Promise<ServiceRecordView> {
  const { pipelineRunId, modelVersionId } = record
  const run = pipelineRunId ? await rows.runs.byId(from, pipelineRunId) : undefined
  const modelVersion = modelVersionId ? await rows.modelVersions.byId(from, modelVersionId) : undefined
  return { record, run: run ?? null, modelVersion: modelVersion ?? null }
}

function mapParts<From, To>(
  parts: Parts<From>,
  map: (part: readonly From[]) => Promise<readonly To[]>,
): Parts<To> {
  return {
    async next() {
      const part = await parts.next()
      return part && map(part)
    },
    close: () => parts.close(),
  }
}

/** Each run and model version is read once, however many records of the part link to it. */
async function viewsOf(
  rows: ServiceStore,
  from: Reads,
  listed: readonly ListedService[],
): Promise<readonly ListedServiceView[]> {
  const runs = new Map<string, ServiceRecordView["run"]>()
  const models = new Map<string, ServiceRecordView["modelVersion"]>()
  for (const { summary } of listed) {
    const { pipelineRunId, modelVersionId } = summary
    if (pipelineRunId && !runs.has(pipelineRunId))
      runs.set(pipelineRunId, (await rows.runs.byId(from, pipelineRunId)) ?? null)
    if (modelVersionId && !models.has(modelVersionId))
      models.set(modelVersionId, (await rows.modelVersions.byId(from, modelVersionId)) ?? null)
  }
  return listed.map(({ summary, details }) => ({
    summary,
    details,
    run: runs.get(summary.pipelineRunId ?? "") ?? null,
    modelVersion: models.get(summary.modelVersionId ?? "") ?? null,
  }))
}

function sameConfig(name: string): AppError {
  return new AppError("already_exists", `There is a service with the same configuration as "${name}".`, {
    resource,
    name,
    detail: "config",
  })
}

async function tell(
  tx: Tx,
  principal: Principal,
  { id, workspaceId, name, state }: ServiceRecord,
  did: "created" | "updated" | "deleted",
  atMs: number,
): Promise<void> {
  await writeRecord(tx, {
    operation: "service.write",
    event: `service-record.${did}`,
    subject: { kind: resource, id },
    workspace: workspaceId,
    actor: principal.actor,
    atMs,
    data: { name, state },
  })
}

/** What it showed goes on, and knows that nothing shows it any more. */
async function tellJoined(
  tx: Tx,
  { actor }: Principal,
  { id, workspaceId, name, joined }: ServiceRecord,
  atMs: number,
): Promise<void> {
  if (!joined) return
  await writeRecord(tx, {
    operation: "service.write",
    event: `${joined.kind}.unregistered`,
    subject: { kind: joined.kind, id: joined.name },
    workspace: workspaceId,
    actor,
    atMs,
    data: { record: id, name },
  })
}
