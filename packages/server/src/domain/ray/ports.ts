import type { JsonObject } from "../../kit/json.ts"
import type { Amounts } from "../inventory/index.ts"
import type { EndCause } from "../queue/index.ts"
import type { MarkedAttempt } from "../workloads/index.ts"
import type { VolumeType } from "./spec.ts"
import type { RayHeadAddress, RayPodId, SubmissionInfo } from "./types.ts"

/** What makes Ray run somewhere: processes on this machine, pods of Kubernetes, or a fake. One for each cluster. */
export interface RayBackend {
  readonly clusterId: string
  /** How many blocks of ports pods of its machine may have, 0-based; 0 = pods need none. */
  readonly portBlocks: number
  /**
   * Makes a Ray version ready, once for all that want it at the same time; what is there is used again.
   * @param want the version asked for ("" = by the image), and the head's image
   * @param report told of progress, a sentence a step
   * @returns what every start is given; JSON, kept with the cluster
   * @throws AppError `unavailable` with detail `no_python`, `no_network`, `no_wheel`, `install_refused`,
   *   `install_failed` or `no_version`: its message is a whole sentence for the cluster's reason. `retryAfterMs` is set
   *   where trying again may help.
   */
  prepare(
    want: RayRuntimeWanted,
    report: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<RayRuntime>
  /**
   * Starts a pod that has not been started. Twice, also from two server lives, starts once.
   * @throws AppError `unavailable` when nothing was started: try later; detail `port_in_use` = with another block;
   *   `invalid` (detail `volume`, `account`) = never, the message is the reason
   */
  ensure(launch: RayPodLaunch, signal: AbortSignal): Promise<RayPodStarted>
  /** The truth now, from the processes themselves. */
  inspect(id: RayPodId, handle: JsonObject): Promise<RayPodObservation>
  /**
   * After a restart of the server: takes over what runs. null = never started. A handle with the member
   * `isRestored: true` comes from a backup: only what is found in a place of this server is taken over.
   */
  recover(id: RayPodId, handle: JsonObject | null): Promise<JsonObject | null>
  /** Tells a pod to end; returns at once. Whatever belongs to it is gone when `inspect` says `isGone`. */
  stop(
    id: RayPodId,
    handle: JsonObject,
    reason: { readonly cause: EndCause; readonly message: string },
    graceMs: number,
  ): Promise<void>
  /** Removes what is kept of a pod that is gone: folders, temp directories. Idempotent. */
  forget(id: RayPodId, handle: JsonObject | null): Promise<void>
  /** Something changed about a pod: look. */
  onChange(listener: (id: RayPodId) => void): () => void
  /** The end of what the pod wrote, at most `maxBytes`. @throws AppError `not_found` when nothing is kept */
  readLog(id: RayPodId, handle: JsonObject, maxBytes: number): Promise<string>
  /** Every pod of which processes are seen where this backend starts some, workloads' too; absent: it cannot look. */
  marked?(): Promise<readonly MarkedAttempt[]>
  /** Pods of which no process is left and that were not forgotten; absent: it cannot tell. */
  leftovers?(): Promise<readonly RayPodId[]>
  /** The head's own HTTP API. @param token null = it knows none */
  dashboard(address: RayHeadAddress, token: string | null): RayDashboard
  close(): Promise<void>
}

export interface RayRuntimeWanted {
  /** x.y.z, or "". */
  readonly version: string
  /** An image whose tag may name version and Python (`rayproject/ray:2.46.0-py310`), or "". */
  readonly image: string
  readonly asServerOwner: boolean
}

export interface RayRuntime {
  /** x.y.z */
  readonly version: string
  /** It wants a token with every call, and gets one. */
  readonly hasTokens: boolean
  /** The backend's own, given back to it. */
  readonly details: JsonObject
}

/** A volume with what is in it: nothing more has to be looked up. */
export interface RayVolumeContent {
  readonly name: string
  /** Absolute. */
  readonly mountPath: string
  readonly type: VolumeType
  /** Path on the host, or name of the claim. */
  readonly source: string
  readonly hostPathType: "directory" | "file"
  readonly readOnly: boolean
  /** Bytes; null = no bound. */
  readonly storageBytes: number | null
  /** Of a config map or secret: path below the mount → text. Never logged. */
  readonly files: Readonly<Record<string, string>>
}

/** Everything that a pod needs and nothing else. */
export interface RayPodLaunch {
  readonly id: RayPodId
  /** Unique among live pods; also the name by which Ray knows the node. */
  readonly name: string
  readonly namespace: string
  readonly rayCluster: string
  readonly workspaceId: string
  /** Which of the workspaces that had that name in turn: what is kept for one is not for the next. */
  readonly workspaceKey: string
  readonly asServerOwner: boolean
  readonly runtime: RayRuntime
  /** "head" or the worker group's name. */
  readonly group: string
  /** Where the head is; null = this is the head. */
  readonly head: RayHeadAddress | null
  readonly nodeName: string
  readonly gpuIndexes: readonly number[]
  readonly size: Amounts
  /** What Ray is told to share out beside CPU, memory and GPUs: whole numbers above 0. */
  readonly customResources: Readonly<Record<string, number>>
  readonly rayStartParams: Readonly<Record<string, string>>
  /** Final values. Never logged. */
  readonly env: Readonly<Record<string, string>>
  readonly volumes: readonly RayVolumeContent[]
  readonly portBlock: number | null
  readonly token: string | null
  readonly serves: boolean
}

export interface RayPodStarted {
  readonly handle: JsonObject
  /** Of a head. */
  readonly address: RayHeadAddress | null
  /** Start parameters that were asked for and are not passed on here. */
  readonly ignoredParams: readonly string[]
}

export interface RayPodObservation {
  /** `waiting`: not started yet; `lost`: gone without an exit code. */
  readonly state: "waiting" | "running" | "exited" | "lost"
  readonly startedAtMs: number | null
  readonly exitCode: number | null
  readonly cause: EndCause | null
  readonly message: string
  /** No process of it is left, and its ports are free: its claim may be gone. */
  readonly isGone: boolean
}

/** What a job is submitted with: runtime environment and resources are parsed. */
export interface RaySubmit {
  readonly entrypoint: string
  readonly submissionId: string
  readonly metadata: Readonly<Record<string, string>>
  readonly runtimeEnv: JsonObject | null
  readonly numCpus: number
  readonly numGpus: number
  readonly resources: Readonly<Record<string, number>> | null
}

export interface RayNodeView {
  /** The pod's name. */
  readonly name: string
  readonly isHead: boolean
  readonly isAlive: boolean
  readonly message: string
}

export interface ServeView {
  readonly applications: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly deployments: readonly {
      readonly name: string
      readonly status: string
      readonly message: string
    }[]
  }[]
}

