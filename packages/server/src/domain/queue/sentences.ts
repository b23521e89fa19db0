import { formatAmount } from "../inventory/index.ts"
import type { Reason } from "./types.ts"

/** Who is in the way, as far as the reader may see them. */
export interface InTheWay {
  readonly shown: readonly string[]
  readonly hidden: number
}

/** One sentence for people on why something waits. Pure; a test per code. */
export function sentenceFor(reason: Reason, inTheWay: InTheWay): string {
  const who = nameThem(inTheWay)
  switch (reason.code) {
    case "waiting_for_time":
      return `Its start time${instant(reason)} has not come yet.`
    case "dependency":
      return `It waits for ${list(reason.on ?? [], "other work")} to succeed.`
    case "backoff":
      return `It is tried again${instant(reason, " at")} after a failure.`
    case "queue_paused":
      return "The queue is paused."
    case "blocked_by":
      return `It waits behind ${who || "an entry ahead of it"}, which is short of the same resource.`
    case "waiting_for_victims":
      return `Room is being made for it${on(reason)}${who ? `: ${who} must end first` : ""}.`
    case "quota_short":
      return `${amounts(reason, "are needed", "are free in all")}${who ? `; held by ${who}` : ""}.`
    case "no_node_fits":
      return `No node has enough left: ${amounts(reason, "are needed on one node", "are free on the best")}${who ? `; held by ${who}` : ""}.`
    case "no_node_matches":
      return reason.constrained
        ? "No node, or not enough of them, has the labels or names that were asked for."
        : "Every node has a taint that keeps it away."
    case "nodes_unhealthy":
      return `The nodes it could use are not healthy${on(reason)}.`
    case "cordoned":
      return `The nodes it could use are cordoned${on(reason)}.`
    case "draining":
      return `The nodes it could use are being drained${on(reason)}.`
    case "cannot_be_met":
      return `The workspace's nodes cannot hold it even when nothing else runs${reason.resource ? `: ${amounts(reason, "are needed", "are there")}` : ""}.`
    default:
      return otherSentence(reason, who)
  }
}

/** Reasons of parts that are not about placing. */
function otherSentence(reason: Reason, who: string): string {
  switch (reason.code) {
    case "no_reservation":
      return "The workspace has no GPU nodes."
    case "workspace_busy":
      return `The workspace's GPU request is in use${who ? ` by ${who}` : ""}.`
    case "reservation_pending":
      return `Its GPU request is not provisioned yet${instant(reason, "; expected at")}.`
    case "policy_limit":
      return "A limit of the workspace's policy is reached."
    case "starting":
      return "It has its place and is being started."
    case "installing":
      return "What it runs on is being installed."
    case "port_in_use":
      return "A port that it needs is in use."
    case "driver_down":
      return "The driver of its cluster cannot work now."
    default:
      return "It waits."
  }
}

function amounts(reason: Reason, needed: string, free: string): string {
  const { resource } = reason
  if (!resource) return "more than there is"
  const unit = resource === "gpu" ? "GPUs" : resource === "cpu" ? "CPUs" : `of ${resource}`
  return `${formatAmount(resource, reason.needed ?? 0)} ${unit} ${needed}, ${formatAmount(resource, reason.free ?? 0)} ${free}`
}

function instant(reason: Reason, before = ""): string {
  return reason.untilMs === undefined ? "" : `${before} ${new Date(reason.untilMs).toISOString()}`
}

function on(reason: Reason): string {
  const nodes = reason.nodes ?? []
  return nodes.length > 0 ? ` (${list(nodes, "")})` : ""
}

function nameThem({ shown, hidden }: InTheWay): string {
  const others = hidden === 0 ? [] : [shown.length > 0 ? `${hidden} more` : `${hidden} of other workspaces`]
  return list([...shown, ...others], "")
}

function list(names: readonly string[], otherwise: string): string {
  if (names.length > 5) return `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`
  return names.length > 0 ? names.join(", ") : otherwise
}
