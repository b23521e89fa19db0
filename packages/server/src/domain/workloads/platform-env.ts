import { hangCheckSeconds, hangCheckVariable } from "./supervision.ts"
import type { Workload } from "./types.ts"

/**
 * The platform's variables that do not depend on where a pod runs (reference/workloads.md 4.3). The driver adds
 * rank, addresses and devices. They win over the user's own of the same name.
 */
export function platformEnv(workload: Workload): Record<string, string> {
  return {
    WORKLOAD_KIND: workload.kind,
    DISPLAY_NAME: workload.displayName,
    USER_ID: workload.userId,
    WORKSPACE: workload.workspaceId,
    ENABLE_SUPERVISE: String(workload.spec.isSupervised),
    [hangCheckVariable]: String(hangCheckSeconds(workload.spec)),
  }
}
