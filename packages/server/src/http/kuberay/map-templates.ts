import { ComputeTemplateSchema, type ComputeTemplate as WireTemplate } from "@berth/contract/kuberay"
import { create } from "@bufbuild/protobuf"
import type { ComputeTemplate, NewComputeTemplate } from "../../domain/ray/index.ts"

const usualUnit = "Gi"

/** @param namespace of the path: it is the body's own too */
export function templateFrom(wire: WireTemplate, namespace: string): NewComputeTemplate {
  const { name, cpu, memory, gpu, gpuAccelerator, tolerations, extendedResources } = wire
  return {
    namespace,
    name,
    cpu,
    memory,
    memoryUnit: wire.memoryUnit === "" ? usualUnit : wire.memoryUnit,
    gpu,
    gpuAccelerator,
    tolerations: tolerations.map(({ key, operator, value, effect }) => ({ key, operator, value, effect })),
    extendedResources: { ...extendedResources },
  }
}

export function wireTemplateOf(template: ComputeTemplate): WireTemplate {
  const { namespace, name, cpu, memory, memoryUnit, gpu, gpuAccelerator } = template
  return create(ComputeTemplateSchema, {
    namespace,
    name,
    cpu,
    memory,
    memoryUnit,
    gpu,
    gpuAccelerator,
    tolerations: template.tolerations.map((toleration) => ({ ...toleration })),
    extendedResources: { ...template.extendedResources },
  })
}
