import type { Store } from "../../journal/index.ts"
import type { Workspace } from "../../workspaces/index.ts"
import type { GpuBinding, GpuTemplate, Price } from "../types.ts"
import { gpuBindingChanged, gpuTemplateChanged, pricesChanged } from "../types.ts"

/** Templates, bindings and prices in memory: who files requests, and who says what one costs, asks here. */
export interface GpuSettingsIndex {
  /** Replaces everything: at boot, from the rows. */
  load(settings: {
    readonly templates: readonly GpuTemplate[]
    readonly bindings: readonly GpuBinding[]
    readonly prices: readonly Price[]
  }): void
  /** Follows the store's topics from now on; returns how to stop. Subscribe before loading. */
  follow(store: Pick<Store, "subscribe">): () => void
  /** By name. */
  templates(): readonly GpuTemplate[]
  template(name: string): GpuTemplate | undefined
  /** By workspace. */
  bindings(): readonly GpuBinding[]
  binding(workspaceId: string): GpuBinding | undefined
  prices(): readonly Price[]
  /** Whether work of the workspace that asks for GPUs files a GPU request by itself: by its policy or its binding. */
  filesRequests(workspaceId: string): boolean
  /**
   * What a request that is filed by itself for the cluster is made from: the default template that the workspace's
   * binding names for it. undefined: from the work alone.
   */
  automaticTemplate(workspaceId: string, clusterName: string): GpuTemplate | undefined
}

/** @param options.workspace in memory; undefined when there is none */
export function createGpuSettingsIndex(options: {
  readonly workspace: (id: string) => Workspace | undefined
}): GpuSettingsIndex {
  const templates = new Map<string, GpuTemplate>()
  const bindings = new Map<string, GpuBinding>()
  let prices: readonly Price[] = []

  return {
    load(settings) {
      templates.clear()
      bindings.clear()
      for (const template of settings.templates) templates.set(template.name, template)
      for (const binding of settings.bindings) bindings.set(binding.workspaceId, binding)
      prices = settings.prices
    },
    follow(store) {
      const stops = [
        store.subscribe(gpuTemplateChanged, ({ template, gone }) =>
          put(templates, template.name, template, gone),
        ),
        store.subscribe(gpuBindingChanged, ({ binding, gone }) =>
          put(bindings, binding.workspaceId, binding, gone),
        ),
        store.subscribe(pricesChanged, (all) => {
          prices = all
        }),
      ]
      return () => stops.forEach((stop) => stop())
    },
    templates: () => ordered(templates),
    template: (name) => templates.get(name),
    bindings: () => ordered(bindings),
    binding: (workspaceId) => bindings.get(workspaceId),
    prices: () => prices,
    filesRequests: (workspaceId) =>
      options.workspace(workspaceId)?.policy.autoGpuRequest === true ||
      bindings.get(workspaceId)?.enableAutomatic === true,
    automaticTemplate(workspaceId, clusterName) {
      const binding = bindings.get(workspaceId)
      if (!binding?.enableAutomatic) return undefined
      const row = binding.clusters.find((cluster) => cluster.clusterName === clusterName)
      return row && templates.get(row.defaultTemplate)
    },
  }
}

function put<T>(map: Map<string, T>, key: string, value: T, gone: boolean): void {
  if (gone) map.delete(key)
  else map.set(key, value)
}

function ordered<T>(map: ReadonlyMap<string, T>): readonly T[] {
  return [...map.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
}