/**
 * The dashboard of one Ray cluster. Every call ends by its own deadline (2 s for reads as upstream, 10 s for writes)
 * or the signal: AppError `unavailable` (detail `unreachable`: nothing answers there), `timeout` (too slow), `invalid`
 * (detail `refused`: it said no to what was asked; facts `status`, and its text as the message, at most 4 KiB).
 */
export interface RayDashboard {
  /** Whether it would take a job now; the sentence says what is missing. Never throws. */
  health(signal: AbortSignal): Promise<{ readonly isReady: boolean; readonly message: string }>
  nodes(signal: AbortSignal): Promise<readonly RayNodeView[]>
  /** @throws AppError `already_exists` when the id was used before */
  submit(job: RaySubmit, signal: AbortSignal): Promise<string>
  /** undefined = it does not know it. */
  job(id: string, signal: AbortSignal): Promise<SubmissionInfo | undefined>
  /** Those that were not submitted (drivers) too: their submissionId is "". */
  jobs(signal: AbortSignal): Promise<readonly SubmissionInfo[]>
  /** Whole; undefined = it does not know it. */
  log(id: string, signal: AbortSignal): Promise<string | undefined>
  /** false = it had ended; undefined = it does not know it. */
  stop(id: string, signal: AbortSignal): Promise<boolean | undefined>
  /** Whether it was removed. */
  remove(id: string, signal: AbortSignal): Promise<boolean>
  /** The whole wanted state; what is not in it is taken away. Ports are the backend's to choose. */
  applyServe(config: JsonObject, signal: AbortSignal): Promise<void>
  serve(signal: AbortSignal): Promise<ServeView>
  /**
   * Any request to it, for the proxy: with the cluster's token instead of the caller's credentials. Body and answer
   * stream; neither the taking of the body nor the beginning of the answer may stand still for 60 s. With the header
   * `upgrade: websocket` an answer 101 opens a tunnel: body and answer are the bytes of its two directions.
   */
  forward(request: RayForward, signal: AbortSignal): Promise<RayForwarded>
}

export interface RayForward {
  readonly method: string
  /** Path and query, from `/`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array> | null
}
export interface RayForwarded {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array>
}
