/** Bounds of GPU requests, from the configuration (reference/egs.md 2.6). */
export interface GpuRequestLimits {
  /** 100. */
  readonly mostGpusPerNode: number
  /** 100. */
  readonly mostNodes: number
  /** 365 days. */
  readonly longestDurationMs: number
  /** 30 minutes. */
  readonly longestIdleTimeoutMs: number
  /** Queued per workspace: 100. */
  readonly mostQueuedPerWorkspace: number
  /** The warning event comes so long before the end: 5 minutes; 0 = none. */
  readonly warnBeforeEndMs: number
  /** A node that is unhealthy for so long counts as lost: 60 s. */
  readonly nodeLostAfterMs: number
  /** One step of an automatic request: 24 hours. */
  readonly automaticStepMs: number
}

export const defaultLimits: GpuRequestLimits = {
  mostGpusPerNode: 100,
  mostNodes: 100,
  longestDurationMs: 525_600 * 60_000,
  longestIdleTimeoutMs: 30 * 60_000,
  mostQueuedPerWorkspace: 100,
  warnBeforeEndMs: 5 * 60_000,
  nodeLostAfterMs: 60_000,
  automaticStepMs: 24 * 3_600_000,
}
