import { AppError, type Issue } from "../../../kit/errors.ts"
import type { JsonObject } from "../../../kit/json.ts"
import { authorize, record, workspaceNotFound, type Principal } from "../../identity/index.ts"
import type { Tx } from "../../journal/index.ts"
import { shapeIssues } from "../checks.ts"
import type { GpuSettingsService } from "../commands.ts"
import type { GpuSettingsOptions } from "../options.ts"
import { clusterNotFound, refuseIssues } from "../refusals.ts"
import type { GpuTemplate } from "../types.ts"
import { requireActive } from "../../workspaces/index.ts"

type Templates = Pick<
  GpuSettingsService,
  "templates" | "template" | "createTemplate" | "updateTemplate" | "deleteTemplate"
>
type Wanted = Parameters<GpuSettingsService["createTemplate"]>[1]

/** Of a workspace, and of those that are nobody's: they are kept in memory and listed without pages. */
export const mostTemplates = 1_000
const namePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

/** Reusable forms of requests. Whoever may see the workspace of one sees it; those of nobody are everybody's to use. */
export function createTemplates(options: GpuSettingsOptions): Templates {
  const { index, rows, store, clock } = options

  /** @throws AppError `not_found` (resource `gpu-template`), `forbidden` */
  async function requireWritable(tx: Tx, principal: Principal, name: string): Promise<GpuTemplate> {
    const row = await rows.template(tx, name)
    if (!row || !maySee(principal, row)) throw templateNotFound(name)
    authorize(principal, "gpu-template.write", { workspaceId: row.workspaceId })
    return row
  }

  return {
    async templates(principal) {
      authorize(principal, "gpu-template.list", { workspaceId: null })
      return index.templates().filter((template) => maySee(principal, template))
    },

    async template(principal, name) {
      authorize(principal, "gpu-template.list", { workspaceId: null })
      return visibleTemplate(options, principal, name)
    },

    async createTemplate(principal, wanted) {
      authorize(principal, "gpu-template.write", { workspaceId: wanted.workspaceId })
      checkTemplate(options, wanted)
      refuseTooMany(index.templates(), wanted.workspaceId)
      const template = { ...pickTemplate(wanted), createdAtMs: clock.nowMs(), version: 1 }
      await store.tx(async (tx) => {
        await requireOwner(options, tx, template)
        if (await rows.template(tx, template.name)) throw nameTaken(template.name)
        await rows.insertTemplate(tx, template)
        await tell(tx, principal, template, "gpu-template.created", template.createdAtMs)
      })
      return template
    },

    async updateTemplate(principal, wanted) {
      const { workspaceId } = visibleTemplate(options, principal, wanted.name)
      authorize(principal, "gpu-template.write", { workspaceId })
      checkTemplate(options, { ...wanted, workspaceId })
      const nowMs = clock.nowMs()
      return store.tx(async (tx) => {
        const before = await requireWritable(tx, principal, wanted.name)
        const { createdAtMs, version } = before
        const after = {
          ...pickTemplate({ ...wanted, workspaceId: before.workspaceId }),
          createdAtMs,
          version,
        }
        await rows.updateTemplate(tx, after)
        await tell(tx, principal, after, "gpu-template.updated", nowMs)
        return { ...after, version: version + 1 }
      })
    },

    async deleteTemplate(principal, name) {
      const nowMs = clock.nowMs()
      await store.tx(async (tx) => {
        const row = await requireWritable(tx, principal, name)
        const users = (await rows.bindings(tx)).filter((binding) =>
          binding.clusters.some(
            (cluster) => cluster.defaultTemplate === name || cluster.templates.includes(name),
          ),
        )
        if (users.length > 0) throw stillBound(name, users.length)
        await rows.deleteTemplate(tx, name)
        await tell(tx, principal, row, "gpu-template.deleted", nowMs)
      })
    },
  }
}

/** From memory, as with keys: those that are made in the same moment may pass together. */
function refuseTooMany(templates: readonly GpuTemplate[], workspaceId: string | null): void {
  const own = templates.filter((template) => template.workspaceId === workspaceId)
  if (own.length < mostTemplates) return
  throw new AppError(
    "too_many",
    `There may be ${mostTemplates} templates of a workspace; delete one first.`,
    {
      resource: "gpu-template",
      detail: "template_limit",
      facts: { limit: mostTemplates },
    },
  )
}

/** From memory. @throws AppError `not_found` (resource `gpu-template`), also for one that the principal may not see */
export function visibleTemplate(
  { index }: Pick<GpuSettingsOptions, "index">,
  principal: Principal,
  name: string,
): GpuTemplate {
  const template = index.template(name)
  if (!template || !maySee(principal, template)) throw templateNotFound(name)
  return template
}

