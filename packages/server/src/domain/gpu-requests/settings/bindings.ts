import { AppError, type Issue } from "../../../kit/errors.ts"
import { authorize, record, workspaceNotFound, type Principal } from "../../identity/index.ts"
import type { Tx } from "../../journal/index.ts"
import type { GpuSettingsService } from "../commands.ts"
import type { GpuSettingsOptions } from "../options.ts"
import { clusterNotFound, refuseIssues } from "../refusals.ts"
import { templateNotFound } from "./templates.ts"
import type { GpuBinding, GpuTemplate } from "../types.ts"
import { requireActive } from "../../workspaces/index.ts"

type Bindings = Pick<
  GpuSettingsService,
  "bindings" | "binding" | "createBinding" | "updateBinding" | "deleteBinding"
>
type Wanted = Parameters<GpuSettingsService["createBinding"]>[1]
type Row = GpuBinding["clusters"][number]

/** Per cluster: more are nobody's intention. */
const mostTemplates = 100

/** Which templates a workspace uses, one binding each. */
export function createBindings(options: GpuSettingsOptions): Bindings {
  const { index, rows, store, clock } = options

  return {
    async bindings(principal) {
      authorize(principal, "gpu-template.list", { workspaceId: null })
      return index.bindings().filter((binding) => principal.roleIn(binding.workspaceId) !== null)
    },

    async binding(principal, workspaceId) {
      authorize(principal, "gpu-template.list", { workspaceId })
      const binding = index.binding(workspaceId)
      if (!binding) throw bindingNotFound(workspaceId)
      return binding
    },

    async createBinding(principal, wanted) {
      authorize(principal, "gpu-template.write", { workspaceId: wanted.workspaceId })
      checkClusters(options, wanted)
      const nowMs = clock.nowMs()
      return store.tx(async (tx) => {
        if (await rows.binding(tx, wanted.workspaceId)) throw alreadyBound(wanted.workspaceId)
        const binding = { ...(await checked(options, tx, wanted)), createdAtMs: nowMs, version: 1 }
        await rows.insertBinding(tx, binding)
        await tell(tx, principal, binding, "gpu-binding.created", nowMs)
        return binding
      })
    },

    async updateBinding(principal, wanted) {
      authorize(principal, "gpu-template.write", { workspaceId: wanted.workspaceId })
      checkClusters(options, wanted)
      const nowMs = clock.nowMs()
      return store.tx(async (tx) => {
        const before = await requireBinding(options, tx, wanted.workspaceId)
        const { createdAtMs, version } = before
        const after = { ...(await checked(options, tx, wanted)), createdAtMs, version }
        await rows.updateBinding(tx, after)
        await tell(tx, principal, after, "gpu-binding.updated", nowMs)
        return { ...after, version: version + 1 }
      })
    },

    async deleteBinding(principal, workspaceId) {
      authorize(principal, "gpu-template.write", { workspaceId })
      const nowMs = clock.nowMs()
      await store.tx(async (tx) => {
        const before = await requireBinding(options, tx, workspaceId)
        await rows.deleteBinding(tx, workspaceId)
        await tell(tx, principal, before, "gpu-binding.deleted", nowMs)
      })
    },
  }
}

async function requireBinding(
  { rows }: GpuSettingsOptions,
  tx: Tx,
  workspaceId: string,
): Promise<GpuBinding> {
  const binding = await rows.binding(tx, workspaceId)
  if (!binding) throw bindingNotFound(workspaceId)
  return binding
}

/** @throws AppError `invalid` with the issues; `not_found` (cluster) when nothing else is wrong */
function checkClusters({ clusters, workspace }: GpuSettingsOptions, wanted: Wanted): void {
  const own = workspace(wanted.workspaceId)
  if (!own) throw workspaceNotFound(wanted.workspaceId)
  const issues = wanted.clusters.flatMap((row, at) => [
    ...clusterIssues(row, own.clusters, clusters).map((message) => ({
      path: ["clusters", at, "clusterName"],
      message,
    })),
    ...(wanted.clusters.findIndex((other) => other.clusterName === row.clusterName) < at
      ? [{ path: ["clusters", at, "clusterName"], message: `"${row.clusterName}" is named twice` }]
      : []),
    ...templateIssues(row, wanted.enableAutomatic, at),
  ])
  if (wanted.clusters.length === 0)
    issues.push({ path: ["clusters"], message: "must name at least one cluster" })
  refuseIssues("gpu-template-binding", issues)
  const unknown = wanted.clusters.find((row) => !clusters.includes(row.clusterName))
  if (unknown) throw clusterNotFound(unknown.clusterName, clusters)
}

