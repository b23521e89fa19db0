import type { RayCluster, RayJob, RayJobPhase, RayJobStatus, SubmissionInfo } from "../types.ts"
import { rayJobStatuses } from "../types.ts"
import { hasEndedAs } from "./kept-submissions.ts"

/** All that one look at a job sees. */
export interface JobSight {
  readonly job: RayJob
  /** Its own, or the selected one; undefined = there is none now. */
  readonly cluster: RayCluster | undefined
  /** What Ray says of its submission; null = Ray does not know it, undefined = not asked, or no answer. */
  readonly info: SubmissionInfo | null | undefined
  /** What of the job can never be run, as a sentence; null = nothing. */
  readonly problem: string | null
  readonly nowMs: number
}

/** What of the row a look may change. */
export type JobChanges = Partial<
  Pick<RayJob, "status" | "phase" | "message" | "submissionId" | "startedAtMs" | "endedAtMs" | "finishedAtMs">
>

/** The one thing that a look leads to. All but `wait` are followed by another look at once. */
export type JobStep =
  /** Makes its own cluster, and writes its key and name in the same transaction. */
  | { readonly do: "make_cluster" }
  | { readonly do: "write"; readonly changes: JobChanges }
  /** Chooses the submission's id and stores it with the cluster's life: what is sent was stored before. */
  | { readonly do: "choose_id" }
  /** Sends it under its stored id; that it exists is as good as an answer: it was sent before a crash. */
  | { readonly do: "submit" }
  /** Stops the submission, then waits until that instant. */
  | { readonly do: "stop"; readonly thenAtMs: number }
  /** Copies the log, ends its own cluster where it is still there, and writes that it did. */
  | { readonly do: "end_cluster" }
  | { readonly do: "delete" }
  /** Nothing before that instant, or before something is told of; null = only then. */
  | { readonly do: "wait"; readonly atMs: number | null }

/** Ray has no events for submissions: it is asked, more seldom the longer one runs. */
const shortestPollMs = 1000
const longestPollMs = 5000
/**
 * For so long a submission is told to stop: longer than Ray keeps what nothing is free for (15 minutes), which no stop
 * reaches before it runs.
 */
const stopWindowMs = 20 * 60_000
/** What was told for so long is told less often; a cluster that ends anyway does not wait for more. */
const promptStopMs = 15_000
const lateStopPauseMs = 30_000

/** Pure: what is to be done about a job, by what is seen of it. */
export function nextJobStep(sight: JobSight): JobStep {
  const { job, cluster } = sight
  if (job.deletingAtMs !== null) return stepOfDeleted(sight, job.deletingAtMs)
  if (isFinal(job.phase)) return stepOfFinished(sight)
  if (sight.problem !== null) return finish(sight, "ValidationFailed", sight.problem)
  const isOver = sight.info ? stepOfEnd(sight, sight.info) : undefined
  if (isOver) return isOver
  const deadlineMs = deadlineOf(job)
  if (deadlineMs !== null && sight.nowMs >= deadlineMs)
    return finish(
      sight,
      "Failed",
      `It has passed its activeDeadlineSeconds (${job.activeDeadlineSeconds} s).`,
    )
  return cluster ? stepByCluster(sight, cluster) : stepWithoutCluster(sight)
}

/** It has finished, and nothing of it is to be stopped, ended or deleted any more. */
export function isRayJobOver(job: RayJob): boolean {
  if (!isFinal(job.phase) || job.deletingAtMs !== null || isLeftOver(job)) return false
  return !mustEndCluster(job)
}

/** Complete, Failed and ValidationFailed are never left. */
export function isFinal(phase: RayJobPhase): boolean {
  return phase === "Complete" || phase === "Failed" || phase === "ValidationFailed"
}

/** It made its cluster itself, and ends it. */
export function hasOwnCluster(job: Pick<RayJob, "clusterSelector">): boolean {
  return Object.keys(job.clusterSelector).length === 0
}

