import type { Amounts } from "../../inventory/index.ts"
import { defaultRolloutShare, readShare, type ServicePort } from "../probes.ts"
import { isReady, isGoing } from "./replica-states.ts"
import type { Replica } from "./types.ts"

/** What an application is to be. */
export interface Wish {
  /** A StatefulSet's pods are started, ended and updated one after the other. */
  readonly isOrdered: boolean
  /** How many there are to be; 0 once the workload is over. */
  readonly replicas: number
  /** The workload is over: order does not matter any more. */
  readonly isOver: boolean
  readonly revision: number
  /** Of one pod. */
  readonly size: Amounts
  /** How many an update may take away at once, and how many of the new ones may not be ready yet; 1 or more. */
  readonly pace: number
}

/** One change towards what is wished. */
export type RolloutStep =
  | { readonly kind: "create"; readonly ordinal: number }
  /** Its capacity is given back for good. */
  | { readonly kind: "remove"; readonly replica: Replica }
  /** It has no process: only what it will start as is changed. */
  | { readonly kind: "adopt"; readonly replica: Replica }
  /** Ended and started anew in the same place: what changed needs no other capacity. */
  | { readonly kind: "renew"; readonly replica: Replica }
  /** Ended, and asks for other capacity. */
  | { readonly kind: "resize"; readonly replica: Replica }

/**
 * How many of `replicas` may be missing.
 * @returns tolerated: so many and the application still counts as available (a share is rounded down);
 *   pace: so many are taken away by an update at once, at least one since updates stop before they start
 */
export function maxUnavailableOf(
  isOrdered: boolean,
  replicas: number,
  service: ServicePort | null,
): { readonly tolerated: number; readonly pace: number } {
  if (isOrdered) return { tolerated: 0, pace: 1 }
  const text = service?.extends["maxUnavailable"] ?? defaultRolloutShare
  const tolerated = Math.min(
    replicas,
    readShare(text, replicas) ?? readShare(defaultRolloutShare, replicas) ?? 0,
  )
  return { tolerated, pace: Math.max(1, tolerated) }
}

/**
 * The changes to make now, at most `limit`. Pure; called again after each change: what cannot be done yet
 * (an update waits for pods to be ready) follows then. Never takes away a ready pod for an update when that
 * leaves fewer ready ones than `replicas - pace`, and never more than `pace` when the new ones do not get ready.
 * A StatefulSet's pods are updated from the last to the first, one at a time. What never ran is changed at once.
 */
export function planRollout(wish: Wish, replicas: readonly Replica[], limit: number): readonly RolloutStep[] {
  const staying = replicas.filter((replica) => !isGoing(replica))
  const excess = staying.length - wish.replicas
  if (excess > 0) return removals(wish, replicas, staying, excess).slice(0, limit)
  return [...creations(wish, replicas, -excess), ...updates(wish, staying)].slice(0, limit)
}

/** Fewest are missed first; a StatefulSet loses its last one, and the next when that is gone. */
function removals(
  wish: Wish,
  replicas: readonly Replica[],
  staying: readonly Replica[],
  excess: number,
): RolloutStep[] {
  const isStepwise = wish.isOrdered && !wish.isOver
  if (isStepwise && replicas.some(isGoing)) return []
  const order = wish.isOrdered ? (a: Replica, b: Replica) => b.ordinal - a.ordinal : byLoss(wish)
  return staying
    .toSorted(order)
    .slice(0, isStepwise ? 1 : excess)
    .map((replica) => ({ kind: "remove", replica }))
}

/** Without a place, without a process, not ready, outdated, youngest. */
function byLoss(wish: Wish): (a: Replica, b: Replica) => number {
  const worth = (replica: Replica) =>
    Number(replica.state !== "queued") +
    Number(replica.state === "running") * 2 +
    Number(isReady(replica)) * 4 +
    Number(replica.leaving === null) * 8 +
    Number(!isOutdated(wish, replica)) / 2
  return (a, b) => worth(a) - worth(b) || b.createdAtMs - a.createdAtMs || b.ordinal - a.ordinal
}

