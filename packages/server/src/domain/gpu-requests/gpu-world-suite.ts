import { isDeepStrictEqual } from "node:util"
import { createIds } from "../../kit/ids.ts"
import { gpuMemoryGb, isManaged, type Node } from "../inventory/index.ts"
import { aMachine, openPlatform } from "../workspaces/platform-suite.ts"
import type { GpuRequestReason, Slot } from "./board-types.ts"
import type { CreateGpuRequest, HoldEnds } from "./commands.ts"
import { defaultLimits } from "./limits.ts"
import { endEvents, gpuRequestEvent, holdEnded, provisioned } from "./moves.ts"
import type { BoardReads, GpuRequestsOptions } from "./options.ts"
import { createGpuRequests } from "./service.ts"
import { createGpuSettingsIndex } from "./settings-index.ts"
import { createGpuSettings } from "./settings.ts"
import { isLive } from "./states.ts"
import type { GpuRequest, GpuRequestId, NodeHold } from "./types.ts"
import { gpuRequestChanged, nodeHoldChanged } from "./types.ts"

export const hourMs = 3_600_000

/** What a test makes the board say. */
export interface Script {
  readonly slots: Map<GpuRequestId, Slot>
  readonly reasons: Map<GpuRequestId, GpuRequestReason>
  forecast: BoardReads["forecast"]
  delayedBy: BoardReads["delayedBy"]
}

/** A board that remembers what the store told it and says for the rest what the script says. */
function scriptedBoard(nodes: () => readonly Node[]) {
  const requests = new Map<string, GpuRequest>()
  const holds = new Map<string, NodeHold>()
  const script: Script = {
    slots: new Map(),
    reasons: new Map(),
    forecast: () => ({ kind: "never", reason: { code: "queue_paused" } }),
    delayedBy: (_id, endsAtMs) => ({ requestIds: [], latestEndMs: endsAtMs }),
  }
  const queued = () =>
    [...requests.values()]
      .filter((request) => request.state === "queued")
      .toSorted((a, b) => b.priority - a.priority || a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1))
  const board: BoardReads = {
    slot: (id) => script.slots.get(id),
    reason: (id) => script.reasons.get(id),
    position(id, limit) {
      const at = queued().findIndex((request) => request.id === id)
      return { position: at + 1, ahead: queued().slice(0, Math.max(0, Math.min(at, limit))) }
    },
    forecast: (candidate, nowMs) => script.forecast(candidate, nowMs),
    delayedBy: (id, endsAtMs, nowMs) => script.delayedBy(id, endsAtMs, nowMs),
    request: (id) => requests.get(id),
    byShownId: (shownId) => [...requests.values()].find((request) => request.shownId === shownId),
    live: () => [...queued(), ...[...requests.values()].filter((one) => one.state === "provisioned")],
    hold: (nodeId) => holds.get(nodeId),
    holdsOf: (id) => [...holds.values()].filter((hold) => hold.requestId === id),
    managedNodes: () => nodes().filter((node) => isManaged(node) && node.workspaceId === null),
    suits: (wish, node) =>
      wish.clusters.includes(node.clusterId) &&
      (wish.instanceType === null || wish.instanceType === node.instanceType) &&
      (wish.gpuModel === null || wish.gpuModel === node.gpuModel) &&
      gpuMemoryGb(node) >= (wish.memoryGibPerGpu ?? 0) &&
      node.gpus.length >= wish.gpusPerNode,
  }
  return {
    script,
    board,
    requestChanged: (request: GpuRequest) => {
      if (isLive(request)) requests.set(request.id, request)
      else requests.delete(request.id)
    },
    holdChanged: ({ hold, free }: { readonly hold: NodeHold; readonly free: boolean }) => {
      if (free) holds.delete(hold.nodeId)
      else holds.set(hold.nodeId, hold)
    },
  }
}

/** Dice that fall the same way in every run. */
export function countedDice(seed = 1): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * GPU requests and their settings on a real database of their own, with two workspaces (`red` and `blue`, in cluster
 * `local`) and three nodes. What the queue does is done by hand. For tests.
 */
