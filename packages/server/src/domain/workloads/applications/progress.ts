import { isTerminal } from "../states.ts"
import type { Condition, ConditionType, Phase, Workload } from "../types.ts"
import { isReady } from "./replica-states.ts"
import { isComplete, type Wish } from "./rollout.ts"
import type { Replica } from "./types.ts"

/** An application's conditions are appended to; upstream keeps this many (reference/workloads.md 3.3). */
const conditionLimit = 30

/** Appends a condition unless the last one says the same; the oldest go. */
export function withApplicationCondition(
  conditions: readonly Condition[],
  condition: Condition,
): readonly Condition[] {
  const last = conditions.at(-1)
  if (last?.type === condition.type && last.run === condition.run) return conditions
  return [...conditions, condition].slice(-conditionLimit)
}

/**
 * Where an application is, by its replicas (reference/workloads.md 3.1, 4.4): Pending until a pod runs, Updating
 * while what is asked for is being reached, then Running as long as enough pods are ready, else NotReady.
 * @param tolerated how many may be missing while it still counts as available
 * @returns the row as it is to be; the same object when nothing changed
 */
export function progressOf(
  workload: Workload,
  wish: Wish,
  replicas: readonly Replica[],
  tolerated: number,
  nowMs: number,
): Workload {
  const { rollout } = workload
  if (rollout === null || isTerminal(workload.phase)) return workload
  const isReached = rollout.observed === rollout.generation || isComplete(wish, replicas)
  const observed = isReached ? rollout.generation : rollout.observed
  const ready = replicas.filter(isReady).length
  const phase = phaseOf(workload, { isReached, isAvailable: ready >= wish.replicas - tolerated, replicas })
  if (phase === workload.phase && observed === rollout.observed) return workload
  const next = { ...workload, rollout: { ...rollout, observed } }
  if (phase === workload.phase) return next
  const condition: Condition = {
    type: conditionOf[phase] ?? "K8sPending",
    run: workload.dispatchCount,
    message: sentenceOf(workload, phase, `${ready} of ${wish.replicas} replicas are ready`),
    atMs: nowMs,
  }
  return {
    ...next,
    phase,
    startedAtMs: workload.startedAtMs ?? nowMs,
    conditions: withApplicationCondition(workload.conditions, condition),
  }
}

/** Type and facts of the event that a change of phase by `progressOf` is told with; null when there was none. */
export function progressEvent(before: Workload, next: Workload, wish: Wish, replicas: readonly Replica[]) {
  if (next.phase === before.phase) return null
  const ready = replicas.filter((replica) => replica.readySinceMs !== null).length
  const type = `workload.${eventOf[next.phase] ?? "changed"}`
  return { type, facts: { ready, replicas: wish.replicas } }
}

const eventOf: Partial<Record<Phase, string>> = {
  Running: "ready",
  Updating: "updating",
  NotReady: "not_ready",
}

function sentenceOf(workload: Workload, phase: Phase, counts: string): string {
  const what = workload.kind === "StatefulSet" ? "statefulSet" : "deployment"
  return `the ${what} is ${wordOf[phase] ?? "pending"}, ${counts}`
}

const conditionOf: Partial<Record<Phase, ConditionType>> = {
  Running: "K8sRunning",
  Updating: "K8sUpdating",
  NotReady: "K8sFailed",
}
const wordOf: Partial<Record<Phase, string>> = {
  Running: "ready",
  Updating: "updating",
  NotReady: "not ready",
}

function phaseOf(
  workload: Workload,
  now: { readonly isReached: boolean; readonly isAvailable: boolean; readonly replicas: readonly Replica[] },
): Phase {
  if (now.isReached) return now.isAvailable ? "Running" : "NotReady"
  const hasStarted =
    workload.startedAtMs !== null ||
    now.replicas.some((replica) => replica.podIp !== "" && replica.starts > 0)
  return hasStarted ? "Updating" : "Pending"
}
