import type { Principal } from "../identity/index.ts"
import type { Explanation } from "../queue/index.ts"
import type { RayForward, RayForwarded } from "./ports.ts"
import type { AutoscalerOptions, EnvironmentVariables, HeadGroup, RayVolume, WorkerGroup } from "./spec.ts"
import type { ComputeTemplate } from "./templates.ts"
import type {
  RayCluster,
  RayEntrypoint,
  RayEvent,
  RayJob,
  RayPage,
  RayPod,
  RayService,
  SubmissionInfo,
} from "./types.ts"

/** A cluster's shape as it was asked for: templates by name, nothing looked up, quantities as typed. */
export interface AskedClusterSpec {
  readonly head: Omit<HeadGroup, "resources">
  readonly workers: readonly Omit<WorkerGroup, "resources">[]
  readonly enableInTreeAutoscaling: boolean
  readonly autoscaler: AskedAutoscaler | null
  readonly headServiceAnnotations: Readonly<Record<string, string>>
}
export interface AskedAutoscaler extends Omit<AutoscalerOptions, "volumes"> {
  readonly volumes: readonly RayVolume[]
}

export interface NewRayCluster {
  readonly namespace: string
  readonly name: string
  readonly user: string
  readonly rayVersion: string
  /** As on the wire. */
  readonly environment: number
  readonly annotations: Readonly<Record<string, string>>
  /** For head and all workers. */
  readonly envs: EnvironmentVariables
  readonly spec: AskedClusterSpec
}

export interface NewRayJob extends RayEntrypoint {
  readonly namespace: string
  readonly name: string
  readonly user: string
  readonly rayVersion: string
  readonly askedJobId: string
  readonly shutdownAfterJobFinishes: boolean
  readonly clusterSelector: Readonly<Record<string, string>>
  /** null where none was sent, which the selector allows. */
  readonly spec: AskedClusterSpec | null
  readonly ttlSecondsAfterFinished: number
  readonly activeDeadlineSeconds: number
  readonly submitter: { readonly image: string; readonly cpu: string; readonly memory: string } | null
}

export interface NewRayService {
  readonly namespace: string
  readonly name: string
  readonly user: string
  readonly rayVersion: string
  readonly serveConfig: string
  readonly serviceUnhealthySeconds: number
  readonly deploymentUnhealthySeconds: number
  readonly spec: AskedClusterSpec
}

export type NewComputeTemplate = Omit<ComputeTemplate, "workspaceId" | "createdAtMs">

/** A page; `next` is what the following one begins after, null on the last. */
export interface RayList<T> {
  readonly items: readonly T[]
  readonly next: RayPage["after"]
}
export interface RayClusterView {
  readonly cluster: RayCluster
  /** Oldest first. */
  readonly events: readonly RayEvent[]
}
export interface RayServiceView {
  readonly service: RayService
  /** Its own, then those of the cluster that serves. */
  readonly events: readonly RayEvent[]
  /** The cluster that serves; null until one does. */
  readonly active: RayCluster | null
}
export interface RayClusterStatus extends RayClusterView {
  /** Live ones: the head first, then by group and index. */
  readonly pods: readonly RayPod[]
}

