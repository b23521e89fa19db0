import type { Principal } from "../../identity/index.ts"
import { canonicalQuantity } from "../../inventory/index.ts"
import type { NewComputeTemplate, RayName, RayObjects } from "../commands.ts"
import type { ComputeTemplate } from "../templates.ts"
import { requireActive } from "../../workspaces/index.ts"
import { requireSeen, scopeToList, seenBy, workspaceToWrite } from "./access.ts"
import { labelIssues, nameIssues } from "./metadata.ts"
import type { RayConfigOptions } from "./options.ts"
import { alreadyThere, cannotBuild, refuseObject, tooMany } from "./refusals.ts"
import { tellRay } from "./tell.ts"

const resource = "compute-template"
const usualUnit = "Gi"

/** Compute templates: rules and rights. What was made from one keeps what it said. */
export function createRayTemplates(options: RayConfigOptions): RayObjects["templates"] {
  const { store, rows, clock } = options

  async function create(principal: Principal, wanted: NewComputeTemplate): Promise<ComputeTemplate> {
    const workspaceId = workspaceToWrite(options, principal, wanted.namespace, "ray.write")
    const memoryUnit = wanted.memoryUnit === "" ? usualUnit : wanted.memoryUnit
    const template = { ...wanted, memoryUnit, workspaceId, createdAtMs: clock.nowMs() }
    checkTemplate(template)
    await store.tx(async (tx) => {
      await requireActive(options.workspaceRow, tx, workspaceId)
      const own = await rows.templates.list(tx, { workspaceIds: [workspaceId] })
      const { mostTemplates } = options.limits
      if (own.length >= mostTemplates) throw tooMany(workspaceId, "compute templates", mostTemplates)
      if (await rows.entries.get(tx, "configMap", template.namespace, template.name))
        throw alreadyThere(resource, template)
      if (await rows.templates.get(tx, template.namespace, template.name))
        throw alreadyThere(resource, template)
      await rows.templates.insert(tx, template)
      const { cpu, memory, gpu, createdAtMs: atMs } = template
      const data = { cpu, memory: `${memory}${memoryUnit}`, gpu }
      await tellRay(tx, principal, template, { resource, did: "created", operation: "ray.write", atMs, data })
    })
    return template
  }

  async function remove(principal: Principal, at: RayName): Promise<void> {
    const atMs = clock.nowMs()
    await store.tx(async (tx) => {
      const row = await rows.templates.get(tx, at.namespace, at.name)
      const template = requireSeen(principal, "ray.write", row, { resource, at })
      await rows.templates.delete(tx, at.namespace, at.name)
      await tellRay(tx, principal, template, { resource, did: "deleted", operation: "ray.write", atMs })
    })
  }

  return {
    create,
    delete: remove,
    async get(principal, at) {
      const row = await rows.templates.get(store.committed, at.namespace, at.name)
      return requireSeen(principal, "ray.get", row, { resource, at })
    },
    async list(principal, namespace) {
      const scope = scopeToList(options, principal, namespace, "ray.list")
      return scope ? seenBy(principal, "ray.list", await rows.templates.list(store.committed, scope)) : []
    },
  }
}

/** What a node has of it is looked at when something is made from it. */
function checkTemplate({ name, memory, memoryUnit }: ComputeTemplate): void {
  const quantity = `${memory}${memoryUnit}`
  const read = canonicalQuantity(quantity)
  if (!read.ok) throw cannotBuild(resource, name, "memory_quantity", { quantity, fault: read.message })
  refuseObject(resource, name, [...nameIssues(name), ...labelIssues([name])])
}
