import type { Node, NodeId } from "../../inventory/index.ts"
import { noReadings } from "../../inventory/index.ts"
import type { Workspace } from "../../workspaces/index.ts"
import { createBoard } from "./board.ts"
import type { Board, GpuPlan, Provision } from "./board-types.ts"
import { createLikelyStarts, type LikelyStarts } from "../views/likely.ts"
import { stateAfter } from "../states.ts"
import type { GpuEndCause, GpuRequest, GpuRequestId, GpuWish, NodeHold } from "../types.ts"
import { newRequest } from "../new-request.ts"

const gib = 1024 ** 3

/** A healthy node that can be lent, with H100s of 80 GiB, in cluster `c1`. For tests and benches. */
export function aGpuNode(name: string, gpus: number, change: Partial<Node> = {}): Node {
  const amounts = {
    cpuMilli: 8000 * gpus,
    memoryBytes: 64 * gib * gpus,
    gpus,
    ephemeralBytes: 100 * gib * gpus,
  }
  return {
    id: `nod_${name}` as NodeId,
    name,
    clusterId: "c1",
    hostIp: "127.0.0.1",
    instanceType: `h100-${gpus}g`,
    gpuModel: gpus > 0 ? "NVIDIA-H100-80GB-HBM3" : null,
    gpus: someGpus(gpus, 80),
    physical: amounts,
    capacity: amounts,
    labels: {},
    taints: [],
    simulated: true,
    bootId: "boot",
    healthy: true,
    healthMessage: "",
    cordoned: false,
    draining: false,
    workspaceId: null,
    stuck: false,
    firstSeenAtMs: 0,
    lastSeenAtMs: 0,
    removedAtMs: null,
    version: 1,
    ...change,
  }
}

/** GPUs with so much memory each. For tests. */
export function someGpus(count: number, memoryGib: number): Node["gpus"] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    uuid: `GPU-${index}`,
    memoryBytes: memoryGib * gib,
    usedOutside: false,
    ...noReadings,
  }))
}

/** An active workspace without a limit of provisioned requests, in clusters `c1` and `c2`. For tests. */
export function aTeam(id: string, change: Partial<Workspace> = {}): Workspace {
  return {
    id,
    key: id,
    description: "",
    clusters: ["c1", "c2"],
    namespaces: [],
    contact: { name: "", email: "" },
    queuePaused: false,
    state: "active",
    createdAtMs: 0,
    version: 1,
    policy: aPolicy(null),
    ...change,
  }
}

/** A policy with so many provisioned requests at a time. For tests. */
export function aPolicy(mostGpuRequests: number | null): Workspace["policy"] {
  return {
    queuePolicy: "fifo",
    enablePreempt: false,
    stopGraceSeconds: 30,
    openToAll: false,
    scopes: [],
    publishServices: false,
    mostGpuRequests,
    autoGpuRequest: false,
    joinGpuRequests: true,
  }
}

/** One node with a GPU or more of any kind, in `c1`. For tests. */
export function aWish(change: Partial<GpuWish> = {}): GpuWish {
  return {
    clusters: ["c1"],
    instanceType: null,
    gpuModel: null,
    memoryGibPerGpu: null,
    gpusPerNode: 1,
    nodes: 1,
    pods: null,
    ...change,
  }
}

/** A queued request of workspace `red` for one node and an hour. For tests. */
export function aRequest(
  name: string,
  change: Partial<Omit<GpuRequest, "wish">> & { readonly wish?: Partial<GpuWish> } = {},
): GpuRequest {
  const wish = aWish(change.wish)
  return {
    ...newRequest({
      id: `gpr_${name}` as GpuRequestId,
      shownId: `gpr-${name}`,
      name,
      workspaceId: "red",
      userId: "usr_1",
      priority: 101,
      durationMs: 3_600_000,
      idleTimeoutMs: null,
      requeueOnFailure: false,
      enableEviction: false,
      multiNode: false,
      automatic: null,
      createdAtMs: 0,
      wish,
    }),
    ...change,
    wish,
  }
}

/** Rows in memory with a board that follows them, and the least that writes its plans. For tests and benches. */
export interface BoardBench {
  readonly board: Board
  /** Likely starts, which are noted with estimates; null = none are made. */
  readonly likely: LikelyStarts | null
  readonly requests: Map<GpuRequestId, GpuRequest>
  readonly holds: Map<string, NodeHold>
  readonly nodes: Map<string, Node>
  readonly workspaces: Map<string, Workspace>
  readonly inUse: Set<string>
  isPaused: boolean
  putNode(...nodes: readonly Node[]): void
  putTeam(...workspaces: readonly Workspace[]): void
  put(...requests: readonly GpuRequest[]): void
  setPaused(paused: boolean): void
  change(id: GpuRequestId, change: Partial<GpuRequest>): void
  changeNode(id: string, change: Partial<Node>): void
  changeTeam(id: string, change: Partial<Workspace>): void
  /** Writes a plan as the service does: provisions begin at `nowMs`. */
  commit(plan: GpuPlan, nowMs: number): void
  /** Ends a provisioned request. Its nodes drain until the deadline; null = they are free at once. */
  end(id: GpuRequestId, cause: GpuEndCause, nowMs: number, drainDeadlineMs: number | null): void
  /** Writes a hold. */
  hold(hold: NodeHold): void
  free(nodeId: string): void
  /** Work with GPUs came onto a node, or is gone. */
  use(nodeId: string, inUse: boolean): void
  /** A board that was fed with what the rows are now. */
  rebuilt(): Board
}