/** Its time runs from when it was first looked at with a cluster to run on; null = it has no bound, or it does not run yet. */
function deadlineOf({ activeDeadlineSeconds, startedAtMs }: RayJob): number | null {
  return activeDeadlineSeconds > 0 && startedAtMs !== null ? startedAtMs + activeDeadlineSeconds * 1000 : null
}

function stepWithoutCluster(sight: JobSight): JobStep {
  const { job } = sight
  if (!hasOwnCluster(job)) {
    if (job.status !== "") return lost(sight, `The Ray cluster ${job.clusterName} is gone.`)
    return settled(sight, { phase: "Waiting", message: `There is no Ray cluster ${job.clusterName} yet.` })
  }
  if (job.clusterKey === null) return { do: "make_cluster" }
  return lost(sight, `The Ray cluster ${job.clusterName} is gone.`)
}

function stepByCluster(sight: JobSight, cluster: RayCluster): JobStep {
  const { job } = sight
  const { name, state, message } = cluster
  if (state === "ending" || state === "gone") return stepWithoutCluster({ ...sight, cluster: undefined })
  if (state === "failed") return lost(sight, message || `The Ray cluster ${name} failed.`)
  if (cluster.asServerOwner && !job.asServerOwner)
    return lost(sight, `The job may not run on the Ray cluster ${name}: it runs as the server's account.`)
  // What ran went with the processes: when there is a place again it begins anew, under another id.
  if (cluster.suspended || wasSuspended(job, cluster))
    return settled(sight, { phase: "Suspended", message, status: "", submissionId: "" })
  if (state === "ready") return stepOnReady(sight)
  // An entry point is not run twice unasked (upstream: backoffLimit 0).
  if (job.status !== "") return lost(sight, `The head of the Ray cluster ${name} was lost while the job ran.`)
  return settled(sight, { phase: "Initializing", message })
}

function stepOnReady(sight: JobSight): JobStep {
  const { job, info, nowMs } = sight
  if (job.startedAtMs === null)
    return { do: "write", changes: { phase: "Initializing", message: "", startedAtMs: nowMs } }
  if (job.submissionId === "" || job.clusterKey !== sight.cluster?.key) return { do: "choose_id" }
  if (info === undefined) return { do: "wait", atMs: nextLook(sight) }
  if (info !== null)
    return settled(
      sight,
      { phase: "Running", status: statusOf(info), message: info.message },
      nextLook(sight),
    )
  return job.status === "" ? { do: "submit" } : lost(sight, "Ray does not know its submission any more.")
}

/** @returns undefined while Ray says that it has not ended */
function stepOfEnd(sight: JobSight, info: SubmissionInfo): JobStep | undefined {
  const status = statusOf(info)
  if (!hasEndedAs(status)) return undefined
  const { nowMs } = sight
  const changes = { status, endedAtMs: info.endTimeMs ?? nowMs }
  // as upstream: what was stopped is complete
  return finish(sight, status === "FAILED" ? "Failed" : "Complete", info.message, changes)
}

function stepOfFinished(sight: JobSight): JobStep {
  const { job, cluster, nowMs } = sight
  const finishedAtMs = job.finishedAtMs ?? nowMs
  const endAtMs = finishedAtMs + Math.max(0, job.ttlSecondsAfterFinished) * 1000
  const ends = mustEndCluster(job)
  const isDue = ends && (nowMs >= endAtMs || !isThere(cluster))
  if (isLeftOver(job))
    return (
      stopping(sight, finishedAtMs, isDue ? promptStopMs : stopWindowMs) ?? {
        do: "write",
        changes: endOfLeftOver(sight),
      }
    )
  if (isDue) return { do: "end_cluster" }
  return { do: "wait", atMs: ends ? endAtMs : null }
}

/** It was finished by something else than its submission's end, which may run on. */
export function isLeftOver({ submissionId, status }: RayJob): boolean {
  return submissionId !== "" && !hasEndedAs(status)
}

