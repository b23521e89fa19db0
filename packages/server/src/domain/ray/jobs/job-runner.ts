import { AppError } from "../../../kit/errors.ts"
import type { Tx } from "../../journal/index.ts"
import { systemActor } from "../../journal/index.ts"
import type { ClusterLife } from "../cluster-life.ts"
import type { PodHands } from "../pod-hands.ts"
import { randomSuffix } from "../pods.ts"
import type { RayRunnerOptions } from "../runner-options.ts"
import type { RayClusterKey, RayJob, RayJobKey, RaySubmission, SubmissionInfo } from "../types.ts"
import { readEntryPoint } from "./entry-point.ts"
import { clusterOfJob } from "./job-cluster.ts"
import { createJobEyes } from "./job-eyes.ts"
import type { JobChanges, JobSight } from "./job-steps.ts"
import { nextJobStep } from "./job-steps.ts"
import { answerOf, hasEndedAs, logTail, newSubmissionInfo } from "./kept-submissions.ts"
import { jobEvent } from "./job-events.ts"
import type { SubmissionKeeper } from "./submission-keeper.ts"
import { withoutVariables } from "./runtime-env.ts"

/** Brings Ray jobs, their clusters and their submissions in line. Level-triggered. */
export interface RayJobSteps {
  /**
   * One look at one job, and all that follows from it until it waits. Safe to repeat; must not run twice at once for
   * a key.
   * @throws AppError `unavailable` or `timeout` when Ray or the store cannot work now: call again later
   */
  reconcile(key: RayJobKey, signal: AbortSignal): Promise<void>
}

type KeptOfJob = Omit<RaySubmission, "info" | "log">

const actor = systemActor("ray")
/** Far more than any way from one wait to the next has. */
const mostRounds = 16
const mostNames = 5

