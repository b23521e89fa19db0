import type { RayHeadAddress, RayNodeView, RayPodLaunch, RaySubmit } from "../../domain/ray/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { FakeRayJob, FakeSubmission, JobOutcome } from "./fake-ray-job.ts"
import { hasEnded, takeJob } from "./fake-ray-job.ts"
import type { FakeRayApplication, FakeServe } from "./fake-ray-serve.ts"
import { createFakeServe } from "./fake-ray-serve.ts"

/**
 * How a dashboard answers: at once, not at all because nothing listens, never though it listens, or never though it
 * does what it was asked for.
 */
export type DashboardMood = "up" | "unreachable" | "hangs" | "mute"

/** What a running head knows; all of it is lost with the head. */
export interface FakeRayHead {
  readonly launch: RayPodLaunch
  readonly address: RayHeadAddress
  /** Nothing listens before. */
  readonly upMono: number
  readonly jobs: Map<string, FakeSubmission>
  readonly serve: FakeServe
  mood: DashboardMood
  /** Its own node and those that joined it. */
  nodes(): readonly RayNodeView[]
  /** @throws AppError `already_exists` */
  submit(job: RaySubmit): string
  /** false = it is not there. @throws AppError `invalid`, detail `refused`, while it has not ended */
  remove(id: string): boolean
  /** Ends a submission now. @throws AppError `not_found` */
  finish(id: string, outcome: JobOutcome, message: string): void
}

export interface FakeRayHeadOptions {
  readonly clock: Clock
  readonly launch: RayPodLaunch
  readonly address: RayHeadAddress
  readonly upMono: number
  readonly job: (submit: RaySubmit) => FakeRayJob
  readonly application: (name: string) => FakeRayApplication
  readonly nodes: () => readonly RayNodeView[]
}

export function createFakeRayHead(options: FakeRayHeadOptions): FakeRayHead {
  const { clock, launch, address, upMono, nodes } = options
  const jobs = new Map<string, FakeSubmission>()
  return {
    launch,
    address,
    upMono,
    jobs,
    serve: createFakeServe(options.application),
    mood: "up",
    nodes,
    submit(asked) {
      // As Ray: an empty id is one to be made.
      const id = asked.submissionId === "" ? `raysubmit_${jobs.size + 1}` : asked.submissionId
      const job = { ...asked, submissionId: id }
      if (jobs.has(id))
        throw new AppError("already_exists", `Job with submission_id ${id} already exists.`, {
          resource: "submission",
          name: id,
        })
      jobs.set(id, takeJob(job, options.job(job), { mono: clock.monotonicMs(), wallMs: clock.nowMs() }))
      return id
    },
    remove(id) {
      const job = jobs.get(id)
      if (job && !hasEnded(job, clock.monotonicMs()))
        throw new AppError("invalid", `Attempted to delete job '${id}', but it is in a non-terminal state.`, {
          detail: "refused",
          facts: { status: 500 },
        })
      return jobs.delete(id)
    },
    finish(id, outcome, message) {
      const job = jobs.get(id)
      if (!job)
        throw new AppError("not_found", `No submission ${id} in the fake head.`, {
          resource: "submission",
          name: id,
        })
      job.byHand ??= { atMono: clock.monotonicMs(), status: outcome, message }
    },
  }
}

/** Where a head of that block of ports listens. */
export function headAddress(block: number): RayHeadAddress {
  const base = 10_000 + block * 300
  const at = (offset: number) => `127.0.0.1:${base + offset}`
  return {
    gcs: at(0),
    dashboardUrl: `http://${at(1)}`,
    agentUrl: `http://${at(5)}`,
    serveUrl: `http://${at(9)}`,
    endpoints: {
      head: String(base),
      dashboard: String(base + 1),
      redis: String(base),
      "dashboard-agent": String(base + 5),
      metrics: String(base + 7),
      serve: String(base + 9),
    },
  }
}
