import type { Node } from "@berth/contract/berth"
import { collect } from "@berth/sdk"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { gpuLine, gpuState, gpusToShow } from "../gpu-facts.ts"
import { untilText } from "../gpu-request-facts.ts"
import { humanBytes, humanCpu } from "../human.ts"
import type { Column } from "../output.ts"
import { writeDone, writeFacts, writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

export interface NodesOptions extends CommonOptions {
  readonly cluster?: string
  readonly workspace?: string
}

/** `berth nodes`: the machines, what they have and what is free. */
export async function nodesList(terminal: Terminal, options: NodesOptions): Promise<void> {
  const session = await connect(terminal, options)
  const { cluster, workspace } = options
  const rows = await collect((page) =>
    session.client.berth.nodes({
      ...page,
      ...(cluster === undefined ? {} : { cluster }),
      ...(workspace === undefined ? {} : { workspace }),
    }),
  )
  const isTold = rows.some((node) => gpuState(node) !== "")
  const isHeld = rows.some((node) => node.hold)
  const shown = [
    ...columns,
    ...(isHeld ? [{ title: "HELD BY", cell: (node: Node) => heldText(node, terminal.nowMs()) }] : []),
    ...(isTold ? [{ title: "GPU STATE", cell: gpuState }] : []),
  ]
  await writeList(terminal, session.form, { rows, columns: shown, empty: "There are no nodes." })
}

const columns: readonly Column<Node>[] = [
  { title: "NAME", cell: (node) => node.name },
  { title: "CLUSTER", cell: (node) => node.clusterId },
  { title: "STATE", cell: nodeState },
  { title: "GPUS", cell: gpuText },
  { title: "GPUS FREE", cell: (node) => node.free.gpus, align: "right" },
  {
    title: "CPU FREE",
    cell: (node) => `${humanCpu(node.free.cpuMilli)}/${humanCpu(node.capacity.cpuMilli)}`,
    align: "right",
  },
  {
    title: "MEMORY FREE",
    cell: (node) => `${humanBytes(node.free.memoryBytes)}/${humanBytes(node.capacity.memoryBytes)}`,
    align: "right",
  },
  { title: "WORKSPACE", cell: (node) => node.workspaceId ?? node.hold?.workspaceId ?? "" },
  { title: "WORK", cell: holderText },
]

/** `ready`, or what is not as usual about it, worst first. */
export function nodeState(node: Node): string {
  const states = [
    node.stuck ? "stuck" : "",
    node.healthy ? "" : "unhealthy",
    node.draining ? "draining" : node.cordoned ? "cordoned" : "",
  ].filter((state) => state !== "")
  return `${states.length === 0 ? "ready" : states.join(",")}${node.simulated ? " (simulated)" : ""}`
}

function gpuText(node: Node): string {
  return node.gpus.length === 0 ? "0" : `${node.gpus.length} x ${node.gpuModel ?? "GPU"}`
}

/** Which GPU request has its GPUs, and until when. */
function heldText({ hold }: Node, nowMs: number): string {
  if (!hold) return ""
  const who = hold.requestId ?? "a request of others"
  return `${who}${hold.state === "draining" ? ", draining" : ""} until ${untilText(hold.until, nowMs)}`
}

function holderText(node: Node): string {
  const pods = new Map<string, number>()
  for (const { workloadId } of node.holders) pods.set(workloadId, (pods.get(workloadId) ?? 0) + 1)
  const named = [...pods].slice(0, 3)
  const more = pods.size - named.length + node.holdersHidden
  const texts = named.map(([id, count]) => (count > 1 ? `${id} (${count})` : id))
  return [...texts, ...(more > 0 ? [`+${more}`] : [])].join(" ")
}

/** `berth nodes show`. */
export async function nodeShow(terminal: Terminal, name: string, options: NodesOptions): Promise<void> {
  const session = await connect(terminal, options)
  const node = await session.client.berth.node(name, options.cluster)
  const work = node.holders.map((holder) => {
    const gpus = holder.gpuIndexes.length > 0 ? ` on GPU ${holder.gpuIndexes.join(",")}` : ""
    return `${holder.workloadId}${gpus}${holder.state === "releasing" ? " (ending)" : ""}`
  })
  await writeFacts(terminal, session.form, node, [
    ["name", node.name],
    ["id", node.id],
    ["cluster", node.clusterId],
    ["state", nodeState(node)],
    ["health", node.healthMessage || "healthy"],
    ["address", node.hostIp],
    ["instance", node.instanceType],
    ["GPUs", gpuText(node)],
    ...gpusToShow(node).map((gpu): [string, string] => [`GPU ${gpu.index}`, gpuLine(gpu)]),
    [
      "free",
      `${node.free.gpus} GPUs, ${humanCpu(node.free.cpuMilli)} CPU, ${humanBytes(node.free.memoryBytes)}`,
    ],
    ["workspace", node.workspaceId ?? "none"],
    ["held by", heldText(node, terminal.nowMs()) || "no GPU request"],
    [
      "labels",
      Object.entries(node.labels)
        .map((pair) => pair.join("="))
        .join(" ") || "none",
    ],
    [
      "work",
      [...work, ...(node.holdersHidden > 0 ? [`${node.holdersHidden} of others`] : [])].join(", ") || "none",
    ],
  ])
}

type NodeVerb = "cordon" | "uncordon" | "drain"
const effects: Readonly<Record<NodeVerb, string>> = {
  cordon: "gets no new pods; what runs on it goes on",
  uncordon: "gets pods again",
  drain: "gets no new pods, and what runs on it is stopped and queued again",
}

/** `berth nodes cordon`, `uncordon`, `drain`. */
export async function nodeSwitch(
  terminal: Terminal,
  verb: NodeVerb,
  name: string,
  options: NodesOptions,
): Promise<void> {
  const session = await connect(terminal, options)
  const { berth } = session.client
  const calls = { cordon: berth.cordonNode, uncordon: berth.uncordonNode, drain: berth.drainNode }
  const node = await calls[verb](name, options.cluster)
  await writeDone(terminal, session.form, `${node.name} ${effects[verb]}.`, node)
}

/** `berth nodes assign` (to a workspace) and `unassign` (null). */
export async function nodeAssign(
  terminal: Terminal,
  name: string,
  workspace: string | null,
  options: NodesOptions,
): Promise<void> {
  const session = await connect(terminal, options)
  const node = await session.client.berth.assignNode(name, workspace, options.cluster)
  const sentence =
    workspace === null
      ? `${node.name} belongs to no workspace any more.`
      : `${node.name} belongs to ${workspace}.`
  await writeDone(terminal, session.form, sentence, node)
}
