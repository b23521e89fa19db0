import type { GpuRequest, NodeHold } from "../types.ts"

/**
 * What it takes at most, in health, to hand nodes over: an end is handled some milliseconds late, what is planned is
 * written some later, and where that is lost it is tried again after a second.
 */
export const handOverMs = 1_500

/** A drain that is not over so long after its deadline is stuck (DESIGN 4): until then it is taken for late only. */
const lateMs = 30_000

/**
 * When what should end at `endMs` is taken to end: then; once that is past, a hand-over later, for it will be over in
 * a moment; after that, 30 s later; after that nobody knows (infinity).
 */
export function expectedEndMs(endMs: number, nowMs: number): number {
  if (nowMs < endMs) return endMs
  if (nowMs < endMs + handOverMs) return endMs + handOverMs
  return nowMs < endMs + lateMs ? endMs + lateMs : Infinity
}

/**
 * When a hold should be over: at the deadline of its drain, else when its time is up.
 * @param holder its request as it is now; undefined = not live any more
 */
export function statedEndMs(hold: NodeHold, holder: GpuRequest | undefined): number {
  if (hold.drainDeadlineMs === null || holder?.state === "provisioned") return hold.untilMs
  return hold.drainDeadlineMs
}