export function createJobSteps(
  options: RayRunnerOptions & {
    readonly life: ClusterLife
    readonly hands: PodHands
    readonly keeper: SubmissionKeeper
  },
): RayJobSteps {
  const { store, rows, clock, ids, life, hands } = options
  const eyes = createJobEyes(options)

  /** Runs a change on the row that was seen; nothing where it is another by now: the next look sees that. */
  function change(
    { job, nowMs }: JobSight,
    write: (tx: Tx, job: RayJob, nowMs: number) => Promise<void>,
  ): Promise<void> {
    return store.tx(async (tx) => {
      const row = await rows.jobs.byKey(tx, job.key)
      if (row?.version === job.version) await write(tx, row, nowMs)
    })
  }

  async function update(tx: Tx, job: RayJob, changes: Partial<RayJob>, nowMs: number): Promise<RayJob> {
    const next = { ...job, ...changes }
    await rows.jobs.update(tx, next)
    if (next.phase !== job.phase) await tx.emit(jobEvent(next, actor, nowMs))
    return next
  }

  async function reconcile(key: RayJobKey, signal: AbortSignal): Promise<void> {
    for (let round = 0; round < mostRounds; round++) {
      signal.throwIfAborted()
      const sight = await eyes.look(key, signal)
      if (!sight) return options.lookAt(key, null)
      if (sight.job.deletingAtMs === null && options.isDeleting(sight.job.workspaceId)) {
        await change(sight, (tx, job, nowMs) => rows.jobs.update(tx, { ...job, deletingAtMs: nowMs }))
        continue
      }
      const lookAtMs = await take(sight, signal)
      if (lookAtMs !== undefined) return options.lookAt(key, lookAtMs)
    }
    options.lookAt(key, clock.nowMs())
  }

  /** @returns when to look again; nothing = now */
  async function take(sight: JobSight, signal: AbortSignal): Promise<number | null | void> {
    const step = nextJobStep(sight)
    switch (step.do) {
      case "wait":
        return step.atMs
      case "stop":
        await tell(sight, signal)
        return step.thenAtMs
      case "write":
        return write(sight, step.changes, signal)
      case "make_cluster":
        return makeCluster(sight)
      case "choose_id":
        return chooseId(sight)
      case "submit":
        return submit(sight, signal)
      case "end_cluster":
        return endCluster(sight, signal)
      case "delete":
        return change(sight, async (tx, job, nowMs) => {
          await rows.jobs.delete(tx, job.key)
          await tx.emit(jobEvent(job, actor, nowMs, "gone"))
        })
    }
  }

  async function tell({ job, cluster }: JobSight, signal: AbortSignal): Promise<void> {
    const dashboard = cluster && hands.dashboardOf(cluster)
    // asked again at the next look, whatever it says
    if (dashboard) await answerOf(dashboard.stop(job.submissionId, signal))
  }

  /** What Ray said goes with it, at its end the log too. */
  async function write(sight: JobSight, changes: JobChanges, signal: AbortSignal): Promise<void> {
    const { job, cluster, info } = sight
    const isNews = info && changes.status !== undefined && changes.status !== job.status
    const dashboard = isNews && hasEndedAs(info.status) && cluster ? hands.dashboardOf(cluster) : undefined
    const log = dashboard ? await logTail(dashboard, job.submissionId, signal) : null
    await change(sight, async (tx, row, nowMs) => {
      await update(tx, row, changes, nowMs)
      if (isNews && cluster) await keepNews(tx, submissionOf(row, cluster.key), info, log)
    })
  }

  async function keepNews(tx: Tx, of: KeptOfJob, info: SubmissionInfo, log: string | null): Promise<void> {
    const before = await rows.submissions.get(tx, of.clusterKey, of.submissionId)
    await rows.submissions.put(tx, { ...(before ?? of), info, log })
  }

  function submissionOf(job: RayJob, clusterKey: RayClusterKey): KeptOfJob {
    const { submissionId, key: jobKey, userId } = job
    return {
      clusterKey,
      submissionId,
      jobKey,
      userId,
      createdAtMs: clock.nowMs(),
      deleting: false,
    }
  }

  async function makeCluster(sight: JobSight): Promise<void> {
    await change(sight, async (tx, job, nowMs) => {
      if (!job.spec) throw new AppError("internal", `The Ray job ${job.key} has no shape for its cluster.`)
      const key = ids.next("rcl") as RayClusterKey
      const made = { key, name: await freeName(tx, job), createdAtMs: nowMs }
      await life.begin(tx, clusterOfJob(job, job.spec, made), actor, nowMs)
      await update(tx, job, { clusterKey: key, clusterName: made.name, phase: "Initializing" }, nowMs)
    })
  }

  async function freeName(tx: Tx, { namespace, name }: RayJob): Promise<string> {
    for (let tries = 0; tries < mostNames; tries++) {
      const wanted = `${name}-${randomSuffix(ids)}`
      if (!(await rows.clusters.byName(tx, namespace, wanted))) return wanted
    }
    throw new AppError("unavailable", `No name was free for the Ray cluster of the job ${name}.`)
  }

  async function chooseId(sight: JobSight): Promise<void> {
    const { cluster } = sight
    if (!cluster) return
    await change(sight, async (tx, job, nowMs) => {
      const submissionId = job.askedJobId === "" ? `${job.name}-${randomSuffix(ids)}` : job.askedJobId
      const taken = await rows.submissions.get(tx, cluster.key, submissionId)
      if (taken && taken.jobKey !== job.key) return refuse(tx, job, usedId(submissionId), nowMs)
      const next = { ...job, submissionId, clusterKey: cluster.key, suspensions: cluster.suspensions }
      await rows.jobs.update(tx, next)
      const info = newSubmissionInfo(job, submissionId, nowMs)
      await rows.submissions.put(tx, { ...submissionOf(next, cluster.key), info, log: null })
    })
  }

  /** It has failed before it ran. */
  async function refuse(tx: Tx, job: RayJob, message: string, nowMs: number): Promise<void> {
    const ended = { endedAtMs: nowMs, finishedAtMs: nowMs }
    await update(tx, job, { status: "FAILED", phase: "Failed", message, ...ended }, nowMs)
  }

  async function submit(sight: JobSight, signal: AbortSignal): Promise<void> {
    const { job, cluster } = sight
    const dashboard = cluster && hands.dashboardOf(cluster)
    const read = readEntryPoint(job)
    if (!dashboard || !read.ok) throw new AppError("internal", `The Ray job ${job.key} cannot be submitted.`)
    try {
      await dashboard.submit({ ...read.submit, submissionId: job.submissionId }, signal)
    } catch (error) {
      const { code, message } = AppError.from(error)
      const shown = withoutVariables(message, read.submit.runtimeEnv)
      if (code === "invalid") return change(sight, (tx, row, nowMs) => refuse(tx, row, shown, nowMs))
      // it was sent, and the server died before it wrote that
      if (code !== "already_exists") throw error
    }
    await change(sight, async (tx, row, nowMs) => void (await update(tx, row, { status: "PENDING" }, nowMs)))
  }

  async function endCluster({ job, cluster, nowMs, ...sight }: JobSight, signal: AbortSignal): Promise<void> {
    const dashboard = cluster?.state === "ready" ? hands.dashboardOf(cluster) : undefined
    if (cluster && dashboard) await options.keeper.lastLook(cluster.key, dashboard, signal)
    await change({ job, cluster, nowMs, ...sight }, async (tx, row) => {
      const now = cluster && (await rows.clusters.byKey(tx, cluster.key))
      const message = row.deletingAtMs === null ? "Its job has finished." : "Its job was deleted."
      if (now) await life.end(tx, now, { actor, message }, nowMs)
      await rows.jobs.update(tx, { ...row, clusterShutDown: true })
    })
  }

  return { reconcile }
}

function usedId(submissionId: string): string {
  return `submission ID '${submissionId}' already used, Please use a different submission_id`
}
