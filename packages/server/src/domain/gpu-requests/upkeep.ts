import type { NodeId } from "../inventory/index.ts"
import type { GpuRequestLimits } from "./limits.ts"
import type { GpuEndCause, GpuRequest, NodeHold } from "./types.ts"

/** What is known of a live request besides its row. */
export interface UpkeepFacts {
  readonly nowMs: number
  readonly limits: Pick<GpuRequestLimits, "warnBeforeEndMs" | "nodeLostAfterMs">
  /** Between TERM and KILL in its workspace. */
  readonly graceMs: number
  readonly holds: readonly NodeHold[]
  /** Work with GPUs of its workspace is on its nodes, or still leaving them. */
  readonly isWorking: boolean
  /** Its GPUs are used: by what the driver measured, else by there being such work. */
  readonly isUsed: boolean
  /** When that was last so; only where it is not. */
  readonly lastUsedMs: number | null
  /** Of an automatic one: its work wants a place. */
  readonly isWanted: boolean
  /** Of an automatic one that waits: what its work's priority files at now. */
  readonly priority: number | null
  /** Nodes of it that are not healthy, since when, and why; removed ones since for ever. */
  readonly lost: readonly { readonly nodeId: NodeId; readonly sinceMs: number; readonly reason: string }[]
  readonly isWorkspaceDeleting: boolean
  /** For which end the warning was given. */
  readonly warnedOfEndMs: number | null
}

/** What has to be done about a request now. */
export type Duty =
  | { readonly kind: "cancel"; readonly cause: GpuEndCause }
  | { readonly kind: "priority"; readonly priority: number }
  | { readonly kind: "end"; readonly cause: GpuEndCause }
  /** A healthy node in its place, else it ends. */
  | { readonly kind: "replace"; readonly nodeId: NodeId; readonly reason: string }
  | { readonly kind: "drain" }
  | { readonly kind: "warn"; readonly endsAtMs: number }
  /** Longer by a step, where that pushes back nobody. */
  | { readonly kind: "extend"; readonly endsAtMs: number }
  | { readonly kind: "used" }
  | { readonly kind: "unused"; readonly sinceMs: number }

export interface Upkeep {
  /** In the order in which they are to be done; an end or a cancel is the only one. */
  readonly duties: readonly Duty[]
  /** When to look again if nothing happens; null = only when something does. */
  readonly nextMs: number | null
}

/**
 * What follows from the clock and from what happened to a request (reference/egs.md 2.4; DESIGN 4, Ends). Pure: the
 * same facts give the same duties, however often they are asked for.
 */
export function upkeepOf(request: GpuRequest, facts: UpkeepFacts): Upkeep {
  if (request.state === "queued") return upkeepOfQueued(request, facts)
  if (request.state !== "provisioned") return { duties: [], nextMs: null }
  const cause = endCauseOf(request, facts)
  if (cause) return { duties: [{ kind: "end", cause }], nextMs: null }
  const watches = [usage, lostNodes, extension, drain, warning].map((watch) => watch(request, facts))
  const endsAtMs = request.endsAtMs ?? facts.nowMs
  const instants = [endsAtMs, ...watches.flatMap(({ nextMs }) => nextMs ?? [])]
  return { duties: watches.flatMap(({ duties }) => duties), nextMs: Math.min(...instants) }
}

function upkeepOfQueued(request: GpuRequest, facts: UpkeepFacts): Upkeep {
  const cancel = (cause: GpuEndCause): Upkeep => ({ duties: [{ kind: "cancel", cause }], nextMs: null })
  if (facts.isWorkspaceDeleting) return cancel("workspace_deleted")
  if (!request.automatic) return nothing
  if (!facts.isWanted) return cancel("work_over")
  const { priority } = facts
  // a template says its own priority, and has no steps
  if (priority === null || priority === request.priority || request.automatic.stepMs === 0) return nothing
  return { duties: [{ kind: "priority", priority }], nextMs: null }
}

const nothing: Upkeep = { duties: [], nextMs: null }

function endCauseOf(request: GpuRequest, facts: UpkeepFacts): GpuEndCause | undefined {
  const { nowMs } = facts
  if (facts.isWorkspaceDeleting) return "workspace_deleted"
  if ((request.endsAtMs ?? nowMs) <= nowMs) return "duration"
  if (request.automatic && !facts.isWorking && !facts.isWanted) return "work_over"
  const idleEndMs = idleEndOf(request, facts)
  return idleEndMs !== null && idleEndMs <= nowMs ? "idle" : undefined
}

