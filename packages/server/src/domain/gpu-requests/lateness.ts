import type { GpuRequest, NodeHold } from "./types.ts"

/** A drain that is not over so long after its deadline is stuck (DESIGN 4): until then it is taken for late only. */
const lateMs = 30_000

/**
 * When what should end at `endMs` is taken to end: then; once that is past, 30 s later, for it will be over in a
 * moment; after that nobody knows (infinity).
 */
export function expectedEndMs(endMs: number, nowMs: number): number {
  if (nowMs < endMs) return endMs
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