function maySee(principal: Principal, { workspaceId }: Pick<GpuTemplate, "workspaceId">): boolean {
  return workspaceId === null || principal.roleIn(workspaceId) !== null
}

export function templateNotFound(name: string): AppError {
  return new AppError("not_found", `Template ${name} of GPU requests not found.`, {
    resource: "gpu-template",
    name,
  })
}

/**
 * @throws AppError `not_found` (resource `workspace`); `invalid` with the issues; `not_found` (resource `cluster`)
 *   when nothing else is wrong
 */
function checkTemplate(options: GpuSettingsOptions, wanted: Wanted): void {
  const { limits, clusters } = options
  const own = clustersFor(options, wanted.workspaceId)
  refuseIssues("gpu-template", [
    ...nameIssues(wanted.name),
    ...shapeIssues(
      { ...wanted, instanceType: wanted.instanceType || null, gpuModel: wanted.gpuModel || null },
      limits,
    ),
    ...(wanted.enforceIdleTimeout && wanted.idleTimeoutMs === null
      ? [{ path: ["idleTimeoutMs"], message: "must be given where it is enforced" }]
      : []),
    ...(clusters.includes(wanted.clusterName) && !own.includes(wanted.clusterName)
      ? [{ path: ["clusterName"], message: `"${wanted.clusterName}" is not a cluster of the workspace` }]
      : []),
  ])
  if (!clusters.includes(wanted.clusterName)) throw clusterNotFound(wanted.clusterName, clusters)
}

/** @throws AppError `not_found` (resource `workspace`) */
function clustersFor({ clusters, workspace }: GpuSettingsOptions, workspaceId: string | null) {
  if (workspaceId === null) return clusters
  const owner = workspace(workspaceId)
  if (!owner) throw workspaceNotFound(workspaceId)
  return owner.clusters
}

/**
 * Its workspace as the transaction sees it: templates go with theirs, and one that came after that would be nobody's.
 * @throws AppError `not_found` (resource `workspace`); `conflict`, detail `deleting`
 */
async function requireOwner(
  { workspaceRow }: GpuSettingsOptions,
  tx: Tx,
  { workspaceId }: GpuTemplate,
): Promise<void> {
  if (workspaceId === null) return
  await requireActive(workspaceRow, tx, workspaceId)
}

function nameIssues(name: string): readonly Issue[] {
  if (namePattern.test(name)) return []
  const message = "must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit"
  return [{ path: ["name"], message }]
}

/** Nothing that a caller may have put beside the members of a template. */
function pickTemplate(wanted: Wanted): Wanted {
  return {
    name: wanted.name,
    workspaceId: wanted.workspaceId,
    clusterName: wanted.clusterName,
    gpusPerNode: wanted.gpusPerNode,
    nodes: wanted.nodes,
    memoryGibPerGpu: wanted.memoryGibPerGpu,
    gpuModel: wanted.gpuModel,
    instanceType: wanted.instanceType,
    durationMs: wanted.durationMs,
    priority: wanted.priority,
    enforceIdleTimeout: wanted.enforceIdleTimeout,
    idleTimeoutMs: wanted.idleTimeoutMs,
    enableEviction: wanted.enableEviction,
    requeueOnFailure: wanted.requeueOnFailure,
  }
}

function nameTaken(name: string): AppError {
  return new AppError("already_exists", `There is a template ${name} of GPU requests already.`, {
    resource: "gpu-template",
    name,
  })
}

function stillBound(name: string, bindings: number): AppError {
  const users = bindings === 1 ? "a workspace uses it" : `${bindings} workspaces use it`
  return new AppError("conflict", `Template ${name} cannot be deleted: ${users}.`, {
    resource: "gpu-template",
    name,
    detail: "bound",
    facts: { bindings },
  })
}

async function tell(
  tx: Tx,
  { actor }: Principal,
  template: GpuTemplate,
  event: `gpu-template.${string}`,
  atMs: number,
): Promise<void> {
  const { name, clusterName, gpusPerNode, nodes, gpuModel, instanceType, durationMs, priority } = template
  const data: JsonObject = { clusterName, gpusPerNode, nodes, gpuModel, instanceType, durationMs, priority }
  await record(tx, {
    operation: "gpu-template.write",
    event,
    subject: { kind: "gpu-template", id: name },
    workspace: template.workspaceId,
    actor,
    atMs,
    data,
  })
}
