import type { RaySubmit, SubmissionInfo } from "../../domain/ray/index.ts"

/** What one submission does, on the clock of its world. What is left out is a job that ends well after a second. */
export interface FakeRayJob {
  /** From being taken to running; null = nothing is ever free for it, and not even a stop ends it. Default 0. */
  readonly pendingMs?: number | null
  /** From running to its end; null = until it is stopped, or ended by hand. Default 1000. */
  readonly runMs?: number | null
  /** Default SUCCEEDED. */
  readonly outcome?: JobOutcome
  /** Instead of Ray's own words at the end. */
  readonly message?: string
  /** What it has written, from when it runs. */
  readonly log?: string
  /** From a stop to STOPPED. Default 1300. */
  readonly stopMs?: number
}
export type JobOutcome = "SUCCEEDED" | "FAILED"

/** A submission that a fake head knows. Its status is computed from the instants. */
export interface FakeSubmission {
  readonly submit: RaySubmit
  readonly program: FakeRayJob
  readonly takenMono: number
  readonly takenAtMs: number
  /** Infinity = it was not stopped. */
  stoppedMono: number
  byHand: { readonly atMono: number; readonly status: JobOutcome; readonly message: string } | undefined
}

type JobStatus = "PENDING" | "RUNNING" | "STOPPED" | JobOutcome

interface JobView {
  readonly status: JobStatus
  /** null = it has not ended. */
  readonly endMono: number | null
  readonly message: string
}

const words: Readonly<Record<JobStatus, string>> = {
  PENDING: "Job has not started yet.",
  RUNNING: "Job is currently running.",
  STOPPED: "Job was intentionally stopped.",
  SUCCEEDED: "Job finished successfully.",
  FAILED: "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):",
}

export function takeJob(
  submit: RaySubmit,
  program: FakeRayJob,
  now: { readonly mono: number; readonly wallMs: number },
): FakeSubmission {
  return {
    submit,
    program,
    takenMono: now.mono,
    takenAtMs: now.wallMs,
    stoppedMono: Infinity,
    byHand: undefined,
  }
}

/** @returns false = it had ended */
export function stopJob(job: FakeSubmission, mono: number): boolean {
  if (hasEnded(job, mono)) return false
  // As Ray's: what nothing was free for says that it was stopped, and stays as it is.
  if (job.program.pendingMs !== null)
    job.stoppedMono = Math.min(job.stoppedMono, mono + (job.program.stopMs ?? 1300))
  return true
}

export function hasEnded(job: FakeSubmission, mono: number): boolean {
  return viewJob(job, mono).endMono !== null
}

export function jobInfo(job: FakeSubmission, mono: number): SubmissionInfo {
  const { submit, takenMono, takenAtMs } = job
  const { status, endMono, message } = viewJob(job, mono)
  return {
    entrypoint: submit.entrypoint,
    jobId: "",
    submissionId: submit.submissionId,
    status,
    message,
    errorType: status === "FAILED" ? "JOB_ENTRYPOINT_COMMAND_ERROR" : "",
    startTimeMs: Math.round(takenAtMs),
    endTimeMs: endMono === null ? null : Math.round(takenAtMs + endMono - takenMono),
    metadata: submit.metadata,
    runtimeEnv: submit.runtimeEnv ?? {},
  }
}

/** What it has written by now. */
export function jobLog(job: FakeSubmission, mono: number): string {
  return startMono(job) <= mono ? (job.program.log ?? "") : ""
}

function startMono({ program, takenMono }: FakeSubmission): number {
  return program.pendingMs === null ? Infinity : takenMono + (program.pendingMs ?? 0)
}

/** The first of: its end by hand, its own end, its stop. */
function viewJob(job: FakeSubmission, mono: number): JobView {
  const started = startMono(job)
  const own = ownEnd(job, started)
  const ends = [
    job.byHand,
    own,
    { atMono: job.stoppedMono, status: "STOPPED", message: words.STOPPED } as const,
  ]
  const first = ends.reduce((best, end) => (end && end.atMono < (best?.atMono ?? Infinity) ? end : best))
  if (first && first.atMono <= mono)
    return { status: first.status, endMono: first.atMono, message: first.message }
  const status = started <= mono ? "RUNNING" : "PENDING"
  return { status, endMono: null, message: words[status] }
}

function ownEnd({ program }: FakeSubmission, started: number) {
  const { runMs = 1000, outcome: status = "SUCCEEDED", message = words[status] } = program
  return { atMono: runMs === null ? Infinity : started + runMs, status, message }
}
