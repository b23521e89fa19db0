import type { RayDashboard } from "../ports.ts"
import type { RayRunnerOptions } from "../runner-options.ts"
import type { RayClusterKey, RaySubmission, SubmissionInfo } from "../types.ts"
import { answerOf, hasEndedAs, logTail } from "./kept-submissions.ts"

/** Follows what was sent to a cluster, so that it can be told of when Ray cannot any more. */
export interface SubmissionKeeper {
  /** Stores what has changed of those that had not ended, with the logs of those that have. */
  look(clusterKey: RayClusterKey, dashboard: RayDashboard, signal: AbortSignal): Promise<void>
  /** As `look`, once in this life of the server, before the cluster goes: what runs is stopped by that. */
  lastLook(clusterKey: RayClusterKey, dashboard: RayDashboard, signal: AbortSignal): Promise<void>
  /** The cluster is gone: nothing of it is kept in memory. */
  forget(clusterKey: RayClusterKey): void
}

/** A cluster that goes does not wait longer for the logs of what it ran. */
const mostLastLookMs = 10_000
/** Of one cluster; of more the oldest that have ended go. */
const mostKept = 1000

export function createSubmissionKeeper({
  store,
  rows,
  clock,
}: Pick<RayRunnerOptions, "store" | "rows" | "clock">): SubmissionKeeper {
  const looked = new Set<RayClusterKey>()

  /** The rows as they are by what Ray says now. */
  async function changesOf(
    open: readonly RaySubmission[],
    dashboard: RayDashboard,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<readonly RaySubmission[]> {
    const infos = open.length === 0 ? undefined : await answerOf(dashboard.jobs(signal))
    const byId = new Map(infos?.map((info) => [info.submissionId, info]))
    const untilMs = clock.nowMs() + mostLastLookMs
    const changed: RaySubmission[] = []
    for (const row of open) {
      const info = byId.get(row.submissionId)
      if (!info || (!isLast && info.status === row.info.status)) continue
      const isLogWanted = isLast ? clock.nowMs() < untilMs : hasEndedAs(info.status)
      const log = isLogWanted ? await logTail(dashboard, row.submissionId, signal) : null
      changed.push({ ...row, info: isLast ? stoppedInfo(info, clock.nowMs()) : info, log })
    }
    return changed
  }

  async function keep(key: RayClusterKey, dashboard: RayDashboard, signal: AbortSignal, isLast: boolean) {
    const kept = await rows.submissions.ofCluster(store.committed, key)
    const [ended = [], open = []] = [true, false].map((is) =>
      kept.filter(({ info }) => hasEndedAs(info.status) === is),
    )
    const changed = await changesOf(open, dashboard, signal, isLast)
    const surplus = ended.slice(0, Math.max(0, kept.length - mostKept))
    if (changed.length + surplus.length === 0) return
    await store.tx(async (tx) => {
      for (const { submissionId } of surplus) await rows.submissions.delete(tx, key, submissionId)
      for (const row of changed)
        // one that was deleted meanwhile stays so
        if (await rows.submissions.get(tx, key, row.submissionId)) await rows.submissions.put(tx, row)
    })
  }

  return {
    look: (key, dashboard, signal) => keep(key, dashboard, signal, false),
    async lastLook(key, dashboard, signal) {
      if (looked.has(key)) return
      await keep(key, dashboard, signal, true)
      looked.add(key)
    },
    forget: (key) => void looked.delete(key),
  }
}

/** What has not ended ends with its cluster. */
function stoppedInfo(info: SubmissionInfo, nowMs: number): SubmissionInfo {
  if (hasEndedAs(info.status)) return info
  return { ...info, status: "STOPPED", message: "Its Ray cluster was ended.", endTimeMs: nowMs }
}