/** The lowest ordinals that no replica has; one that is going keeps its own until it is gone. */
function creations(wish: Wish, replicas: readonly Replica[], count: number): RolloutStep[] {
  // a StatefulSet's last one has to be gone before it grows again
  if (wish.isOrdered && replicas.some(isGoing)) return []
  const taken = new Set(replicas.map((replica) => replica.ordinal))
  const steps: RolloutStep[] = []
  // a StatefulSet's are 0 … n-1 and no others
  const end = wish.isOrdered ? wish.replicas : Infinity
  for (let ordinal = 0; steps.length < count && ordinal < end; ordinal++)
    if (!taken.has(ordinal)) steps.push({ kind: "create", ordinal })
  return steps
}

function updates(wish: Wish, staying: readonly Replica[]): RolloutStep[] {
  const outdated = staying.filter((replica) => isOutdated(wish, replica) && replica.leaving === null)
  if (outdated.length === 0) return []
  // what never ran has nothing to lose, and proves nothing about what is new
  const fresh = outdated.filter((replica) => replica.starts === 0)
  const old = outdated.filter((replica) => replica.starts > 0)
  const order = wish.isOrdered ? (a: Replica, b: Replica) => b.ordinal - a.ordinal : byLoss(wish)
  const unready = old.filter((replica) => !isReady(replica)).toSorted(order)
  const ready = old.filter(isReady).toSorted((a, b) => b.ordinal - a.ordinal)
  const room = Math.max(0, wish.pace - triedOf(wish, staying, outdated).length)
  const spare = Math.max(0, staying.filter(isReady).length - (wish.replicas - wish.pace))
  const first = unready.slice(0, room)
  const then = ready.slice(0, Math.min(spare, room - first.length))
  return [...fresh, ...first, ...then].map((replica) => stepFor(wish, replica))
}

/** What was renewed and is not ready yet: were it never to be, the others must stay as they are. */
function triedOf(wish: Wish, staying: readonly Replica[], outdated: readonly Replica[]): readonly Replica[] {
  const changesSize = outdated.some((replica) => !isSameSize(wish.size, replica.size))
  return staying.filter((replica) => {
    if (isOutdated(wish, replica) || isReady(replica)) return false
    // without capacity it proves nothing, unless it is what was asked for anew that does not fit
    if (replica.state === "queued") return replica.starts > 0 && changesSize
    // a StatefulSet's new ones wait for their turn
    if (replica.state === "placed") return replica.starts > 0 || !wish.isOrdered
    return true
  })
}

/**
 * Whether one that has a place may be started: a StatefulSet's pods are, one after the other, each when those before
 * it are ready. One that was updated does not wait for those that are yet to be: they wait for it.
 */
export function isItsTurn(wish: Wish, replica: Replica, all: readonly Replica[]): boolean {
  if (!wish.isOrdered) return true
  const isUpdated = replica.starts > 0 && !isOutdated(wish, replica)
  return all.every(
    (other) => other.ordinal >= replica.ordinal || isReady(other) || (isUpdated && isOutdated(wish, other)),
  )
}

function stepFor(wish: Wish, replica: Replica): RolloutStep {
  const hasOtherSize = !isSameSize(wish.size, replica.size)
  if (replica.state === "queued") return { kind: "adopt", replica }
  if (hasOtherSize) return { kind: "resize", replica }
  return { kind: replica.state === "running" ? "renew" : "adopt", replica }
}

/** Whether it is not, and will not start as, what is wished. */
export function isOutdated(wish: Pick<Wish, "revision" | "size">, replica: Replica): boolean {
  return replica.revision !== wish.revision || !isSameSize(wish.size, replica.size)
}

export function isSameSize(a: Amounts, b: Amounts): boolean {
  return (
    a.cpuMilli === b.cpuMilli &&
    a.memoryBytes === b.memoryBytes &&
    a.gpus === b.gpus &&
    a.ephemeralBytes === b.ephemeralBytes
  )
}

/** Whether all there are to be are there, as they are to be, and ready. */
export function isComplete(wish: Wish, replicas: readonly Replica[]): boolean {
  return (
    replicas.length === wish.replicas &&
    replicas.every((replica) => isReady(replica) && !isOutdated(wish, replica))
  )
}
