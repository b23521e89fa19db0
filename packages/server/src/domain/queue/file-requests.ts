import type { GpuRequest, GpuRequestId, GpuTemplate, GpuWish } from "../gpu-requests/index.ts"
import { gpuRequestEvent, newRequest, newShownId } from "../gpu-requests/index.ts"
import type { Tx } from "../journal/index.ts"
import { systemActor } from "../journal/index.ts"
import { graceMsOf } from "./evict.ts"
import type { QueueOptions } from "./options.ts"
import type { Claim, Filing } from "./types.ts"

const actor = systemActor("scheduler")
/** Between the time-out of the work and the end of its request, beside the grace. */
const slackMs = 10 * 60_000
/** Workload priorities 0, 1 and 2 file at these (DESIGN 4). */
const filedPriorities = [1, 101, 201] as const

/** The priority of a GPU request that is filed for work of the priority. */
export function filedPriority(priority: number): number {
  return filedPriorities[priority] ?? filedPriorities[0]
}

/** Files the GPU requests of a plan, each in a transaction of its own. */
export async function fileRequests(options: QueueOptions, filings: readonly Filing[]): Promise<number> {
  let filed = 0
  for (const filing of filings) if (await options.store.tx((tx) => file(options, tx, filing))) filed++
  return filed
}

async function file(options: QueueOptions, tx: Tx, filing: Filing): Promise<boolean> {
  const { rows, requests, clock, limits, ids } = options
  const nowMs = clock.nowMs()
  const claim = await rows.byId(tx, filing.claimId)
  if (claim?.state !== "wanted" || claim.version !== filing.version) return false
  const workspace = await options.workspaces.rows.byId(tx, claim.workspaceId)
  if (workspace?.state !== "active") return false
  if ((await requests.queuedIn(tx, workspace.id)) >= limits.mostQueuedPerWorkspace) return false
  const template = options.automaticTemplate(workspace.id, filing.wish.clusters)
  const request = newRequest({
    ...automaticRequest(options, claim, filing.wish, template ?? null, nowMs),
    shownId: newShownId(ids.random),
  })
  await requests.insert(tx, request)
  const data = { automatic: true, workload: claim.owner.shownId, template: template?.name ?? null }
  await tx.emit(gpuRequestEvent(request, "gpu-request.created", actor, nowMs, data))
  return true
}

/** What is asked for in the name of a claim; a template, where its workspace binds one, says how. */
export function automaticRequest(
  options: Pick<QueueOptions, "ids" | "limits" | "workspaces">,
  claim: Claim,
  wish: GpuWish,
  template: GpuTemplate | null,
  nowMs: number,
): Automatic {
  const { stepMs, durationMs, hasEnd } = lengthFor(options, claim, template)
  return {
    id: options.ids.next("gpr") as GpuRequestId,
    name: `auto-${claim.owner.shownId}`,
    workspaceId: claim.workspaceId,
    userId: claim.owner.userId,
    priority: filedPriority(claim.priority),
    durationMs,
    multiNode: wish.nodes > 1,
    automatic: { ownerId: claim.owner.id, ownerShownId: claim.owner.shownId, stepMs, hasEnd },
    createdAtMs: nowMs,
    ...(template ? asTemplate(template, wish) : plainly(wish)),
  }
}

type Automatic = Omit<Parameters<typeof newRequest>[0], "shownId">
type Manner = Pick<Automatic, "wish" | "idleTimeoutMs" | "requeueOnFailure" | "enableEviction">

function plainly(wish: GpuWish): Manner {
  return { wish, idleTimeoutMs: null, requeueOnFailure: false, enableEviction: false }
}

function asTemplate(template: GpuTemplate, wish: GpuWish): Manner & Pick<Automatic, "priority"> {
  const { priority, requeueOnFailure, enableEviction } = template
  const idleTimeoutMs = template.enforceIdleTimeout ? template.idleTimeoutMs : null
  return { wish: wishOf(template, wish), priority, idleTimeoutMs, requeueOnFailure, enableEviction }
}

/** With a time-out its length is that, the grace and ten minutes; else it goes from step to step. */
function lengthFor(
  options: Pick<QueueOptions, "limits" | "workspaces">,
  { runsForMs, workspaceId }: Claim,
  template: GpuTemplate | null,
): { readonly stepMs: number; readonly durationMs: number; readonly hasEnd: boolean } {
  const { automaticStepMs: stepMs, longestDurationMs } = options.limits
  if (template) return { stepMs: 0, durationMs: template.durationMs, hasEnd: true }
  if (runsForMs === null) return { stepMs, durationMs: stepMs, hasEnd: false }
  const durationMs = runsForMs + graceMsOf(options, workspaceId) + slackMs
  return { stepMs, durationMs: Math.min(longestDurationMs, durationMs), hasEnd: true }
}

/** The template says which nodes and how many; the gang still has to fit on them. */
function wishOf(template: GpuTemplate, wish: GpuWish): GpuRequest["wish"] {
  return {
    clusters: [template.clusterName],
    instanceType: template.instanceType === "" ? null : template.instanceType,
    gpuModel: template.gpuModel === "" ? null : template.gpuModel,
    memoryGibPerGpu: template.memoryGibPerGpu,
    gpusPerNode: template.gpusPerNode,
    nodes: template.nodes,
    pods: wish.pods,
  }
}
