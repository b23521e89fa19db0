import type { GpuRequest, GpuRequestReason } from "@berth/contract/berth"
import { age, count, humanSeconds, inHowLong, parseInstant } from "./human.ts"

/** `2 x 8 H100`: nodes, GPUs of each, model. */
export function shapeText(
  shape: Pick<GpuRequest, "nodes" | "gpusPerNode"> & { readonly gpuModel?: string | null },
): string {
  return `${shape.nodes} x ${shape.gpusPerNode} ${shape.gpuModel ?? "GPU"}`
}

/** What comes next, or came last: `starts in 2h, likely 45m`, `until in 3h12m`, `ended 5m ago`. */
export function whenText(request: GpuRequest, nowMs: number): string {
  const { state, slot, endsAt, endedAt } = request
  if (state === "queued") {
    if (slot !== null) return `${startText(slot.startAt, nowMs)}${likelyText(request, nowMs)}`
    return (request.reasons[0]?.code ?? "not planned yet").replaceAll("_", " ")
  }
  if (state === "provisioned") return `${leftText(endsAt, nowMs)} left`
  return `ended ${age(endedAt, nowMs)} ago`
}

/** `starts now`, `starts in 2h`. */
export function startText(startAt: string, nowMs: number): string {
  const startMs = parseInstant(startAt) ?? nowMs
  return startMs <= nowMs ? "starts now" : `starts in ${humanSeconds((startMs - nowMs) / 1000)}`
}

/** So much earlier it is worth a word. */
const worthSayingMs = 60_000

/** `, likely 45m`; nothing where the likely start is as good as the promised one, or unknown. */
function likelyText(
  { slot, likelyStartAt }: Pick<GpuRequest, "slot" | "likelyStartAt">,
  nowMs: number,
): string {
  const [startMs, likelyMs] = [parseInstant(slot?.startAt), parseInstant(likelyStartAt)]
  if (startMs === null || likelyMs === null || startMs - Math.max(nowMs, likelyMs) < worthSayingMs) return ""
  return likelyMs <= nowMs ? ", likely now" : `, likely ${humanSeconds((likelyMs - nowMs) / 1000)}`
}

/** How long until an instant; `0s` when it has passed. */
function leftText(until: string | null, nowMs: number): string {
  const atMs = parseInstant(until)
  return atMs === null ? "-" : humanSeconds((atMs - nowMs) / 1000)
}

/**
 * `starts now`, or `starts about in 2h (2030-01-01 02:00 UTC)`, with `, likely 45m` behind it where that is known to be
 * sooner; for what has no slot a sentence that says so.
 */
export function estimateText(request: GpuRequest, nowMs: number): string {
  if (request.slot === null) return "starts at an unknown time"
  if ((parseInstant(request.slot.startAt) ?? 0) <= nowMs) return "starts now"
  const likely = likelyText(request, nowMs)
  const start = inHowLong(request.slot.startAt, nowMs)
  return likely === "" ? `starts about ${start}` : `starts at the latest ${start}${likely}`
}

/** A reason in a column: its code and the numbers that make it clear. */
export function gpuReasonText(reason: GpuRequestReason | undefined, nowMs: number): string {
  if (reason === undefined) return ""
  const { code, needed, free, until, detail } = reason
  const amounts = needed === null ? "" : ` (${count(needed, "node")} needed, ${free ?? 0} free)`
  const end = until === null ? "" : `, for ${leftText(until, nowMs)}`
  return `${code.replaceAll("_", " ")}${amounts}${end}${detail === "" ? "" : `: ${detail}`}`
}

/** `2030-01-31 03:00 UTC (3h12m left)`; `-` for no instant. */
export function untilText(instant: string | null, nowMs: number): string {
  const atMs = parseInstant(instant)
  if (atMs === null) return "-"
  const shown = new Date(atMs).toISOString().slice(0, 16).replace("T", " ")
  return `${shown} UTC (${humanSeconds((atMs - nowMs) / 1000)} left)`
}

const mostNamed = 5

/** Names of the nodes that it holds or held, at most five; `show` has all. */
export function nodesText({ heldNodes }: Pick<GpuRequest, "heldNodes">): string {
  const named = heldNodes.slice(0, mostNamed).map((node) => node.name)
  const more = heldNodes.length - named.length
  return `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}
