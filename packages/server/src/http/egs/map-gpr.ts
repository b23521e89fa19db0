import {
  formatDuration,
  type DecodedGpr,
  type Gpr,
  type WaitTime,
  type WaitTimeCandidate,
} from "@berth/contract/egs"
import type {
  CreateGpuRequest,
  GpuEstimate,
  GpuRequest,
  GpuRequestState,
  GpuRequestView,
} from "../../domain/gpu-requests/index.ts"
import type { EgsDialect } from "./errors.ts"
import { formatInstant, formatMicros } from "./format.ts"

/** The domain's words for what somebody asks for. */
export function toCommand(wanted: DecodedGpr): CreateGpuRequest {
  return {
    name: wanted.gprName,
    workspaceId: wanted.sliceName,
    clusters: wanted.clusterNames,
    instanceType: wanted.instanceType,
    gpuModel: wanted.gpuShape,
    memoryGibPerGpu: wanted.memoryPerGPU,
    gpusPerNode: wanted.numberOfGPUs,
    nodes: wanted.numberOfGPUNodes,
    priority: wanted.priority,
    durationMs: wanted.exitDurationMs,
    idleTimeoutMs: wanted.idleTimeOutMs,
    requeueOnFailure: wanted.requeueOnFailure,
    enableEviction: wanted.enableEviction,
    multiNode: wanted.multiNode,
  }
}

/** A GPU request as this API shows it: its members in the documented order (reference/egs.md 1.6.5). */
export function mapGpr(view: GpuRequestView, dialect: EgsDialect): Gpr {
  const { request } = view
  const { wish } = request
  const [held] = request.nodes
  const startMs = estimatedStartMs(view)
  return {
    gprId: request.shownId,
    sliceName: request.workspaceId,
    clusterName: clusterOf(view),
    numberOfGPUs: wish.gpusPerNode,
    numberOfGPUNodes: wish.nodes,
    instanceType: wish.instanceType ?? held?.instanceType ?? "",
    memoryPerGPU: wish.memoryGibPerGpu ?? 0,
    priority: request.priority,
    gpuSharingMode: "Virtual Machine",
    estimatedStartTime: formatInstant(startMs),
    estimatedWaitTime: waitText(startMs === null ? null : startMs - request.createdAtMs, dialect),
    exitDuration: formatDuration(request.durationMs),
    earlyRelease: request.cause === "released",
    gprName: request.name,
    gpuShape: wish.gpuModel ?? held?.gpuModel ?? "",
    multiNode: request.multiNode,
    dedicatedNodes: false,
    enableRDMA: false,
    enableSecondaryNetwork: false,
    status: statusOf(view, dialect),
    enforceIdleTimeOut: request.idleTimeoutMs !== null,
    idleTimeOutDuration: request.idleTimeoutMs === null ? "" : formatDuration(request.idleTimeoutMs),
  }
}

/** `Successful` is what upstream stores and sends; its document and ours say Provisioned (reference/egs.md 2.3). */
const stateNames: Readonly<Record<GpuRequestState, Gpr["status"]["provisioningStatus"]>> = {
  queued: "Queued",
  provisioned: "Provisioned",
  complete: "Complete",
  early_released: "EarlyReleased",
  timed_out: "TimedOut",
  error: "Error",
  // It is shown nowhere.
  cancelled: "Complete",
}

function statusOf({ request, cost }: GpuRequestView, dialect: EgsDialect): Gpr["status"] {
  const { state } = request
  const isUpstream = dialect === "upstream"
  const isQueued = state === "queued"
  const isProvisioned = state === "provisioned"
  // Upstream clears the start of what has ended.
  const startedAtMs = isQueued || (isUpstream && !isProvisioned) ? null : request.startedAtMs
  return {
    provisioningStatus: isUpstream && isProvisioned ? "Successful" : stateNames[state],
    failureReason: request.failureReason,
    numGpusAllocated: isProvisioned ? request.wish.gpusPerNode * request.wish.nodes : 0,
    startTimestamp: formatInstant(startedAtMs),
    completionTimestamp: formatInstant(request.endedAtMs),
    cost: isQueued || cost === null ? "" : formatMicros(cost.micros),
    nodes: isQueued ? null : request.nodes.map(({ name }) => name),
    internalState: internalStateOf(request, isUpstream),
    retryCount: request.retries,
    delayedCount: 0,
  }
}

function internalStateOf({ state }: GpuRequest, isUpstream: boolean): string {
  if (state === "queued") return isUpstream ? "" : "Queued"
  return state === "provisioned" ? "Reserved" : "Released"
}

/** While it waits by the plan of this moment, then the last one that was given. */
function estimatedStartMs({ request, slot }: GpuRequestView): number | null {
  if (request.state === "queued") return slot?.startMs ?? null
  return request.estimate?.startMs ?? request.startedAtMs
}

function clusterOf({ request, slot }: GpuRequestView): string {
  const held = request.state === "queued" ? undefined : request.nodes[0]?.clusterId
  return held ?? slot?.clusterId ?? request.wish.clusters[0] ?? ""
}

function waitText(waitMs: number | null, dialect: EgsDialect): string {
  if (waitMs !== null) return formatDuration(waitMs)
  return dialect === "upstream" ? "0h0m0s" : ""
}

/** What kind of node a wish would get. */
export interface ChosenShape {
  readonly instanceType: string
  readonly gpuModel: string | null
}

/**
 * An estimate: what was asked for, then what would start sooner.
 * @param chosen of the nodes that it would get; null = it does not matter, or is not to be seen
 */
export function mapWaitTime(
  wanted: DecodedGpr,
  estimate: GpuEstimate,
  chosen: ChosenShape | null,
  dialect: EgsDialect,
): WaitTime {
  const asked: WaitTimeCandidate = {
    clusterName: estimate.clusterId ?? wanted.clusterNames?.[0] ?? "",
    instanceType: wanted.instanceType ?? chosen?.instanceType ?? "",
    gpuShape: wanted.gpuShape ?? chosen?.gpuModel ?? "",
    memoryPerGpu: wanted.memoryPerGPU ?? 0,
    numberOfGPUs: wanted.numberOfGPUs,
    numberOfGPUNodes: wanted.numberOfGPUNodes,
    exitDuration: formatDuration(wanted.exitDurationMs),
    estimatedWaitTime: waitText(estimate.waitMs, dialect),
    estimatedStartTime: formatInstant(estimate.startMs),
  }
  const others = estimate.alternatives.map((other): WaitTimeCandidate => ({
    clusterName: other.clusterId,
    instanceType: other.instanceType,
    gpuShape: other.gpuModel,
    memoryPerGpu: other.memoryGibPerGpu,
    numberOfGPUs: other.gpusPerNode,
    numberOfGPUNodes: other.nodes,
    exitDuration: formatDuration(other.durationMs),
    estimatedWaitTime: waitText(other.waitMs, dialect),
    estimatedStartTime: formatInstant(other.startMs),
  }))
  return { ...asked, items: [asked, ...others] }
}
