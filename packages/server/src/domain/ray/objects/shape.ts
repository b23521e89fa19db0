import { AppError } from "../../../kit/errors.ts"
import { unconstrained } from "../../inventory/index.ts"
import type { Tx } from "../../journal/index.ts"
import { orderedSets } from "../../queue/index.ts"
import { amountsOf } from "../amounts.ts"
import type { AskedClusterSpec, RayName } from "../commands.ts"
import type { GroupResources, RayClusterSpec } from "../spec.ts"
import type { RayClustersOptions } from "./options.ts"
import { notThere } from "./refusals.ts"

/**
 * What the templates of a shape say, the head's looked up first.
 * @returns gives a template's size by name
 * @throws AppError `not_found` (resource `compute-template`)
 */
export async function lookUpTemplates(
  { rows }: Pick<RayClustersOptions, "rows">,
  tx: Tx,
  namespace: string,
  workspaceId: string,
  asked: AskedClusterSpec,
): Promise<(template: string) => GroupResources> {
  const found = new Map<string, GroupResources>()
  for (const { computeTemplate: name } of [asked.head, ...asked.workers]) {
    const row = found.has(name) ? null : await rows.templates.get(tx, namespace, name)
    if (row === null) continue
    if (row?.workspaceId !== workspaceId) throw notThere("compute-template", { namespace, name })
    const { cpu, memory, memoryUnit, gpu, gpuAccelerator, tolerations, extendedResources } = row
    found.set(name, { cpu, memory, memoryUnit, gpu, gpuAccelerator, tolerations, extendedResources })
  }
  return (name) => {
    const size = found.get(name)
    if (!size) throw notThere("compute-template", { namespace, name })
    return size
  }
}

/**
 * Refuses what the nodes of the workspace's clusters can never hold at once, nothing else running; labels are left
 * out.
 * @throws AppError `insufficient` (facts: the resource that is short)
 */
export function checkRoom(
  { capacity, workspace }: Pick<RayClustersOptions, "capacity" | "workspace">,
  workspaceId: string,
  at: RayName,
  spec: RayClusterSpec,
): void {
  const clusters = workspace(workspaceId)?.clusters ?? []
  const leastOf = (least: number) => Math.max(least, 0)
  const groups = [
    { least: 1, called: "the head", resources: spec.head.resources },
    ...spec.workers.map(({ minReplicas, groupName, resources }) => ({
      least: leastOf(minReplicas),
      called: `the workers ${groupName}`,
      resources,
    })),
  ]
  for (const { least, called, resources } of groups) {
    const room = capacity.couldHold(clusters, amountsOf(resources), unconstrained)
    if (!room.declared || room.pods >= least) continue
    const short = room.short?.resource ?? "room"
    throw new AppError(
      "insufficient",
      `The Ray cluster ${at.name} can never have its place: there is room for ${room.pods} of ${least} pods of ${called}, short of ${short}.`,
      { resource: "ray-cluster", name: at.name, facts: { namespace: at.namespace, short } },
    )
  }
  const sets = groups.map(({ least, resources }) => ({
    pods: least,
    size: amountsOf(resources),
    constraints: unconstrained,
  }))
  const all = capacity.couldHoldAll(clusters, orderedSets(sets))
  if (!all.declared || all.holds) return
  throw new AppError(
    "insufficient",
    `The Ray cluster ${at.name} can never have its place: each group would fit alone, but there is no room for all of them at once.`,
    { resource: "ray-cluster", name: at.name, facts: { namespace: at.namespace, short: "room" } },
  )
}
