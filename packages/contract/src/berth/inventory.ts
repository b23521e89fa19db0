import { Type, type Static } from "typebox"
import {
  Exact,
  Nullable,
  PageOf,
  PageQuery,
  dnsLabel,
  flag,
  int,
  oneOf,
  text,
  timestamp,
} from "../common/index.ts"

/** Amounts of what pods take and nodes have: integers. */
export const Amounts = Type.Object(
  {
    cpuMilli: int("Thousandths of a CPU core."),
    memoryBytes: int("Memory, bytes."),
    gpus: int("Whole GPUs."),
    ephemeralStorageBytes: int("Local storage, bytes."),
  },
  { description: "Amounts of what pods take and nodes have." },
)
export type Amounts = Static<typeof Amounts>

/** A set of nodes behind one driver. */
export const Cluster = Type.Object(
  {
    id: text("Its name in the configuration."),
    driver: oneOf(["local", "fake", "kubernetes"], "What starts pods there."),
    nodes: int("How many nodes it has."),
    healthyNodes: int("How many of them are healthy."),
    driverMessage: text("What keeps the driver from working; empty when nothing does."),
  },
  { description: "A set of nodes behind one driver." },
)
export type Cluster = Static<typeof Cluster>
export const ClusterList = PageOf(Cluster, "Clusters by name.")
export type ClusterList = Static<typeof ClusterList>

export const Gpu = Type.Object(
  {
    index: int("0-based, as the maker's runtime counts: PCI bus order with NVIDIA."),
    uuid: text("The maker's id of it."),
    memoryBytes: int("Its memory, bytes."),
    usedOutside: flag("A process that is not Berth's was seen on it."),
    temperatureC: Nullable(Type.Number(), "Degrees Celsius; null = unknown."),
    powerW: Nullable(Type.Number(), "Watts; null = unknown."),
    powerLimitW: Nullable(Type.Number(), "The most it may draw, watts; null = unknown."),
    utilisationPercent: Nullable(Type.Number(), "0–100; null = unknown."),
    memoryUsedBytes: Nullable(Type.Number(), "Memory in use, bytes; null = unknown."),
    fault: text("What the last look found wrong with it, a sentence; empty when nothing."),
  },
  { description: "One GPU of a node." },
)
export type Gpu = Static<typeof Gpu>

/** Work that has part of a node, as far as the caller may see it. */
export const NodeHolder = Type.Object(
  {
    workloadId: text("The workload."),
    workspaceId: text("Its workspace."),
    state: oneOf(["bound", "releasing"], "`releasing`: told to end, still there."),
    pods: int("How many of its pods are on this node."),
    gpuIndexes: Type.Array(Type.Integer(), { description: "The GPUs of this node that it has." }),
  },
  { description: "Work that has part of a node." },
)
export type NodeHolder = Static<typeof NodeHolder>

/** A GPU request that a node is lent to. */
export const NodeHold = Type.Object(
  {
    requestId: Nullable(Type.String(), "The GPU request; null where the caller may not see whose it is."),
    workspaceId: Nullable(Type.String(), "Its workspace; null likewise."),
    state: oneOf(["held", "draining"], "`draining`: its time is over, and what runs there is being ended."),
    until: timestamp("When it ends, or when all on it must have ended."),
  },
  { description: "A GPU request that has the node." },
)
export type NodeHold = Static<typeof NodeHold>

export const Node = Type.Object(
  {
    id: text("`nod_` and a ULID."),
    name: text("Its name in its cluster."),
    clusterId: text("Its cluster."),
    hostIp: text("Its address."),
    instanceType: text("What kind of machine it is."),
    gpuModel: Nullable(Type.String(), "As the maker's tool names it; null without GPUs."),
    gpus: Type.Array(Gpu, { description: "By index." }),
    physical: Amounts,
    capacity: Type.Object(Amounts.properties, {
      description: "What may be given away: physical x overcommit - reserve.",
    }),
    free: Type.Object(Amounts.properties, { description: "What of the capacity nobody has." }),
    labels: Type.Record(Type.String(), Type.String(), { description: "What `customerLabels` must match." }),
    taints: Type.Array(
      Type.Object({
        key: text("Its key."),
        value: text("Its value; may be empty."),
        effect: oneOf(
          ["NoSchedule", "PreferNoSchedule", "NoExecute"],
          "NoSchedule and NoExecute keep pods away that do not tolerate all taints.",
        ),
      }),
      { description: "What keeps pods away unless they say `isTolerateAll`." },
    ),
    simulated: flag("Declared, not real: its GPUs do nothing."),
    healthy: flag("Pods may be placed on it."),
    healthMessage: text("A sentence; empty when healthy."),
    cordoned: flag("No new pods; running ones stay."),
    draining: flag("Cordoned, and its pods are being moved away."),
    stuck: flag("Something on it did not end in its time: lent to nobody until it has."),
    workspaceId: Nullable(
      Type.String(),
      "The workspace it is statically assigned to; null = free for all that may use it.",
    ),
    hold: Nullable(NodeHold, "What holds its GPUs; null = no GPU request does."),
    holders: Type.Array(NodeHolder, { description: "Work on it that the caller may see." }),
    holdersHidden: int("How many more holders there are that the caller may not see."),
    firstSeenAt: timestamp("When it was first found."),
    lastSeenAt: timestamp("When its driver last reported it."),
  },
  { description: "One machine." },
)
export type Node = Static<typeof Node>
export const NodeList = PageOf(Node, "Nodes by cluster and name.")
export type NodeList = Static<typeof NodeList>

/** Lists nodes by cluster and name. */
export const NodesQuery = Exact({
  ...PageQuery.properties,
  cluster: Type.Optional(text("Only those of this cluster.")),
  workspace: Type.Optional(text("Only those statically assigned to this workspace.")),
})
export type NodesQuery = Static<typeof NodesQuery>

/** Which cluster a node is in; needed only where two clusters have a node of that name. */
export const NodeQuery = Exact({
  cluster: Type.Optional(
    text("Its cluster; needed only where two clusters have a node of that name (400 then)."),
  ),
})
export type NodeQuery = Static<typeof NodeQuery>

export const AssignNode = Exact(
  { workspaceId: dnsLabel("The workspace to assign it to.") },
  "Whom the node is for.",
)
export type AssignNode = Static<typeof AssignNode>