/** One that is not configured is not found: said by the caller. */
function clusterIssues(
  { clusterName }: Row,
  own: readonly string[],
  known: readonly string[],
): readonly string[] {
  if (!known.includes(clusterName) || own.includes(clusterName)) return []
  return [`"${clusterName}" is not a cluster of the workspace; it has: ${own.join(", ")}`]
}

function templateIssues(row: Row, enableAutomatic: boolean, at: number): readonly Issue[] {
  const issues: Issue[] = []
  if (row.defaultTemplate === "" && enableAutomatic)
    issues.push({
      path: ["clusters", at, "defaultTemplate"],
      message: "must be given where requests are filed automatically",
    })
  if (row.templates.length > mostTemplates)
    issues.push({ path: ["clusters", at, "templates"], message: `must be at most ${mostTemplates}` })
  return issues
}

/** What of it is written, after the look at workspace and templates as the transaction sees them. */
async function checked(options: GpuSettingsOptions, tx: Tx, wanted: Wanted): Promise<Wanted> {
  const { workspaceId, enableAutomatic } = wanted
  await requireActive(options.workspaceRow, tx, workspaceId)
  const issues: Issue[] = []
  for (const [at, row] of wanted.clusters.entries()) {
    const names = [...new Set([row.defaultTemplate, ...row.templates])].filter((name) => name !== "")
    for (const name of names) {
      const template = await requireUsable(options, tx, { name, workspaceId })
      if (template.clusterName !== row.clusterName)
        issues.push({
          path: ["clusters", at, name === row.defaultTemplate ? "defaultTemplate" : "templates"],
          message: `"${name}" is a template for cluster ${template.clusterName}`,
        })
    }
  }
  refuseIssues("gpu-template-binding", issues)
  const clusters = wanted.clusters.map(({ clusterName, defaultTemplate, templates }) => ({
    clusterName,
    defaultTemplate,
    templates,
  }))
  return { workspaceId, clusters, enableAutomatic }
}

/** A template of everybody or of the same workspace. @throws AppError `not_found` (resource `gpu-template`) */
async function requireUsable(
  { rows }: GpuSettingsOptions,
  tx: Tx,
  { name, workspaceId }: { readonly name: string; readonly workspaceId: string },
): Promise<GpuTemplate> {
  const template = await rows.template(tx, name)
  const isOurs = template && (template.workspaceId === null || template.workspaceId === workspaceId)
  if (!template || !isOurs) throw templateNotFound(name)
  return template
}

function bindingNotFound(workspaceId: string): AppError {
  return new AppError("not_found", `Workspace ${workspaceId} has no binding of templates.`, {
    resource: "gpu-template-binding",
    name: workspaceId,
  })
}

function alreadyBound(workspaceId: string): AppError {
  return new AppError("already_exists", `Workspace ${workspaceId} has a binding of templates already.`, {
    resource: "gpu-template-binding",
    name: workspaceId,
  })
}

async function tell(
  tx: Tx,
  { actor }: Principal,
  { workspaceId, clusters, enableAutomatic }: GpuBinding,
  event: `gpu-binding.${string}`,
  atMs: number,
): Promise<void> {
  const templates = clusters.map(({ clusterName, defaultTemplate }) => ({ clusterName, defaultTemplate }))
  await record(tx, {
    operation: "gpu-template.write",
    event,
    subject: { kind: "workspace", id: workspaceId },
    workspace: workspaceId,
    actor,
    atMs,
    data: { enableAutomatic, clusters: templates },
  })
}
