import type { Clock } from "../kit/clock.ts"
import { rayClusterChanged, rayJobChanged, rayServiceChanged } from "../domain/ray/index.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { gpuRequestChanged, isLive, nodeHoldChanged } from "../domain/gpu-requests/index.ts"
import type { Node, NodeFacts } from "../domain/inventory/index.ts"
import { nodeChanged } from "../domain/inventory/index.ts"
import type { Store } from "../domain/journal/index.ts"
import type { Capacity, Claim } from "../domain/queue/index.ts"
import { claimChanged } from "../domain/queue/index.ts"
import { isTerminal, workloadChanged, type Workload } from "../domain/workloads/index.ts"

export interface HousekeepingOptions {
  readonly store: Store
  readonly capacity: Capacity
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly setStuck: (nodeId: string, stuck: boolean) => Promise<void>
  /** Draining is over; the cordon stays. */
  readonly drained: (nodeId: string) => Promise<void>
  readonly evictFrom: (nodeId: string) => Promise<number>
  readonly isDeleting: (workspaceId: string) => boolean
  readonly deletingWorkspaces: () => readonly string[]
  /** A claim, workload, GPU request or hold of a workspace that is being deleted is gone: that may be finished now. */
  readonly workspaceFreed: (workspaceId: string) => Promise<void>
  readonly sources: readonly {
    readonly clusterId: string
    readonly fingerprint: (signal: AbortSignal) => Promise<readonly NodeFacts[]>
  }[]
  readonly seen: (clusterId: string, facts: readonly NodeFacts[]) => Promise<void>
  readonly unseen: (clusterId: string, message: string) => Promise<void>
  /** Periodic work in small steps, each with its period. */
  readonly chores: readonly {
    readonly name: string
    readonly everyMs: number
    /** Also at the start. Default false. */
    readonly isDueAtStart?: boolean
    readonly run: () => Promise<void>
  }[]
}

/** What follows from time and from claims ending: overdue releases, drains, fingerprints, retention. */
export interface Housekeeping {
  /** One look at all machines, or those of a cluster; the first one is awaited at boot. */
  fingerprint(clusterId?: string): Promise<void>
  /** After recovery: takes up drains and releases that were in progress, begins the periodic work. */
  start(): void
  stop(): void
}

type Source = HousekeepingOptions["sources"][number]

const fingerprintEveryMs = 15_000
const fingerprintDeadlineMs = 10_000
const freedWaitMs = 200
/** After a step that failed. */
const retryMs = 5_000

