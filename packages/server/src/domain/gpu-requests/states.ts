import type { GpuEndCause, GpuRequest, GpuRequestState } from "./types.ts"

/** The allowed moves (reference/egs.md 2.4); every other one is a fault. */
export const gpuRequestMoves = {
  queued: ["provisioned", "cancelled"],
  provisioned: ["complete", "early_released", "timed_out", "error", "queued"],
  complete: [],
  early_released: [],
  timed_out: [],
  error: [],
  cancelled: [],
} as const satisfies Record<GpuRequestState, readonly GpuRequestState[]>

/** Whether the table has the move. */
export function canMoveGpuRequest(from: GpuRequestState, to: GpuRequestState): boolean {
  return (gpuRequestMoves[from] as readonly GpuRequestState[]).includes(to)
}

/** Whether it waits or holds. */
export function isLive(request: Pick<GpuRequest, "state">): boolean {
  return request.state === "queued" || request.state === "provisioned"
}

/** What a provisioned request becomes by the end of its hold. A lost node may also send it back to the queue. */
export const stateAfter = {
  duration: "complete",
  work_over: "complete",
  released: "early_released",
  workspace_deleted: "early_released",
  idle: "timed_out",
  node_lost: "error",
  cancelled: "early_released",
} as const satisfies Record<GpuEndCause, GpuRequestState>

/** Low, medium and high: up to 100, 200 and 300 (DESIGN 9.1). */
export const priorityBands = ["low", "medium", "high"] as const
export type PriorityBand = (typeof priorityBands)[number]

export function bandOf(priority: number): PriorityBand {
  if (priority <= 100) return "low"
  return priority <= 200 ? "medium" : "high"
}
