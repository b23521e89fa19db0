import type { Config } from "./config.ts"
import type { GpuRequestLimits } from "./domain/gpu-requests/index.ts"

const hourMs = 3_600_000

/** The bounds of GPU requests as the domain takes them: lengths in milliseconds. */
export function gpuLimitsOf(said: Config["gpuRequests"]): GpuRequestLimits {
  return {
    mostGpusPerNode: said.mostGpusPerNode,
    mostNodes: said.mostNodes,
    longestDurationMs: said.longestDurationHours * hourMs,
    longestIdleTimeoutMs: said.longestIdleTimeoutSeconds * 1000,
    mostQueuedPerWorkspace: said.mostQueuedPerWorkspace,
    warnBeforeEndMs: said.warnBeforeEndSeconds * 1000,
    nodeLostAfterMs: said.nodeLostAfterSeconds * 1000,
    automaticStepMs: said.automaticStepHours * hourMs,
  }
}
