import { AppError } from "../../kit/errors.ts"
import type { GpuRequest, GpuRequestId, HeldNode, NodeHold } from "../gpu-requests/index.ts"
import { endEvents, gpuRequestEvent, holdEnded } from "../gpu-requests/index.ts"
import type { Node, NodeId } from "../inventory/index.ts"
import type { Tx } from "../journal/index.ts"
import { systemActor } from "../journal/index.ts"
import type { HoldMoves } from "./commands.ts"
import type { Crossings } from "./crossings.ts"
import { evict, graceMsOf } from "./evict.ts"
import type { QueueOptions } from "./options.ts"
import type { Claim } from "./types.ts"

const actor = systemActor("queue")

/** Ends of holds and what follows them; see `HoldMoves`. */
export function createHoldMoves(
  options: QueueOptions,
  crossings: Crossings,
): Omit<HoldMoves, "commitProvisions" | "adoptNodes"> {
  const { store, requests, clock } = options

  const endHold: HoldMoves["endHold"] = async (tx, request, end) => {
    if (request.state !== "provisioned") throw notProvisioned(request)
    const { cause, nowMs, reason = "" } = end
    await drainNodes(options, tx, request, nowMs)
    const after = holdEnded(request, { cause, reason, nowMs })
    await requests.update(tx, after, "provisioned")
    const isBack = after.state === "queued"
    const type = isBack ? "gpu-request.requeued" : endEvents[cause]
    const nodes = request.nodes.map((node) => node.name)
    await tx.emit(
      gpuRequestEvent(request, type, end.actor, nowMs, {
        cause,
        nodes,
        ...(reason === "" ? {} : { reason }),
        ...(isBack ? { remainingSeconds: Math.round((after.remainingMs ?? 0) / 1000) } : {}),
      }),
    )
    return { ...after, version: after.version + 1 }
  }

  return {
    endHold,
    end: (id, end) =>
      store.tx(async (tx) => {
        const request = await requests.byId(tx, id)
        if (request?.state !== "provisioned") return
        await endHold(tx, request, { ...end, nowMs: clock.nowMs() })
      }),
    endUnused: (id, nodeIds, end) =>
      crossings.ended.while(nodeIds, () =>
        store.tx(async (tx) => {
          const request = await requests.byId(tx, id)
          if (request?.state !== "provisioned" || !end.isUnused()) return
          if (request.nodes.some(({ nodeId }) => crossings.placed.has(nodeId))) return
          await endHold(tx, request, { cause: "work_over", actor: end.actor, nowMs: clock.nowMs() })
        }),
      ),
    drainHold: (id, nowMs) =>
      store.tx(async (tx) => {
        const request = await requests.byId(tx, id)
        if (request?.state === "provisioned") await drainNodes(options, tx, request, nowMs)
      }),
    async freeHolds(nodeIds) {
      for (const nodeId of nodeIds) await store.tx((tx) => freeHold(options, tx, nodeId))
    },
    replaceNode: (id, lost, by) => store.tx((tx) => replaceNode(options, tx, id, lost, by)),
  }
}

/** How a node of a request is remembered. */
export function heldNode(node: Node): HeldNode {
  const { id: nodeId, name, clusterId, instanceType } = node
  return { nodeId, name, clusterId, gpus: node.gpus.length, gpuModel: node.gpuModel ?? "", instanceType }
}

/** The claims of the holder with GPUs on a node: they leave with the hold. What has no GPUs stays. */
function holdersWork(options: QueueOptions, hold: Pick<NodeHold, "nodeId" | "workspaceId">): Claim[] {
  return options.capacity
    .holders(hold.nodeId)
    .filter((claim) => claim.size.gpus > 0 && claim.workspaceId === hold.workspaceId)
}

