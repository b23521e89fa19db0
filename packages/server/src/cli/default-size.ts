import type { Node } from "@berth/contract/berth"

/** What one pod gets when its size is not said. */
export interface PodSize {
  /** Quantity strings, as the Workload API takes them. */
  readonly cpu: string
  readonly memory: string
}

const mebibyte = 2 ** 20

/**
 * The size of a pod with `gpus` GPUs: its share of CPU and memory per GPU of the nodes that could hold it, the
 * smallest share so that it fits each of them. Without GPUs, or where no node has as many: 1 CPU and 2Gi (each).
 */
export function defaultPodSize(gpus: number, nodes: readonly Node[]): PodSize {
  const able = nodes.filter((node) => gpus > 0 && node.gpus.length >= gpus)
  if (able.length === 0) return { cpu: String(Math.max(1, gpus)), memory: `${2 * Math.max(1, gpus)}Gi` }
  const cpuMilli = Math.min(...able.map((node) => share(node, "cpuMilli", gpus)))
  const memoryBytes = Math.min(...able.map((node) => share(node, "memoryBytes", gpus)))
  return { cpu: renderCpu(cpuMilli), memory: `${Math.max(1, Math.floor(memoryBytes / mebibyte))}Mi` }
}

function share(node: Node, resource: "cpuMilli" | "memoryBytes", gpus: number): number {
  const whole = Math.min(node.physical[resource], node.capacity[resource])
  return Math.floor((whole * gpus) / node.gpus.length)
}

/** Whole cores where there is at least one. */
function renderCpu(milli: number): string {
  return milli >= 1000 ? String(Math.floor(milli / 1000)) : `${Math.max(1, milli)}m`
}
