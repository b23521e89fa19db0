import type { ControlPlane } from "../../packages/server/src/control-plane.ts"
import {
  canMoveGpuRequest,
  createBoard,
  gpuRequestChanged,
  isLive,
  nodeHoldChanged,
  type GpuRequest,
  type GpuRequestReason,
  type NodeHold,
} from "../../packages/server/src/domain/gpu-requests/index.ts"
import type { Node } from "../../packages/server/src/domain/inventory/index.ts"
import type { Store } from "../../packages/server/src/domain/journal/index.ts"
import type { Clock } from "../../packages/server/src/kit/clock.ts"
import type { OpenStore } from "../../packages/server/src/store/index.ts"

/** Watches GPU requests and holds over all lives of a server. */
export interface GpuWatch {
  /** To be called once for each life's store. */
  watch(store: Pick<Store, "subscribe">): void
  /** Moves that the table does not have, ends before their time and nodes with two holders, as sentences. */
  readonly faults: readonly string[]
}

export function createGpuWatch(clock: Pick<Clock, "nowMs">): GpuWatch {
  const requests = new Map<string, GpuRequest>()
  const holders = new Map<string, NodeHold>()
  const faults: string[] = []

  function requestMoved(request: GpuRequest): void {
    const { id, shownId, state, cause } = request
    const before = requests.get(id)
    if (before && before.state !== state) {
      if (!canMoveGpuRequest(before.state, state))
        faults.push(`${shownId} went from ${before.state} to ${state}`)
      if (cause === "duration" && clock.nowMs() < (before.endsAtMs ?? 0))
        faults.push(`${shownId} ended ${(before.endsAtMs ?? 0) - clock.nowMs()} ms before its time`)
    } else if (before && state === "provisioned" && (request.endsAtMs ?? 0) < (before.endsAtMs ?? 0))
      faults.push(`${shownId} was given less time than it had`)
    requests.set(id, request)
  }

  function holdMoved({ hold, free }: { readonly hold: NodeHold; readonly free: boolean }): void {
    const before = holders.get(hold.nodeId)
    if (before && before.requestId !== hold.requestId)
      faults.push(`${hold.nodeId} went from ${before.requestId} to ${hold.requestId} without being free`)
    if (free) holders.delete(hold.nodeId)
    else holders.set(hold.nodeId, hold)
  }

  return {
    faults,
    watch(store) {
      store.subscribe(gpuRequestChanged, requestMoved)
      store.subscribe(nodeHoldChanged, holdMoved)
    },
  }
}

/** Holds, requests and work with GPUs that do not fit each other: sentences; none when all do. */
export async function faultsOfGpus(
  store: OpenStore,
  plane: ControlPlane,
  nowMs: number,
): Promise<readonly string[]> {
  const from = store.committed
  const holds = await store.gpuRequests.holds(from)
  const live = await store.gpuRequests.live(from)
  return [
    ...(await faultsOfMemory(store, plane)),
    ...faultsOfHolders(plane, live, holds),
    ...(await faultsOfClaims(store, plane, holds)),
    ...faultsOfWaiting(plane, nowMs),
  ]
}

async function faultsOfMemory(store: OpenStore, plane: ControlPlane): Promise<string[]> {
  const from = store.committed
  const board = createBoard()
  for (const workspace of await store.workspaces.workspaces(from)) board.workspaceChanged(workspace, false)
  for (const node of await store.inventory.nodes(from)) board.nodeChanged(node)
  for (const request of await store.gpuRequests.live(from)) board.requestChanged(request)
  for (const hold of await store.gpuRequests.holds(from)) board.holdChanged(hold, false)
  for (const { id } of plane.capacity.nodes())
    board.nodeInUse(
      id,
      plane.capacity.holders(id).some((claim) => claim.size.gpus > 0),
    )
  board.controlChanged((await store.claims.control(from)).paused)
  const [rebuilt, kept] = [board.fingerprint(), plane.board.fingerprint()]
  return rebuilt === kept ? [] : [`the board in memory differs from a rebuild: ${kept} is not ${rebuilt}`]
}

/** Who is provisioned has its nodes, all of them and for its time; what drains for nobody is about to be free. */
function faultsOfHolders(
  plane: ControlPlane,
  live: readonly GpuRequest[],
  holds: readonly NodeHold[],
): string[] {
  const faults: string[] = []
  const of = new Map<string, NodeHold>(holds.map((hold) => [hold.nodeId, hold]))
  const requests = new Map(live.map((request) => [request.id, request]))
  for (const request of live.filter(({ state }) => state === "provisioned"))
    for (const { nodeId, name } of request.nodes) {
      const hold = of.get(nodeId)
      if (hold?.requestId !== request.id)
        faults.push(`${request.shownId} is provisioned and does not hold ${name}`)
      else if (hold.untilMs !== request.endsAtMs)
        faults.push(`${request.shownId} has ${name} until ${hold.untilMs}, and ends at ${request.endsAtMs}`)
    }
  for (const request of live)
    if (isIdle(plane, request)) faults.push(`${request.shownId} is there for no work`)
  for (const hold of holds) {
    const request = requests.get(hold.requestId)
    const isIts = request?.state === "provisioned" && request.nodes.some((one) => one.nodeId === hold.nodeId)
    if (isIts) continue
    if (hold.state !== "draining") faults.push(`${hold.nodeId} is held for nobody`)
    else if (!plane.capacity.holders(hold.nodeId).some((claim) => isWorkOf(hold, claim)))
      faults.push(`${hold.nodeId} has drained and is not free`)
  }
  return faults
}

