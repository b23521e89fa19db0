import { AppError } from "../../kit/errors.ts"
import type { Ids } from "../../kit/ids.ts"
import { ulidToUuid } from "../../kit/ids.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Principal } from "../identity/index.ts"
import { workspaceNotFound } from "../identity/index.ts"
import type { Actor, Reads, Tx } from "../journal/index.ts"
import type { Claim, ClaimId, ClaimMoves, Gate } from "../queue/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { EndpointStore } from "./applications/types.ts"
import { claimFor } from "./claim-for.ts"
import { giveEndpoint } from "./endpoints/give-endpoint.ts"
import { workloadIdFor } from "./naming.ts"
import { workloadEvent } from "./runner-ports.ts"
import type { CheckedCreate } from "./validate.ts"
import type { Workload, WorkloadKey, WorkloadStore } from "./types.ts"
import { workloadPoked } from "./types.ts"

/** Tries at an id whose random suffix is free. */
const idTries = 20

export interface BirthsOptions {
  readonly rows: WorkloadStore
  readonly endpoints: EndpointStore
  readonly moves: ClaimMoves
  readonly ids: Ids
  /** As the transaction sees it. */
  readonly workspaceRow: (from: Reads, id: string) => Promise<Workspace | undefined>
}

/** Names of a workload to be: made before the transaction, whose closure may run twice and must meet the same ones. */
export interface Cradle {
  readonly ulid: string
  readonly claimId: ClaimId
  /** The id to try at this count from 0. */
  readonly idAt: (displayName: string, at: number) => string
}

/** Whose a new workload is and who made it. */
export interface Parents {
  /** Whose rights hold, and whose it is from now on. */
  readonly principal: Principal
  /** Who did it, for event and audit. */
  readonly actor: Actor
  /** Whether its pods may run as the server's own account. */
  readonly asServerOwner: boolean
  /** More facts for event and audit. */
  readonly facts: JsonObject
}

/** Writes new workloads: row, claim, event and audit record in the caller's transaction. */
export interface Births {
  cradle(): Cradle
  /**
   * @throws AppError `conflict` (its workspace is being deleted; no id or address is free), `not_found` (workspace),
   *   `invalid` (a dependency that the principal does not know), `already_exists` (its node port is taken)
   */
  bear(tx: Tx, cradle: Cradle, checked: CheckedCreate, parents: Parents, nowMs: number): Promise<Workload>
  /** The claim of one that stood in no queue until now. @throws AppError `invalid` as `bear` */
  firstClaim(
    tx: Tx,
    workload: Workload,
    principal: Principal,
    claim: { readonly id: ClaimId; readonly startAtMs: number | null },
  ): Promise<Claim>
}

export function createBirths(options: BirthsOptions): Births {
  const { rows, moves, ids } = options

  async function bear(
    tx: Tx,
    cradle: Cradle,
    checked: CheckedCreate,
    parents: Parents,
    nowMs: number,
  ): Promise<Workload> {
    const { principal, actor, facts } = parents
    await refuseDeleting(tx, checked.workspace.id)
    const id = await freeId(tx, (at) => cradle.idAt(checked.displayName, at))
    const workload = newWorkload(checked, parents, { ...cradle, id, nowMs })
    const gates = await gatesFor(tx, principal, { ...checked, dependencies: checked.spec.dependencies })
    await rows.insert(tx, workload)
    await moves.want(tx, claimFor(workload, { id: cradle.claimId, gates, rescheduled: false }), nowMs)
    const data = { kind: workload.kind, ...facts }
    await tx.emit(workloadEvent(workload, "workload.created", actor, nowMs, data))
    await tx.audit({
      operation: "workload.create",
      subject: { kind: "workload", id },
      workspace: workload.workspaceId,
      actor,
      outcome: "ok",
      atMs: nowMs,
      data,
    })
    await giveEndpoint(tx, options.endpoints, workload, { actor, nowMs })
    if (gates.some((gate) => gate.kind === "dependency")) tx.publish(workloadPoked, workload.key)
    return workload
  }

  /** Else work could be born into a workspace whose deletion is being finished in the same batch. */
  async function refuseDeleting(tx: Tx, id: string): Promise<void> {
    const workspace = await options.workspaceRow(tx, id)
    if (workspace?.state === "active") return
    if (!workspace) throw workspaceNotFound(id)
    throw new AppError("conflict", `The workspace ${id} is being deleted and takes no new work.`, {
      resource: "workspace",
      name: id,
      detail: "deleting",
    })
  }

  async function freeId(tx: Tx, idAt: (at: number) => string): Promise<string> {
    for (let at = 0; at < idTries; at++) if (!(await rows.byId(tx, idAt(at)))) return idAt(at)
    throw new AppError("conflict", "No free id was found for this name, please choose another.", {
      detail: "id",
    })
  }

  /** What keeps it from being planned; a dependency must be known to the caller (DESIGN 9.2). */
  async function gatesFor(
    tx: Tx,
    principal: Principal,
    wants: { readonly startAtMs: number | null; readonly dependencies: readonly string[] },
  ): Promise<readonly Gate[]> {
    const gates: Gate[] = []
    if (wants.startAtMs !== null) gates.push({ kind: "time", untilMs: wants.startAtMs })
    const waiting: string[] = []
    for (const id of wants.dependencies) {
      const other = await rows.byId(tx, id)
      if (!other || other.hidden || principal.roleIn(other.workspaceId) === null)
        throw invalidDependency(`dependency workload ${id} not found`)
      if (other.phase !== "Succeeded") waiting.push(id)
    }
    if (waiting.length > 0) gates.push({ kind: "dependency", on: waiting })
    return gates
  }

  return {
    cradle() {
      // nearly always the first one is free
      const made: string[] = []
      return {
        ulid: ids.ulid(),
        claimId: ids.next("clm") as ClaimId,
        idAt: (displayName, at) => (made[at] ??= workloadIdFor(displayName, ids.random)),
      }
    },
    bear,
    async firstClaim(tx, workload, principal, { id, startAtMs }) {
      const { dependencies } = workload.spec
      const gates = await gatesFor(tx, principal, { startAtMs, dependencies })
      return claimFor(workload, { id, gates, rescheduled: false })
    },
  }
}

function invalidDependency(message: string): AppError {
  return new AppError("invalid", "The request is invalid.", {
    issues: [{ path: ["dependencies"], message }],
  })
}

function newWorkload(
  checked: CheckedCreate,
  { principal, asServerOwner }: Parents,
  made: { readonly ulid: string; readonly id: string; readonly claimId: ClaimId; readonly nowMs: number },
): Workload {
  return {
    key: `wl_${made.ulid}` as WorkloadKey,
    id: made.id,
    uid: ulidToUuid(made.ulid),
    workspaceId: checked.workspace.id,
    clusterId: checked.workspace.clusters[0] ?? "",
    kind: checked.kind,
    displayName: checked.displayName,
    description: checked.description,
    userId: principal.userId,
    userName: principal.userName,
    asServerOwner,
    priority: checked.priority,
    spec: checked.spec,
    phase: "Pending",
    cause: null,
    conditions: [],
    dispatchCount: 0,
    failures: 0,
    preemptions: 0,
    nodeLosses: 0,
    startDeadlines: 0,
    claimId: made.claimId,
    attemptId: null,
    rollout: null,
    schedule: null,
    createdAtMs: made.nowMs,
    startedAtMs: null,
    endedAtMs: null,
    deletedAtMs: null,
    hidden: false,
    version: 0,
  }
}
