import type { Clock } from "../../kit/clock.ts"
import { type Ids, ulidToUuid } from "../../kit/ids.ts"
import { authorize, isAllowed, record, type Operation, type Principal } from "../identity/index.ts"
import type { Reads, Store, SubjectKind, Tx } from "../journal/index.ts"
import { requireActive, type WorkspaceRow } from "../workspaces/index.ts"
import type { NewModelVersion, NewPipelineRun, Register, ServiceRegisters } from "./commands.ts"
import { notThere } from "./refusals.ts"
import { checkTexts } from "./texts.ts"
import type {
  ModelVersion,
  ModelVersionId,
  PipelineRun,
  PipelineRunId,
  ServiceRegister,
  ServiceStore,
} from "./types.ts"

export interface ServiceRegistersOptions {
  readonly store: Pick<Store, "tx" | "committed">
  readonly rows: Pick<ServiceStore, "runs" | "modelVersions">
  readonly clock: Clock
  readonly ids: Pick<Ids, "ulid">
  readonly workspaceRow: WorkspaceRow
}

type Kind = Extract<SubjectKind, "pipeline-run" | "model-version">
interface Row {
  readonly id: string
  readonly workspaceId: string
}

/** Pipeline runs and model versions: what records of model servers may link to. */
export function createServiceRegisters(options: ServiceRegistersOptions): ServiceRegisters {
  const { rows } = options
  return {
    runs: createRegister(options, "pipeline-run", rows.runs, makeRun),
    modelVersions: createRegister(options, "model-version", rows.modelVersions, makeModelVersion),
  }
}

type Texts = Readonly<Record<string, string | null>> & { readonly workspaceId: string }

/** What every row is made with. */
interface Birth {
  readonly id: string
  readonly userId: Principal["userId"]
  readonly createdAtUs: number
  readonly updatedAtUs: number
  readonly version: number
}

function createRegister<T extends Row, Id extends string, New extends Texts>(
  options: ServiceRegistersOptions,
  kind: Kind,
  rows: ServiceRegister<T, Id>,
  make: (options: ServiceRegistersOptions, tx: Tx, wanted: New, birth: Birth) => Promise<T>,
): Register<T, Id, New> {
  const { store, clock } = options

  async function found(from: Reads, principal: Principal, id: Id, operation: Operation): Promise<T> {
    const row = await rows.byId(from, id)
    if (!row || principal.roleIn(row.workspaceId) === null) throw notThere(kind, id)
    authorize(principal, operation, { workspaceId: row.workspaceId })
    return row
  }

  return {
    async create(principal, wanted) {
      authorize(principal, "service.write", { workspaceId: wanted.workspaceId })
      checkTexts(kind, wanted)
      const atMs = clock.nowMs()
      const atUs = Math.trunc(atMs) * 1000
      const id = ulidToUuid(options.ids.ulid())
      const { userId } = principal
      return store.tx(async (tx) => {
        await requireActive(options.workspaceRow, tx, wanted.workspaceId)
        const birth = { id, userId, createdAtUs: atUs, updatedAtUs: atUs, version: 1 }
        const row = await make(options, tx, wanted, birth)
        await rows.insert(tx, row)
        await tell(tx, principal, kind, row, { did: "created", atMs })
        return row
      })
    },
    get: (principal, id) => found(store.committed, principal, id, "service.get"),
    async page(principal, workspaceId, page) {
      authorize(principal, "service.list", { workspaceId })
      const all = workspaceId === null ? principal.workspaces() : [workspaceId]
      const seen = all?.filter((id) => isAllowed(principal, "service.list", { workspaceId: id }))
      return rows.page(store.committed, seen ?? null, page)
    },
    async delete(principal, id) {
      await store.tx(async (tx) => {
        const row = await found(tx, principal, id, "service.write")
        await rows.delete(tx, id)
        await tell(tx, principal, kind, row, { did: "deleted", atMs: clock.nowMs() })
      })
    },
  }
}

async function makeRun(
  { rows }: ServiceRegistersOptions,
  tx: Tx,
  wanted: NewPipelineRun,
  { id, ...birth }: Birth,
): Promise<PipelineRun> {
  if (wanted.modelVersionId !== null) {
    const model = await rows.modelVersions.byId(tx, wanted.modelVersionId)
    if (model?.workspaceId !== wanted.workspaceId) throw notThere("model-version", wanted.modelVersionId)
  }
  return { ...wanted, ...birth, id: id as PipelineRunId }
}

/** Numbered in the order in which they are made; all versions of a model share its id, the first one's own. */
async function makeModelVersion(
  { rows }: ServiceRegistersOptions,
  tx: Tx,
  wanted: NewModelVersion,
  { id, ...birth }: Birth,
): Promise<ModelVersion> {
  const last = await rows.modelVersions.last(tx, wanted.workspaceId, wanted.modelName)
  return {
    ...wanted,
    ...birth,
    id: id as ModelVersionId,
    modelId: last?.modelId ?? id,
    number: (last?.number ?? 0) + 1,
  }
}

function tell(
  tx: Tx,
  principal: Principal,
  kind: Kind,
  { id, workspaceId }: Row,
  { did, atMs }: { readonly did: "created" | "deleted"; readonly atMs: number },
): Promise<void> {
  return record(tx, {
    operation: "service.write",
    event: `${kind}.${did}`,
    subject: { kind, id },
    workspace: workspaceId,
    actor: principal.actor,
    atMs,
    data: {},
  })
}
