import { AppError } from "../../kit/errors.ts"
import type { Ids } from "../../kit/ids.ts"
import { ulidToUuid } from "../../kit/ids.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Principal } from "../identity/index.ts"
import { authorize, workspaceNotFound } from "../identity/index.ts"
import type { Actor, Tx } from "../journal/index.ts"
import type { Claim, ClaimId, ClaimMoves, Gate } from "../queue/index.ts"
import { requireActive, type Workspace, type WorkspaceRow } from "../workspaces/index.ts"
import type { EndpointStore } from "./applications/types.ts"
import { claimFor } from "./claim-for.ts"
import type { CreateWorkload } from "./commands.ts"
import { givenNodePort, giveEndpoint, nodePortTaken } from "./endpoints/give-endpoint.ts"
import { workloadIdFor } from "./naming.ts"
import { serviceOf } from "./probes.ts"
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
  readonly workspaceRow: WorkspaceRow
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
  /** Whether a dependency that succeeded counts also when it was deleted since. Default false: it must be known. */
  readonly countsDeleted?: boolean
}

/** A workload that may be made, and everything that is written with it. */
export interface PlannedBirth {
  readonly workload: Workload
  /** null: it stands in no queue. */
  readonly claim: Claim | null
  readonly actor: Actor
  readonly facts: JsonObject
}

/** Makes new workloads: row, claim, event and audit record in the caller's transaction. */
export interface Births {
  cradle(): Cradle
  /**
   * What is to be written; writes nothing itself.
   * @throws AppError `conflict` (its workspace is being deleted; no id is free), `not_found` (workspace),
   *   `invalid` (a dependency that the principal does not know, or that never succeeds), `already_exists` (its node
   *   port is taken)
   */
  plan(tx: Tx, cradle: Cradle, checked: CheckedCreate, parents: Parents, nowMs: number): Promise<PlannedBirth>
  /** @throws AppError `conflict` (no address is free) */
  write(tx: Tx, planned: PlannedBirth, nowMs: number): Promise<void>
  /** The claim of one that stood in no queue until now. @throws AppError `invalid` as `plan` */
  firstClaim(
    tx: Tx,
    workload: Workload,
    principal: Principal,
    claim: { readonly id: ClaimId; readonly startAtMs: number | null },
  ): Promise<Claim>
}

/** Passes when the principal may make a workload of this priority. @throws AppError `forbidden`, `not_found` (workspace) */
export function authorizeBirth(principal: Principal, workspaceId: string, priority: number): void {
  const target = { workspaceId, ownerId: principal.userId }
  authorize(principal, "workload.create", target)
  if (priority === 2) authorize(principal, "workload.priority-high", target)
}

/** Gives a workspace by its id. @throws AppError `not_found` from the function that it gives */
export function existingIn(find: (id: string) => Workspace | undefined): (id: string) => Workspace {
  return (id) => {
    const workspace = find(id)
    if (workspace) return workspace
    throw workspaceNotFound(id)
  }
}

/** The request that would make the same workload again. */
export function commandOf(source: Workload): CreateWorkload {
  const { spec } = source
  return {
    ...spec,
    resource: { ...spec.resource },
    displayName: source.displayName,
    description: source.description,
    workspaceId: source.workspaceId,
    kind: source.kind,
    version: "v1",
    priority: source.priority,
  }
}

