import type { Clock } from "../../kit/clock.ts"
import type { JournalReads, Store, Tx } from "../journal/index.ts"
import { systemActor } from "../journal/index.ts"
import type { Board } from "./board/board-types.ts"
import { cancelled, gpuRequestEvent } from "./moves.ts"
import type { GpuEndCause, GpuRequest, GpuRequestId, GpuRequestStore } from "./types.ts"

export interface UpkeepWritesOptions {
  readonly store: Store
  readonly rows: GpuRequestStore
  readonly journal: Pick<JournalReads, "latestEvents">
  readonly board: Pick<Board, "delayedBy">
  readonly clock: Clock
}

/**
 * What the server writes about requests by itself but for ends, each in a transaction of its own. A row that moved on
 * meanwhile is left as it is: the look that follows its change decides anew.
 */
export interface UpkeepWrites {
  cancel(id: GpuRequestId, cause: GpuEndCause): Promise<void>
  reprioritise(id: GpuRequestId, priority: number): Promise<void>
  used(id: GpuRequestId): Promise<void>
  unused(id: GpuRequestId, sinceMs: number): Promise<void>
  /** The warning before the end, once for each end also over a restart. */
  warn(request: GpuRequest, endsAtMs: number): Promise<void>
  /** @returns whether it pushes back nobody and was done; where not, says so once for each end */
  extend(request: GpuRequest, endsAtMs: number): Promise<boolean>
}

const actor = systemActor("gpu-requests")
const looksBack = 20

export function createUpkeepWrites(options: UpkeepWritesOptions): UpkeepWrites {
  const { store, rows, clock } = options

  /** Changes the row as the transaction sees it; undefined = leave it. */
  function change(
    id: GpuRequestId,
    make: (request: GpuRequest, tx: Tx, nowMs: number) => Promise<GpuRequest | undefined>,
  ): Promise<boolean> {
    return store.tx(async (tx) => {
      const before = await rows.byId(tx, id)
      if (!before) return false
      const after = await make(before, tx, clock.nowMs())
      if (after) await rows.update(tx, after, before.state)
      return after !== undefined
    })
  }

  /** Whether the event was written for this end before. */
  async function wasTold(request: GpuRequest, type: string, endsAtMs: number): Promise<boolean> {
    const subject = { kind: "gpu-request", id: request.shownId } as const
    const events = await options.journal.latestEvents(store.committed, subject, looksBack)
    return events.some((event) => event.type === type && event.data["endsAtMs"] === endsAtMs)
  }

  async function tellOnce(request: GpuRequest, type: string, endsAtMs: number): Promise<void> {
    if (await wasTold(request, type, endsAtMs)) return
    const atMs = clock.nowMs()
    const inSeconds = Math.max(0, Math.round((endsAtMs - atMs) / 1000))
    await store.tx((tx) => tx.emit(gpuRequestEvent(request, type, actor, atMs, { endsAtMs, inSeconds })))
  }

  return {
    async cancel(id, cause) {
      await change(id, async (request, tx, nowMs) => {
        if (request.state !== "queued") return undefined
        await tx.emit(gpuRequestEvent(request, "gpu-request.cancelled", actor, nowMs, { cause }))
        return cancelled(request, cause, nowMs)
      })
    },
    async reprioritise(id, priority) {
      await change(id, async (request, tx, nowMs) => {
        if (request.state !== "queued" || request.priority === priority) return undefined
        const data = { priority: { from: request.priority, to: priority } }
        await tx.emit(gpuRequestEvent(request, "gpu-request.updated", actor, nowMs, data))
        return { ...request, priority }
      })
    },
    async used(id) {
      await change(id, async (request, _tx, nowMs) => {
        const { idleSinceMs } = request
        if (request.state !== "provisioned" || idleSinceMs === null) return undefined
        return { ...request, idleSinceMs: null, idleMs: request.idleMs + Math.max(0, nowMs - idleSinceMs) }
      })
    },
    async unused(id, sinceMs) {
      await change(id, async (request) =>
        request.state === "provisioned" && request.idleSinceMs === null
          ? { ...request, idleSinceMs: sinceMs }
          : undefined,
      )
    },
    warn: (request, endsAtMs) => tellOnce(request, "gpu-request.expiring", endsAtMs),
    async extend(request, endsAtMs) {
      // nobody decided this: what his own workspace was promised counts too
      const { requestIds } = options.board.delayedBy(request.id, endsAtMs, clock.nowMs(), "all")
      if (requestIds.length > 0) {
        await tellOnce(request, "gpu-request.not-extended", request.endsAtMs ?? endsAtMs)
        return false
      }
      return change(request.id, async (before, tx, nowMs) => {
        if (before.state !== "provisioned" || before.endsAtMs !== request.endsAtMs) return undefined
        await extendHolds(rows, tx, before, endsAtMs)
        await tx.emit(gpuRequestEvent(before, "gpu-request.extended", actor, nowMs, { endsAtMs }))
        return { ...before, endsAtMs }
      })
    },
  }
}

/**
 * Its nodes are promised to it until the new end. Where they were drained for the old one they take work again: what
 * was told to leave goes on leaving, and comes back as whatever waits does.
 */
export async function extendHolds(
  rows: GpuRequestStore,
  tx: Tx,
  request: GpuRequest,
  endsAtMs: number,
): Promise<void> {
  for (const { nodeId } of request.nodes) {
    const hold = await rows.hold(tx, nodeId)
    if (hold?.requestId === request.id)
      await rows.updateHold(tx, { ...hold, state: "held", drainDeadlineMs: null, untilMs: endsAtMs })
  }
}
