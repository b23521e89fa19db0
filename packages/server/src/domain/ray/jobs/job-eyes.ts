import type { PodHands } from "../pod-hands.ts"
import type { RayRunnerOptions } from "../runner-options.ts"
import type { RayDashboard } from "../ports.ts"
import type { RayCluster, RayClusterKey, RayJob, RayJobKey, SubmissionInfo } from "../types.ts"
import { readEntryPoint } from "./entry-point.ts"
import { hasOwnCluster, isFinal, isLeftOver, isWhereSent, type JobSight } from "./job-steps.ts"
import { answerOf } from "./kept-submissions.ts"

/** What a look at a job sees. */
export interface JobEyes {
  /** undefined: there is no such job any more. */
  look(key: RayJobKey, signal: AbortSignal): Promise<JobSight | undefined>
}

const silenceMs = 5000
const mostSilent = 1000

export function createJobEyes({
  store,
  rows,
  clock,
  hands,
}: Pick<RayRunnerOptions, "store" | "rows" | "clock"> & { readonly hands: PodHands }): JobEyes {
  /** Heads that gave no answer, and until when they are not asked: their jobs would hold up everybody else's. */
  const silentUntilMs = new Map<RayClusterKey, number>()

  async function ask(
    { key }: RayCluster,
    dashboard: RayDashboard,
    submissionId: string,
    signal: AbortSignal,
  ): Promise<SubmissionInfo | null | undefined> {
    const untilMs = silentUntilMs.get(key)
    if (untilMs !== undefined && clock.nowMs() < untilMs) return undefined
    // one of its jobs finds out whether it answers again
    if (untilMs !== undefined) beSilent(key)
    // Ray's not knowing it is an answer: null; no answer is undefined
    const info = await answerOf(dashboard.job(submissionId, signal).then((found) => found ?? null))
    if (info === undefined) beSilent(key)
    else silentUntilMs.delete(key)
    return info
  }

  function beSilent(key: RayClusterKey): void {
    if (silentUntilMs.size >= mostSilent) silentUntilMs.clear()
    silentUntilMs.set(key, clock.nowMs() + silenceMs)
  }

  async function clusterOf(job: RayJob): Promise<RayCluster | undefined> {
    const from = store.committed
    if (job.clusterKey !== null) {
      const row = await rows.clusters.byKey(from, job.clusterKey)
      // one of the same name that was made since has nothing of what began on this one
      const hasBegun = job.status !== "" || isFinal(job.phase) || job.deletingAtMs !== null
      const isThere = row !== undefined && row.state !== "ending" && row.state !== "gone"
      if (isThere || hasBegun || hasOwnCluster(job)) return row
    }
    if (hasOwnCluster(job)) return undefined
    const selected = await rows.clusters.byName(from, job.namespace, job.clusterName)
    return selected?.workspaceId === job.workspaceId ? selected : undefined
  }

  async function infoOf(
    job: RayJob,
    cluster: RayCluster | undefined,
    signal: AbortSignal,
  ): Promise<SubmissionInfo | null | undefined> {
    const isToAsk = !isFinal(job.phase) || isLeftOver(job) || job.deletingAtMs !== null
    if (cluster?.state !== "ready" || !isToAsk || !isWhereSent(job, cluster)) return undefined
    const dashboard = hands.dashboardOf(cluster)
    return dashboard && ask(cluster, dashboard, job.submissionId, signal)
  }

  return {
    async look(key, signal) {
      const job = await rows.jobs.byKey(store.committed, key)
      if (!job) return undefined
      const cluster = await clusterOf(job)
      const info = await infoOf(job, cluster, signal)
      return { job, cluster, info, problem: problemOf(job), nowMs: clock.nowMs() }
    },
  }
}

/** Worded as upstream's operator does what it finds in a job. */
function problemOf(job: RayJob): string | null {
  // what was sent was read before
  if (job.submissionId !== "" || isFinal(job.phase) || job.deletingAtMs !== null) return null
  const wrong = (what: string) => `The RayJob spec is invalid: ${what}`
  if (hasOwnCluster(job) && job.spec === null)
    return wrong("it has neither a clusterSpec nor a clusterSelector")
  if (!hasOwnCluster(job) && job.clusterName === "")
    return wrong("its clusterSelector does not name a cluster by ray.io/cluster")
  const read = readEntryPoint(job)
  if (read.ok) return null
  const { part, message } = read.fault
  return wrong(part === "runtime_env" ? `failed to unmarshal RuntimeEnvYAML: ${message}` : message)
}
