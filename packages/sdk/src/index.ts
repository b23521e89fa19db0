/**
 * A typed client of Berth over fetch: `createBerthClient({ baseUrl, token })`.
 * Every call throws `BerthError`; every call takes an AbortSignal and has a deadline.
 */
export { createBerthClient } from "./client.ts"
export type { BerthClient } from "./client.ts"
export { BerthError, isUnreachable } from "./errors.ts"
export type { BerthErrorDetail } from "./errors.ts"
export type { ServerSentEvent, StreamOptions } from "./event-stream.ts"
export type { CallOptions, ClientOptions } from "./http.ts"
export type { BerthApiClient, EventFilter, PageRequest } from "./berth.ts"
export type { KuberayClient } from "./kuberay.ts"
export type { NamespacePage } from "./berth-ray.ts"
export type { EntryPage, NewServiceRecord, RegisterPage } from "./berth-services.ts"
export type { Credentials, SessionsClient, SignedIn } from "./sessions.ts"
export type { FollowLogQuery, LogItem, StreamsClient } from "./streams.ts"
export type {
  BatchFailures,
  CloneResponse,
  CreateWorkloadRequest,
  CreateWorkloadResponse,
  ListWorkloadsResponse,
  PatchWorkloadRequest,
  PodContainersResponse,
  PodLogResponse,
  WorkloadDetail,
  WorkloadItem,
} from "@berth/contract/workloads"
export type {
  ConfigEntry,
  ConfigMap,
  Event,
  Explanation,
  Me,
  Node,
  QueueEntry,
  RayCluster,
  RayClusterDetail,
  RayExplanation,
  Status,
  Workspace,
} from "@berth/contract/berth"
export { collect } from "./paging.ts"
export type { PageLike } from "./paging.ts"
export type { ListWorkloadsQuery, PodLogQuery, WorkloadsClient } from "./workloads.ts"
