import type { GpuRequestReason, Nearest } from "../board/board-types.ts"
import type { GpuRequest, GpuRequestState } from "../types.ts"

/** Who is in the way, as far as the reader may see them. */
export interface Blockers {
  /** Shown ids. */
  readonly shown: readonly string[]
  /** How many more there are. */
  readonly hidden: number
}

/** Nobody. */
export const noBlockers: Blockers = { shown: [], hidden: 0 }

/** One sentence for people on why a GPU request waits. Pure. */
export function reasonSentence(reason: GpuRequestReason, blockers: Blockers): string {
  const who = nameThem(blockers)
  switch (reason.code) {
    case "queue_paused":
      return "The queue is paused."
    case "cannot_be_met":
      return [asSentence(reason.detail), ...nearestSentence(reason.nearest)].join(" ")
    case "nodes_unhealthy":
      return `Too few of the nodes it could use are healthy${inBrackets(reason.nodes)}.`
    case "cordoned":
      return `Too few of the nodes it could use take anything new: cordoned${inBrackets(reason.nodes)}.`
    case "draining":
      return `The nodes it could use are being drained${inBrackets(reason.nodes)}.`
    case "workspace_busy":
      return `Its workspace has as many GPU requests as it may${who ? `: ${who}` : ""}, until ${instantText(reason.untilMs)}.`
    case "quota_short":
      return heldSentence(reason, who)
    case "blocked_by":
      return `Nodes are free, but promised to ${who || "a request"} ahead of it, until ${instantText(reason.untilMs)}.`
  }
}

/** What can be said of a request itself: what it holds, how it ended, what it is there for. Pure. */
export function stateSentences(request: GpuRequest): readonly string[] {
  const { automatic } = request
  const purpose = automatic ? [`It was filed for ${automatic.ownerShownId} and ends with it.`] : []
  return [...holdSentences(request), ...purpose]
}

/** [] while it is queued. */
function holdSentences(request: GpuRequest): readonly string[] {
  const { state, endsAtMs, endedAtMs, nodes, failureReason } = request
  if (state === "queued") return []
  const names = listed(nodes.map((node) => node.name))
  if (state === "provisioned") return [`It holds ${names} until ${instantText(endsAtMs)}.`]
  const at = instantText(endedAtMs)
  const why = failureReason === "" ? [] : [asSentence(failureReason)]
  return [`${endWords[state]} at ${at}.`, ...why]
}

const endWords: Readonly<Record<Exclude<GpuRequestState, "queued" | "provisioned">, string>> = {
  complete: "Its time was up",
  early_released: "It was given back before its end",
  timed_out: "It was taken back because nobody used its GPUs",
  error: "It failed",
  cancelled: "It was cancelled",
}

/** `2030-01-01T00:00:00Z`, to the second; "an unknown time" for null. */
export function instantText(atMs: number | null): string {
  if (atMs === null) return "an unknown time"
  return new Date(atMs).toISOString().replace(/\.\d{3}Z$/, "Z")
}

/** A length for people, its two largest units, rounded up to the second: `2 h 10 min`, `45 s`. */
export function lengthText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return "0 s"
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ")
}

/** `1 node`, `3 nodes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`
}

/** At most five of them by name. */
export function listed(names: readonly string[]): string {
  if (names.length > 5) return `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`
  return names.length > 0 ? names.join(", ") : "nothing"
}

function heldSentence(reason: GpuRequestReason & { readonly code: "quota_short" }, who: string): string {
  const { untilMs, nodes } = reason
  const others =
    untilMs === null
      ? "Work that no GPU request holds them for is still on the others"
      : `The others are held${who ? ` by ${who}` : ""} until ${instantText(untilMs)}`
  return `${shortSentence(reason)} ${others}${inBrackets(nodes)}.`
}

function shortSentence({ needed, free }: GpuRequestReason & { readonly code: "quota_short" }): string {
  return `It needs ${counted(needed, "node")}, and ${free === 0 ? "none" : free} of those it could use ${free === 1 ? "is" : "are"} free.`
}

function nearestSentence(nearest: Nearest | null): readonly string[] {
  if (nearest === null) return []
  const { nodes, gpusPerNode, gpuModel, memoryGibPerGpu, instanceType, clusterId } = nearest
  const what = `${counted(nodes, "node")} of ${instanceType} with ${gpusPerNode} x ${gpuModel}`
  return [`Nearest to it: ${what} (${memoryGibPerGpu} GiB per GPU) in cluster ${clusterId}.`]
}

function nameThem({ shown, hidden }: Blockers): string {
  if (hidden === 0) return shown.length > 0 ? listed(shown) : ""
  return shown.length > 0 ? `${listed(shown)} and ${hidden} more` : `${hidden} of other workspaces`
}

function inBrackets(names: readonly string[]): string {
  return names.length > 0 ? ` (${listed(names)})` : ""
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
