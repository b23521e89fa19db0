import { isAmdModel } from "./gpu-models.ts"
import type { Gpu, Node, NodeFacts } from "./types.ts"

const managedLabel = "kubeslice.io/managed-by-egs"
const regionLabel = "topology.kubernetes.io/region"
/** Ours: nodes carry no label of their own for it (Kubernetes keeps it in the scheme of `spec.providerID`). */
const cloudProviderLabel = "berth.dev/cloud-provider"
const mib = 1024 ** 2

/**
 * Whether GPU requests may hold the node: it has GPUs, and no label takes it out (`reference/egs.md 5.2`).
 * Health, cordons and who has it now are not looked at.
 */
export function isManaged(node: Pick<NodeFacts, "gpus" | "labels">): boolean {
  return node.gpus.length > 0 && node.labels[managedLabel]?.trim().toLowerCase() !== "false"
}

/** Where the node's machine is; "" where nobody says. */
export function nodeRegion(node: Pick<NodeFacts, "labels">): string {
  return node.labels[regionLabel] ?? ""
}

/** Whose machine it is (`gcp`, `aws`, …); "" for machines of one's own. */
export function nodeCloudProvider(node: Pick<NodeFacts, "labels">): string {
  return node.labels[cloudProviderLabel] ?? ""
}

/** Whose runtime the GPUs of a node need; `simulated` ones do nothing. */
export type GpuKind = "nvidia" | "amd" | "simulated"

/** What kind a node's GPUs are; of one without GPUs, and of one that is not known, NVIDIA's. */
export function gpuKindOf(node: Pick<NodeFacts, "simulated" | "gpuModel"> | undefined): GpuKind {
  if (node?.simulated) return "simulated"
  return isAmdModel(node?.gpuModel ?? "") ? "amd" : "nvidia"
}

/** Memory of one GPU of the node, whole MiB: the smallest where they differ; 0 without GPUs. */
export function gpuMemoryMib(node: Pick<NodeFacts, "gpus">): number {
  if (node.gpus.length === 0) return 0
  return Math.floor(Math.min(...node.gpus.map((gpu) => gpu.memoryBytes)) / mib)
}

/** The same as requests count it: MiB by 1024, rounded down; 15360 MiB are 15 (`reference/egs.md 5.4`). */
export function gpuMemoryGb(node: Pick<NodeFacts, "gpus">): number {
  return Math.floor(gpuMemoryMib(node) / 1024)
}

/**
 * How busy the busiest GPU is, 0–100. null = unknown: none tells, or some do not and the others are idle,
 * so that nobody takes a node for idle of which only a part was seen.
 */
export function maxUtilisationPercent(gpus: readonly Pick<Gpu, "utilisationPercent">[]): number | null {
  const told = gpus.map((gpu) => gpu.utilisationPercent).filter((percent) => percent !== null)
  if (told.length === 0) return null
  const most = Math.max(...told)
  return most === 0 && told.length < gpus.length ? null : most
}

/** What one look read of a node; told after every look, also when nothing was written. */
export interface NodeReading {
  readonly nodeId: Node["id"]
  readonly atMs: number
  readonly maxUtilisationPercent: number | null
}
