import type { ClaimOwnerPort } from "../queue/index.ts"
import { createRayClaimOwner } from "./cluster-claims.ts"
import { type ClusterLife, createClusterLife } from "./cluster-life.ts"
import { createClusterSteps } from "./cluster-steps.ts"
import { createPodHands } from "./pod-hands.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayClusterKey } from "./types.ts"

/** Brings Ray's rows and what really runs in line. */
export interface RayRunner {
  /** What the queue tells the owner of a claim. */
  readonly owner: ClaimOwnerPort
  readonly life: ClusterLife
  /**
   * One look at one cluster. Safe to repeat; must not run twice at once for a key.
   * @throws AppError `unavailable` when backend or store cannot work now: call again later
   */
  reconcile(key: RayClusterKey, signal: AbortSignal): Promise<void>
  /** Gives up what goes on between looks: the server stops. Idempotent. */
  close(): void
}

export function createRayRunner(options: RayRunnerOptions): RayRunner {
  const life = createClusterLife(options)
  const hands = createPodHands(options)
  const steps = createClusterSteps({ ...options, life, hands })
  return {
    owner: createRayClaimOwner({ ...options, life }),
    life,
    reconcile: steps.reconcile,
    close: steps.close,
  }
}