/** Config maps (values shown) and secrets (keys only). */
export interface ConfigEntryView {
  readonly namespace: string
  readonly name: string
  /** Of a config map. */
  readonly data: Readonly<Record<string, string>> | null
  /** In order. */
  readonly keys: readonly string[]
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** Where an object is: the namespace need not be one that anybody has. */
export interface RayName {
  readonly namespace: string
  readonly name: string
}

/**
 * Everything people do with Ray. A namespace that belongs to no workspace, or to one in which the caller has no role,
 * is `not_found` with resource `namespace` where something is made; a list of it is empty, and an object in it
 * `not_found` with its own resource: `compute-template`, `ray-cluster`, `ray-job`, `ray-service`, `ray-submission`,
 * `config-map`, `secret`. `list` and `page` with namespace null: all namespaces that the caller may see.
 *
 * Creating throws besides: `not_found` (resource `compute-template`, facts `{ namespace }`), `already_exists`,
 * `conflict` detail `deleting` (the workspace), `invalid` with detail and facts as build-spec.ts says,
 * `insufficient` where the declared inventory can never hold the cluster.
 */
export interface RayObjects {
  readonly templates: {
    create(principal: Principal, template: NewComputeTemplate): Promise<ComputeTemplate>
    get(principal: Principal, at: RayName): Promise<ComputeTemplate>
    list(principal: Principal, namespace: string | null): Promise<readonly ComputeTemplate[]>
    delete(principal: Principal, at: RayName): Promise<void>
  }
  readonly clusters: {
    create(principal: Principal, wanted: NewRayCluster): Promise<RayClusterView>
    get(principal: Principal, at: RayName): Promise<RayClusterView>
    status(principal: Principal, at: RayName): Promise<RayClusterStatus>
    page(principal: Principal, namespace: string | null, page: RayPage): Promise<RayList<RayClusterView>>
    /** A cluster of a job or service too; hidden at once, gone when its processes are. */
    delete(principal: Principal, at: RayName): Promise<void>
    explain(principal: Principal, at: RayName): Promise<Explanation>
    /** The end of what a pod of it wrote. @throws AppError `not_found` (resource `pod`) */
    podLog(principal: Principal, at: RayName, pod: string, maxBytes: number): Promise<string>
  }
  readonly jobs: {
    create(principal: Principal, wanted: NewRayJob): Promise<RayJob>
    get(principal: Principal, at: RayName): Promise<RayJob>
    page(principal: Principal, namespace: string | null, page: RayPage): Promise<RayList<RayJob>>
    delete(principal: Principal, at: RayName): Promise<void>
    /** What it has written so far, or had when its cluster went. */
    log(principal: Principal, at: RayName): Promise<string>
  }
  readonly services: {
    create(principal: Principal, wanted: NewRayService): Promise<RayServiceView>
    /** Replaces everything. One that is being deleted is `not_found`, as for everybody who looks. */
    update(principal: Principal, wanted: NewRayService): Promise<RayServiceView>
    get(principal: Principal, at: RayName): Promise<RayServiceView>
    page(principal: Principal, namespace: string | null, page: RayPage): Promise<RayList<RayServiceView>>
    delete(principal: Principal, at: RayName): Promise<void>
  }
  /**
   * All ask the cluster to be ready: else `conflict` with resource `ray-cluster`, detail `not_ready`. What the
   * dashboard throws comes through (ports.ts).
   */
  readonly submissions: {
    /** @throws AppError `invalid` with detail `entry_point` for what cannot be read; `already_exists` */
    submit(
      principal: Principal,
      cluster: RayName,
      job: RayEntrypoint & { readonly submissionId: string },
    ): Promise<string>
    /** As last seen, where Ray does not know it any more. */
    get(principal: Principal, cluster: RayName, submissionId: string): Promise<SubmissionInfo>
    /** Whole; the end that was kept, where Ray does not know it any more. */
    log(principal: Principal, cluster: RayName, submissionId: string): Promise<string>
    list(principal: Principal, cluster: RayName): Promise<readonly SubmissionInfo[]>
    /** No-op for one that has ended. */
    stop(principal: Principal, cluster: RayName, submissionId: string): Promise<void>
    /** What has not ended is told to stop, and goes when it has. No-op for one that is not there. */
    delete(principal: Principal, cluster: RayName, submissionId: string): Promise<void>
  }
  /** The proxy to a cluster's dashboard: Viewer for GET and HEAD, Editor for the rest. */
  forward(
    principal: Principal,
    cluster: RayName,
    request: RayForward,
    signal: AbortSignal,
  ): Promise<RayForwarded>
  readonly configMaps: ConfigEntries
  readonly secrets: ConfigEntries
}

export interface ConfigEntries {
  list(principal: Principal, namespace: string | null): Promise<readonly ConfigEntryView[]>
  get(principal: Principal, at: RayName): Promise<ConfigEntryView>
  /**
   * Makes it or replaces its data.
   * @throws AppError `invalid` for a bad name or key, or more than 1 MiB in all; `already_exists` where a compute
   *   template has the name of a config map
   */
  put(principal: Principal, at: RayName, data: Readonly<Record<string, string>>): Promise<ConfigEntryView>
  delete(principal: Principal, at: RayName): Promise<void>
}
