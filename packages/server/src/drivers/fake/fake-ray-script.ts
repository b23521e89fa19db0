import type { RayPodLaunch, RayRuntimeWanted, RaySubmit } from "../../domain/ray/index.ts"
import type { FakeProgram } from "./fake-pod.ts"
import type { FakeRayJob } from "./fake-ray-job.ts"
import type { FakeRayApplication } from "./fake-ray-serve.ts"

/** How an install goes: after `delayMs` (default 0) it is there, or failed with that detail. */
export interface FakeInstall {
  readonly delayMs?: number
  readonly fails?: {
    readonly detail: string
    readonly message: string
    readonly retryAfterMs?: number
  }
}

/** What happens to a call of `ensure`; all but `start` start nothing, `hang` never answers. */
export type EnsureFate = "start" | "unavailable" | "port_in_use" | "volume" | "account" | "hang"

export interface FakeRayPod extends FakeProgram {
  /** Of a head: from the start of its process until it takes jobs. Of a worker: until it has joined. Default 0. */
  readonly upAfterMs?: number
}

/** Decides what installs, pods, jobs and applications do. What is left out is the quick and well-behaved case. */
export interface FakeRayScript {
  /** Asked at each install that is really made. */
  readonly install?: (want: RayRuntimeWanted) => FakeInstall
  /** Asked at each call of one that is not started. */
  readonly ensure?: (launch: RayPodLaunch) => EnsureFate
  readonly pod?: (launch: RayPodLaunch) => FakeRayPod
  readonly job?: (submit: RaySubmit, head: RayPodLaunch) => FakeRayJob
  readonly application?: (name: string, head: RayPodLaunch) => FakeRayApplication
}
