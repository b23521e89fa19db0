import { exitCodes } from "./exit-codes.ts"
import { createGrownLog } from "./grown-log.ts"
import { createLooks } from "./await-ray.ts"
import { logText } from "./log-text.ts"
import { patiently } from "./patience.ts"
import type { RaySession } from "./ray-place.ts"
import { createRayProgress } from "./ray-progress.ts"
import { isStatus } from "./ray-templates.ts"
import { hasEndedAs, jobPhasesOver, shortMessage } from "./ray-facts.ts"
import { harmless, paint } from "./terminal.ts"

/** What one look at a job of Ray sees. */
export interface RayJobLook {
  /** Ray's: `PENDING`, `RUNNING`, …; "" before it was sent there. */
  readonly status: string
  /** Whether nothing more comes. */
  readonly isOver: boolean
  /** A sentence; "" = none. */
  readonly message: string
  /** The cluster that it waits for; null once it runs. */
  readonly awaits: string | null
}

/** A job that is followed: one of the API, or a submission. */
export interface RayJobSource {
  /** For people: `train-x7kqd`, `demo/raysubmit_1`. */
  readonly shownId: string
  look(signal: AbortSignal): Promise<RayJobLook>
  log(signal: AbortSignal): Promise<string>
}

/** A job of the API. */
export function rayJobSource({ client, namespace }: RaySession, name: string): RayJobSource {
  return {
    shownId: name,
    async look(signal) {
      const job = await client.kuberay.getRayJob({ namespace, name }, { signal })
      const { jobStatus: status, jobDeploymentStatus: phase, message } = job
      const isOver = jobPhasesOver.includes(phase)
      const hasBegun = isOver || status !== ""
      return {
        status: isOver && !hasEndedAs(status) ? phase : status,
        isOver,
        message,
        awaits: hasBegun ? null : job.rayClusterName,
      }
    },
    log: (signal) => client.berth.rayJobLog(namespace, name, { signal }),
  }
}

/** A job that was sent to a cluster. */
export function submissionSource(
  { client, namespace }: RaySession,
  clustername: string,
  submissionid: string,
): RayJobSource {
  const at = { namespace, clustername, submissionid }
  return {
    shownId: `${clustername}/${submissionid}`,
    async look(signal) {
      const { status, message } = await client.kuberay.getJobDetails(at, { signal })
      const isOver = hasEndedAs(status)
      return { status, isOver, message, awaits: null }
    },
    log: async (signal) => (await client.kuberay.getJobLog(at, { signal })).log,
  }
}

/**
 * Shows a job's life: why it waits, its log as it grows, how it ended. Survives restarts of the server. Resolves with
 * the exit code.
 * @throws the signal's reason when that aborts; BerthError
 */
export async function followRayJob(
  session: RaySession,
  source: RayJobSource,
  signal: AbortSignal,
): Promise<number> {
  const { terminal } = session
  const progress = createRayProgress(session)
  const looks = createLooks(signal)
  const show = createShower(session, source)
  for (;;) {
    const look = await patiently(terminal, signal, () => source.look(signal))
    if (look.awaits) await tellCluster(session, look.awaits, progress, signal)
    if (look.status !== "" && (await show(look.isOver, signal))) looks.soon()
    if (look.isOver) {
      terminal.err(`${paint(terminal, "dim", harmless(endSentence(source.shownId, look)))}\n`)
      return rayExitCode(look)
    }
    await looks.next()
  }
}

/** Shows what is new of the log, whole lines until it is over; told whether there was something. */
function createShower(
  { terminal }: RaySession,
  source: RayJobSource,
): (isOver: boolean, signal: AbortSignal) => Promise<boolean> {
  const grown = createGrownLog()
  return async (isOver, signal) => {
    const log = await patiently(terminal, signal, () => logOrNothing(source, signal))
    const { text, isCut } = grown(isOver ? log : log.slice(0, log.lastIndexOf("\n") + 1))
    if (isCut) terminal.err(`A part of the log of ${source.shownId} is no longer kept.\n`)
    terminal.out(logText(terminal, text))
    await terminal.drained()
    return text !== ""
  }
}

/** A log comes to be with the job, and may go with its cluster. */
async function logOrNothing(source: RayJobSource, signal: AbortSignal): Promise<string> {
  try {
    return await source.log(signal)
  } catch (error) {
    if (isStatus(error, 404) || isStatus(error, 409)) return ""
    throw error
  }
}

async function tellCluster(
  session: RaySession,
  name: string,
  progress: ReturnType<typeof createRayProgress>,
  signal: AbortSignal,
): Promise<void> {
  const { client, namespace } = session
  try {
    await progress.tell(await client.berth.rayCluster(namespace, name, { signal }), signal)
  } catch (error) {
    // it is not there yet, or not any more: the job says which
    if (!isStatus(error, 404)) throw error
  }
}

function endSentence(shownId: string, { status, message }: RayJobLook): string {
  const why = shortMessage(message)
  return `${shownId} ended: ${status}${why === "" ? "" : `: ${why}`}`
}

/** Of a job that is over: 0, its entry point's own where Ray says it, 124 out of time, 143 stopped, else 1. */
export function rayExitCode({ status, message }: Pick<RayJobLook, "status" | "message">): number {
  if (status === "SUCCEEDED" || status === "Complete") return exitCodes.ok
  // what ran too long is stopped for that
  if (message.includes("activeDeadlineSeconds")) return exitCodes.timedOut
  if (status === "STOPPED") return exitCodes.stopped
  const [, digits = ""] = /exit code (\d{1,3})\b/.exec(message) ?? []
  const code = Number(digits)
  return code >= 1 && code <= 255 ? code : exitCodes.failure
}
