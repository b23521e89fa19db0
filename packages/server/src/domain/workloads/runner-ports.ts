import type { Clock } from "../../kit/clock.ts"
import type { Ids } from "../../kit/ids.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Principal } from "../identity/index.ts"
import type { Actor, Store, Tx } from "../journal/index.ts"
import { systemActor } from "../journal/index.ts"
import type { Capacity, ClaimId, ClaimMoves, EndCause } from "../queue/index.ts"
import type { Workspace, WorkspaceRow } from "../workspaces/index.ts"
import { toldToEnd } from "./lifecycle.ts"
import { isTerminal } from "./states.ts"
import type { EndpointStore, ReplicaId, ReplicaStore } from "./applications/types.ts"
import type { PodDriver } from "./driver.ts"
import type { Attempt, AttemptId, Workload, WorkloadKey, WorkloadStore } from "./types.ts"
import { workloadPoked } from "./types.ts"

export interface RunnerOptions {
  readonly store: Store
  readonly rows: WorkloadStore
  readonly replicas: ReplicaStore
  readonly endpoints: EndpointStore
  readonly moves: ClaimMoves
  readonly clock: Clock
  readonly ids: Ids
  /** By cluster id. */
  readonly drivers: ReadonlyMap<string, PodDriver>
  /** Where a placement's node is; undefined when it is not in the inventory any more. */
  readonly nodeAt: (
    nodeId: string,
  ) => { readonly name: string; readonly hostIp: string; readonly clusterId: string } | undefined
  /** The workspace's `stopGraceSeconds`. */
  readonly graceSecondsOf: (workspaceId: string) => number
  /** The workspace is being deleted: its work ends. */
  readonly isDeleting: (workspaceId: string) => boolean
  /** Looks at the machines of a cluster now: one was lost, and nothing may be placed on it again. */
  readonly lookAtNodes: (clusterId: string) => Promise<void>
  readonly capacity: Pick<Capacity, "couldHold">
  /** In memory; undefined when there is none. */
  readonly workspace: (id: string) => Workspace | undefined
  /** As the transaction sees it. */
  readonly workspaceRow: WorkspaceRow
  /** A user with the rights of this moment; undefined when it is gone or frozen. */
  readonly principalOf: (userId: string) => Principal | undefined
  /** Asks for a look at an instant; null = no planned look. One per key, the last one holds. */
  readonly lookAt: (key: WorkloadKey | ReplicaId, atMs: number | null) => void
}

/** The runner itself, as events and conditions name it. */
export const runnerActor: Actor = systemActor("runner")

/** The one attempt that a claim is for. */
export function attemptIdFor(claimId: ClaimId): AttemptId {
  return `att_${claimId.slice(claimId.indexOf("_") + 1)}` as AttemptId
}

/** The grace between TERM and KILL of a workload's pods, in milliseconds. */
export function graceMsOf(workload: Workload, policySeconds: number): number {
  return (workload.spec.stopGraceSeconds ?? policySeconds) * 1000
}

/** A workload's event: the facts that followers need, never an environment value. */
export function workloadEvent(
  workload: Workload,
  type: string,
  actor: Actor,
  nowMs: number,
  data: JsonObject = {},
): Parameters<Tx["emit"]>[0] {
  return {
    type,
    subject: { kind: "workload", id: workload.id },
    workspace: workload.workspaceId,
    actor,
    atMs: nowMs,
    data: { phase: workload.phase, run: workload.dispatchCount, ...data },
  }
}

/** Tells those that wait for this workload that it is over. */
export async function pokeDependents(tx: Tx, rows: WorkloadStore, workload: Workload): Promise<void> {
  if (!isTerminal(workload.phase)) return
  for (const key of await rows.dependents(tx, workload.id)) tx.publish(workloadPoked, key)
}

/** Runs a change on fresh rows of a workload and its current attempt, in one transaction. */
export type OnRows = (
  key: WorkloadKey,
  change: (tx: Tx, workload: Workload, attempt: Attempt | undefined, nowMs: number) => Promise<void>,
) => Promise<void>

export function createOnRows(options: Pick<RunnerOptions, "store" | "rows" | "clock">): OnRows {
  const { store, rows, clock } = options
  return (key, change) => {
    const nowMs = clock.nowMs()
    return store.tx(async (tx) => {
      const workload = await rows.byKey(tx, key)
      if (!workload) return
      const attempt = workload.attemptId ? await rows.attempt(tx, workload.attemptId) : undefined
      await change(tx, workload, attempt, nowMs)
    })
  }
}

/**
 * Writes a workload that was just ended from outside (stop, time-out): its claim is given up or released,
 * its attempt told to end, its dependents poked. Used by the runner's clock and by the service's commands.
 */
export async function endWorkload(
  tx: Tx,
  ports: { readonly rows: WorkloadStore; readonly moves: ClaimMoves },
  ended: Workload,
  end: {
    readonly cause: EndCause
    readonly message: string
    readonly graceMs: number
    readonly nowMs: number
  },
): Promise<void> {
  const { rows, moves } = ports
  const claim = ended.claimId ? await moves.byId(tx, ended.claimId) : undefined
  const attempt = ended.attemptId ? await rows.attempt(tx, ended.attemptId) : undefined
  if (claim?.state === "wanted") await moves.giveUp(tx, claim, end.nowMs)
  if (claim?.state === "bound") await moves.release(tx, claim, end.cause, end.graceMs, end.nowMs)
  if (attempt && attempt.state !== "gone" && attempt.state !== "ending")
    await rows.updateAttempt(tx, toldToEnd(attempt, end.cause, end.message, end.graceMs, end.nowMs))
  await rows.update(tx, claim?.state === "wanted" ? { ...ended, claimId: null } : ended)
  await pokeDependents(tx, rows, ended)
  tx.publish(workloadPoked, ended.key)
}
