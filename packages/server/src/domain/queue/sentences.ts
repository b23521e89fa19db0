import { formatAmount } from "../inventory/index.ts"
import type { Reason, ReasonCode } from "./types.ts"

/** Who is in the way, as far as the reader may see them. */
export interface InTheWay {
  readonly shown: readonly string[]
  readonly hidden: number
}

/** One sentence for people on why something waits. Pure. */
export function sentenceFor(reason: Reason, inTheWay: InTheWay): string {
  return sentences[reason.code](reason, nameThem(inTheWay))
}

/** Why all queues are paused after a restore, and what to do. */
export function restoredSentence(restoredFromMs: number): string {
  const at = new Date(restoredFromMs).toISOString()
  return `All queues are paused: restored from a backup made at ${at}; \`berth queue resume --all\` goes on.`
}

/** @param who names of who is in the way, or "" */
type Sentence = (reason: Reason, who: string) => string

const sentences: Readonly<Record<ReasonCode, Sentence>> = {
  waiting_for_time: (reason) => `Its start time${instant(reason)} has not come yet.`,
  dependency: (reason) => `It waits for ${list(reason.on ?? [], "other work")} to succeed.`,
  backoff: (reason) => `It is tried again${instant(reason, " at")} after a failure.`,
  queue_paused: (reason) => reason.detail ?? "The queue is paused.",
  blocked_by: (_, who) =>
    `It waits behind ${who || "an entry ahead of it"}, which is short of the same resource.`,
  waiting_for_victims: (reason, who) =>
    `Room is being made for it${on(reason)}${who ? `: ${who} must end first` : ""}.`,
  quota_short: (reason, who) =>
    reason.requestIds
      ? `Every node is lent to a GPU request${on(reason)}${heldBy(who)}${instant(reason, "; the first until")}.`
      : `Not enough is free: ${amounts(reason, "needed", "free in all")}${heldBy(who)}.`,
  no_node_fits: (reason, who) =>
    `No node has enough left: ${amounts(reason, "needed on one node", "free on the best")}${heldBy(who)}.`,
  no_node_matches: (reason) =>
    reason.constrained
      ? "No node, or not enough of them, has the labels or names that were asked for."
      : "Every node has a taint that keeps it away.",
  nodes_unhealthy: (reason) => `The nodes it could use are not healthy${on(reason)}.`,
  cordoned: (reason) => `The nodes it could use are cordoned${on(reason)}.`,
  draining: (reason) => `The nodes it could use are being drained${on(reason)}.`,
  cannot_be_met: (reason) =>
    `The workspace's nodes cannot hold it even when nothing else runs: ${amounts(reason, "needed", "there at most")}${reason.resource === "gpu" ? "; a GPU request for as much brings it nodes" : ""}.`,
  no_reservation: () =>
    "The workspace holds no GPU nodes, and no GPU request of it waits: ask with `berth gpus get`.",
  workspace_busy: (reason, who) =>
    `The workspace's GPU request${who ? ` ${who}` : ""} ends before it would${instant(reason, ", at")}; give it a shorter time-out.`,
  reservation_pending: (reason, who) =>
    who
      ? `The GPU request ${who} that it waits for is not provisioned yet${instant(reason, "; expected at")}.`
      : `A GPU request will be filed for it${instant(reason, " after")}.`,
  policy_limit: () => "A limit of the workspace's policy is reached.",
  starting: () => "It has its place and is being started.",
  installing: () => "What it runs on is being installed.",
  port_in_use: (reason) => reason.detail ?? "A port that it needs is in use.",
  driver_down: (reason) => reason.detail ?? "The driver of its cluster cannot work now.",
}

function heldBy(who: string): string {
  return who ? `; held by ${who}` : ""
}

function amounts(reason: Reason, needed: string, free: string): string {
  const { resource } = reason
  if (!resource) return "it asks for more than they have"
  const plural = reason.needed === (resource === "cpu" ? 1000 : 1) ? "" : "s"
  const unit = resource === "gpu" ? `GPU${plural}` : resource === "cpu" ? `CPU${plural}` : `of ${resource}`
  const amount = (value: number | undefined) => formatAmount(resource, value ?? 0)
  return `${amount(reason.needed)} ${unit} ${needed}, ${amount(reason.free)} ${free}`
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
