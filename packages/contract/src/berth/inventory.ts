import { Type, type Static } from "typebox"
import { DnsLabel, Exact, Nullable, PageOf, PageQuery, Timestamp } from "../common/index.ts"

/** Amounts of what pods take and nodes have: integers. */
export const Amounts = Type.Object({
  cpuMilli: Type.Integer(),
  memoryBytes: Type.Integer(),
  gpus: Type.Integer(),
  ephemeralStorageBytes: Type.Integer(),
})
export type Amounts = Static<typeof Amounts>

/** A set of nodes behind one driver. */
export const Cluster = Type.Object({
  id: Type.String(),
  driver: Type.Enum(["local", "fake", "kubernetes"]),
  nodes: Type.Integer(),
  healthyNodes: Type.Integer(),
  /** What keeps the driver from working; empty when nothing does. */
  driverMessage: Type.String(),
})
export type Cluster = Static<typeof Cluster>
export const ClusterList = PageOf(Cluster)
export type ClusterList = Static<typeof ClusterList>

export const Gpu = Type.Object({
  /** 0-based, in PCI bus order. */
  index: Type.Integer(),
  uuid: Type.String(),
  memoryBytes: Type.Integer(),
  /** A process that is not Berth's was seen on it. */
  usedOutside: Type.Boolean(),
  temperatureC: Nullable(Type.Number()),
  powerW: Nullable(Type.Number()),
  utilisationPercent: Nullable(Type.Number()),
})
export type Gpu = Static<typeof Gpu>

/** Work that has part of a node, as far as the caller may see it. */
export const NodeHolder = Type.Object({
  workloadId: Type.String(),
  workspaceId: Type.String(),
  /** `releasing`: told to end, still there. */
  state: Type.Enum(["bound", "releasing"]),
  pods: Type.Integer(),
  gpuIndexes: Type.Array(Type.Integer()),
})
export type NodeHolder = Static<typeof NodeHolder>

export const Node = Type.Object({
  id: Type.String(),
  name: Type.String(),
  clusterId: Type.String(),
  hostIp: Type.String(),
  instanceType: Type.String(),
  gpuModel: Nullable(Type.String()),
  gpus: Type.Array(Gpu),
  physical: Amounts,
  /** What may be given away: physical x overcommit - reserve. */
  capacity: Amounts,
  free: Amounts,
  labels: Type.Record(Type.String(), Type.String()),
  taints: Type.Array(
    Type.Object({
      key: Type.String(),
      value: Type.String(),
      effect: Type.Enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    }),
  ),
  /** Declared, not real. */
  simulated: Type.Boolean(),
  healthy: Type.Boolean(),
  /** A sentence; empty when healthy. */
  healthMessage: Type.String(),
  /** No new pods; running ones stay. */
  cordoned: Type.Boolean(),
  /** Cordoned, and its pods are being moved away. */
  draining: Type.Boolean(),
  /** Something on it did not end in its time: lent to nobody until it has. */
  stuck: Type.Boolean(),
  /** The workspace it is statically assigned to. */
  workspaceId: Nullable(Type.String()),
  holders: Type.Array(NodeHolder),
  /** How many more holders there are that the caller may not see. */
  holdersHidden: Type.Integer(),
  firstSeenAt: Timestamp,
  lastSeenAt: Timestamp,
})
export type Node = Static<typeof Node>
export const NodeList = PageOf(Node)
export type NodeList = Static<typeof NodeList>

/** Lists nodes by cluster and name. */
export const NodesQuery = Exact({
  ...PageQuery.properties,
  cluster: Type.Optional(Type.String()),
  workspace: Type.Optional(Type.String()),
})
export type NodesQuery = Static<typeof NodesQuery>

/** Which cluster a node is in; needed only where two clusters have a node of that name. */
export const NodeQuery = Exact({ cluster: Type.Optional(Type.String()) })
export type NodeQuery = Static<typeof NodeQuery>

export const AssignNode = Exact({ workspaceId: DnsLabel })
export type AssignNode = Static<typeof AssignNode>