export async function openGpuWorld(change: Partial<GpuRequestsOptions> = {}) {
  const platform = await openPlatform()
  const { store, clock, index: workspaces, inventory } = platform
  const ids = createIds(clock.nowMs, countedDice())
  const { script, board, ...follower } = scriptedBoard(() => inventory.list())
  const settingsIndex = createGpuSettingsIndex({ workspace: (id) => workspaces.find(id) })
  settingsIndex.follow(store)
  store.subscribe(gpuRequestChanged, follower.requestChanged)
  store.subscribe(nodeHoldChanged, follower.holdChanged)
  const rows = store.gpuRequests
  const holds: HoldEnds = {
    async endHold(tx, request, { cause, reason = "", nowMs, actor }) {
      const after = holdEnded(request, { cause, reason, nowMs })
      await rows.update(tx, after, "provisioned")
      for (const { nodeId } of request.nodes) {
        const hold = await rows.hold(tx, nodeId)
        if (hold) await rows.updateHold(tx, { ...hold, state: "draining", drainDeadlineMs: nowMs + 60_000 })
      }
      await tx.emit(gpuRequestEvent(request, endEvents[cause], actor, nowMs))
      return after
    },
  }
  const shared = {
    store,
    clock,
    limits: defaultLimits,
    clusters: ["local", "lab"],
    workspace: (id: string) => workspaces.find(id),
    workspaceRow: (from: Parameters<typeof store.workspaces.byId>[0], id: string) =>
      store.workspaces.byId(from, id),
  }
  const options: GpuRequestsOptions = {
    ...shared,
    rows,
    board,
    settings: settingsIndex,
    journal: store.journal,
    ids,
    nodes: () => inventory.list(),
    gpusInUse: () => 0,
    holds,
    ...change,
  }
  const requests = createGpuRequests(options)
  const settings = createGpuSettings({ ...shared, rows: store.gpuSettings, index: settingsIndex })

  await inventory.seen("local", [aMachine("n1"), aMachine("n2"), aMachine("n3")])
  for (const id of ["red", "blue"]) {
    await platform.workspace(id)
    await platform.workspaces.update(platform.owner, id, { clusters: ["local"] })
  }
  const row = (id: string) => rows.byShownId(store.committed, id)
  /** All rows, and how much the journal keeps. */
  async function everything() {
    const from = store.committed
    const { events, audit } = await platform.journal()
    return {
      events: events.length,
      audit: audit.length,
      rows: (await rows.page(from, { workspaces: null }, 1_000, null)).items,
      holds: await rows.holds(from),
      templates: await store.gpuSettings.templates(from),
      bindings: await store.gpuSettings.bindings(from),
      prices: await store.gpuSettings.prices(from),
    }
  }

  return {
    ...platform,
    script,
    rows,
    options,
    requests,
    settings,
    settingsIndex,
    row,
    /** Somebody with a role in a workspace. */
    async member(name: string, workspaceId: string, role: "owner" | "editor" | "viewer") {
      const somebody = await platform.person(name)
      await platform.workspaces.setMember(platform.owner, workspaceId, somebody.userId, role)
      return somebody
    },
    /** What the queue does when a slot has come: the request holds the nodes from now on. */
    async provision(request: GpuRequest, ...names: readonly string[]): Promise<GpuRequest> {
      const nowMs = clock.nowMs()
      const nodes = inventory.list().filter((node) => names.includes(node.name))
      await store.tx(async (tx) => {
        const before = (await rows.byId(tx, request.id)) ?? request
        const held = nodes.map(({ id, name, clusterId, gpus, gpuModel, instanceType }) => {
          const more = { gpus: gpus.length, gpuModel: gpuModel ?? "", instanceType }
          return { nodeId: id, name, clusterId, ...more }
        })
        const after = provisioned(before, { nodes: held, place: 1 }, nowMs)
        await rows.update(tx, after, "queued")
        for (const { id } of nodes)
          await rows.insertHold(tx, {
            nodeId: id,
            requestId: request.id,
            workspaceId: request.workspaceId,
            state: "held",
            sinceMs: nowMs,
            drainDeadlineMs: null,
            untilMs: after.endsAtMs ?? 0,
            automatic: false,
            version: 1,
          })
      })
      const after = await row(request.shownId)
      if (!after) throw new Error("The request is gone.")
      return after
    },
    /** Types of the events about a request, newest first. */
    async moves(request: Pick<GpuRequest, "shownId">): Promise<readonly string[]> {
      const subject = { kind: "gpu-request", id: request.shownId } as const
      const events = await store.journal.latestEvents(store.committed, subject, 100)
      return events.map((event) => event.type)
    },
    everything,
    /** What an act is refused with; throws when it is not, or when anything was written. */
    async refusal(act: () => Promise<unknown>): Promise<unknown> {
      const before = await everything()
      const refusal = await act().then(
        () => new Error("It was not refused."),
        (thrown: unknown) => thrown,
      )
      if (!isDeepStrictEqual(await everything(), before))
        throw new Error("It was refused, but something changed.")
      return refusal
    },
  }
}
export type GpuWorld = Awaited<ReturnType<typeof openGpuWorld>>

/** One GPU on one node for an hour in `red`. For tests. */
export function aWish(change: Partial<CreateGpuRequest> = {}): CreateGpuRequest {
  return {
    name: "one",
    workspaceId: "red",
    clusters: null,
    instanceType: null,
    gpuModel: null,
    memoryGibPerGpu: null,
    gpusPerNode: 1,
    nodes: 1,
    priority: 101,
    durationMs: hourMs,
    idleTimeoutMs: null,
    requeueOnFailure: false,
    enableEviction: false,
    multiNode: false,
    ...change,
  }
}
