import { isDeepStrictEqual } from "node:util"
import { createIds } from "../../kit/ids.ts"
import { nodeChanged } from "../inventory/index.ts"
import { aMachine, openPlatform } from "../workspaces/platform-suite.ts"
import { workspaceChanged } from "../workspaces/index.ts"
import { createBoard } from "./board/board.ts"
import type { CreateGpuRequest, HoldEnds } from "./commands.ts"
import { defaultLimits } from "./limits.ts"
import { endEvents, gpuRequestEvent, holdEnded, provisioned } from "./moves.ts"
import { createLikelyStarts } from "./views/likely.ts"
import type { GpuRequestsOptions } from "./options.ts"
import { createGpuRequests } from "./service.ts"
import { createGpuSettingsIndex } from "./settings/settings-index.ts"
import { createGpuSettings } from "./settings/settings.ts"
import type { GpuRequest } from "./types.ts"
import { gpuRequestChanged, nodeHoldChanged } from "./types.ts"

export const hourMs = 3_600_000

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
 * `local`) and three nodes. with the board that follows it. What the queue does is done by hand. For tests.
 */
export async function openGpuWorld(change: Partial<GpuRequestsOptions> = {}) {
  const platform = await openPlatform()
  const { store, clock, index: workspaces, inventory } = platform
  const ids = createIds(clock.nowMs, countedDice())
  const board = createBoard()
  const settingsIndex = createGpuSettingsIndex({ workspace: (id) => workspaces.find(id) })
  settingsIndex.follow(store)
  store.subscribe(nodeChanged, (node) => board.nodeChanged(node))
  store.subscribe(workspaceChanged, ({ workspace, gone }) => board.workspaceChanged(workspace, gone))
  const likely = createLikelyStarts({
    board,
    nodes: () => inventory.list(),
    workspaces: () => workspaces.list(),
  })
  store.subscribe(gpuRequestChanged, (request) => {
    board.requestChanged(request)
    likely.requestChanged(request)
  })
  store.subscribe(nodeHoldChanged, ({ hold, free }) => board.holdChanged(hold, free))
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
    likely,
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
  for (const workspace of workspaces.list()) board.workspaceChanged(workspace, false)
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

  /** What the queue does when a slot has come: the request holds the nodes from now on. */
  async function give(
    request: GpuRequest,
    { nodes: names, place }: { readonly nodes: readonly string[]; readonly place: number | null },
  ): Promise<GpuRequest> {
    const nowMs = clock.nowMs()
    const nodes = inventory.list().filter((node) => names.includes(node.name))
    await store.tx(async (tx) => {
      const before = (await rows.byId(tx, request.id)) ?? request
      const held = nodes.map(({ id, name, clusterId, gpus, gpuModel, instanceType }) => {
        const more = { gpus: gpus.length, gpuModel: gpuModel ?? "", instanceType }
        return { nodeId: id, name, clusterId, ...more }
      })
      const after = provisioned(before, { nodes: held, place }, nowMs)
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
  }

  return {
    ...platform,
    board,
    likely,
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
    give,
    /** The same by hand: the nodes that are named, and the workspace's first place. */
    provision: (request: GpuRequest, ...names: readonly string[]) =>
      give(request, {
        nodes: names,
        place: workspaces.find(request.workspaceId)?.policy.mostGpuRequests === null ? null : 1,
      }),
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
