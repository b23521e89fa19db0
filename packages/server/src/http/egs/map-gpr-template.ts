import {
  formatDuration,
  type DecodedGprTemplate,
  type DecodedGprTemplateBinding,
  type WireGprTemplate,
  type WireGprTemplateBinding,
  type WrittenGprTemplateBinding,
} from "@berth/contract/egs"
import type { GpuBinding, GpuTemplate } from "../../domain/gpu-requests/index.ts"

/** What somebody writes of a template; whose it is said apart. */
export function toTemplate(
  wanted: DecodedGprTemplate,
): Omit<GpuTemplate, "createdAtMs" | "version" | "workspaceId"> {
  return {
    name: wanted.name,
    clusterName: wanted.clusterName,
    gpusPerNode: wanted.numberOfGPUs,
    nodes: wanted.numberOfGPUNodes,
    memoryGibPerGpu: wanted.memoryPerGpu,
    gpuModel: wanted.gpuShape,
    instanceType: wanted.instanceType,
    durationMs: wanted.exitDurationMs,
    priority: wanted.priority,
    enforceIdleTimeout: wanted.idleTimeOutMs !== null,
    idleTimeoutMs: wanted.idleTimeOutMs,
    enableEviction: wanted.enableEviction,
    requeueOnFailure: wanted.requeueOnFailure,
  }
}

/** A template as this API shows it (reference/egs.md 2.9). */
export function mapTemplate(template: GpuTemplate): WireGprTemplate {
  const { idleTimeoutMs } = template
  return {
    name: template.name,
    clusterName: template.clusterName,
    numberOfGPUs: template.gpusPerNode,
    numberOfGPUNodes: template.nodes,
    memoryPerGpu: template.memoryGibPerGpu ?? 0,
    gpuShape: template.gpuModel,
    instanceType: template.instanceType,
    exitDuration: formatDuration(template.durationMs),
    priority: template.priority,
    enforceIdleTimeOut: template.enforceIdleTimeout,
    enableEviction: template.enableEviction,
    requeueOnFailure: template.requeueOnFailure,
    idleTimeOutDuration: idleTimeoutMs === null ? "" : formatDuration(idleTimeoutMs),
  }
}

/** The domain's words for a binding. */
export function toBinding(wanted: DecodedGprTemplateBinding): Omit<GpuBinding, "createdAtMs" | "version"> {
  return {
    workspaceId: wanted.workspaceName,
    clusters: wanted.clusters.map(({ clusterName, defaultTemplateName, templates }) => ({
      clusterName,
      defaultTemplate: defaultTemplateName,
      templates,
    })),
    enableAutomatic: wanted.enableAutoGPR,
  }
}

/**
 * A binding as this API shows it: strict clients take exactly these members (reference/egs.md 1.7).
 * @param known names of the templates that there are
 */
export function mapBinding(binding: GpuBinding, known: ReadonlySet<string>): WireGprTemplateBinding {
  const statusOf = (template: string) => (known.has(template) ? "Available" : "NotFound")
  return {
    name: binding.workspaceId,
    clusters: binding.clusters.map(({ clusterName, defaultTemplate, templates }) => ({
      clusterName,
      defaultTemplateName: defaultTemplate,
      templates: [...templates],
      defaultTemplateStatus: statusOf(defaultTemplate),
      templateStatus: Object.fromEntries(templates.map((name) => [name, statusOf(name)])),
    })),
    enableAutoGPR: binding.enableAutomatic,
  }
}

/** A binding that was just written, with the workspace's own namespace. */
export function mapWrittenBinding(
  binding: GpuBinding,
  known: ReadonlySet<string>,
): WrittenGprTemplateBinding {
  const { name, clusters, enableAutoGPR } = mapBinding(binding, known)
  return { name, namespace: name, clusters, enableAutoGPR }
}
