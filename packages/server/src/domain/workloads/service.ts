import { AppError } from "../../kit/errors.ts"
import type { Clock } from "../../kit/clock.ts"
import type { Ids } from "../../kit/ids.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Operation, Principal } from "../identity/index.ts"
import { authorize, isAllowed } from "../identity/index.ts"
import type { Store, Tx } from "../journal/index.ts"
import type { Capacity, Claim, ClaimId, ClaimMoves, Reason } from "../queue/index.ts"
import type { Workspace, WorkspaceRow } from "../workspaces/index.ts"
import { progressEvent, progressOf } from "./applications/progress.ts"
import { standingOf, type Standing } from "./applications/standing.ts"
import { wishOf } from "./applications/wish.ts"
import { followPriority } from "./applications/follow-priority.ts"
import type { ReplicaStore } from "./applications/types.ts"
import { authorizeBirth, commandOf, createBirths, existingIn } from "./births.ts"
import type {
  BatchOutcome,
  CreateWorkload,
  PatchWorkload,
  WorkloadDetail,
  WorkloadService,
  WorkloadView,
} from "./commands.ts"
import type { EndpointStore } from "./applications/types.ts"
import { checkCreate, type CheckedCreate } from "./validate.ts"
import { applyPatch, type Patched } from "./patch.ts"
import { stopped } from "./lifecycle.ts"
import { giveEndpoint } from "./endpoints/give-endpoint.ts"
import { createPodLogs } from "./pod-logs.ts"
import { endWorkload, graceMsOf, runnerActor, workloadEvent } from "./runner-ports.ts"
import { isApplication, isTerminal } from "./states.ts"
import type { PodDriver } from "./driver.ts"
import type {
  Attempt,
  Workload,
  WorkloadFilter,
  WorkloadKey,
  WorkloadStore,
  WorkloadSummary,
} from "./types.ts"
import { workloadPoked } from "./types.ts"
import { viewOf } from "./view.ts"

export interface WorkloadsOptions {
  readonly store: Store
  readonly rows: WorkloadStore
  readonly endpoints: EndpointStore
  readonly replicas: ReplicaStore
  readonly moves: ClaimMoves
  readonly capacity: Capacity
  readonly clock: Clock
  readonly ids: Ids
  readonly drivers: ReadonlyMap<string, PodDriver>
  /** In memory; undefined when there is none. */
  readonly workspace: (id: string) => Workspace | undefined
  /** As the transaction sees it. */
  readonly workspaceRow: WorkspaceRow
  /** The runner's word on why the driver does not start it. */
  readonly trouble: (key: WorkloadKey) => Reason | undefined
}

