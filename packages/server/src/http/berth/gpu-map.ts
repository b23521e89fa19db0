import type {
  EstimateGpuRequest,
  GpuEstimate as WireEstimate,
  GpuExplanation,
  GpuRequest as WireRequest,
  GpuRequestReason as WireReason,
  GpuShape,
  TimelineBar as WireBar,
} from "@berth/contract/berth"
import {
  bandOf,
  type CreateGpuRequest,
  type GpuEstimate,
  type GpuRequest,
  type GpuRequestExplanation,
  type GpuRequestReason,
  type GpuRequestView,
  type Nearest,
  type Promised,
  type Slot,
  type TimelineBar,
} from "../../domain/gpu-requests/index.ts"
import type { Services } from "../services.ts"
import { decimalOf } from "./decimal.ts"
import { instant, instantOrNull, toEvent } from "./map.ts"

/** What names are looked up in. */
type Names = Pick<Services, "directory" | "capacity">

/** 101: medium (reference/egs.md 2.5). */
const usualPriority = 101

/** What somebody asks for. Lengths become milliseconds; what is absent gets its default. */
export function fromAsked(body: EstimateGpuRequest): Omit<CreateGpuRequest, "name"> {
  const nodes = body.nodes ?? 1
  return {
    workspaceId: body.workspaceId,
    clusters: body.clusters ?? null,
    instanceType: body.instanceType ?? null,
    gpuModel: body.gpuModel ?? null,
    memoryGibPerGpu: body.memoryGibPerGpu ?? null,
    gpusPerNode: body.gpusPerNode,
    nodes,
    priority: body.priority ?? usualPriority,
    durationMs: body.durationSeconds * 1000,
    idleTimeoutMs: msOrNull(body.idleTimeoutSeconds ?? null),
    requeueOnFailure: body.requeueOnFailure ?? false,
    enableEviction: false,
    multiNode: nodes > 1,
  }
}

/** Milliseconds of seconds, where there are some. */
export function msOrNull(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000
}

/** Whole seconds, rounded up: what is left is never shown as over too early. */
export function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000)
}
export function secondsOrNull(ms: number | null): number | null {
  return ms === null ? null : secondsOf(ms)
}

export function toGpuRequest(names: Names, view: GpuRequestView): WireRequest {
  const { request, slot, reasons, cost } = view
  return {
    ...toWish(request),
    id: request.shownId,
    key: request.id,
    name: request.name,
    workspaceId: request.workspaceId,
    userId: request.userId,
    userName: names.directory.user(request.userId)?.name ?? request.userId,
    state: request.state,
    automatic: toAutomatic(request),
    createdAt: instant(request.createdAtMs),
    startedAt: instantOrNull(request.startedAtMs),
    endsAt: instantOrNull(request.endsAtMs),
    endedAt: instantOrNull(request.endedAtMs),
    cause: request.cause,
    failureReason: request.failureReason,
    retries: request.retries,
    heldNodes: request.nodes.map((node) => ({
      nodeId: node.nodeId,
      name: node.name,
      clusterId: node.clusterId,
      gpus: node.gpus,
      gpuModel: node.gpuModel,
      instanceType: node.instanceType,
    })),
    idleSince: instantOrNull(request.idleSinceMs),
    firstEstimate: toPromised(request.promised),
    estimate: toPromised(request.estimate),
    slot: slot === null ? null : toSlot(names, slot),
    likelyStartAt: instantOrNull(view.likelyStartMs),
    reasons: reasons.map(toGpuReason),
    cost: cost === null ? null : { amount: decimalOf(cost.micros), currency: cost.currency },
  }
}

function toWish(request: GpuRequest) {
  const { wish } = request
  return {
    clusters: [...wish.clusters],
    instanceType: wish.instanceType,
    gpuModel: wish.gpuModel,
    memoryGibPerGpu: wish.memoryGibPerGpu,
    gpusPerNode: wish.gpusPerNode,
    nodes: wish.nodes,
    priority: request.priority,
    band: bandOf(request.priority),
    durationSeconds: secondsOf(request.durationMs),
    remainingSeconds: secondsOrNull(request.remainingMs),
    idleTimeoutSeconds: secondsOrNull(request.idleTimeoutMs),
    requeueOnFailure: request.requeueOnFailure,
  }
}

