import type {
  CreateGpuBinding,
  CreateGpuTemplate,
  GpuBinding as WireBinding,
  GpuBindingList,
  GpuTemplate as WireTemplate,
  GpuTemplateList,
  Price as WirePrice,
  PriceList,
  ReplaceGpuBinding,
  ReplaceGpuTemplate,
  SetPrices,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { GpuBinding, GpuTemplate, Price } from "../../domain/gpu-requests/index.ts"
import type { Services } from "../services.ts"
import { decimalOf, microsOf } from "./decimal.ts"
import { inWireWords } from "./gpu-faults.ts"
import { msOrNull, secondsOf, secondsOrNull } from "./gpu-map.ts"
import { instant } from "./map.ts"
import { createQueryReader, pageOf } from "./query.ts"

/** Templates, bindings and prices of GPU requests; rights and rules are the domain service's. */
export function gpuSettingsHandlers({ gpuSettings }: Services) {
  return {
    async listGpuTemplates(request: FastifyRequest): Promise<GpuTemplateList> {
      const page = pageRequestOf(request)
      const all = await gpuSettings.templates(request.principal)
      return pageOf(all.map(toTemplate), (template) => template.name, page)
    },
    async createGpuTemplate(request: FastifyRequest): Promise<WireTemplate> {
      const { name, workspaceId = null, ...body } = request.body as CreateGpuTemplate
      const made = gpuSettings.createTemplate(request.principal, {
        workspaceId,
        ...fromTemplate(name, body),
      })
      return toTemplate(await inWireWords(made))
    },
    async getGpuTemplate(request: FastifyRequest): Promise<WireTemplate> {
      return toTemplate(await gpuSettings.template(request.principal, templateOf(request)))
    },
    async replaceGpuTemplate(request: FastifyRequest): Promise<WireTemplate> {
      const wanted = fromTemplate(templateOf(request), request.body as ReplaceGpuTemplate)
      return toTemplate(await inWireWords(gpuSettings.updateTemplate(request.principal, wanted)))
    },
    async deleteGpuTemplate(request: FastifyRequest): Promise<void> {
      await gpuSettings.deleteTemplate(request.principal, templateOf(request))
    },
    async listPrices(request: FastifyRequest): Promise<PriceList> {
      return { items: (await gpuSettings.prices(request.principal)).map(toPrice) }
    },
    async setPrices(request: FastifyRequest): Promise<PriceList> {
      const { items } = request.body as SetPrices
      const set = await inWireWords(gpuSettings.setPrices(request.principal, items.map(fromPrice)))
      return { items: set.map(toPrice) }
    },
    ...bindingHandlers(gpuSettings),
  }
}

function bindingHandlers(gpuSettings: Services["gpuSettings"]) {
  return {
    async listGpuBindings(request: FastifyRequest): Promise<GpuBindingList> {
      const page = pageRequestOf(request)
      const all = await gpuSettings.bindings(request.principal)
      return pageOf(all.map(toBinding), (binding) => binding.workspaceId, page)
    },
    async createGpuBinding(request: FastifyRequest): Promise<WireBinding> {
      const { workspaceId, ...body } = request.body as CreateGpuBinding
      const made = gpuSettings.createBinding(request.principal, fromBinding(workspaceId, body))
      return toBinding(await inWireWords(made))
    },
    async getGpuBinding(request: FastifyRequest): Promise<WireBinding> {
      return toBinding(await gpuSettings.binding(request.principal, workspaceOf(request)))
    },
    async replaceGpuBinding(request: FastifyRequest): Promise<WireBinding> {
      const wanted = fromBinding(workspaceOf(request), request.body as ReplaceGpuBinding)
      return toBinding(await inWireWords(gpuSettings.updateBinding(request.principal, wanted)))
    },
    async deleteGpuBinding(request: FastifyRequest): Promise<void> {
      await gpuSettings.deleteBinding(request.principal, workspaceOf(request))
    },
  }
}

function pageRequestOf(request: FastifyRequest) {
  const query = createQueryReader(request.query, ["limit", "cursor"])
  const page = query.page()
  query.check()
  return page
}

function templateOf(request: FastifyRequest): string {
  return (request.params as { readonly template: string }).template
}

function workspaceOf(request: FastifyRequest): string {
  return (request.params as { readonly id: string }).id
}

/** What the domain writes where nothing is named. */
const anything = ""

function orNull(word: string): string | null {
  return word === anything ? null : word
}

/** Its idle time-out holds as soon as it is said: a second switch for it is another API's. */
function fromTemplate(
  name: string,
  body: ReplaceGpuTemplate,
): Omit<GpuTemplate, "createdAtMs" | "version" | "workspaceId"> {
  const idleTimeoutMs = msOrNull(body.idleTimeoutSeconds ?? null)
  return {
    name,
    clusterName: body.clusterId,
    gpusPerNode: body.gpusPerNode,
    nodes: body.nodes ?? 1,
    memoryGibPerGpu: body.memoryGibPerGpu ?? null,
    gpuModel: body.gpuModel ?? anything,
    instanceType: body.instanceType ?? anything,
    durationMs: body.durationSeconds * 1000,
    priority: body.priority ?? 101,
    enforceIdleTimeout: idleTimeoutMs !== null,
    idleTimeoutMs,
    enableEviction: false,
    requeueOnFailure: body.requeueOnFailure ?? false,
  }
}

function toTemplate(template: GpuTemplate): WireTemplate {
  return {
    name: template.name,
    workspaceId: template.workspaceId,
    clusterId: template.clusterName,
    gpusPerNode: template.gpusPerNode,
    nodes: template.nodes,
    memoryGibPerGpu: template.memoryGibPerGpu,
    gpuModel: orNull(template.gpuModel),
    instanceType: orNull(template.instanceType),
    durationSeconds: secondsOf(template.durationMs),
    priority: template.priority,
    idleTimeoutSeconds: secondsOrNull(template.enforceIdleTimeout ? template.idleTimeoutMs : null),
    requeueOnFailure: template.requeueOnFailure,
    createdAt: instant(template.createdAtMs),
  }
}

function fromBinding(
  workspaceId: string,
  body: ReplaceGpuBinding,
): Omit<GpuBinding, "createdAtMs" | "version"> {
  return {
    workspaceId,
    clusters: body.clusters.map(({ clusterId, defaultTemplate, templates }) => ({
      clusterName: clusterId,
      defaultTemplate: defaultTemplate ?? anything,
      templates,
    })),
    enableAutomatic: body.enableAutomatic ?? false,
  }
}

function toBinding(binding: GpuBinding): WireBinding {
  return {
    workspaceId: binding.workspaceId,
    clusters: binding.clusters.map(({ clusterName, defaultTemplate, templates }) => ({
      clusterId: clusterName,
      defaultTemplate: orNull(defaultTemplate),
      templates: [...templates],
    })),
    enableAutomatic: binding.enableAutomatic,
    createdAt: instant(binding.createdAtMs),
  }
}

function fromPrice(price: SetPrices["items"][number]): Price {
  return {
    gpuModel: price.gpuModel,
    instanceType: price.instanceType ?? anything,
    microsPerGpuHour: microsOf(price.amountPerGpuHour),
    currency: price.currency,
  }
}

function toPrice(price: Price): WirePrice {
  return {
    gpuModel: price.gpuModel,
    instanceType: orNull(price.instanceType),
    amountPerGpuHour: decimalOf(price.microsPerGpuHour),
    currency: price.currency,
  }
}
