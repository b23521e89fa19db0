import type { ClaimOwnerPort } from "../queue/index.ts"
import { createRayClaimOwner } from "./cluster-claims.ts"
import { type ClusterLife, createClusterLife } from "./cluster-life.ts"
import { createClusterSteps } from "./cluster-steps.ts"
import { createJobSteps } from "./jobs/job-runner.ts"
import { createSubmissionKeeper } from "./jobs/submission-keeper.ts"
import { createPodHands } from "./pod-hands.ts"
import type { RayDashboard } from "./ports.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import { createServiceSteps } from "./services/service-runner.ts"
import { standDown } from "./stand-down.ts"
import type { RayCluster, RayClusterKey, RayJobKey, RayServiceKey } from "./types.ts"

/** Brings Ray's rows and what really runs in line. */
export interface RayRunner {
  /** What the queue tells the owner of a claim. */
  readonly owner: ClaimOwnerPort
  readonly life: ClusterLife
  /** undefined while the head has no address. @throws AppError `unavailable` when its cluster has no backend */
  dashboardOf(cluster: RayCluster): RayDashboard | undefined
  /**
   * One look at one cluster, job or service. Safe to repeat; must not run twice at once for a key.
   * @throws AppError `unavailable` when backend or store cannot work now: call again later
   */
  reconcile(key: RayClusterKey | RayJobKey | RayServiceKey, signal: AbortSignal): Promise<void>
  /** Ends all pods, as `standDown` does. @returns the longest grace of them; ms */
  standDown(): Promise<number>
  /** Gives up what goes on between looks: the server stops. Idempotent. */
  close(): void
}

export function createRayRunner(options: RayRunnerOptions): RayRunner {
  const life = createClusterLife(options)
  const hands = createPodHands(options)
  const keeper = createSubmissionKeeper(options)
  const steps = createClusterSteps({ ...options, life, hands, keeper })
  const jobs = createJobSteps({ ...options, life, hands, keeper })
  const services = createServiceSteps({ ...options, life, hands })
  return {
    owner: createRayClaimOwner({ ...options, life }),
    life,
    dashboardOf: hands.dashboardOf,
    async reconcile(key, signal) {
      if (key.startsWith("rcl_")) await steps.reconcile(key as RayClusterKey, signal)
      else if (key.startsWith("rjb_")) await jobs.reconcile(key as RayJobKey, signal)
      else if (key.startsWith("rsv_")) await services.reconcile(key as RayServiceKey, signal)
    },
    standDown: () => standDown({ ...options, life }),
    close: steps.close,
  }
}
