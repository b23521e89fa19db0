import { authorize, type Principal } from "../../identity/index.ts"
import type { Node } from "../../inventory/index.ts"
import type { GpuRequestService, TimelineBar } from "../commands.ts"
import { requireWorkspace } from "../create-request.ts"
import type { GpuRequestsOptions } from "../options.ts"
import { refuseIssues } from "../refusals.ts"
import { isLive } from "../states.ts"
import type { GpuRequest, NodeHold } from "../types.ts"

const longestSpanMs = 92 * 86_400_000
const mostBars = 5_000

type Span = Parameters<GpuRequestService["timeline"]>[1]
type Place = Pick<TimelineBar, "nodeName" | "clusterId">

/** See `GpuRequestService.timeline`: what is going on first, then what is to come, then the past, latest first. */
export async function timelineOf(
  options: GpuRequestsOptions,
  principal: Principal,
  span: Span,
): Promise<readonly TimelineBar[]> {
  const { workspaceId } = span
  authorize(principal, "gpu-request.list", { workspaceId: workspaceId ?? null })
  if (workspaceId !== undefined) requireWorkspace(options, workspaceId)
  refuseSpan(span)
  const nowMs = options.clock.nowMs()
  const nodes = new Map(options.nodes().map((node) => [node.id as string, node]))
  const ended = await endedIn(options, span)
  const bars = [
    ...runningBars(options, principal, nodes),
    ...drainingBars(options, principal, nodes, { ended, nowMs }),
    ...predictedBars(options, principal, nodes, nowMs),
    ...ended.flatMap((request) => pastBars(principal, request)),
  ]
  return bars
    .filter(({ of, bar }) => isWithin(bar, span) && (workspaceId === undefined || of === workspaceId))
    .slice(0, mostBars)
    .map(({ bar }) => bar)
    .toSorted(compareBars)
}

/** A bar, and whose it is also where the bar does not say so. */
interface Owned {
  readonly of: string
  readonly bar: TimelineBar
}

function refuseSpan({ fromMs, toMs }: Span): void {
  const isSpan = Number.isSafeInteger(fromMs) && Number.isSafeInteger(toMs) && fromMs < toMs
  if (!isSpan) refuseIssues("gpu-request", [{ path: ["toMs"], message: "must be later than the beginning" }])
  if (toMs - fromMs > longestSpanMs)
    refuseIssues("gpu-request", [{ path: ["toMs"], message: "must be at most 92 days after the beginning" }])
}

/** Latest first. */
async function endedIn({ store, rows }: GpuRequestsOptions, span: Span): Promise<readonly GpuRequest[]> {
  const { fromMs, toMs, workspaceId } = span
  const workspaces = workspaceId === undefined ? null : [workspaceId]
  const found = await rows.heldBetween(store.committed, { workspaces, fromMs, toMs }, mostBars)
  return found
    .filter((request) => !isLive(request) && request.startedAtMs !== null)
    .toSorted((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0))
}

function pastBars(principal: Principal, request: GpuRequest): readonly Owned[] {
  const { startedAtMs, endedAtMs } = request
  if (startedAtMs === null || endedAtMs === null) return []
  const times = { kind: "past", startMs: startedAtMs, endMs: endedAtMs } as const
  return request.nodes.map(({ name, clusterId }) =>
    barOf(principal, request, { nodeName: name, clusterId }, times),
  )
}

function runningBars(
  { board }: GpuRequestsOptions,
  principal: Principal,
  nodes: ReadonlyMap<string, Node>,
): readonly Owned[] {
  const provisioned = board.live().filter((request) => request.state === "provisioned")
  return provisioned.flatMap((request) =>
    board
      .holdsOf(request.id)
      .filter((hold) => hold.state === "held")
      .map((hold) =>
        barOf(principal, request, placeOf(nodes, hold.nodeId), {
          kind: "running",
          startMs: hold.sinceMs,
          endMs: request.endsAtMs ?? hold.untilMs,
        }),
      ),
  )
}

/** Nodes that are being emptied. Their requests have ended, but may have begun before the span. */
function drainingBars(
  { board }: GpuRequestsOptions,
  principal: Principal,
  nodes: ReadonlyMap<string, Node>,
  { ended, nowMs }: { readonly ended: readonly GpuRequest[]; readonly nowMs: number },
): readonly Owned[] {
  const requests = new Map(ended.map((request) => [request.id, request]))
  const draining = [...nodes.values()].flatMap((node) => {
    const hold = board.hold(node.id)
    return hold?.state === "draining" ? [hold] : []
  })
  return draining.map((hold) => {
    const request = board.request(hold.requestId) ?? requests.get(hold.requestId)
    return barOf(principal, request ?? unknownOf(hold), placeOf(nodes, hold.nodeId), {
      kind: "draining",
      startMs: Math.min(nowMs, request?.endedAtMs ?? nowMs),
      endMs: Math.max(nowMs, hold.drainDeadlineMs ?? hold.untilMs),
    })
  })
}

/** All that the hold itself tells. */
function unknownOf({ requestId, workspaceId }: NodeHold): Labels {
  return { shownId: requestId, name: "", workspaceId }
}

function predictedBars(
  { board }: GpuRequestsOptions,
  principal: Principal,
  nodes: ReadonlyMap<string, Node>,
  nowMs: number,
): readonly Owned[] {
  const queued = board.live().filter((request) => request.state === "queued")
  return queued.slice(0, mostBars).flatMap((request) => {
    const slot = board.slot(request.id, nowMs)
    if (!slot) return []
    const times = { kind: "predicted", startMs: slot.startMs, endMs: slot.endMs } as const
    return slot.nodeIds.map((id) => barOf(principal, request, placeOf(nodes, id), times))
  })
}

type Labels = Pick<GpuRequest, "shownId" | "name" | "workspaceId">

/** Whose it is shows only to those who have a role there; that the node is taken shows to all. */
function barOf(
  principal: Principal,
  { shownId, name, workspaceId }: Labels,
  place: Place,
  times: Pick<TimelineBar, "kind" | "startMs" | "endMs">,
): Owned {
  const isVisible = principal.roleIn(workspaceId) !== null
  const labels = isVisible
    ? { requestId: shownId, name, workspaceId }
    : { requestId: null, name: null, workspaceId: null }
  return { of: workspaceId, bar: { ...place, ...labels, ...times } }
}

function placeOf(nodes: ReadonlyMap<string, Node>, id: string): Place {
  const node = nodes.get(id)
  return { nodeName: node?.name ?? id, clusterId: node?.clusterId ?? "" }
}

function isWithin({ startMs, endMs }: TimelineBar, { fromMs, toMs }: Span): boolean {
  return startMs < toMs && endMs > fromMs
}

function compareBars(a: TimelineBar, b: TimelineBar): number {
  if (a.clusterId !== b.clusterId) return a.clusterId < b.clusterId ? -1 : 1
  if (a.nodeName !== b.nodeName) return a.nodeName < b.nodeName ? -1 : 1
  return a.startMs - b.startMs
}