/** Since when it is idle, by row or by what is known now. */
function idleSinceOf(request: GpuRequest, { isUsed, lastUsedMs, nowMs }: UpkeepFacts): number | null {
  if (isUsed) return null
  return request.idleSinceMs ?? Math.max(request.startedAtMs ?? nowMs, lastUsedMs ?? nowMs)
}

function idleEndOf(request: GpuRequest, facts: UpkeepFacts): number | null {
  const sinceMs = idleSinceOf(request, facts)
  return request.idleTimeoutMs === null || sinceMs === null ? null : sinceMs + request.idleTimeoutMs
}

/** Use and idleness are written when they change, so that they outlive a restart. */
function usage(request: GpuRequest, facts: UpkeepFacts): Upkeep {
  const sinceMs = idleSinceOf(request, facts)
  const nextMs = idleEndOf(request, facts)
  if (sinceMs === null) return { duties: request.idleSinceMs === null ? [] : [{ kind: "used" }], nextMs }
  return { duties: request.idleSinceMs === null ? [{ kind: "unused", sinceMs }] : [], nextMs }
}

function lostNodes(_request: GpuRequest, { lost, limits, nowMs }: UpkeepFacts): Upkeep {
  const due = lost.filter(({ sinceMs }) => sinceMs + limits.nodeLostAfterMs <= nowMs)
  const later = lost.filter((node) => !due.includes(node))
  return {
    duties: due.map(({ nodeId, reason }) => ({ kind: "replace", nodeId, reason })),
    nextMs: earliest(later.map(({ sinceMs }) => sinceMs + limits.nodeLostAfterMs)),
  }
}

/** Tries at an extension that was refused: often enough to take what becomes free. */
const triesPerStep = 24

/** The least time before its end at which a request is made longer. */
const leastAheadMs = 60_000

/**
 * An automatic request is extended by a step half a step before its end (with a time-out: just before the warning), for
 * as long as there is work on it: most work is over by then, and who waits is told an end that is near.
 */
function extension(request: GpuRequest, facts: UpkeepFacts): Upkeep {
  const { automatic, endsAtMs } = request
  if (!automatic || automatic.stepMs === 0 || endsAtMs === null || !facts.isWorking) return nothing
  const { limits, graceMs } = facts
  const aheadMs = automatic.hasEnd
    ? Math.max(2 * limits.warnBeforeEndMs, graceMs + leastAheadMs)
    : Math.ceil(automatic.stepMs / 2)
  if (endsAtMs - aheadMs > facts.nowMs) return { duties: [], nextMs: endsAtMs - aheadMs }
  const againMs = facts.nowMs + Math.ceil(aheadMs / triesPerStep)
  return { duties: [{ kind: "extend", endsAtMs: endsAtMs + automatic.stepMs }], nextMs: againMs }
}

/** Its work leaves before the end, so that the nodes are free at the end; never more than half of its time. */
function drain(request: GpuRequest, { graceMs, holds, nowMs }: UpkeepFacts): Upkeep {
  const { endsAtMs, startedAtMs } = request
  if (endsAtMs === null || startedAtMs === null || !holds.some((hold) => hold.state === "held"))
    return nothing
  const atMs = endsAtMs - Math.min(graceMs, Math.floor((endsAtMs - startedAtMs) / 2))
  return atMs <= nowMs ? { duties: [{ kind: "drain" }], nextMs: null } : { duties: [], nextMs: atMs }
}

/** Some time before the end; of a short one half way. */
function warning(request: GpuRequest, { limits, nowMs, warnedOfEndMs }: UpkeepFacts): Upkeep {
  const { endsAtMs, startedAtMs } = request
  if (limits.warnBeforeEndMs === 0 || endsAtMs === null || startedAtMs === null) return nothing
  if (warnedOfEndMs === endsAtMs) return nothing
  const atMs = Math.max(endsAtMs - limits.warnBeforeEndMs, startedAtMs + (endsAtMs - startedAtMs) / 2)
  return atMs <= nowMs ? { duties: [{ kind: "warn", endsAtMs }], nextMs: null } : { duties: [], nextMs: atMs }
}

function earliest(instants: readonly number[]): number | null {
  return instants.length === 0 ? null : Math.min(...instants)
}
