import type { Replica, ReplicaState } from "./types.ts"

/** Replicas: who may become what; see ReplicaState. A replica that is gone has no row any more. */
export const replicaMoves = {
  queued: ["placed", "leaving"],
  placed: ["running", "queued", "leaving"],
  running: ["placed", "queued", "leaving"],
  leaving: ["queued"],
} as const satisfies Record<ReplicaState, readonly ReplicaState[]>

/** Whether connections may be sent to it. */
export function isReady(replica: Replica): boolean {
  return replica.state === "running" && replica.readySinceMs !== null
}

/** Whether it will not be there any more: its capacity is given back for good. */
export function isGoing(replica: Replica): boolean {
  return replica.leaving !== null && !replica.leaving.returns
}

/** A pod that lived this long had not come back to a crash: its back-off begins anew. */
const longLifeMs = 600_000

/** Wait before the next start, by how many ends followed each other: 1, 2, 4 … 60 s (DESIGN 6). */
export function restartDelayMs(crashes: number): number {
  return Math.min(60, 2 ** Math.min(10, Math.max(0, crashes - 1))) * 1000
}

/** How many ends in a row there were with this one, after a life of `livedMs`. */
export function crashesAfter(before: number, livedMs: number): number {
  return livedMs >= longLifeMs ? 1 : before + 1
}