export function createBirths(options: BirthsOptions): Births {
  const { rows, moves, ids } = options

  async function plan(
    tx: Tx,
    cradle: Cradle,
    checked: CheckedCreate,
    parents: Parents,
    nowMs: number,
  ): Promise<PlannedBirth> {
    await requireActive(options.workspaceRow, tx, checked.workspace.id)
    const id = await freeId(tx, (at) => cradle.idAt(checked.displayName, at))
    const workload = newWorkload(checked, parents, { ...cradle, id, nowMs })
    const gates = await gatesFor(tx, parents, { ...checked, dependencies: checked.spec.dependencies })
    await refusePortTaken(tx, workload)
    const { actor } = parents
    const facts = { kind: workload.kind, ...parents.facts }
    if (workload.claimId === null) return { workload, claim: null, actor, facts }
    const claim = claimFor(workload, { id: workload.claimId, gates, rescheduled: false })
    return { workload, claim, actor, facts }
  }

  async function write(
    tx: Tx,
    { workload, claim, actor, facts }: PlannedBirth,
    nowMs: number,
  ): Promise<void> {
    await rows.insert(tx, workload)
    if (claim) await moves.want(tx, claim, nowMs)
    await tx.emit(workloadEvent(workload, "workload.created", actor, nowMs, facts))
    await tx.audit({
      operation: "workload.create",
      subject: { kind: "workload", id: workload.id },
      workspace: workload.workspaceId,
      actor,
      outcome: "ok",
      atMs: nowMs,
      data: facts,
    })
    await giveEndpoint(tx, options.endpoints, workload, { actor, nowMs })
    const needsLook = claim === null || claim.gates.some((gate) => gate.kind === "dependency")
    if (needsLook) tx.publish(workloadPoked, workload.key)
  }

  /** Said before anything is written: a schedule goes on without the clone whose port another one has. */
  async function refusePortTaken(tx: Tx, workload: Workload): Promise<void> {
    const nodePort = givenNodePort(serviceOf(workload.spec.service))
    if (nodePort === null || workload.schedule !== null) return
    const all = await options.endpoints.all(tx)
    if (all.some((endpoint) => endpoint.nodePort === nodePort)) throw nodePortTaken(nodePort)
  }

  async function freeId(tx: Tx, idAt: (at: number) => string): Promise<string> {
    for (let at = 0; at < idTries; at++) if (!(await rows.isTaken(tx, idAt(at)))) return idAt(at)
    throw new AppError("conflict", "No free id was found for this name, please choose another.", {
      detail: "id",
    })
  }

  /** What keeps it from being planned; a dependency must be known to the caller (DESIGN 9.2). */
  async function gatesFor(
    tx: Tx,
    parents: Pick<Parents, "principal" | "countsDeleted">,
    wants: { readonly startAtMs: number | null; readonly dependencies: readonly string[] },
  ): Promise<readonly Gate[]> {
    const gates: Gate[] = []
    if (wants.startAtMs !== null) gates.push({ kind: "time", untilMs: wants.startAtMs })
    const waiting: string[] = []
    for (const id of wants.dependencies)
      if (!isSatisfied(await rows.byId(tx, id), id, parents)) waiting.push(id)
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
    plan,
    write,
    async firstClaim(tx, workload, principal, { id, startAtMs }) {
      const { dependencies } = workload.spec
      const gates = await gatesFor(tx, { principal }, { startAtMs, dependencies })
      return claimFor(workload, { id, gates, rescheduled: false })
    },
  }
}

/** @throws AppError `invalid` for what the principal does not know, or what never succeeds */
function isSatisfied(
  other: Workload | undefined,
  id: string,
  { principal, countsDeleted = false }: Pick<Parents, "principal" | "countsDeleted">,
): boolean {
  if (countsDeleted && other?.phase === "Succeeded") return true
  if (!other || other.hidden || principal.roleIn(other.workspaceId) === null)
    throw invalidDependency(`dependency workload ${id} not found`)
  if (other.schedule !== null)
    throw invalidDependency(`dependency workload ${id} is a schedule, which never succeeds itself`)
  return other.phase === "Succeeded"
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
    claimId: checked.nextMatchMs === null ? made.claimId : null,
    attemptId: null,
    rollout: null,
    schedule:
      checked.nextMatchMs === null ? null : { nextAtMs: checked.nextMatchMs, lastAtMs: null, lastKey: null },
    createdAtMs: made.nowMs,
    startedAtMs: null,
    endedAtMs: null,
    deletedAtMs: null,
    hidden: false,
    version: 0,
  }
}
