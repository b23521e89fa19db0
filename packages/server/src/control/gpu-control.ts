import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { createWorkqueue } from "../kit/workqueue.ts"
import type {
  Board,
  Duty,
  GpuRequest,
  GpuRequestId,
  GpuRequestLimits,
  NodeHold,
  UpkeepFacts,
  UpkeepWrites,
} from "../domain/gpu-requests/index.ts"
import { gpuRequestChanged, isLive, nodeHoldChanged, upkeepOf } from "../domain/gpu-requests/index.ts"
import type { Node, NodeId } from "../domain/inventory/index.ts"
import { nodeChanged } from "../domain/inventory/index.ts"
import type { Store } from "../domain/journal/index.ts"
import { systemActor } from "../domain/journal/index.ts"
import type { Capacity, Claim, QueueService } from "../domain/queue/index.ts"
import { claimChanged, filedPriority } from "../domain/queue/index.ts"
import { workspaceChanged } from "../domain/workspaces/index.ts"

export interface GpuControlOptions {
  readonly store: Store
  readonly board: Board
  readonly capacity: Capacity
  readonly queue: Pick<QueueService, "end" | "endUnused" | "drainHold" | "freeHolds" | "replaceNode">
  readonly writes: UpkeepWrites
  readonly limits: GpuRequestLimits
  readonly graceSecondsOf: (workspaceId: string) => number
  readonly isDeleting: (workspaceId: string) => boolean
  /** Tells of each look at a node's GPUs that measured how much they are used; null = not measured. */
  readonly onReadings: (
    listener: (reading: {
      readonly nodeId: string
      readonly atMs: number
      readonly maxUtilisationPercent: number | null
    }) => void,
  ) => () => void
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Looks after GPU requests: on what changed, on what was measured, on time. Owns no rules (`upkeepOf`). */
export interface GpuControl {
  /** Everything live gets a look: at boot, after recovery. */
  start(): void
  /** Resolves when nothing waits or runs (tests). */
  idle(): Promise<void>
  stop(): Promise<void>
}

const actor = systemActor("gpu-requests")
const concurrency = 8
const lookDeadlineMs = 30_000
const nodePrefix = "node:"

export function createGpuControl(options: GpuControlOptions): GpuControl {
  const { store, board, capacity, queue, writes, clock, timers, log } = options
  const uses = createUses(options)
  /** Since when nodes are not healthy. */
  const unhealthySince = new Map<string, number>()
  /** For which end of a request the warning was given. */
  const warned = new Map<GpuRequestId, number>()
  let isStarted = false

  const work = createWorkqueue({
    clock,
    concurrency,
    deadlineMs: lookDeadlineMs,
    reconcile: (key) =>
      key.startsWith(nodePrefix)
        ? queue.freeHolds([key.slice(nodePrefix.length) as NodeId])
        : look(key as GpuRequestId),
    onError: (key, err, retryInMs) =>
      log.warn({ err, key, retryInMs }, "a GPU request could not be looked after"),
  })
  const add = (key: string) => {
    if (isStarted) work.add(key)
  }

  async function look(id: GpuRequestId): Promise<void> {
    const timer = `gpu-request:${id}`
    const request = board.request(id)
    if (!request || !isLive(request)) {
      timers.cancel(timer)
      warned.delete(id)
      uses.forget(id)
      return
    }
    const { duties, nextMs } = upkeepOf(request, factsOf(request))
    // what is written here makes the next look; without it that comes by time
    if (nextMs === null) timers.cancel(timer)
    else timers.at(timer, Math.max(nextMs, clock.nowMs() + 1), () => add(id))
    for (const duty of duties) await fulfil(request, duty)
  }

  async function fulfil(request: GpuRequest, duty: Duty): Promise<void> {
    const { id } = request
    switch (duty.kind) {
      case "cancel":
        return writes.cancel(id, duty.cause)
      case "priority":
        return writes.reprioritise(id, duty.priority)
      case "end":
        if (duty.cause === "work_over") return endUnused(request)
        return queue.end(id, { cause: duty.cause, actor })
      case "replace":
        return replace(request, duty.nodeId, duty.reason)
      case "drain":
        return queue.drainHold(id, clock.nowMs())
      case "warn":
        warned.set(id, duty.endsAtMs)
        return writes.warn(request, duty.endsAtMs)
      case "extend":
        return void (await writes.extend(request, duty.endsAtMs))
      case "used":
        return writes.used(id)
      case "unused":
        return writes.unused(id, duty.sinceMs)
    }
  }

  async function endUnused({ id, nodes }: GpuRequest): Promise<void> {
    const isUnused = () => {
      const now = board.request(id)
      if (!now) return false
      const { isWorking, isWanted } = factsOf(now)
      return !isWorking && !isWanted
    }
    await queue.endUnused(
      id,
      nodes.map((node) => node.nodeId),
      { isUnused, actor },
    )
  }

  async function replace(request: GpuRequest, lost: NodeId, reason: string): Promise<void> {
    const by = board.substitute(request.id, lost)
    if (by) return queue.replaceNode(request.id, lost, by.id)
    const name = request.nodes.find((node) => node.nodeId === lost)?.name ?? lost
    await queue.end(request.id, { cause: "node_lost", reason: `The node ${name} was lost: ${reason}`, actor })
  }

  function factsOf(request: GpuRequest): UpkeepFacts {
    const holds = board.holdsOf(request.id)
    const claims = request.automatic ? capacity.claimsOf(request.automatic.ownerId) : []
    const wanted = claims.filter((claim) => claim.state === "wanted" && claim.size.gpus > 0)
    const nowMs = clock.nowMs()
    const [first] = wanted
    const isWorking = holds.some((hold) => workOn(capacity, hold).length > 0)
    return {
      nowMs,
      limits: options.limits,
      graceMs: options.graceSecondsOf(request.workspaceId) * 1000,
      holds,
      isWorking,
      ...uses.of(request, isWorking),
      isWanted: wanted.length > 0,
      priority: first ? filedPriority(first.priority) : null,
      lost: request.nodes.flatMap(({ nodeId }) => lostNode(nodeId, nowMs) ?? []),
      isWorkspaceDeleting: options.isDeleting(request.workspaceId),
      warnedOfEndMs: warned.get(request.id) ?? null,
    }
  }

  function lostNode(nodeId: NodeId, nowMs: number): UpkeepFacts["lost"][number] | undefined {
    const node = capacity.nodeById(nodeId)
    if (!node) return { nodeId, sinceMs: -Infinity, reason: "it was taken out of the inventory." }
    if (node.healthy) return undefined
    return { nodeId, sinceMs: unhealthySince.get(nodeId) ?? nowMs, reason: node.healthMessage }
  }

  function nodeMoved(node: Node): void {
    if (node.healthy || node.removedAtMs !== null) unhealthySince.delete(node.id)
    else if (!unhealthySince.has(node.id)) unhealthySince.set(node.id, clock.nowMs())
    const hold = board.hold(node.id)
    if (hold) add(hold.requestId)
  }

  function holdMoved({ hold, free }: { readonly hold: NodeHold; readonly free: boolean }): void {
    if (!free && hold.state === "draining") add(nodePrefix + hold.nodeId)
    if (!free) add(hold.requestId)
  }

  function claimMoved(claim: Claim): void {
    if (claim.size.gpus === 0) return
    for (const { nodeId } of claim.placements) {
      const hold = board.hold(nodeId)
      if (!hold) continue
      if (hold.state === "draining") add(nodePrefix + nodeId)
      add(hold.requestId)
    }
    for (const filed of board.filedFor(claim.owner.id)) add(filed.id)
  }

  /** Nothing is ever due of it: it waits, was never more than that, and nobody filed it for work that may be over. */
  function isAtRest({ state, automatic, retries, workspaceId }: GpuRequest): boolean {
    return state === "queued" && !automatic && retries === 0 && !options.isDeleting(workspaceId)
  }

  function requestMoved(request: GpuRequest): void {
    if (!isAtRest(request)) add(request.id)
    // an end whose nodes are drained already frees them now
    if (request.state !== "provisioned")
      for (const { nodeId } of request.nodes)
        if (board.hold(nodeId)?.requestId === request.id) add(nodePrefix + nodeId)
  }

  const off = [
    store.subscribe(gpuRequestChanged, requestMoved),
    store.subscribe(nodeHoldChanged, holdMoved),
    store.subscribe(claimChanged, claimMoved),
    store.subscribe(nodeChanged, nodeMoved),
    store.subscribe(workspaceChanged, ({ workspace }) => {
      if (workspace.state !== "deleting") return
      for (const request of board.live()) if (request.workspaceId === workspace.id) add(request.id)
    }),
    options.onReadings(({ nodeId, atMs, maxUtilisationPercent }) => {
      const hold = board.hold(nodeId)
      if (hold && uses.read(hold, atMs, maxUtilisationPercent)) add(hold.requestId)
    }),
  ]

  return {
    start() {
      isStarted = true
      for (const node of capacity.nodes()) nodeMoved(node)
      for (const request of board.live()) if (!isAtRest(request)) add(request.id)
      for (const node of board.managedNodes())
        if (board.hold(node.id)?.state === "draining") add(nodePrefix + node.id)
    },
    idle: () => work.idle(),
    async stop() {
      for (const end of off) end()
      await work.close()
    },
  }
}

/** The holder's work with GPUs on a node. */
function workOn(capacity: Capacity, hold: NodeHold): readonly Claim[] {
  return capacity
    .holders(hold.nodeId)
    .filter((claim) => claim.size.gpus > 0 && claim.workspaceId === hold.workspaceId)
}

/** What was measured of the nodes of each request: whether its GPUs are used, and when they last were. */
function createUses({ board, clock }: Pick<GpuControlOptions, "board" | "clock">) {
  interface Use {
    readonly percentOf: Map<string, number>
    lastUsedMs: number | null
  }
  const uses = new Map<GpuRequestId, Use>()

  return {
    /** @returns whether it was used before the reading and is not now, or the other way round */
    read({ requestId, nodeId }: NodeHold, atMs: number, percent: number | null): boolean {
      const use = uses.get(requestId) ?? { percentOf: new Map<string, number>(), lastUsedMs: null }
      uses.set(requestId, use)
      const before = isUsed(use)
      if (percent === null) use.percentOf.delete(nodeId)
      else use.percentOf.set(nodeId, percent)
      const after = isUsed(use)
      if (after) use.lastUsedMs = atMs
      return before !== after
    },
    of({ id }: GpuRequest, isWorking: boolean): Pick<UpkeepFacts, "isUsed" | "lastUsedMs"> {
      const use = uses.get(id)
      for (const nodeId of use?.percentOf.keys() ?? [])
        if (board.hold(nodeId)?.requestId !== id) use?.percentOf.delete(nodeId)
      if (!use || use.percentOf.size === 0) return { isUsed: isWorking, lastUsedMs: clock.nowMs() }
      return { isUsed: isUsed(use), lastUsedMs: use.lastUsedMs }
    },
    forget: (id: GpuRequestId) => void uses.delete(id),
  }

  function isUsed({ percentOf }: Use): boolean {
    return [...percentOf.values()].some((percent) => percent > 0)
  }
}