/** The rules of workloads, for every family that speaks of them. See WorkloadService for what it promises. */
export function createWorkloads(options: WorkloadsOptions): WorkloadService {
  const { store, rows, moves, capacity, clock } = options
  const births = createBirths(options)

  // ---- finding -----------------------------------------------------------------------------------

  /** The workload of a shown id, for a principal with the right to it. */
  async function visible(principal: Principal, id: string, operation: Operation): Promise<Workload> {
    const workload = await rows.byId(store.committed, id)
    if (!workload || workload.hidden || principal.roleIn(workload.workspaceId) === null)
      throw workloadNotFound(id)
    authorize(principal, operation, { workspaceId: workload.workspaceId, ownerId: workload.userId })
    return workload
  }

  const existing = existingIn(options.workspace)

  async function lastMadeBy({ schedule }: Workload): Promise<WorkloadDetail["lastMade"]> {
    if (!schedule?.lastKey) return null
    const last = await rows.byKey(store.committed, schedule.lastKey)
    return last && !last.hidden ? { id: last.id, phase: last.phase } : null
  }

  const view = <W extends WorkloadSummary>(
    principal: Principal,
    workload: W,
    more: { readonly attempt?: Attempt | undefined; readonly standing?: Standing | undefined } = {},
  ): WorkloadView<W> => {
    const { attempt, standing } = more
    const { trouble } = options
    return viewOf({ principal, workload, attempt, standing, capacity, trouble, nowMs: clock.nowMs() })
  }

  // ---- create ------------------------------------------------------------------------------------

  async function create(principal: Principal, command: CreateWorkload): Promise<Workload> {
    const priority = Math.min(2, Math.max(0, command.priority))
    const workspaceId = command.workspaceId.trim()
    // rights come before everything else, for the priority that will hold
    if (workspaceId !== "") authorizeBirth(principal, workspaceId, priority)
    const checked = checkCreate(
      { ...command, workspaceId, priority },
      { existing, capacity, nowMs: clock.nowMs() },
    )
    return insert(principal, checked)
  }

  function insert(principal: Principal, checked: CheckedCreate): Promise<Workload> {
    const nowMs = clock.nowMs()
    const cradle = births.cradle()
    const asServerOwner = principal.serverRole === "owner"
    const parents = { principal, actor: principal.actor, asServerOwner, facts: {} }
    return store.tx(async (tx) => {
      const planned = await births.plan(tx, cradle, checked, parents, nowMs)
      await births.write(tx, planned, nowMs)
      return planned.workload
    })
  }

  function audit(
    tx: Tx,
    principal: Principal,
    operation: Operation,
    workload: Workload,
    nowMs: number,
    data: JsonObject = {},
  ): Promise<void> {
    return tx.audit({
      operation,
      subject: { kind: "workload", id: workload.id },
      workspace: workload.workspaceId,
      actor: principal.actor,
      outcome: "ok",
      atMs: nowMs,
      data,
    })
  }

  // ---- patch -------------------------------------------------------------------------------------

  async function patch(principal: Principal, id: string, change: PatchWorkload): Promise<void> {
    const seen = await visible(principal, id, "workload.update")
    if (change.priority !== undefined && Math.min(2, change.priority) === 2 && seen.priority !== 2)
      authorize(principal, "workload.priority-high", { workspaceId: seen.workspaceId, ownerId: seen.userId })
    const nowMs = clock.nowMs()
    const { claimId } = births.cradle()
    await store.tx(async (tx) => {
      const workload = await rows.byId(tx, id)
      if (!workload || workload.hidden) throw workloadNotFound(id)
      const claim = workload.claimId ? await moves.byId(tx, workload.claimId) : undefined
      const next = applyPatch({
        workload,
        claim,
        change,
        nowMs,
        capacity,
        clusters: existing(workload.workspaceId).clusters,
      })
      if (!next) return
      refuseOthersCode(principal, workload, next.fields)
      const turned = await turnSchedule(tx, principal, next, { before: claim, claimId, nowMs })
      const progress = await progressAfter(tx, next.workload, nowMs)
      await rows.update(tx, turned ?? progress.workload)
      await keepRevision(tx, workload, next.workload)
      if (!turned && claim && next.claim) await moves.amend(tx, claim, next.claim, nowMs)
      await followPriority(tx, options, next.workload, nowMs)
      await tx.emit(
        workloadEvent(next.workload, "workload.updated", principal.actor, nowMs, { fields: next.fields }),
      )
      if (progress.event) await tx.emit(progress.event)
      await audit(tx, principal, "workload.update", next.workload, nowMs, { fields: next.fields })
      tx.publish(workloadPoked, workload.key)
    })
  }

  /** Pods of the revision before may have to be restarted as they were. */
  async function keepRevision(tx: Tx, { key, rollout, spec }: Workload, next: Workload): Promise<void> {
    if (!rollout || rollout.revision === next.rollout?.revision) return
    await options.replicas.keepTemplate(tx, key, rollout.revision, spec)
    // an application that is updated again and again, and never gets ready, keeps those of its pods alone
    await options.replicas.dropTemplates(tx, key, rollout.revision + 1)
  }

  /** Whoever is answered and then looks must not see the phase of before: Running would say that the change is there. */
  async function progressAfter(tx: Tx, workload: Workload, nowMs: number) {
    if (workload.rollout === null) return { workload, event: null }
    const all = await options.replicas.ofWorkload(tx, workload.key)
    const { wish, tolerated } = wishOf(workload)
    const next = progressOf(workload, wish, all, tolerated, nowMs)
    const event = progressEvent(workload, next, wish, all)
    return {
      workload: next,
      event: event && workloadEvent(next, event.type, runnerActor, nowMs, event.facts),
    }
  }

  /** What becomes a schedule leaves the queue, what is none any more enters it; undefined when it does neither. */
  async function turnSchedule(
    tx: Tx,
    principal: Principal,
    { workload, startAtMs }: Patched,
    given: { readonly before: Claim | undefined; readonly claimId: ClaimId; readonly nowMs: number },
  ): Promise<Workload | undefined> {
    const { before, claimId, nowMs } = given
    if (workload.schedule !== null) {
      if (!before) return undefined
      const waiting = await rows.dependents(tx, workload.id)
      if (waiting.length > 0)
        throw new AppError("invalid", "The request is invalid.", {
          issues: [{ path: ["cronJobs"], message: "other workloads wait for its success: it cannot recur" }],
        })
      await moves.giveUp(tx, before, nowMs)
      await options.endpoints.remove(tx, workload.key)
      return { ...workload, claimId: null }
    }
    if (startAtMs === undefined) return undefined
    const claim = await births.firstClaim(tx, workload, principal, { id: claimId, startAtMs })
    await moves.want(tx, claim, nowMs)
    await giveEndpoint(tx, options.endpoints, workload, { actor: principal.actor, nowMs })
    return { ...workload, claimId }
  }

  // ---- stop, delete, clone -----------------------------------------------------------------------

  /** undefined for an id that never was or is hidden: stopping and deleting those is a success (reference 3.11). */
  async function target(
    principal: Principal,
    id: string,
    operation: Operation,
  ): Promise<Workload | undefined> {
    const workload = await rows.byId(store.committed, id)
    if (!workload) return undefined
    if (principal.roleIn(workload.workspaceId) === null) throw workloadNotFound(id)
    authorize(principal, operation, { workspaceId: workload.workspaceId, ownerId: workload.userId })
    return workload.hidden ? undefined : workload
  }

  async function end(
    principal: Principal,
    seen: Workload,
    how: {
      readonly operation: "workload.stop" | "workload.delete"
      readonly graceSeconds: number | undefined
    },
  ): Promise<void> {
    const nowMs = clock.nowMs()
    const hides = how.operation === "workload.delete"
    await store.tx(async (tx) => {
      const workload = await rows.byKey(tx, seen.key)
      if (!workload || workload.hidden) return
      if (isTerminal(workload.phase)) {
        if (!hides) return
        // its TTL is over by that: the runner lets the driver forget its pods
        await rows.update(tx, { ...workload, hidden: true })
        tx.publish(workloadPoked, workload.key)
      } else {
        const message = `the workload is ${hides ? "deleted" : "stopped"} by ${principal.userName}`
        const graceMs =
          how.graceSeconds === undefined
            ? graceMsOf(workload, existing(workload.workspaceId).policy.stopGraceSeconds)
            : how.graceSeconds * 1000
        // an application's pods are told one after the other, and by the row
        const spec = {
          ...workload.spec,
          stopGraceSeconds: how.graceSeconds ?? workload.spec.stopGraceSeconds,
        }
        const next = { ...stopped(workload, "stopped", message, nowMs), spec, hidden: hides }
        await endWorkload(tx, { rows, moves }, next, { cause: "stopped", message, graceMs, nowMs })
      }
      const type = hides ? "workload.deleted" : "workload.stopped"
      const phase = isTerminal(workload.phase) ? workload.phase : "Stopped"
      await tx.emit(workloadEvent({ ...workload, phase }, type, principal.actor, nowMs))
      await audit(tx, principal, how.operation, workload, nowMs)
    })
  }

  async function stop(
    principal: Principal,
    id: string,
    given?: { readonly graceSeconds?: number },
  ): Promise<void> {
    const workload = await target(principal, id, "workload.stop")
    if (workload && !isTerminal(workload.phase))
      await end(principal, workload, { operation: "workload.stop", graceSeconds: given?.graceSeconds })
  }

  async function remove(principal: Principal, id: string): Promise<void> {
    const workload = await target(principal, id, "workload.delete")
    if (workload) await end(principal, workload, { operation: "workload.delete", graceSeconds: undefined })
  }

  async function clone(principal: Principal, id: string): Promise<string> {
    const source = await visible(principal, id, "workload.get")
    if (!isAllowed(principal, "workload.env", { workspaceId: source.workspaceId, ownerId: source.userId }))
      // its environment would become the caller's own
      throw new AppError("forbidden", "The user is not allowed to clone workload", {
        facts: { operation: "workload.env" },
      })
    return (await create(principal, commandOf(source))).id
  }

  async function many(
    idsGiven: readonly string[],
    each: (id: string) => Promise<string | void>,
  ): Promise<BatchOutcome> {
    const unique = [...new Set(idsGiven)]
    const results = await Promise.allSettled(unique.map((id) => each(id)))
    const done: { id: string; newId?: string }[] = []
    const failed: { id: string; error: Error }[] = []
    results.forEach((result, at) => {
      const id = unique[at] ?? ""
      if (result.status === "rejected") failed.push({ id, error: AppError.from(result.reason) })
      else done.push(typeof result.value === "string" ? { id, newId: result.value } : { id })
    })
    return { done, failed }
  }

  // ---- reading -----------------------------------------------------------------------------------

  async function list(
    principal: Principal,
    filter: WorkloadFilter & { readonly workspaceId?: string },
    page: Parameters<WorkloadService["list"]>[2],
  ) {
    const { workspaceId, ...rest } = filter
    const mine = principal.workspaces()
    let workspaceIds = mine
    if (workspaceId !== undefined) workspaceIds = principal.roleIn(workspaceId) === null ? [] : [workspaceId]
    if (workspaceIds?.length === 0) return { total: 0, items: [] }
    const found = await rows.list(store.committed, { ...rest, workspaceIds }, page)
    return { total: found.total, items: found.items.map((workload) => view(principal, workload)) }
  }

  return {
    create,
    patch,
    stop,
    remove,
    list,
    stopMany: (principal, idsGiven) => many(idsGiven, (id) => stop(principal, id)),
    removeMany: (principal, idsGiven) => many(idsGiven, (id) => remove(principal, id)),
    cloneMany: (principal, idsGiven) => many(idsGiven, (id) => clone(principal, id)),
    async get(principal, id) {
      const workload = await visible(principal, id, "workload.get")
      const attempts = await rows.attempts(store.committed, workload.key)
      const endpoint =
        workload.spec.service === null
          ? undefined
          : await options.endpoints.ofWorkload(store.committed, workload.key)
      const replicas = isApplication(workload.kind)
        ? await options.replicas.ofWorkload(store.committed, workload.key)
        : []
      const standing = workload.rollout
        ? standingOf(replicas, capacity, options.trouble(workload.key), clock.nowMs())
        : undefined
      return {
        ...view(principal, workload, { attempt: attempts.at(-1), standing }),
        attempts,
        replicas,
        waitingClaimId: standing ? standing.claimId : workload.claimId,
        endpoint: endpoint ?? null,
        lastMade: await lastMadeBy(workload),
      }
    },
    ...createPodLogs(options, visible),
  }
}

/** What decides what the processes do. */
const codeFields: readonly string[] = ["entryPoint", "env", "image"]

/** Else whoever may change the workload of a server owner could run anything as the server's own account. */
function refuseOthersCode(principal: Principal, workload: Workload, fields: readonly string[]): void {
  if (!workload.asServerOwner || principal.serverRole === "owner") return
  const field = fields.find((name) => codeFields.includes(name))
  if (field === undefined) return
  throw new AppError(
    "forbidden",
    `The user is not allowed to update the ${field} of workload ${workload.id}: it runs as the server's account`,
    { resource: "workload", name: workload.id, facts: { operation: "workload.update" } },
  )
}

function workloadNotFound(id: string): AppError {
  return new AppError("not_found", `Workload ${id} not found.`, { resource: "workload", name: id })
}
