import type {
  ListSortField,
  ListWorkloadsResponse,
  ServiceAddresses,
  WorkloadCondition,
  WorkloadDetail as WireDetail,
  WorkloadItem,
  WorkloadResource,
} from "@berth/contract/workloads"
import type { DecodedListQuery } from "@berth/contract/workloads"
import type {
  Condition,
  EndpointView,
  ResourceText,
  WorkloadDetail,
  WorkloadFilter,
  WorkloadSort,
  WorkloadSummary,
  WorkloadView,
} from "../../domain/workloads/index.ts"
import type { Json, JsonObject } from "../../kit/json.ts"
import { ulidToUuid } from "../../kit/ids.ts"
import { formatInstant, formatInstantZ, formatRuntime } from "./format.ts"
import { currentPods, placesOf } from "./map-pods.ts"
import { pendingMessage } from "./messages.ts"

/** What a list shows of a workload. */
export function mapItem(view: WorkloadView<WorkloadSummary>): WorkloadItem {
  const { workload, nowMs } = view
  const isPending = workload.phase === "Pending"
  return {
    workloadId: workload.id,
    workspaceId: workload.workspaceId,
    resource: mapResource(workload.spec.resource),
    displayName: workload.displayName,
    description: workload.description,
    userId: workload.userId,
    userName: workload.userName,
    clusterId: workload.clusterId,
    phase: workload.phase,
    message: isPending ? pendingMessage(view.reasons, view) : "",
    priority: workload.priority,
    creationTime: formatInstant(workload.createdAtMs),
    startTime: formatInstant(workload.startedAtMs),
    endTime: formatInstant(endOf(workload)),
    deletionTime: formatInstant(workload.deletedAtMs),
    runtime: formatRuntime(runtimeMs(workload, nowMs)),
    secondsUntilTimeout: secondsUntilTimeout(workload, nowMs),
    schedulerOrder: isPending ? view.position : 0,
    dispatchCount: workload.dispatchCount,
    isTolerateAll: workload.spec.isTolerateAll,
    groupVersionKind: { version: "v1", kind: workload.kind },
    timeout: workload.spec.timeout || null,
    workloadUid: workload.uid,
    k8sObjectUid: objectUid(workload),
  }
}

/** A page of a list. */
export function mapList(page: {
  readonly total: number
  readonly items: readonly WorkloadView<WorkloadSummary>[]
}): ListWorkloadsResponse {
  return { totalCount: page.total, items: page.items.map(mapItem) }
}

/** All of a workload. */
export function mapDetail(detail: WorkloadDetail): WireDetail {
  const { workload } = detail
  const { spec } = workload
  return {
    ...mapItem(detail),
    ...(spec.specifiedNodes.length > 0 && { specifiedNodes: [...spec.specifiedNodes] }),
    image: spec.image,
    entryPoint: spec.entryPoint,
    isSupervised: spec.isSupervised,
    maxRetry: spec.maxRetry,
    ttlSecondsAfterFinished: spec.ttlSecondsAfterFinished,
    conditions: workload.conditions.map(mapCondition),
    pods: currentPods(detail),
    ...placesOf(detail),
    customerLabels: { ...spec.customerLabels },
    env: detail.mayReadEnv ? { ...spec.env } : masked(spec.env),
    ...optionalPart("liveness", spec.liveness),
    ...optionalPart("readiness", spec.readiness),
    ...optionalPart("service", serviceOf(detail)),
    ...(spec.dependencies.length > 0 && { dependencies: [...spec.dependencies] }),
    ...(spec.cronJobs.length > 0 && { cronJobs: spec.cronJobs.map((job) => ({ ...job })) }),
  }
}

/** Where a workload's service is reached. */
export function mapService({ endpoint, address }: EndpointView): ServiceAddresses {
  const { protocol, port, nodePort, targetPort, clusterIp, type } = endpoint
  const isReachable = nodePort !== null && protocol === "TCP"
  return {
    port: { protocol, port, ...(nodePort !== null && { nodePort }), targetPort },
    externalDomain: isReachable ? `http://127.0.0.1:${nodePort}/` : "",
    internalDomain: address,
    clusterIp,
    type,
  }
}

