import type { Selectable } from "kysely"
import { AppError } from "../kit/errors.ts"
import {
  type GpuBinding,
  type GpuSettingsStore,
  type GpuTemplate,
  type Price,
  gpuBindingChanged,
  gpuTemplateChanged,
  pricesChanged,
} from "../domain/gpu-requests/index.ts"
import type { Tx } from "../domain/journal/index.ts"
import { assertInserted, assertMoved, fromJson, toFlag, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type TemplateRow = Selectable<Database["gpu_template"]>
type BindingRow = Selectable<Database["gpu_binding"]>
type PriceRow = Selectable<Database["gpu_price"]>

const movingTemplateColumns = [
  "workspace_id",
  "cluster_name",
  "gpus_per_node",
  "nodes",
  "memory_gib_per_gpu",
  "gpu_model",
  "instance_type",
  "duration_ms",
  "priority",
  "enforce_idle_timeout",
  "idle_timeout_ms",
  "enable_eviction",
  "requeue_on_failure",
] as const
const templateColumns = ["name", ...movingTemplateColumns, "created_at_ms", "version"] as const
const movingBindingColumns = ["clusters", "enable_automatic"] as const
const bindingColumns = ["workspace_id", ...movingBindingColumns, "created_at_ms", "version"] as const
const priceColumns = ["gpu_model", "instance_type", "micros_per_gpu_hour", "currency"] as const

const selectTemplates = statement<object>("scan")((db) =>
  db.selectFrom("gpu_template").select(templateColumns).orderBy("name"),
)
const selectTemplate = statement<{ name: string }>("primary")((db, p) =>
  db.selectFrom("gpu_template").select(templateColumns).where("name", "=", p("name")),
)
const insertTemplate = statement<TemplateRow>("write")((db, p) =>
  db
    .insertInto("gpu_template")
    .values(slotsOf(p, templateColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateTemplate = statement<TemplateRow>("primary")((db, p) =>
  db
    .updateTable("gpu_template")
    .set((eb) => ({ ...slotsOf(p, movingTemplateColumns), version: eb("version", "+", 1) }))
    .where("name", "=", p("name"))
    .where("version", "=", p("version")),
)
const deleteTemplate = statement<{ name: string }>("primary")((db, p) =>
  db.deleteFrom("gpu_template").where("name", "=", p("name")).returning(templateColumns),
)
/** Few: no index is kept for it. */
const deleteTemplatesOf = statement<{ workspaceId: string }>("scan")((db, p) =>
  db.deleteFrom("gpu_template").where("workspace_id", "=", p("workspaceId")).returning(templateColumns),
)
const selectBindings = statement<object>("scan")((db) =>
  db.selectFrom("gpu_binding").select(bindingColumns).orderBy("workspace_id"),
)
const selectBinding = statement<{ workspaceId: string }>("primary")((db, p) =>
  db.selectFrom("gpu_binding").select(bindingColumns).where("workspace_id", "=", p("workspaceId")),
)
const insertBinding = statement<BindingRow>("write")((db, p) =>
  db
    .insertInto("gpu_binding")
    .values(slotsOf(p, bindingColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateBinding = statement<BindingRow>("primary")((db, p) =>
  db
    .updateTable("gpu_binding")
    .set((eb) => ({ ...slotsOf(p, movingBindingColumns), version: eb("version", "+", 1) }))
    .where("workspace_id", "=", p("workspace_id"))
    .where("version", "=", p("version")),
)
const deleteBinding = statement<{ workspaceId: string }>("primary")((db, p) =>
  db.deleteFrom("gpu_binding").where("workspace_id", "=", p("workspaceId")).returning(bindingColumns),
)
const selectPrices = statement<object>("scan")((db) =>
  db.selectFrom("gpu_price").select(priceColumns).orderBy("gpu_model").orderBy("instance_type"),
)
const deletePrices = statement<object>("scan")((db) => db.deleteFrom("gpu_price"))
const insertPrice = statement<PriceRow>("write")((db, p) =>
  db
    .insertInto("gpu_price")
    .values(slotsOf(p, priceColumns))
    .onConflict((conflict) => conflict.doNothing()),
)

function toTemplate(row: TemplateRow): GpuTemplate {
  return {
    name: row.name,
    workspaceId: row.workspace_id,
    clusterName: row.cluster_name,
    gpusPerNode: row.gpus_per_node,
    nodes: row.nodes,
    memoryGibPerGpu: row.memory_gib_per_gpu,
    gpuModel: row.gpu_model,
    instanceType: row.instance_type,
    durationMs: row.duration_ms,
    priority: row.priority,
    enforceIdleTimeout: row.enforce_idle_timeout === 1,
    idleTimeoutMs: row.idle_timeout_ms,
    enableEviction: row.enable_eviction === 1,
    requeueOnFailure: row.requeue_on_failure === 1,
    createdAtMs: row.created_at_ms,
    version: row.version,
  }
}

function fromTemplate(template: GpuTemplate): TemplateRow {
  return {
    name: template.name,
    workspace_id: template.workspaceId,
    cluster_name: template.clusterName,
    gpus_per_node: template.gpusPerNode,
    nodes: template.nodes,
    memory_gib_per_gpu: template.memoryGibPerGpu,
    gpu_model: template.gpuModel,
    instance_type: template.instanceType,
    duration_ms: template.durationMs,
    priority: template.priority,
    enforce_idle_timeout: toFlag(template.enforceIdleTimeout),
    idle_timeout_ms: template.idleTimeoutMs,
    enable_eviction: toFlag(template.enableEviction),
    requeue_on_failure: toFlag(template.requeueOnFailure),
    created_at_ms: template.createdAtMs,
    version: template.version,
  }
}

function toBinding(row: BindingRow): GpuBinding {
  return {
    workspaceId: row.workspace_id,
    clusters: fromJson(row.clusters),
    enableAutomatic: row.enable_automatic === 1,
    createdAtMs: row.created_at_ms,
    version: row.version,
  }
}

function fromBinding(binding: GpuBinding): BindingRow {
  return {
    workspace_id: binding.workspaceId,
    clusters: toJson(binding.clusters),
    enable_automatic: toFlag(binding.enableAutomatic),
    created_at_ms: binding.createdAtMs,
    version: binding.version,
  }
}

function toPrice(row: PriceRow): Price {
  return {
    gpuModel: row.gpu_model,
    instanceType: row.instance_type,
    microsPerGpuHour: row.micros_per_gpu_hour,
    currency: row.currency,
  }
}

function fromPrice(price: Price): PriceRow {
  return {
    gpu_model: price.gpuModel,
    instance_type: price.instanceType,
    micros_per_gpu_hour: price.microsPerGpuHour,
    currency: price.currency,
  }
}

const templateResource = "gpu-template"
const bindingResource = "gpu-template-binding"

/** Takes a workspace's binding with it, if it has one. */
export async function removeBinding(tx: Tx, workspaceId: string): Promise<boolean> {
  const row = await deleteBinding.get(tx, { workspaceId })
  if (!row) return false
  tx.publish(gpuBindingChanged, { binding: toBinding(row), gone: true })
  return true
}

/** Takes the templates that are a workspace's own with it. */
export async function removeTemplatesOf(tx: Tx, workspaceId: string): Promise<void> {
  for (const row of await deleteTemplatesOf.all(tx, { workspaceId }))
    tx.publish(gpuTemplateChanged, { template: toTemplate(row), gone: true })
}

/** Templates, bindings and prices. What is deleted must be there: `not_found` otherwise. */
export const gpuSettingsStore: GpuSettingsStore = {
  async templates(from) {
    return (await selectTemplates.all(from, {})).map(toTemplate)
  },
  async template(from, name) {
    const row = await selectTemplate.get(from, { name })
    return row && toTemplate(row)
  },
  async insertTemplate(tx, template) {
    assertInserted(await insertTemplate.run(tx, fromTemplate(template)), templateResource, template.name)
    tx.publish(gpuTemplateChanged, { template, gone: false })
  },
  async updateTemplate(tx, template) {
    assertMoved(await updateTemplate.run(tx, fromTemplate(template)), templateResource, template.name)
    const after = { ...template, version: template.version + 1 }
    tx.publish(gpuTemplateChanged, { template: after, gone: false })
  },
  async deleteTemplate(tx, name) {
    const row = await deleteTemplate.get(tx, { name })
    if (!row)
      throw new AppError("not_found", `There is no GPU request template "${name}".`, {
        resource: templateResource,
        name,
      })
    tx.publish(gpuTemplateChanged, { template: toTemplate(row), gone: true })
  },
  async bindings(from) {
    return (await selectBindings.all(from, {})).map(toBinding)
  },
  async binding(from, workspaceId) {
    const row = await selectBinding.get(from, { workspaceId })
    return row && toBinding(row)
  },
  async insertBinding(tx, binding) {
    assertInserted(await insertBinding.run(tx, fromBinding(binding)), bindingResource, binding.workspaceId)
    tx.publish(gpuBindingChanged, { binding, gone: false })
  },
  async updateBinding(tx, binding) {
    assertMoved(await updateBinding.run(tx, fromBinding(binding)), bindingResource, binding.workspaceId)
    const after = { ...binding, version: binding.version + 1 }
    tx.publish(gpuBindingChanged, { binding: after, gone: false })
  },
  async deleteBinding(tx, workspaceId) {
    if (await removeBinding(tx, workspaceId)) return
    throw new AppError("not_found", `The workspace "${workspaceId}" is bound to no templates.`, {
      resource: bindingResource,
      name: workspaceId,
    })
  },
  async prices(from) {
    return (await selectPrices.all(from, {})).map(toPrice)
  },
  async setPrices(tx, prices) {
    await deletePrices.run(tx, {})
    for (const price of prices)
      assertInserted(await insertPrice.run(tx, fromPrice(price)), "price", price.gpuModel)
    tx.publish(pricesChanged, prices)
  },
}
