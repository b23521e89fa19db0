import type { Branded } from "../../kit/ids.ts"
import type { Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"

export type NodeId = Branded<"NodeId">

/** Amounts of what pods take and nodes have: integers, never floats; equal fits. */
export interface Amounts {
  readonly cpuMilli: number
  readonly memoryBytes: number
  readonly gpus: number
  readonly ephemeralBytes: number
}
export const resourceNames = ["gpu", "cpu", "memory", "ephemeral-storage"] as const
/** The names that reasons and messages use for the four amounts. */
export type ResourceName = (typeof resourceNames)[number]

/** What of a GPU moves from look to look: kept in memory, never written. null = unknown. */
export interface GpuReadings {
  readonly temperatureC: number | null
  readonly powerW: number | null
  /** The most it may draw. */
  readonly powerLimitW: number | null
  /** 0–100: the share of time in which it computed. */
  readonly utilisationPercent: number | null
  readonly memoryUsedBytes: number | null
  /** What the last look found wrong with it, a sentence; "" when nothing. One odd look is no verdict on the node. */
  readonly fault: string
}

/** Of a GPU that was not looked at, or only declared. */
export const noReadings: GpuReadings = {
  temperatureC: null,
  powerW: null,
  powerLimitW: null,
  utilisationPercent: null,
  memoryUsedBytes: null,
  fault: "",
}

export interface Gpu extends GpuReadings {
  /** As the maker's runtime numbers it (NVIDIA: PCI bus order, AMD: the kernel's order), 0-based. */
  readonly index: number
  readonly uuid: string
  readonly memoryBytes: number
  /** A process that is not ours was seen on it: placed last. */
  readonly usedOutside: boolean
}

export interface Taint {
  readonly key: string
  readonly value: string
  readonly effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute"
}

/** What a driver finds out about one machine. */
export interface NodeFacts {
  /** Unique in its cluster; a DNS-1123 label. */
  readonly name: string
  readonly hostIp: string
  readonly instanceType: string
  /** The long name the inventory shows (`NVIDIA-H100-80GB-HBM3`); null without GPUs. */
  readonly gpuModel: string | null
  readonly gpus: readonly Gpu[]
  /** What the hardware has. */
  readonly physical: Amounts
  /** What may be given away: physical × overcommit − reserve. */
  readonly capacity: Amounts
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  /** Declared, not real: `--simulate`. */
  readonly simulated: boolean
  /** Changes when the machine was booted anew. */
  readonly bootId: string
  readonly healthy: boolean
  /** A sentence; empty when healthy. */
  readonly healthMessage: string
}

/** A node as Berth keeps it: the driver's facts and the platform's decisions. */
export interface Node extends NodeFacts {
  readonly id: NodeId // nod_ULID
  readonly clusterId: string
  /** No new pods; running ones stay. */
  readonly cordoned: boolean
  /** Cordoned, and its pods are being moved away. */
  readonly draining: boolean
  /** Statically assigned to this workspace; null = free to be lent or used by `default`. */
  readonly workspaceId: string | null
  /** A claim on it did not end in its grace + 30 s: never given to others until that is over. */
  readonly stuck: boolean
  readonly firstSeenAtMs: number
  readonly lastSeenAtMs: number
  /** Taken out of the inventory; kept for history. */
  readonly removedAtMs: number | null
  readonly version: number
}

/** Where a pod wants to be. All must hold. */
export interface Constraints {
  readonly labels: Readonly<Record<string, string>>
  /** Any of these node names; empty = any node. */
  readonly nodeNames: readonly string[]
  /** Ignore taints. */
  readonly tolerateAll: boolean
  /** Long or short GPU model name, case ignored; null = any. */
  readonly gpuModel: string | null
  /** Only nodes of that cluster, where others of the owner's pods are; absent = any. */
  readonly clusterId?: string
}

export interface InventoryStore {
  /** All nodes that are not removed. */
  nodes(from: Reads): Promise<readonly Node[]>
  /** One that is not removed. */
  node(from: Reads, id: NodeId): Promise<Node | undefined>
  insertNode(tx: Tx, node: Node): Promise<void>
  /** @throws AppError `stale` when the version moved. Writes version + 1. */
  updateNode(tx: Tx, node: Node): Promise<void>
}

export const nodeChanged: Topic<Node> = topic<Node>("node-changed")

/** A set of nodes behind one driver, from the configuration. */
export interface Cluster {
  readonly id: string
  readonly driver: "local" | "fake" | "kubernetes"
}

/** The fingerprint half of a driver (DESIGN 6). */
export interface NodeSource {
  readonly clusterId: string
  /** One look at the machines. Must settle before the signal's deadline. */
  fingerprint(signal: AbortSignal): Promise<readonly NodeFacts[]>
}