/** Its nodes take no new work, and what runs there is told to leave. What drains already is left as it is. */
async function drainNodes(options: QueueOptions, tx: Tx, request: GpuRequest, nowMs: number): Promise<void> {
  const graceMs = graceMsOf(options, request.workspaceId)
  const leaving = new Map<string, Claim>()
  let drained = 0
  for (const { nodeId } of request.nodes) {
    const hold = await options.requests.hold(tx, nodeId)
    if (hold?.requestId !== request.id) continue
    if (hold.state === "held") {
      await options.requests.updateHold(tx, { ...hold, state: "draining", drainDeadlineMs: nowMs + graceMs })
      drained++
    }
    for (const claim of holdersWork(options, hold)) leaving.set(claim.id, claim)
  }
  await evictAll(options, tx, [...leaving.values()], nowMs)
  if (drained > 0)
    await tx.emit(
      gpuRequestEvent(request, "gpu-request.draining", actor, nowMs, {
        nodes: request.nodes.map((node) => node.name),
        untilMs: nowMs + graceMs,
        claims: leaving.size,
      }),
    )
}

async function evictAll(options: QueueOptions, tx: Tx, claims: readonly Claim[], nowMs: number) {
  for (const { id } of claims) {
    const claim = await options.rows.byId(tx, id)
    if (claim?.state === "bound")
      await evict(options, tx, claim, { cause: "reservation_ended", by: null, nowMs })
  }
}

/**
 * A draining node is free when none of its holder's work with GPUs is left on it, which only the driver's word makes
 * so. What came onto it in the moment in which the drain began is told to leave now.
 */
async function freeHold(options: QueueOptions, tx: Tx, nodeId: NodeId): Promise<void> {
  const hold = await options.requests.hold(tx, nodeId)
  if (hold?.state !== "draining") return
  const nowMs = options.clock.nowMs()
  const left = holdersWork(options, hold)
  if (left.length > 0) return evictAll(options, tx, left, nowMs)
  const request = await options.requests.byId(tx, hold.requestId)
  // drained before its end: it stays promised until then; one that another has taken the place of does not
  if (request?.state === "provisioned" && request.nodes.some((held) => held.nodeId === nodeId)) return
  await options.requests.deleteHold(tx, hold)
  if (request)
    await tx.emit(
      gpuRequestEvent(request, "gpu-request.node-freed", actor, nowMs, {
        node: options.capacity.nodeById(nodeId)?.name ?? nodeId,
      }),
    )
}

async function replaceNode(
  options: QueueOptions,
  tx: Tx,
  id: GpuRequestId,
  lost: NodeId,
  by: NodeId,
): Promise<void> {
  const { requests, clock } = options
  const nowMs = clock.nowMs()
  const request = await requests.byId(tx, id)
  if (request?.state !== "provisioned") throw notProvisioned(request)
  const node = await options.nodeAt(tx, by)
  const before = await requests.hold(tx, lost)
  if (!node?.healthy || before?.requestId !== id || (await requests.hold(tx, by)))
    throw new AppError("stale", `The node ${by} cannot take the place of another any more.`)
  await requests.insertHold(tx, {
    ...before,
    nodeId: by,
    state: "held",
    drainDeadlineMs: null,
    sinceMs: nowMs,
  })
  const leaving = holdersWork(options, before)
  if (leaving.length === 0) await requests.deleteHold(tx, before)
  else {
    const drainDeadlineMs = nowMs + graceMsOf(options, request.workspaceId)
    await requests.updateHold(tx, { ...before, state: "draining", drainDeadlineMs })
    await evictAll(options, tx, leaving, nowMs)
  }
  const nodes = request.nodes.map((held) => (held.nodeId === lost ? heldNode(node) : held))
  await requests.update(tx, { ...request, nodes }, "provisioned")
  const lostName = request.nodes.find((held) => held.nodeId === lost)?.name ?? lost
  await tx.emit(
    gpuRequestEvent(request, "gpu-request.node-replaced", actor, nowMs, { lost: lostName, by: node.name }),
  )
}

function notProvisioned(request: GpuRequest | undefined): AppError {
  const state = request?.state ?? "gone"
  return new AppError("conflict", `The GPU request is ${state}, it holds no nodes.`, {
    resource: "gpu-request",
    ...(request ? { name: request.shownId } : {}),
    detail: state,
    facts: { state, what: "release" },
  })
}
