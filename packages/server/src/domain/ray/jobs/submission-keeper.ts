import type { RayDashboard } from "../ports.ts"
import type { RayRunnerOptions } from "../runner-options.ts"
import type { RayClusterKey, RaySubmission, SubmissionInfo } from "../types.ts"
import { answerOf, hasEndedAs, logTail } from "./kept-submissions.ts"

/** Follows what was sent to a cluster, so that it can be told of when Ray cannot any more. */
export interface SubmissionKeeper {
  /** Stores what has changed of those that had not ended, with the logs of those that have. */
  look(clusterKey: RayClusterKey, dashboard: RayDashboard, signal: AbortSignal): Promise<void>
  /**
   * As `look`, once before the cluster goes or loses its place: what runs is stopped by that.
   * @param dashboard undefined: the one of the last look, where there was one in this life of the server
   */
  lastLook(clusterKey: RayClusterKey, dashboard: RayDashboard | undefined, signal: AbortSignal): Promise<void>
  /** The cluster is gone: nothing of it is kept in memory. */
  forget(clusterKey: RayClusterKey): void
}

/** For the logs of what has ended; a cluster that goes does not wait longer. */
const mostLogsMs = 10_000
/** What Ray does not know by then never reached it, or is lost. */
const arrivalMs = 60_000
/** Of one cluster; of more the oldest that have ended go. */
const mostKept = 1000

export function createSubmissionKeeper({
  store,
  rows,
  clock,
}: Pick<RayRunnerOptions, "store" | "rows" | "clock">): SubmissionKeeper {
  /** Of clusters that were looked at and not for the last time. */
  const looked = new Map<RayClusterKey, RayDashboard>()
  const over = new Set<RayClusterKey>()

  /** How a row is by what Ray says now; undefined = as it was. */
  function rowBy(
    row: RaySubmission,
    info: SubmissionInfo | undefined,
    isLast: boolean,
  ): RaySubmission | undefined {
    const nowMs = clock.nowMs()
    if (!info)
      return nowMs > row.createdAtMs + arrivalMs ? { ...row, info: lostInfo(row.info, nowMs) } : undefined
    if (isLast) return { ...row, info: stoppedInfo(info, nowMs) }
    return info.status === row.info.status ? undefined : { ...row, info }
  }

  /** The rows as they are by what Ray says now. */
  async function changesOf(
    open: readonly RaySubmission[],
    dashboard: RayDashboard,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<readonly RaySubmission[]> {
    const infos = open.length === 0 ? undefined : await answerOf(dashboard.jobs(signal))
    if (!infos) return []
    const byId = new Map(infos.map((info) => [info.submissionId, info]))
    const untilMs = clock.nowMs() + mostLogsMs
    const changed: RaySubmission[] = []
    for (const row of open) {
      const info = byId.get(row.submissionId)
      const next = rowBy(row, info, isLast)
      if (!next) continue
      const isLogWanted = info && hasEndedAs(next.info.status) && clock.nowMs() < untilMs
      const log = isLogWanted ? await logTail(dashboard, row.submissionId, signal) : null
      changed.push({ ...next, log })
    }
    return changed
  }

  /** Those that were deleted while they ran, and that Ray keeps no more. */
  async function removedOf(
    ended: readonly RaySubmission[],
    dashboard: RayDashboard,
    signal: AbortSignal,
  ): Promise<readonly RaySubmission[]> {
    const removed: RaySubmission[] = []
    for (const row of ended.filter(({ deleting }) => deleting)) {
      const answer = await answerOf(dashboard.remove(row.submissionId, signal))
      if (answer === undefined) break
      removed.push(row)
    }
    return removed
  }

  async function keep(key: RayClusterKey, dashboard: RayDashboard, signal: AbortSignal, isLast: boolean) {
    const kept = await rows.submissions.ofCluster(store.committed, key)
    const changed = await changesOf(kept.filter(isOpen), dashboard, signal, isLast)
    const ended = [...kept, ...changed].filter((row) => !isOpen(row))
    const removed = await removedOf(ended, dashboard, signal)
    const surplus = ended.slice(0, Math.max(0, kept.length - mostKept))
    if (changed.length + surplus.length + removed.length === 0) return
    await store.tx(async (tx) => {
      for (const { submissionId, info, log } of changed) {
        // one that was deleted meanwhile stays so
        const row = await rows.submissions.get(tx, key, submissionId)
        if (row) await rows.submissions.put(tx, { ...row, info, log })
      }
      for (const { submissionId } of [...surplus, ...removed])
        await rows.submissions.delete(tx, key, submissionId)
    })
  }

  return {
    async look(key, dashboard, signal) {
      looked.set(key, dashboard)
      over.delete(key)
      await keep(key, dashboard, signal, false)
    },
    async lastLook(key, given, signal) {
      const dashboard = given ?? looked.get(key)
      if (!dashboard || over.has(key)) return
      await keep(key, dashboard, signal, true)
      over.add(key)
      looked.delete(key)
    },
    forget(key) {
      looked.delete(key)
      over.delete(key)
    },
  }
}

function isOpen({ info }: RaySubmission): boolean {
  return !hasEndedAs(info.status)
}

/** What has not ended ends with its cluster. */
function stoppedInfo(info: SubmissionInfo, nowMs: number): SubmissionInfo {
  if (hasEndedAs(info.status)) return info
  return {
    ...info,
    status: "STOPPED",
    message: "Its Ray cluster was ended or lost its place.",
    endTimeMs: nowMs,
  }
}

function lostInfo(info: SubmissionInfo, nowMs: number): SubmissionInfo {
  const message = "Ray does not know it: it was lost with the head that it ran on, or never reached it."
  return { ...info, status: "FAILED", message, endTimeMs: nowMs }
}