/** It is there for work that neither wants a place nor is on its nodes. */
function isIdle({ board, capacity }: ControlPlane, { id, automatic, state }: GpuRequest): boolean {
  if (!automatic) return false
  const isWanted = capacity
    .claimsOf(automatic.ownerId)
    .some((claim) => claim.state === "wanted" && claim.size.gpus > 0)
  const isWorking = board
    .holdsOf(id)
    .some((hold) => capacity.holders(hold.nodeId).some((claim) => isWorkOf(hold, claim)))
  return !isWanted && (state === "queued" || !isWorking)
}

/** It drains, or its end has come and that was not noticed yet: the clock was set. */
function isLeaving(hold: NodeHold | undefined, nowMs: number): boolean {
  return hold !== undefined && (hold.state === "draining" || hold.untilMs <= nowMs)
}

/** A request holds it, or work is on it that came when it was its workspace's own. */
function isTaken({ board, capacity }: ControlPlane, { id }: Node): boolean {
  return board.hold(id) !== undefined || capacity.holders(id).some((claim) => claim.size.gpus > 0)
}

function isWorkOf(
  hold: NodeHold,
  claim: { readonly workspaceId: string; readonly size: { readonly gpus: number } },
) {
  return claim.size.gpus > 0 && claim.workspaceId === hold.workspaceId
}

async function faultsOfClaims(
  store: OpenStore,
  plane: ControlPlane,
  holds: readonly NodeHold[],
): Promise<string[]> {
  const faults: string[] = []
  const of = new Map<string, NodeHold>(holds.map((hold) => [hold.nodeId, hold]))
  for (const claim of await store.claims.live(store.committed))
    for (const { nodeId } of claim.size.gpus > 0 ? claim.placements : []) {
      const node = plane.inventory.byId(nodeId)
      const hold = of.get(nodeId)
      // what ran on a node that was assigned to its workspace goes on when that is so no more
      if (!node || node.workspaceId !== null || !hold || hold.workspaceId === claim.workspaceId) continue
      faults.push(
        `${claim.id} of ${claim.workspaceId} has GPUs of ${node.name}, held by ${hold?.workspaceId}`,
      )
    }
  return faults
}

/** Whatever waits has a reason, and what that names is so. */
function faultsOfWaiting(plane: ControlPlane, nowMs: number): string[] {
  const { board, capacity } = plane
  const faults: string[] = []
  for (const request of board.live()) {
    if (request.state !== "queued") continue
    const reason = board.reason(request.id, nowMs)
    if (!reason) faults.push(`${request.shownId} could start now, and waits`)
    else faults.push(...faultsOfReason(plane, request, reason, nowMs))
  }
  for (const workspaceId of capacity.queuedWorkspaces())
    for (const claim of capacity.queue(workspaceId)) {
      const [reason] = capacity.reasons(claim.id, nowMs)
      if (!reason) faults.push(`${claim.owner.shownId} waits without a reason`)
      for (const id of reason?.requestIds ?? []) {
        const request = board.request(id)
        // one that is over has its nodes until its work has left them
        if ((!request || !isLive(request)) && board.holdsOf(id).length === 0)
          faults.push(`${claim.owner.shownId} is ${reason?.code} for ${id}, which is over`)
        else if (reason?.code === "reservation_pending" && request?.state !== "queued")
          faults.push(`${claim.owner.shownId} waits for ${id}, which is ${request?.state}`)
      }
    }
  return faults
}

function faultsOfReason(
  plane: ControlPlane,
  request: GpuRequest,
  reason: GpuRequestReason,
  nowMs: number,
): string[] {
  const { board, capacity } = plane
  const isSo = (...facts: readonly boolean[]) =>
    facts.every(Boolean) ? [] : [`${request.shownId} waits, untruly: ${JSON.stringify(reason)}`]
  const states = (ids: readonly string[]) => ids.map((id) => board.request(id as GpuRequest["id"])?.state)
  const nodes = (names: readonly string[]) =>
    names.flatMap((name) => request.wish.clusters.flatMap((id) => capacity.node(name, id) ?? []))
  const are = (names: readonly string[], matches: (node: Node) => boolean) =>
    isSo(names.length > 0, nodes(names).length >= names.length, nodes(names).every(matches))
  switch (reason.code) {
    case "queue_paused": {
      const workspace = plane.workspaces.find(request.workspaceId)
      const isHeldBack = workspace?.state !== "active" || workspace.queuePaused
      return isSo(isHeldBack || capacity.control().paused)
    }
    case "workspace_busy": {
      const holders = reason.requestIds
      const most = plane.workspaces.find(request.workspaceId)?.policy.mostGpuRequests ?? Infinity
      return isSo(
        holders.length >= most,
        states(holders).every((state) => state === "provisioned"),
      )
    }
    case "quota_short":
      if (reason.untilMs === null)
        return are(
          reason.nodes,
          ({ id }) => !board.hold(id) && capacity.holders(id).some((claim) => claim.size.gpus > 0),
        )
      return isSo(
        reason.nodes.length > 0,
        nodes(reason.nodes).every((node) => isTaken(plane, node)),
        reason.free < reason.needed,
      )
    case "blocked_by":
      return isSo(
        reason.requestIds.length > 0,
        states(reason.requestIds).every((state) => state === "queued"),
      )
    case "nodes_unhealthy":
      return are(reason.nodes, (node) => !node.healthy || node.stuck)
    case "cordoned":
      return are(reason.nodes, (node) => node.cordoned)
    case "draining":
      return are(reason.nodes, (node) => node.draining || isLeaving(board.hold(node.id), nowMs))
    case "cannot_be_met":
      return isSo(board.slot(request.id, nowMs) === undefined)
  }
}
