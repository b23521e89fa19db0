import { AppError } from "../../kit/errors.ts"
import type { GpuPlan, Provision } from "../gpu-requests/index.ts"
import { gpuRequestEvent, holdOf, newRequest, newShownId, provisioned } from "../gpu-requests/index.ts"
import type { Node, NodeId } from "../inventory/index.ts"
import { isManaged, unusable } from "../inventory/index.ts"
import type { Tx } from "../journal/index.ts"
import { systemActor } from "../journal/index.ts"
import type { HoldMoves } from "./commands.ts"
import { automaticRequest } from "./file-requests.ts"
import { heldNode } from "./hold-moves.ts"
import type { QueueOptions } from "./options.ts"
import type { Claim } from "./types.ts"
import { hasGpus } from "./world.ts"

const actor = systemActor("scheduler")
/** A plan that took longer to be written begins when it is. */
const longestWriteMs = 3_000

/** Handing nodes over, one plan at a time; see `HoldMoves.commitProvisions`. */
export function createProvisioner(options: QueueOptions): Pick<HoldMoves, "commitProvisions" | "adoptNodes"> {
  let last: Promise<unknown> = Promise.resolve()

  async function commit(plan: GpuPlan): ReturnType<HoldMoves["commitProvisions"]> {
    const results = await Promise.allSettled(
      plan.provisions.map((provision) =>
        options.store.tx((tx) => provide(options, tx, provision, startOf(plan, options.clock.nowMs()))),
      ),
    )
    const failed = results.find((result) => result.status === "rejected" && !isLost(result.reason))
    if (failed?.status === "rejected") throw failed.reason
    const done = results.filter((result) => result.status === "fulfilled" && result.value).length
    await noteEstimates(options, plan)
    return { provisioned: done, lost: results.length - done }
  }

  return {
    commitProvisions(plan) {
      const result = last.then(() => commit(plan))
      last = result.catch(() => undefined)
      return result
    },
    adoptNodes: () => adoptNodes(options),
  }
}

/** Somebody was faster: the plan is made anew. */
function isLost(error: unknown): boolean {
  return error instanceof AppError && (error.code === "stale" || error.code === "conflict")
}

/**
 * When what was planned begins: at the instant of the plan, although it is written some milliseconds later. Everybody
 * behind is planned on that; a start by the clock would push all of them back a little each time. Never later than
 * now, and of a plan that took longer than a few seconds to write now, so that nobody loses that time.
 */
function startOf({ atMs }: GpuPlan, nowMs: number): number {
  return atMs > nowMs || nowMs - atMs > longestWriteMs ? nowMs : atMs
}

/** @returns whether the plan still held */
async function provide(
  options: QueueOptions,
  tx: Tx,
  provision: Provision,
  startMs: number,
): Promise<boolean> {
  const { requests, clock } = options
  const request = await requests.byId(tx, provision.requestId)
  if (request?.state !== "queued" || request.version !== provision.version) return false
  if (!(await isOpen(options, tx, request.workspaceId))) return false
  const nodes: Node[] = []
  for (const nodeId of provision.nodeIds) {
    const node = await freeNode(options, tx, nodeId)
    if (!node) return false
    nodes.push(node)
  }
  const { place } = provision
  const after = provisioned(request, { nodes: nodes.map(heldNode), place }, startMs)
  for (const node of nodes) await requests.insertHold(tx, holdOf(after, node.id, startMs))
  await requests.update(tx, after, "queued")
  await tx.emit(
    gpuRequestEvent(request, "gpu-request.provisioned", actor, clock.nowMs(), {
      nodes: nodes.map((node) => node.name),
      clusterId: provision.clusterId,
      waitedSeconds: Math.round((startMs - request.createdAtMs) / 1000),
      endsAtMs: after.endsAtMs,
    }),
  )
  return true
}

async function isOpen(options: QueueOptions, tx: Tx, workspaceId: string): Promise<boolean> {
  const workspace = await options.workspaces.rows.byId(tx, workspaceId)
  if (workspace?.state !== "active" || workspace.queuePaused) return false
  return !(await options.rows.control(tx)).paused
}

/** A node that can be handed over now, as the transaction sees it. */
async function freeNode(options: QueueOptions, tx: Tx, nodeId: NodeId): Promise<Node | undefined> {
  const node = await options.nodeAt(tx, nodeId)
  if (!node || node.workspaceId !== null || !hasGpus(node) || !isManaged(node) || unusable(node))
    return undefined
  if (await options.requests.hold(tx, nodeId)) return undefined
  return options.capacity.holders(nodeId).some((claim) => claim.size.gpus > 0) ? undefined : node
}

/** What was said about starts, so that it can be compared with what comes true. A row that moved on is left. */
async function noteEstimates(options: QueueOptions, plan: GpuPlan): Promise<void> {
  const { store, requests, clock } = options
  if (plan.estimates.length === 0) return
  const atMs = clock.nowMs()
  const likely = likelyStarts(options, plan, atMs)
  await store
    .tx(
      async (tx) => {
        for (const { requestId, version, startMs } of plan.estimates) {
          const request = await requests.byId(tx, requestId)
          if (request?.state !== "queued" || request.version !== version) continue
          const estimate = { startMs, atMs }
          const promised = request.promised ?? { ...estimate, ...likely.get(requestId) }
          await requests.update(tx, { ...request, estimate, promised }, "queued")
        }
      },
      { isLarge: plan.estimates.length > 8 },
    )
    .catch((error: unknown) => {
      if (!isLost(error)) throw error
    })
}

/** Before the transaction: others wait while that is open. Where nobody can say there is no entry. */
function likelyStarts({ likelyStartMs }: QueueOptions, { estimates }: GpuPlan, atMs: number) {
  return new Map(
    estimates.flatMap(({ requestId, startMs }) => {
      const likelyMs = likelyStartMs?.(requestId, startMs, atMs) ?? null
      return likelyMs === null ? [] : [[requestId, { likelyMs }] as const]
    }),
  )
}

/** Work with GPUs on nodes that nobody holds, one request for each node and workspace. */
async function adoptNodes(options: QueueOptions): Promise<number> {
  let adopted = 0
  for (const node of options.capacity.nodes()) {
    if (node.workspaceId !== null || !isManaged(node) || options.capacity.hold(node.id)) continue
    const [claim] = options.capacity.holders(node.id).filter((one) => one.size.gpus > 0)
    if (claim) adopted += await options.store.tx((tx) => adopt(options, tx, node, claim))
  }
  return adopted
}

async function adopt(options: QueueOptions, tx: Tx, node: Node, claim: Claim): Promise<number> {
  const { requests, ids, clock } = options
  if (await requests.hold(tx, node.id)) return 0
  const nowMs = clock.nowMs()
  const wish = {
    clusters: [node.clusterId],
    instanceType: null,
    gpuModel: null,
    memoryGibPerGpu: null,
    gpusPerNode: node.gpus.length,
    nodes: 1,
    pods: null,
  }
  const queued = newRequest({
    ...automaticRequest(options, claim, wish, null, nowMs),
    shownId: newShownId(ids.random),
  })
  await requests.insert(tx, queued)
  const held = provisioned(queued, { nodes: [heldNode(node)], place: null }, nowMs)
  await requests.update(tx, { ...held, idleSinceMs: null }, "queued")
  await requests.insertHold(tx, holdOf(held, node.id, nowMs))
  await tx.emit(gpuRequestEvent(queued, "gpu-request.adopted", actor, nowMs, { nodes: [node.name] }))
  return 1
}