export function createHousekeeping(options: HousekeepingOptions): Housekeeping {
  const { store, capacity, clock, timers, log } = options
  /** Looks at a cluster that run, and those that wait for them. */
  const underWay = new Map<string, Promise<void>>()
  const next = new Map<string, Promise<void>>()
  let isStarted = false
  let isStopped = false

  /** Runs something that may fail, and says so; what nodes and workspaces are due is looked at again then. */
  function attempt(what: string, work: () => Promise<unknown>): void {
    if (isStopped) return
    void work().catch((err: unknown) => {
      if (isStopped) return
      log.warn({ err, what }, "housekeeping failed, it will be tried again")
      timers.at("housekeeping", clock.nowMs() + retryMs, sweep)
    })
  }

  /** Everything that a missed or failed step would have left undone. */
  function sweep(): void {
    for (const node of capacity.nodes()) {
      for (const claim of capacity.holders(node.id)) claimMoved(claim)
      nodeMoved(node)
    }
    for (const id of options.deletingWorkspaces()) workspaceFreed(id)
  }

  // ---- releases and drains -----------------------------------------------------------------------

  function claimMoved(claim: Claim): void {
    const timer = `release:${claim.id}`
    if (claim.state === "releasing" && claim.releaseDeadlineMs !== null)
      timers.at(timer, claim.releaseDeadlineMs, () => overdue(claim))
    if (claim.state !== "gone") return
    timers.cancel(timer)
    for (const nodeId of new Set(claim.placements.map((placement) => placement.nodeId))) nodeFreed(nodeId)
    somethingEnded(claim.workspaceId)
  }

  /** What ended without a claim (a schedule) may have been the last that lived. */
  function workloadMoved({ phase, claimId, workspaceId }: Workload): void {
    if (claimId === null && isTerminal(phase)) somethingEnded(workspaceId)
  }

  function somethingEnded(workspaceId: string): void {
    if (isStarted && options.isDeleting(workspaceId)) workspaceFreed(workspaceId)
  }

  /** Thousands of claims may go at once: one look for all that go within the wait. */
  function workspaceFreed(id: string): void {
    const timer = `workspace:${id}`
    if (timers.due(timer) === undefined)
      timers.at(timer, clock.nowMs() + freedWaitMs, () =>
        attempt("workspace", () => options.workspaceFreed(id)),
      )
  }

  /** Its processes do not die: the node is given to nobody until they have. */
  function overdue(claim: Claim): void {
    if (capacity.claim(claim.id)?.state !== "releasing") return
    for (const nodeId of new Set(claim.placements.map((placement) => placement.nodeId))) {
      log.error(
        { claimId: claim.id, owner: claim.owner.shownId, nodeId },
        "processes outlive their stop, the node is set aside",
      )
      attempt("stuck", () => options.setStuck(nodeId, true))
    }
  }

  function nodeFreed(nodeId: string): void {
    const node = capacity.nodeById(nodeId)
    if (!isStarted || !node || (!node.stuck && !node.draining)) return
    const holders = capacity.holders(nodeId)
    const isOverdue = (claim: Claim) =>
      claim.state === "releasing" &&
      claim.releaseDeadlineMs !== null &&
      claim.releaseDeadlineMs <= clock.nowMs()
    if (node.stuck && !holders.some(isOverdue)) attempt("stuck", () => options.setStuck(nodeId, false))
    if (node.draining && holders.length === 0) attempt("drained", () => options.drained(nodeId))
  }

  function nodeMoved(node: Node): void {
    // its last stuck claim may have gone while it was being set aside
    if (node.stuck) nodeFreed(node.id)
    if (!isStarted || !node.draining) return
    if (capacity.holders(node.id).length === 0) attempt("drained", () => options.drained(node.id))
    else attempt("drain", () => options.evictFrom(node.id))
  }

  // ---- periodic work -----------------------------------------------------------------------------

  async function fingerprint(clusterId?: string): Promise<void> {
    const asked = options.sources.filter(
      (source) => clusterId === undefined || source.clusterId === clusterId,
    )
    await Promise.all(asked.map(lookAnew))
  }

  /** A look that begins from now on; however many ask for one while another is under way, they share it. */
  function lookAnew(source: Source): Promise<void> {
    const id = source.clusterId
    const current = underWay.get(id)
    if (!current) {
      const begun = look(source).finally(() => underWay.delete(id))
      underWay.set(id, begun)
      return begun
    }
    const again = () => {
      next.delete(id)
      return lookAnew(source)
    }
    const shared = next.get(id) ?? current.then(again, again)
    next.set(id, shared)
    return shared
  }

  async function look(source: Source): Promise<void> {
    const abort = new AbortController()
    const cancel = clock.alarm(fingerprintDeadlineMs, () =>
      abort.abort(new Error("the driver took too long")),
    )
    try {
      const facts = await source.fingerprint(abort.signal)
      await options.seen(source.clusterId, facts)
    } catch (error) {
      log.warn({ err: error, clusterId: source.clusterId }, "a cluster could not be looked at")
      await options.unseen(source.clusterId, error instanceof Error ? error.message : String(error))
    } finally {
      cancel()
    }
  }

  function every(name: string, everyMs: number, run: () => Promise<void>): void {
    timers.at(`chore:${name}`, clock.nowMs() + everyMs, () => {
      attempt(name, run)
      if (!isStopped) every(name, everyMs, run)
    })
  }

  const off = [
    store.subscribe(claimChanged, claimMoved),
    store.subscribe(workloadChanged, workloadMoved),
    store.subscribe(nodeChanged, nodeMoved),
    store.subscribe(gpuRequestChanged, (request) => {
      if (!isLive(request)) somethingEnded(request.workspaceId)
    }),
    store.subscribe(nodeHoldChanged, ({ hold, free }) => {
      if (free) somethingEnded(hold.workspaceId)
    }),
    store.subscribe(rayClusterChanged, (cluster) => {
      if (cluster.state === "gone") somethingEnded(cluster.workspaceId)
    }),
    store.subscribe(rayJobChanged, ({ job, gone }) => {
      if (gone) somethingEnded(job.workspaceId)
    }),
    store.subscribe(rayServiceChanged, ({ service, gone }) => {
      if (gone) somethingEnded(service.workspaceId)
    }),
  ]

  return {
    fingerprint,
    start() {
      isStarted = true
      sweep()
      every("fingerprint", fingerprintEveryMs, () => fingerprint())
      for (const chore of options.chores) {
        if (chore.isDueAtStart) attempt(chore.name, chore.run)
        every(chore.name, chore.everyMs, chore.run)
      }
    },
    stop() {
      isStopped = true
      for (const end of off) end()
    },
  }
}