/** How it ended; what was never seen was never there. */
function endOfLeftOver({ job, info, nowMs }: JobSight): JobChanges {
  if (info && hasEndedAs(statusOf(info)))
    return { status: statusOf(info), endedAtMs: info.endTimeMs ?? nowMs }
  return job.status === "" && !info ? { submissionId: "" } : { status: "STOPPED", endedAtMs: nowMs }
}

function mustEndCluster(job: RayJob): boolean {
  const { shutdownAfterJobFinishes, clusterKey, clusterShutDown } = job
  return shutdownAfterJobFinishes && hasOwnCluster(job) && clusterKey !== null && !clusterShutDown
}

function stepOfDeleted(sight: JobSight, deletingAtMs: number): JobStep {
  const { job, cluster } = sight
  if (!hasOwnCluster(job)) return stopping(sight, deletingAtMs, stopWindowMs) ?? { do: "delete" }
  if (isThere(cluster)) return { do: "end_cluster" }
  return cluster?.state === "ending" ? { do: "wait", atMs: null } : { do: "delete" }
}

/** @returns undefined when nothing of it runs, as far as can be seen, or it was told for long enough */
function stopping({ job, cluster, info, nowMs }: JobSight, sinceMs: number, windowMs: number) {
  const isReached = cluster?.state === "ready" && isWhereSent(job, cluster)
  if (!isReached || info === null || nowMs >= sinceMs + windowMs) return undefined
  const thenAtMs = nowMs + (nowMs < sinceMs + promptStopMs ? shortestPollMs : lateStopPauseMs)
  if (info === undefined) return { do: "wait", atMs: thenAtMs } as const
  return hasEndedAs(statusOf(info)) ? undefined : ({ do: "stop", thenAtMs } as const)
}

/** Whether its submission was sent, or is to be, to the cluster as it is now: Ray can be asked about it. */
export function isWhereSent(job: RayJob, cluster: RayCluster): boolean {
  return job.submissionId !== "" && job.clusterKey === cluster.key && !wasSuspended(job, cluster)
}

/** The cluster lost its place since the id was chosen, and may have a new one by now. */
function wasSuspended(job: RayJob, cluster: RayCluster): boolean {
  const isSame = job.submissionId !== "" && job.clusterKey === cluster.key
  return isSame && job.suspensions !== cluster.suspensions
}

/** Told to go, or gone, is not there. */
function isThere(cluster: RayCluster | undefined): boolean {
  return cluster !== undefined && cluster.state !== "ending" && cluster.state !== "gone"
}

/** What ran, or was to run, is gone with where it ran. */
function lost(sight: JobSight, message: string): JobStep {
  const { status } = sight.job
  const changes = status === "" ? {} : ({ status: "FAILED", endedAtMs: sight.nowMs } as const)
  return finish(sight, "Failed", message, changes)
}

function finish({ nowMs }: JobSight, phase: RayJobPhase, message: string, more: JobChanges = {}): JobStep {
  return { do: "write", changes: { ...more, phase, message, finishedAtMs: nowMs } }
}

/** Writes what is not so yet; else waits, at most until the deadline. */
function settled(sight: JobSight, changes: JobChanges, atMs: number | null = null): JobStep {
  const keys = Object.keys(changes) as (keyof JobChanges)[]
  if (keys.some((key) => sight.job[key] !== changes[key])) return { do: "write", changes }
  return { do: "wait", atMs: earlier(atMs, deadlineOf(sight.job)) }
}

function nextLook({ job, nowMs }: JobSight): number {
  const ranMs = nowMs - (job.startedAtMs ?? nowMs)
  const pollMs = Math.min(longestPollMs, Math.max(shortestPollMs, Math.round(ranMs / 10)))
  return Math.min(nowMs + pollMs, deadlineOf(job) ?? Infinity)
}

function earlier(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}

/** A word that is not known is that of one that has not ended. */
function statusOf({ status }: SubmissionInfo): RayJobStatus {
  return rayJobStatuses.find((known) => known === status && known !== "") ?? "PENDING"
}
