import { createGpuFigures, type GpuStart } from "./control/gpu-figures.ts"
import {
  createBoard,
  createGpuSettingsIndex,
  createLikelyStarts,
  gpuBindingChanged,
  gpuRequestChanged,
  nodeHoldChanged,
  type GpuRequestLimits,
  type GpuRequestStore,
  type GpuSettingsStore,
} from "./domain/gpu-requests/index.ts"
import { nodeChanged, type Node } from "./domain/inventory/index.ts"
import type { Store } from "./domain/journal/index.ts"
import {
  claimChanged,
  createCapacity,
  queueControlChanged,
  type Capacity,
  type QueueControl,
} from "./domain/queue/index.ts"
import { workspaceChanged, type Workspace } from "./domain/workspaces/index.ts"

export interface PlannersOptions {
  readonly store: Store
  readonly rows: { readonly gpuRequests: GpuRequestStore; readonly gpuSettings: GpuSettingsStore }
  readonly limits: GpuRequestLimits
  readonly workspaces: {
    find(id: string): Workspace | undefined
    list(): readonly Workspace[]
  }
  readonly nodes: () => readonly Node[]
  readonly onGpuStart?: (start: GpuStart) => void
}

export type Planners = ReturnType<typeof createPlanners>

/** How many ended GPU requests likely starts are made of at first. */
const rememberedEnds = 1000

/**
 * The two planners and what they are made on, in memory: the board of GPU requests and the capacity of claims, which
 * asks the board. Follows the store once `follow` is called; loaded by `load`.
 */
export function createPlanners(options: PlannersOptions) {
  const { store, rows, limits, workspaces } = options
  const board = createBoard()
  const settings = createGpuSettingsIndex({ workspace: (id) => workspaces.find(id) })
  const capacity: Capacity = createCapacity({
    requestsOf: (id) => [...board.queuedIn(id), ...board.provisionedIn(id)],
    request: (id) => board.request(id),
    filedFor: (ownerId) => board.filedFor(ownerId),
    startMs: (id, nowMs) => board.slot(id, nowMs)?.startMs ?? null,
    filesRequests: (id) => settings.filesRequests(id),
    roomFor: (id) => limits.mostQueuedPerWorkspace - board.queuedIn(id).length,
  })
  const likely = createLikelyStarts({ board, nodes: options.nodes, workspaces: () => workspaces.list() })
  const figures = createGpuFigures({
    store,
    board,
    ...(options.onGpuStart ? { onStart: options.onGpuStart } : {}),
  })

  /** A node that nobody holds is not lent while work with GPUs is on it. */
  function noteUse(nodes: readonly { readonly nodeId: string }[]): void {
    for (const { nodeId } of nodes) {
      const isUsed = capacity.holders(nodeId).some((claim) => claim.size.gpus > 0)
      board.nodeInUse(nodeId, isUsed)
    }
  }

  return {
    board,
    capacity,
    settings,
    likely,
    figures,

    /** From now on memory is what is committed. */
    follow(): void {
      settings.follow(store)
      // the board first: the queue asks it about requests
      store.subscribe(workspaceChanged, ({ workspace, gone }) => {
        board.workspaceChanged(workspace, gone)
        capacity.workspaceChanged(workspace, gone)
        if (gone) likely.forget(workspace.id)
      })
      store.subscribe(nodeChanged, (node) => {
        board.nodeChanged(node)
        capacity.nodeChanged(node)
      })
      store.subscribe(claimChanged, (claim) => {
        const left = capacity.claim(claim.id)?.placements ?? []
        capacity.claimChanged(claim)
        if (claim.size.gpus > 0) noteUse([...left, ...claim.placements])
      })
      store.subscribe(queueControlChanged, (control) => {
        board.controlChanged(control.paused)
        capacity.controlChanged(control)
      })
      store.subscribe(gpuBindingChanged, ({ binding }) => capacity.markDirty(binding.workspaceId))
      store.subscribe(nodeHoldChanged, ({ hold, free }) => {
        board.holdChanged(hold, free)
        capacity.holdChanged(hold, free)
      })
      store.subscribe(gpuRequestChanged, (request) => {
        board.requestChanged(request)
        likely.requestChanged(request)
        capacity.requestChanged(request)
      })
    },

    /** What the rows have, once the capacity knows nodes, workspaces and claims. */
    async load(nodes: readonly Node[], control: QueueControl): Promise<void> {
      const from = store.committed
      capacity.controlChanged(control)
      board.controlChanged(control.paused)
      for (const workspace of workspaces.list()) board.workspaceChanged(workspace, false)
      for (const node of nodes) board.nodeChanged(node)
      noteUse(nodes.map(({ id }) => ({ nodeId: id })))
      settings.load({
        templates: await rows.gpuSettings.templates(from),
        bindings: await rows.gpuSettings.bindings(from),
        prices: await rows.gpuSettings.prices(from),
      })
      for (const request of await rows.gpuRequests.live(from)) {
        board.requestChanged(request)
        likely.requestChanged(request)
        figures.loadRequest(request)
      }
      for (const request of await rows.gpuRequests.lastEnded(from, rememberedEnds))
        likely.requestChanged(request)
      for (const hold of await rows.gpuRequests.holds(from)) {
        board.holdChanged(hold, false)
        capacity.holdChanged(hold, false)
        figures.loadHold(hold)
      }
    },
  }
}
