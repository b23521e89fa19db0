import type { Amounts } from "../inventory/index.ts"
import { parseBytes } from "../inventory/index.ts"
import type { GroupResources } from "./spec.ts"

/** Kubernetes resources that are GPUs of a node's; "" stands for the first. */
const gpuResources: readonly string[] = ["", "nvidia.com/gpu", "amd.com/gpu"]

/**
 * What one pod of a group claims. `gpu` of an accelerator that is no GPU of ours claims none: it is passed to Ray
 * (`customResourcesOf`). More than a number holds is as much as it holds: no node has that.
 */
export function amountsOf({
  cpu,
  memory,
  memoryUnit,
  gpu,
  gpuAccelerator,
  extendedResources,
}: GroupResources): Amounts {
  const bytes = parseBytes(`${memory}${memoryUnit}`)
  const extraGpus = gpuResources.reduce((sum, name) => sum + (extendedResources[name] ?? 0), 0)
  return {
    cpuMilli: atMost(cpu * 1000),
    memoryBytes: bytes.ok ? bytes.value : Number.MAX_SAFE_INTEGER,
    gpus: atMost((isGpu(gpuAccelerator) ? gpu : 0) + extraGpus),
    ephemeralBytes: 0,
  }
}

/**
 * What Ray is told to share out beside CPU, memory and GPUs, by the name of the Kubernetes resource: whole numbers
 * above 0. An extended resource goes before an accelerator of the same name.
 */
export function customResourcesOf(resources: GroupResources): Readonly<Record<string, number>> {
  const { gpu, gpuAccelerator, extendedResources } = resources
  const wanted = [
    ...(isGpu(gpuAccelerator) ? [] : [[gpuAccelerator, gpu] as const]),
    ...Object.entries(extendedResources),
  ]
  return Object.fromEntries(wanted.filter(([name, amount]) => !isGpu(name) && amount > 0))
}

function isGpu(resource: string): boolean {
  return gpuResources.includes(resource)
}

function atMost(amount: number): number {
  return Math.min(amount, Number.MAX_SAFE_INTEGER)
}