export function createBoardBench({ withLikely = false } = {}): BoardBench {
  const board = createBoard()
  const likely = withLikely
    ? createLikelyStarts({
        board,
        nodes: () => [...bench.nodes.values()],
        workspaces: () => bench.workspaces.values(),
      })
    : null
  const bench: BoardBench = {
    board,
    likely,
    requests: new Map(),
    holds: new Map(),
    nodes: new Map(),
    workspaces: new Map(),
    inUse: new Set(),
    isPaused: false,
    putNode: (...nodes) => nodes.forEach((node) => putNode(bench, node)),
    putTeam: (...workspaces) => workspaces.forEach((workspace) => putTeam(bench, workspace)),
    put: (...requests) => requests.forEach((request) => put(bench, request)),
    setPaused(paused) {
      bench.isPaused = paused
      bench.board.controlChanged(paused)
    },
    change(id, change) {
      const request = bench.requests.get(id)
      if (request) put(bench, { ...request, ...change, version: request.version + 1 })
    },
    changeNode(id, change) {
      const node = bench.nodes.get(id)
      if (node) putNode(bench, { ...node, ...change, version: node.version + 1 })
    },
    changeTeam(id, change) {
      const workspace = bench.workspaces.get(id)
      if (workspace) putTeam(bench, { ...workspace, ...change, version: workspace.version + 1 })
    },
    commit(plan, nowMs) {
      for (const provision of plan.provisions) provide(bench, provision, nowMs)
      for (const { requestId, startMs } of plan.estimates) note(bench, requestId, startMs, nowMs)
    },
    end: (id, cause, nowMs, drainDeadlineMs) => end(bench, id, { cause, nowMs, drainDeadlineMs }),
    hold: (hold) => putHold(bench, hold),
    free(nodeId) {
      const hold = bench.holds.get(nodeId)
      // as the queue frees it: when none of its holder's work is left
      bench.use(nodeId, false)
      bench.holds.delete(nodeId)
      if (hold) bench.board.holdChanged(hold, true)
    },
    use(nodeId, inUse) {
      if (inUse) bench.inUse.add(nodeId)
      else bench.inUse.delete(nodeId)
      bench.board.nodeInUse(nodeId, inUse)
    },
    rebuilt: () => rebuilt(bench),
  }
  return bench
}

function putNode(bench: BoardBench, node: Node): void {
  bench.nodes.set(node.id, node)
  bench.board.nodeChanged(node)
}

function putTeam(bench: BoardBench, workspace: Workspace): void {
  bench.workspaces.set(workspace.id, workspace)
  bench.board.workspaceChanged(workspace, false)
}

function put(bench: BoardBench, request: GpuRequest): void {
  bench.requests.set(request.id, request)
  bench.board.requestChanged(request)
  bench.likely?.requestChanged(request)
}

function putHold(bench: BoardBench, hold: NodeHold): void {
  bench.holds.set(hold.nodeId, hold)
  bench.board.holdChanged(hold, false)
}

function note(bench: BoardBench, id: GpuRequestId, startMs: number | null, atMs: number): void {
  const request = bench.requests.get(id)
  if (!request) return
  const likelyMs = request.promised === null ? bench.likely?.startMs(id, startMs, atMs) : null
  const estimate = { startMs, atMs }
  const promised = request.promised ?? (likelyMs == null ? estimate : { ...estimate, likelyMs })
  bench.change(id, { promised, estimate })
}

function provide(bench: BoardBench, provision: Provision, nowMs: number): void {
  const request = bench.requests.get(provision.requestId)
  if (request?.version !== provision.version) throw new Error("A provision is for another version.")
  const endsAtMs = nowMs + (request.remainingMs ?? request.durationMs)
  const nodes = provision.nodeIds.map((nodeId) => {
    const node = bench.nodes.get(nodeId)
    if (!node || bench.holds.has(nodeId) || bench.inUse.has(nodeId))
      throw new Error(`Node ${nodeId} is not free.`)
    const { name, clusterId, instanceType } = node
    return { nodeId, name, clusterId, instanceType, gpus: node.gpus.length, gpuModel: node.gpuModel ?? "" }
  })
  const { place } = provision
  const { promised, estimate } = request
  const started = { startMs: nowMs, atMs: nowMs }
  bench.change(request.id, {
    state: "provisioned",
    startedAtMs: nowMs,
    endsAtMs,
    nodes,
    place,
    remainingMs: null,
    promised: promised ?? started,
    estimate: estimate ?? started,
  })
  for (const nodeId of provision.nodeIds)
    putHold(bench, {
      nodeId,
      requestId: request.id,
      workspaceId: request.workspaceId,
      state: "held",
      sinceMs: nowMs,
      drainDeadlineMs: null,
      untilMs: endsAtMs,
      automatic: request.automatic !== null,
      version: 1,
    })
}

function end(
  bench: BoardBench,
  id: GpuRequestId,
  how: { readonly cause: GpuEndCause; readonly nowMs: number; readonly drainDeadlineMs: number | null },
): void {
  bench.change(id, { state: stateAfter[how.cause], cause: how.cause, endedAtMs: how.nowMs, place: null })
  for (const hold of bench.holds.values()) {
    if (hold.requestId !== id) continue
    const { drainDeadlineMs } = how
    if (drainDeadlineMs === null) bench.free(hold.nodeId)
    else putHold(bench, { ...hold, state: "draining", drainDeadlineMs, version: hold.version + 1 })
  }
}

function rebuilt(bench: BoardBench): Board {
  const board = createBoard()
  for (const request of bench.requests.values()) board.requestChanged(request)
  for (const hold of bench.holds.values()) board.holdChanged(hold, false)
  for (const node of bench.nodes.values()) board.nodeChanged(node)
  for (const nodeId of bench.inUse) board.nodeInUse(nodeId, true)
  for (const workspace of bench.workspaces.values()) board.workspaceChanged(workspace, false)
  board.controlChanged(bench.isPaused)
  return board
}