function toAutomatic({ automatic }: GpuRequest): WireRequest["automatic"] {
  if (automatic === null) return null
  return {
    workloadId: automatic.ownerShownId,
    stepSeconds: secondsOf(automatic.stepMs),
    hasEnd: automatic.hasEnd,
  }
}

function toPromised(promised: Promised | null): WireRequest["estimate"] {
  if (promised === null) return null
  return { startAt: instantOrNull(promised.startMs), madeAt: instant(promised.atMs) }
}

function toSlot({ capacity }: Names, slot: Slot): NonNullable<WireRequest["slot"]> {
  return {
    startAt: instant(slot.startMs),
    endAt: instant(slot.endMs),
    clusterId: slot.clusterId,
    nodes: slot.nodeIds.map((id) => capacity.nodeById(id)?.name ?? id),
  }
}

/** Requests that it is about are counted: which they are is told by `explain`. */
export function toGpuReason(reason: GpuRequestReason): WireReason {
  return {
    code: reason.code,
    requests: "requestIds" in reason ? reason.requestIds.length : 0,
    nodes: "nodes" in reason ? [...reason.nodes] : [],
    needed: "needed" in reason ? reason.needed : null,
    free: "free" in reason ? reason.free : null,
    until: "untilMs" in reason ? instantOrNull(reason.untilMs) : null,
    detail: reason.code === "cannot_be_met" ? reason.detail : "",
    nearest: reason.code === "cannot_be_met" ? toShape(reason.nearest) : null,
  }
}

function toShape(nearest: Nearest | null): GpuShape | null {
  if (nearest === null) return null
  return {
    clusterId: nearest.clusterId,
    instanceType: nearest.instanceType,
    gpuModel: nearest.gpuModel,
    memoryGibPerGpu: nearest.memoryGibPerGpu,
    gpusPerNode: nearest.gpusPerNode,
    nodes: nearest.nodes,
  }
}

export function toGpuExplanation(names: Names, found: GpuRequestExplanation): GpuExplanation {
  return {
    kind: "gpu-request",
    request: toGpuRequest(names, found),
    sentences: [...found.sentences],
    position: found.position,
    ahead: { ids: [...found.ahead.ids], count: found.ahead.count },
    inTheWay: found.inTheWay.map((one) => ({
      id: one.shownId,
      workspaceId: one.workspaceId,
      until: instantOrNull(one.untilMs),
      nodes: [...one.nodes],
    })),
    inTheWayHidden: found.inTheWayHidden,
    holds: found.holds.map((hold) => ({
      nodeId: hold.nodeId,
      name: names.capacity.nodeById(hold.nodeId)?.name ?? hold.nodeId,
      state: hold.state,
      since: instant(hold.sinceMs),
      until: instant(hold.untilMs),
      drainDeadline: instantOrNull(hold.drainDeadlineMs),
    })),
    moves: found.moves.map(toEvent),
  }
}

export function toGpuEstimate(found: GpuEstimate): WireEstimate {
  return {
    outcome: found.outcome,
    startAt: instantOrNull(found.startMs),
    waitSeconds: secondsOrNull(found.waitMs),
    likelyStartAt: instantOrNull(found.likelyStartMs),
    clusterId: found.clusterId,
    nodes: [...found.nodes],
    reason: found.reason === null ? null : toGpuReason(found.reason),
    sentence: found.sentence,
    nearest: toShape(found.nearest),
    alternatives: found.alternatives.map(({ durationMs, startMs, waitMs, sentence, ...shape }) => ({
      clusterId: shape.clusterId,
      instanceType: shape.instanceType,
      gpuModel: shape.gpuModel,
      memoryGibPerGpu: shape.memoryGibPerGpu,
      gpusPerNode: shape.gpusPerNode,
      nodes: shape.nodes,
      durationSeconds: secondsOf(durationMs),
      startAt: instant(startMs),
      waitSeconds: secondsOf(waitMs),
      sentence,
    })),
  }
}

export function toTimelineBar(bar: TimelineBar): WireBar {
  return {
    node: bar.nodeName,
    clusterId: bar.clusterId,
    requestId: bar.requestId,
    name: bar.name,
    workspaceId: bar.workspaceId,
    kind: bar.kind,
    start: instant(bar.startMs),
    end: instant(bar.endMs),
  }
}
