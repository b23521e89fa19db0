import type { Issue } from "../../kit/errors.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { ChangeGpuRequest, CreateGpuRequest } from "./commands.ts"
import type { GpuRequestLimits } from "./limits.ts"
import { clusterNotFound, refuseIssues } from "./refusals.ts"

const longestName = 253
const mostMemoryGib = 1_000_000
export const highestPriority = 300
export const shortestExtensionMs = 60_000
/**
 * What no name holds: control characters, for names are printed on terminals, and halves of characters, of which a
 * database keeps something else than what is in memory.
 */
export const unprintablePattern = /[\u0000-\u001f\u007f-\u009f\p{Surrogate}]/u

/** What is common to requests and templates. */
export interface Shape {
  readonly gpusPerNode: number
  readonly nodes: number
  readonly memoryGibPerGpu: number | null
  readonly instanceType: string | null
  readonly gpuModel: string | null
  readonly durationMs: number
  readonly idleTimeoutMs: number | null
  readonly priority: number
}

interface Known {
  readonly limits: GpuRequestLimits
  /** The configured clusters. */
  readonly clusters: readonly string[]
  readonly workspace: Workspace
}

/**
 * The clusters that a request may go to, in order, when nothing is wrong with it. Names of instance types and models
 * that nobody has are fine: such a request waits and says so (DESIGN 9.1).
 * @throws AppError `invalid` with all issues, their paths being members of the command; `not_found` (resource
 *   `cluster`) for one that is not configured, when nothing else is wrong
 */
export function checkRequest(
  wanted: Omit<CreateGpuRequest, "name"> & { readonly name?: string },
  known: Known,
): readonly string[] {
  const { clusters, workspace, limits } = known
  const issues = [
    ...(wanted.name === undefined ? [] : nameIssues(wanted.name)),
    ...shapeIssues(wanted, limits),
    ...clusterIssues(wanted.clusters, clusters, workspace),
  ]
  refuseIssues("gpu-request", issues)
  const unknown = wanted.clusters?.find((id) => !clusters.includes(id))
  if (unknown !== undefined) throw clusterNotFound(unknown, clusters)
  return wanted.clusters ?? workspace.clusters
}

/** @throws AppError `invalid` with the issues */
export function checkChange({ name, priority }: ChangeGpuRequest): void {
  refuseIssues("gpu-request", [
    ...(name === undefined ? [] : nameIssues(name)),
    ...(priority === undefined ? [] : priorityIssues(priority)),
  ])
}

/** @throws AppError `invalid` for less than a minute, or more than a request may last at all */
export function checkExtension(byMs: number, { longestDurationMs }: GpuRequestLimits): void {
  if (isWhole(byMs, shortestExtensionMs, longestDurationMs)) return
  const message = `must be a whole number from ${shortestExtensionMs} to ${longestDurationMs}`
  refuseIssues("gpu-request", [{ path: ["byMs"], message }])
}

/** In the order of the wire: counts, length, idle time-out, priority, what it is to run on. */
export function shapeIssues(shape: Shape, limits: GpuRequestLimits): readonly Issue[] {
  const { idleTimeoutMs, memoryGibPerGpu } = shape
  return [
    ...wholeIssues("gpusPerNode", shape.gpusPerNode, 1, limits.mostGpusPerNode),
    ...wholeIssues("nodes", shape.nodes, 1, limits.mostNodes),
    ...wholeIssues("durationMs", shape.durationMs, 1, limits.longestDurationMs),
    ...(idleTimeoutMs === null
      ? []
      : wholeIssues("idleTimeoutMs", idleTimeoutMs, 1, limits.longestIdleTimeoutMs)),
    ...priorityIssues(shape.priority),
    ...(memoryGibPerGpu === null ? [] : wholeIssues("memoryGibPerGpu", memoryGibPerGpu, 0, mostMemoryGib)),
    ...wordIssues("instanceType", shape.instanceType),
    ...wordIssues("gpuModel", shape.gpuModel),
  ]
}

function nameIssues(name: string): readonly Issue[] {
  if (name.trim() !== "" && [...name].length <= longestName && !unprintablePattern.test(name)) return []
  return [{ path: ["name"], message: `must be 1 to ${longestName} characters without control characters` }]
}

function priorityIssues(priority: number): readonly Issue[] {
  return wholeIssues("priority", priority, 0, highestPriority)
}

function wordIssues(member: string, word: string | null): readonly Issue[] {
  if (word === null || (word.trim() !== "" && word.length <= longestName && !unprintablePattern.test(word)))
    return []
  return [{ path: [member], message: `must be 1 to ${longestName} characters without control characters` }]
}

/** One that is not configured is no issue but not found: said by the caller. */
function clusterIssues(
  wanted: readonly string[] | null,
  known: readonly string[],
  workspace: Workspace,
): readonly Issue[] {
  if (wanted === null) return []
  if (wanted.length === 0) return [{ path: ["clusters"], message: "must name at least one cluster" }]
  return wanted.flatMap((id, at) => {
    const path = ["clusters", at]
    if (wanted.indexOf(id) < at) return [{ path, message: `"${id}" is named twice` }]
    if (!known.includes(id) || workspace.clusters.includes(id)) return []
    const own = workspace.clusters.join(", ")
    return [{ path, message: `"${id}" is not a cluster of workspace ${workspace.id}; it has: ${own}` }]
  })
}

function wholeIssues(member: string, value: number, least: number, most: number): readonly Issue[] {
  if (isWhole(value, least, most)) return []
  return [{ path: [member], message: `must be a whole number from ${least} to ${most}` }]
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
