import type { Tx } from "../../journal/index.ts"
import { graceMsOf, runnerActor, workloadEvent, type RunnerOptions } from "../runner-ports.ts"
import { isTerminal } from "../states.ts"
import type { Workload, WorkloadKey } from "../types.ts"
import { applicationPodId } from "../naming.ts"
import { progressEvent, progressOf } from "./progress.ts"
import { asRevision } from "./replica-life.ts"
import type { ReplicaRows } from "./replica-rows.ts"
import { isItsTurn, planRollout, type RolloutStep } from "./rollout.ts"
import type { Replica } from "./types.ts"
import { replicaPoked } from "./types.ts"
import { wishOf } from "./wish.ts"

/** Brings the set of an application's replicas in line with what is asked for. */
export interface ApplicationSteps {
  /** As many steps as can be made now. Safe to repeat; must not run twice at once for a key. */
  advance(key: WorkloadKey): Promise<void>
}

/** Steps in one transaction, so that nobody waits long for a large application. */
const stepsPerTx = 64
/** An application of the most replicas is through after this many. */
const roundLimit = 1_000

export function createApplicationSteps(options: RunnerOptions, writes: ReplicaRows): ApplicationSteps {
  const { store, rows, replicas, clock, moves } = options

  async function advance(key: WorkloadKey): Promise<void> {
    for (let round = 0; round < roundLimit; round++) if (!(await advanceOnce(key))) return
  }

  /** @returns whether there may be more to do at once */
  async function advanceOnce(key: WorkloadKey): Promise<boolean> {
    const seen = await rows.byKey(store.committed, key)
    if (!seen || seen.rollout === null) return false
    // most looks find nothing to do: they cost no transaction
    if (!isDue(seen, await replicas.ofWorkload(store.committed, key))) return false
    const nowMs = clock.nowMs()
    return store.tx(async (tx) => {
      const workload = await rows.byKey(tx, key)
      if (!workload || workload.rollout === null) return false
      const before = await replicas.ofWorkload(tx, key)
      const steps = planRollout(wishOf(workload).wish, before, stepsPerTx)
      for (const step of steps) await take(tx, workload, step, nowMs)
      const after = steps.length > 0 ? await replicas.ofWorkload(tx, key) : before
      if (isTerminal(workload.phase)) await replicas.dropTemplates(tx, key, workload.rollout.revision)
      await writeProgress(tx, workload, after, nowMs)
      pokeWaiting(tx, workload, after)
      return steps.length === stepsPerTx
    })
  }

  function isDue(workload: Workload, all: readonly Replica[]): boolean {
    const { wish, tolerated } = wishOf(workload)
    if (planRollout(wish, all, 1).length > 0) return true
    if (progressOf(workload, wish, all, tolerated, clock.nowMs()) !== workload) return true
    // one whose turn has come
    return (
      wish.isOrdered && !wish.isOver && all.some((one) => one.state === "placed" && isItsTurn(wish, one, all))
    )
  }

  /** Those that have a place and no process: what kept them from starting may be over. */
  function pokeWaiting(tx: Tx, workload: Workload, all: readonly Replica[]): void {
    const { wish } = wishOf(workload)
    for (const one of all)
      if (one.state === "placed" && isItsTurn(wish, one, all)) tx.publish(replicaPoked, one.id)
  }

  function take(tx: Tx, workload: Workload, step: RolloutStep, nowMs: number): Promise<unknown> {
    const graceMs = graceMsOf(workload, options.graceSecondsOf(workload.workspaceId))
    switch (step.kind) {
      case "create":
        return writes.create(tx, workload, step.ordinal, nowMs)
      case "remove":
        return writes.leave(tx, step.replica, { ...whyRemoved(workload, graceMs), returns: false }, nowMs)
      case "resize":
        return writes.leave(
          tx,
          latest(workload, step.replica),
          { cause: "stopped", message: "the workload was given another size", graceMs, returns: true },
          nowMs,
        )
      case "renew":
        return renew(tx, workload, step.replica, graceMs, nowMs)
      case "adopt":
        return adopt(tx, workload, step.replica, nowMs)
    }
  }

  function whyRemoved(workload: Workload, graceMs: number) {
    if (!isTerminal(workload.phase))
      return { cause: "stopped" as const, message: "the workload was given fewer replicas", graceMs }
    const message = workload.conditions.findLast((one) => one.type === "AdminStopped")?.message
    return {
      cause: workload.cause ?? ("stopped" as const),
      message: message ?? "the workload is over",
      graceMs,
    }
  }

  /** Ended in its place; the runner of replicas starts it anew as the revision that it then has. */
  async function renew(
    tx: Tx,
    workload: Workload,
    replica: Replica,
    graceMs: number,
    nowMs: number,
  ): Promise<void> {
    const message = `the workload was updated to revision ${workload.rollout?.revision ?? 1}`
    // what crashed before, or is crashing just now, is not what starts next
    await replicas.update(tx, { ...latest(workload, replica), readySinceMs: null, crashes: 0 })
    await writes.end(tx, replica, { cause: "stopped", message, graceMs }, nowMs)
  }

  async function adopt(tx: Tx, workload: Workload, replica: Replica, nowMs: number): Promise<void> {
    const next = latest(workload, replica)
    const claim = await moves.byId(tx, replica.claimId)
    if (claim?.state === "wanted" && next.size !== replica.size)
      await moves.amend(tx, claim, { size: workload.spec.size }, nowMs)
    // what crashed before is not what starts now
    await replicas.update(tx, { ...next, startAtMs: null, crashes: 0 })
    tx.publish(replicaPoked, replica.id)
  }

  function latest(workload: Workload, replica: Replica): Replica {
    const revision = workload.rollout?.revision ?? 1
    const podId = applicationPodId(workload, revision, replica.ordinal, options.ids.random)
    return asRevision(replica, { revision, size: workload.spec.size, podId })
  }

  async function writeProgress(
    tx: Tx,
    workload: Workload,
    all: readonly Replica[],
    nowMs: number,
  ): Promise<void> {
    const { wish, tolerated } = wishOf(workload)
    const next = progressOf(workload, wish, all, tolerated, nowMs)
    if (next === workload) return
    await rows.update(tx, next)
    const { observed, generation, revision } = next.rollout ?? { observed: 0, generation: 1, revision: 1 }
    if (observed === generation && workload.rollout?.observed !== observed)
      await replicas.dropTemplates(tx, workload.key, revision)
    const event = progressEvent(workload, next, wish, all)
    if (event) await tx.emit(workloadEvent(next, event.type, runnerActor, nowMs, event.facts))
  }

  return { advance }
}
