import type { Principal } from "../identity/index.ts"
import type { Node } from "../inventory/index.ts"
import type { Actor, Page, StoredEvent, Tx } from "../journal/index.ts"
import type { GpuRequestReason, Nearest, Slot } from "./board/board-types.ts"
import type { PriorityBand } from "./states.ts"
import type {
  GpuBinding,
  GpuEndCause,
  GpuRequest,
  GpuRequestState,
  GpuTemplate,
  NodeHold,
  Price,
} from "./types.ts"

/** What somebody asks for. Strings and numbers as a family decoded them; the rules are checked here. */
export interface CreateGpuRequest {
  readonly name: string
  readonly workspaceId: string
  /** In order; null = the workspace's own, in its order. */
  readonly clusters: readonly string[] | null
  /** null = any. */
  readonly instanceType: string | null
  readonly gpuModel: string | null
  readonly memoryGibPerGpu: number | null
  readonly gpusPerNode: number
  readonly nodes: number
  readonly priority: number
  readonly durationMs: number
  /** null = no idle time-out. */
  readonly idleTimeoutMs: number | null
  readonly requeueOnFailure: boolean
  readonly enableEviction: boolean
  readonly multiNode: boolean
}

/** Members that are undefined change nothing. */
export interface ChangeGpuRequest {
  readonly name?: string
  readonly priority?: number
  /** true gives it back, after the other changes. */
  readonly release?: boolean
}

/** A request with what is known of it now. */
export interface GpuRequestView {
  readonly request: GpuRequest
  /** While queued: from the plan in memory; null = cannot be met, or not planned for (paused). */
  readonly slot: Slot | null
  /** When it is likely to start, never later than its slot; null = it has none, or nobody can say. */
  readonly likelyStartMs: number | null
  /** Without the ids of requests that the caller may not see. */
  readonly reasons: readonly GpuRequestReason[]
  /** Cost so far, or in all, in millionths of the currency; null where a GPU of it has no price. */
  readonly cost: { readonly micros: number; readonly currency: string } | null
}

/** Who is in the way of a request, as far as the caller may see. */
export interface GpuRequestExplanation extends GpuRequestView {
  readonly position: number
  readonly ahead: { readonly ids: readonly string[]; readonly count: number }
  /** Sentences, most decisive first, with those in the way named or counted, and until when. */
  readonly sentences: readonly string[]
  /** Holders and blockers by shown id; those of workspaces that the caller may not see are counted. */
  readonly inTheWay: readonly {
    readonly shownId: string
    readonly workspaceId: string
    readonly untilMs: number | null
    readonly nodes: readonly string[]
  }[]
  readonly inTheWayHidden: number
  /** Of what is held: draining nodes with their deadline. */
  readonly holds: readonly NodeHold[]
  readonly moves: readonly StoredEvent[]
}

/** What would happen to a wish. */
export interface GpuEstimate {
  /** `now` it fits now, `later` it waits about so long, `never` it cannot be met. */
  readonly outcome: "now" | "later" | "never"
  readonly startMs: number | null
  readonly waitMs: number | null
  /** When it would be likely to start, never later than `startMs`; null = never, or nobody can say. */
  readonly likelyStartMs: number | null
  readonly clusterId: string | null
  /** Node names that it would get. */
  readonly nodes: readonly string[]
  readonly reason: GpuRequestReason | null
  readonly sentence: string
  readonly nearest: Nearest | null
  /** Other shapes that would start sooner, soonest first, at most 5: smaller ones, other models, other clusters. */
  readonly alternatives: readonly {
    readonly clusterId: string
    readonly instanceType: string
    readonly gpuModel: string
    readonly memoryGibPerGpu: number
    readonly gpusPerNode: number
    readonly nodes: number
    readonly durationMs: number
    readonly startMs: number
    readonly waitMs: number
    /** What is different, as a sentence. */
    readonly sentence: string
  }[]
}

/** How good the estimates of a band were: the promised starts, and the likely ones. */
export interface BandAccuracy extends EstimateErrors {
  readonly band: PriorityBand
  readonly likely: EstimateErrors
}

/** Errors in seconds: what came true minus what was said. */
export interface EstimateErrors {
  /** How many started of those that it was said of. */
  readonly started: number
  readonly medianErrorSeconds: number | null
  readonly p90AbsoluteErrorSeconds: number | null
  /** |error| over the wait that came true; of those that waited at least a minute. */
  readonly medianRelativeError: number | null
  readonly p90RelativeError: number | null
}

/** One bar of the timeline. */
export interface TimelineBar {
  readonly nodeName: string
  readonly clusterId: string
  /** null where the caller may not see whose it is. */
  readonly requestId: string | null
  readonly name: string | null
  readonly workspaceId: string | null
  readonly kind: "past" | "running" | "draining" | "predicted"
  readonly startMs: number
  /** Predicted, for what runs. */
  readonly endMs: number
}

