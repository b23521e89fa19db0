import type { Board, GpuRequest, GpuRequestId, NodeHold, PriorityBand } from "../domain/gpu-requests/index.ts"
import { bandOf, gpuRequestChanged, isLive, nodeHoldChanged } from "../domain/gpu-requests/index.ts"
import type { Node } from "../domain/inventory/index.ts"
import type { Store } from "../domain/journal/index.ts"
import { workspaceChanged } from "../domain/workspaces/index.ts"

/** A request that got its nodes for the first time. */
export interface GpuStart {
  readonly band: PriorityBand
  /** From its creation. */
  readonly waitSeconds: number
  /** By how much it started later than was first said; below 0 earlier. null = that it cannot be met was said. */
  readonly errorSeconds: number | null
  /** The same of the likely start; null = none was said. */
  readonly likelyErrorSeconds: number | null
}

/** What GPU requests hold and wait for in this moment, and what those held that have ended. */
export interface GpuReading {
  readonly requests: readonly {
    readonly workspaceId: string
    readonly band: PriorityBand
    readonly state: "queued" | "provisioned"
    readonly count: number
  }[]
  readonly workspaces: readonly GpuUse[]
  /** Nodes that can be lent: nobody has them, somebody has, or they are on their way back. */
  readonly nodes: Readonly<Record<"free" | "held" | "draining", number>>
}

/** What a workspace has and had. */
export interface GpuUse {
  readonly workspaceId: string
  /** GPUs that its requests hold. */
  readonly heldGpus: number
  /** Those of them that belong to requests none of whose GPUs is used. */
  readonly idleGpus: number
  /** For how long the one of these is idle that is so for longest; 0 = none is. */
  readonly longestIdleMs: number
  /** Since this process began: requests that ended after they had nodes, and for how long they had and used them. */
  readonly ended: number
  readonly heldMs: number
  readonly usedMs: number
}

export interface GpuFiguresOptions {
  readonly store: Pick<Store, "subscribe">
  readonly board: Pick<Board, "managedNodes">
  readonly onStart?: (start: GpuStart) => void
}

/** Figures of GPU requests for metrics; kept in memory, fed by the store's topics. */
export interface GpuFigures {
  /** A live request as it is at boot: its start and end count, if they come after this. */
  loadRequest(request: GpuRequest): void
  loadHold(hold: NodeHold): void
  /** O(live requests and nodes); for a scrape. */
  reading(nowMs: number): GpuReading
}

interface Past {
  ended: number
  heldMs: number
  usedMs: number
}

export function createGpuFigures({ store, board, onStart }: GpuFiguresOptions): GpuFigures {
  const live = new Map<GpuRequestId, GpuRequest>()
  const holds = new Map<string, NodeHold>()
  /** One for each workspace that is there: those of a deleted one go with it. */
  const past = new Map<string, Past>()

  store.subscribe(gpuRequestChanged, (request) => {
    const before = live.get(request.id)
    if (isLive(request)) live.set(request.id, request)
    else live.delete(request.id)
    const had = before?.state === "provisioned"
    if (request.state === "provisioned" && !had && request.retries === 0) onStart?.(startOf(request))
    if (had && !isLive(request)) addEnd(past, request)
  })
  store.subscribe(nodeHoldChanged, ({ hold, free }) => {
    if (free) holds.delete(hold.nodeId)
    else holds.set(hold.nodeId, hold)
  })
  store.subscribe(workspaceChanged, ({ workspace, gone }) => {
    if (gone) past.delete(workspace.id)
  })

  return {
    loadRequest: (request) => void live.set(request.id, request),
    loadHold: (hold) => void holds.set(hold.nodeId, hold),
    reading: (nowMs) => ({
      requests: countRequests(live.values()),
      workspaces: usesOf(live.values(), past, nowMs),
      nodes: countNodes(board.managedNodes(), holds),
    }),
  }
}

function startOf({ createdAtMs, startedAtMs, priority, promised }: GpuRequest): GpuStart {
  const startMs = startedAtMs ?? createdAtMs
  const saidMs = promised?.startMs ?? null
  const likelyMs = promised?.likelyMs ?? null
  return {
    band: bandOf(priority),
    waitSeconds: Math.max(0, startMs - createdAtMs) / 1000,
    errorSeconds: saidMs === null ? null : (startMs - saidMs) / 1000,
    likelyErrorSeconds: likelyMs === null ? null : (startMs - likelyMs) / 1000,
  }
}

function addEnd(past: Map<string, Past>, request: GpuRequest): void {
  const { workspaceId, startedAtMs, endedAtMs, heldBeforeMs, idleMs } = request
  const heldMs = heldBeforeMs + Math.max(0, (endedAtMs ?? 0) - (startedAtMs ?? endedAtMs ?? 0))
  const sums = past.get(workspaceId) ?? { ended: 0, heldMs: 0, usedMs: 0 }
  past.set(workspaceId, sums)
  sums.ended += 1
  sums.heldMs += heldMs
  // a clock that was set may leave more idleness than time
  sums.usedMs += Math.max(0, heldMs - idleMs)
}

function countRequests(requests: Iterable<GpuRequest>): GpuReading["requests"] {
  const counts = new Map<string, GpuReading["requests"][number]>()
  for (const { workspaceId, priority, state } of requests) {
    if (state !== "queued" && state !== "provisioned") continue
    const band = bandOf(priority)
    const key = `${workspaceId} ${band} ${state}`
    counts.set(key, { workspaceId, band, state, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  return [...counts.values()]
}

function usesOf(
  requests: Iterable<GpuRequest>,
  past: ReadonlyMap<string, Past>,
  nowMs: number,
): readonly GpuUse[] {
  const uses = new Map<string, GpuUse>()
  const none = { heldGpus: 0, idleGpus: 0, longestIdleMs: 0, ended: 0, heldMs: 0, usedMs: 0 }
  for (const [workspaceId, sums] of past) uses.set(workspaceId, { workspaceId, ...none, ...sums })
  for (const { state, workspaceId, nodes, idleSinceMs } of requests) {
    if (state !== "provisioned") continue
    const use = uses.get(workspaceId) ?? { workspaceId, ...none }
    const gpus = nodes.reduce((sum, node) => sum + node.gpus, 0)
    uses.set(workspaceId, {
      ...use,
      heldGpus: use.heldGpus + gpus,
      idleGpus: use.idleGpus + (idleSinceMs === null ? 0 : gpus),
      longestIdleMs: Math.max(use.longestIdleMs, idleSinceMs === null ? 0 : nowMs - idleSinceMs),
    })
  }
  return [...uses.values()]
}

/** A held node that was assigned to a workspace meanwhile counts as held all the same. */
function countNodes(managed: readonly Node[], holds: ReadonlyMap<string, NodeHold>): GpuReading["nodes"] {
  const draining = [...holds.values()].filter((hold) => hold.state === "draining").length
  const free = managed.filter((node) => !holds.has(node.id)).length
  return { free, held: holds.size - draining, draining }
}