const sortColumns: Readonly<Record<ListSortField, WorkloadSort>> = {
  creationTime: "createdAtMs",
  startTime: "startedAtMs",
  endTime: "endedAtMs",
  deletionTime: "deletedAtMs",
  workloadId: "id",
  displayName: "displayName",
  workspaceId: "workspaceId",
  clusterId: "clusterId",
  phase: "phase",
  kind: "kind",
  userName: "userName",
  userId: "userId",
  priority: "priority",
  maxRetry: "maxRetry",
  dispatchCount: "dispatchCount",
  timeout: "timeout",
  ttlSecondsAfterFinished: "ttlSecondsAfterFinished",
  description: "description",
  image: "image",
  entryPoint: "entryPoint",
  isSupervised: "isSupervised",
  isTolerateAll: "isTolerateAll",
}

/** The domain's filter and page for a list query. */
export function toListCommand(query: DecodedListQuery): {
  readonly filter: WorkloadFilter & { readonly workspaceId?: string }
  readonly page: {
    readonly sort: WorkloadSort
    readonly order: "asc" | "desc"
    readonly offset: number
    readonly limit: number
  }
} {
  const { sortBy, order, offset, limit, ...filters } = query
  return {
    filter: { workspaceIds: null, ...filters },
    page: { sort: sortColumns[sortBy], order, offset, limit },
  }
}

function mapResource(resource: ResourceText): WorkloadResource {
  return {
    replica: resource.replica,
    cpu: resource.cpu,
    ...(resource.gpu !== "" && { gpu: resource.gpu }),
    memory: resource.memory,
    ...(resource.ephemeralStorage !== "" && { ephemeralStorage: resource.ephemeralStorage }),
    ...(resource.sharedMemory !== "" && { sharedMemory: resource.sharedMemory }),
  }
}

function mapCondition(condition: Condition): WorkloadCondition {
  return {
    type: condition.type,
    status: "True",
    reason: `run_${condition.run}_times`,
    message: condition.message,
    lastTransitionTime: formatInstantZ(condition.atMs),
  }
}

function endOf(workload: WorkloadSummary): number | null {
  return workload.endedAtMs ?? workload.deletedAtMs
}

function runtimeMs(workload: WorkloadSummary, nowMs: number): number {
  if (workload.startedAtMs === null) return 0
  return Math.min(endOf(workload) ?? nowMs, nowMs) - workload.startedAtMs
}

function secondsUntilTimeout(workload: WorkloadSummary, nowMs: number): number {
  const timeout = workload.spec.timeout
  if (!timeout || endOf(workload) !== null) return 0
  if (workload.startedAtMs === null) return -1
  return Math.max(0, Math.ceil((workload.startedAtMs + timeout * 1000 - nowMs) / 1000))
}

/** The latest attempt's key as a UUID: it plays the part of the object that upstream makes for each attempt. */
function objectUid(workload: WorkloadSummary): string {
  if (workload.attemptId === null || workload.dispatchCount === 0) return ""
  return ulidToUuid(workload.attemptId.slice(workload.attemptId.indexOf("_") + 1))
}

function masked(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(env).map((key) => [key, "***"]))
}

/** With the node port that was chosen for it, as long as it has it. */
function serviceOf({ workload, endpoint }: WorkloadDetail): JsonObject | null {
  const { service } = workload.spec
  if (service === null || endpoint === null || endpoint.nodePort === null) return service
  return { ...service, nodePort: endpoint.nodePort }
}

/**
 * A probe or a service as it was given; members that stand for "not set" are left out. It was decoded from the same
 * schema that it is answered with.
 */
function optionalPart<K extends "liveness" | "readiness" | "service">(
  key: K,
  value: JsonObject | null,
): Pick<WireDetail, K> | Record<string, never> {
  if (value === null) return {}
  const members = Object.entries(value).filter(([name, member]) => !isUnset(name, member))
  return { [key]: Object.fromEntries(members) } as Pick<WireDetail, K>
}

function isUnset(name: string, member: Json): boolean {
  if (name === "nodePort") return member === 0
  return (
    name === "extends" && typeof member === "object" && member !== null && Object.keys(member).length === 0
  )
}