export interface GpuRequestService {
  /** @throws AppError `invalid` with issues, `not_found` (workspace, cluster), `forbidden`, `conflict` (deleting), `too_many` (queue limit) */
  create(principal: Principal, wanted: CreateGpuRequest): Promise<GpuRequest>
  get(principal: Principal, id: string): Promise<GpuRequestView>
  /** All of a workspace but cancelled ones, by shown id; at most 10,000. @throws AppError `not_found` (workspace) */
  listIn(principal: Principal, workspaceId: string): Promise<readonly GpuRequestView[]>
  page(
    principal: Principal,
    filter: { readonly workspaceId?: string; readonly states?: readonly GpuRequestState[] },
    limit: number,
    cursor: string | null,
  ): Promise<Page<GpuRequestView>>
  /** The queue, in its order, as far as the caller may see; at most `limit`. */
  queue(
    principal: Principal,
    limit: number,
  ): Promise<readonly (GpuRequestView & { readonly position: number })[]>
  /** @throws AppError `conflict` (detail: the state; facts `{ state, what }`), `not_found` (resource `gpu-request`) */
  change(principal: Principal, id: string, change: ChangeGpuRequest): Promise<void>
  /** Takes a queued one out. @throws AppError `conflict` (detail: the state) when it is not queued */
  cancel(principal: Principal, id: string): Promise<void>
  release(principal: Principal, id: string): Promise<void>
  /** @throws AppError `conflict` detail `promised` (facts: latestEndMs, delayed) when it would push somebody back; `conflict` (the state) */
  extend(principal: Principal, id: string, byMs: number): Promise<GpuRequest>
  explain(principal: Principal, id: string): Promise<GpuRequestExplanation>
  /** Writes nothing. @throws as `create`, but not `too_many` */
  estimate(
    principal: Principal,
    wanted: Omit<CreateGpuRequest, "name"> & { readonly name?: string },
  ): Promise<GpuEstimate>
  accuracy(principal: Principal): Promise<readonly BandAccuracy[]>
  timeline(
    principal: Principal,
    span: { readonly fromMs: number; readonly toMs: number; readonly workspaceId?: string },
  ): Promise<readonly TimelineBar[]>
  /** GPU nodes with who holds them, as far as the caller may see: managed, then not managed. */
  inventory(principal: Principal): Promise<readonly GpuNodeView[]>
  /** Nodes that the workspace's provisioned requests hold. @throws AppError `not_found` (workspace) */
  inventoryOf(principal: Principal, workspaceId: string): Promise<readonly GpuNodeView[]>
}

export interface GpuNodeView {
  readonly node: Node
  /** GPU requests may get it: no label takes it out, and it is assigned to no workspace. */
  readonly managed: boolean
  /** null = free. With empty ids where the caller may not see whose it is. */
  readonly hold: NodeHold | null
  /** The holder; null when it is free, or the caller may not see it. */
  readonly holder: GpuRequest | null
  /** GPUs of the node that claims use now. */
  readonly gpusInUse: number
}

export interface GpuSettingsService {
  templates(principal: Principal): Promise<readonly GpuTemplate[]>
  template(principal: Principal, name: string): Promise<GpuTemplate>
  createTemplate(
    principal: Principal,
    template: Omit<GpuTemplate, "createdAtMs" | "version">,
  ): Promise<GpuTemplate>
  /** Replaces it. @throws AppError `not_found` (resource `gpu-template`) */
  updateTemplate(
    principal: Principal,
    template: Omit<GpuTemplate, "createdAtMs" | "version" | "workspaceId">,
  ): Promise<GpuTemplate>
  /** @throws AppError `conflict` while a binding names it */
  deleteTemplate(principal: Principal, name: string): Promise<void>
  bindings(principal: Principal): Promise<readonly GpuBinding[]>
  binding(principal: Principal, workspaceId: string): Promise<GpuBinding>
  /** @throws AppError `already_exists` (resource `gpu-template-binding`), `not_found` (workspace, template, cluster) */
  createBinding(
    principal: Principal,
    binding: Omit<GpuBinding, "createdAtMs" | "version">,
  ): Promise<GpuBinding>
  updateBinding(
    principal: Principal,
    binding: Omit<GpuBinding, "createdAtMs" | "version">,
  ): Promise<GpuBinding>
  deleteBinding(principal: Principal, workspaceId: string): Promise<void>
  prices(principal: Principal): Promise<readonly Price[]>
  setPrices(principal: Principal, prices: readonly Price[]): Promise<readonly Price[]>
}

/** The queue's hold on ends: the only function that ends one (DESIGN 4). Implemented by the queue slice. */
export interface HoldEnds {
  /**
   * Ends a provisioned request's hold in the caller's transaction: the row moves on by the cause, its nodes drain, the
   * GPU claims of its workspace on them are told to leave. A cause `node_lost` sends it back to the queue with what is
   * left of its duration where it asked for that.
   * @throws AppError `conflict` (detail: the state) when it is not provisioned
   */
  endHold(
    tx: Tx,
    request: GpuRequest,
    end: {
      readonly cause: GpuEndCause
      readonly reason?: string
      readonly nowMs: number
      readonly actor: Actor
    },
  ): Promise<GpuRequest>
}
