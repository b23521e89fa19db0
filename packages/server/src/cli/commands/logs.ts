import type { WorkloadDetail, WorkloadPod } from "@berth/contract/workloads"
import { BerthError } from "@berth/sdk"
import { usageError, CliError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { exitCodes } from "../exit-codes.ts"
import { followApplication, isApplication } from "../follow-application.ts"
import { followWorkload, untilDetached } from "../follow-workload.ts"
import { parseSeconds } from "../human.ts"
import { logLines } from "../log-text.ts"
import type { Terminal } from "../terminal.ts"
import { endSentence, hasEnded, podsByRank } from "../workload-facts.ts"

export interface LogsOptions extends CommonOptions {
  readonly follow?: boolean
  readonly tail?: string
  readonly since?: string
  readonly rank?: string
  readonly run?: string
}

/** What of the log was asked for, checked. */
interface Wanted {
  readonly tail: number | null
  readonly since: string | null
  readonly rank: number | null
  readonly run: number | null
}

/** `berth logs`: what the ranks wrote; with -f also what they will, and the workload's exit code. */
export async function logs(terminal: Terminal, id: string, options: LogsOptions): Promise<number> {
  const session = await connect(terminal, options)
  const wanted = readWanted(options)
  const detail = await session.client.workloads.get(id)
  if (options.follow && isApplication(detail) && wanted.run === null)
    return untilDetached(session, detail.workloadId, (signal) =>
      followApplication(session, detail.workloadId, { ...wanted, signal }),
    )
  if (options.follow) {
    const firstRun = wanted.run ?? Math.max(1, detail.dispatchCount)
    return untilDetached(session, detail.workloadId, (signal) =>
      followWorkload(session, detail.workloadId, { ...wanted, firstRun, signal }),
    )
  }
  const ranks = chooseRanks(detail, wanted.rank)
  for (const { rank, pod } of ranks)
    try {
      await printLog(session, { detail, rank, pod, wanted }, ranks.length === 1)
    } catch (error) {
      // one that waits for its place must not hide what the others wrote
      if (!isApplication(detail) || !(error instanceof BerthError) || error.status !== 404) throw error
      terminal.err(`${pod.podId} has no log yet.\n`)
    }
  return exitCodes.ok
}

function readWanted(options: LogsOptions): Wanted {
  const { tail, since, rank, run } = options
  return {
    tail: tail === undefined ? null : readCount("--tail", tail, { min: 0, max: 100_000 }),
    since: since === undefined ? null : readSince(since),
    rank: rank === undefined ? null : readCount("--rank", rank, { min: 0, max: 1_000_000 }),
    run: run === undefined ? null : readCount("--run", run, { min: 1, max: 1_000_000 }),
  }
}

/** A length of time, or an instant. */
function readSince(text: string): string {
  const seconds = parseSeconds(text)
  if (seconds !== undefined) return String(seconds)
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text).toISOString()
  throw usageError(
    `--since takes a length of time (10m, 2h) or an instant (2026-01-31T08:15:00Z), not "${text}".`,
  )
}

function chooseRanks(detail: WorkloadDetail, wanted: number | null) {
  const ranks = podsByRank(detail.pods)
  if (ranks.length === 0)
    throw hasEnded(detail.phase)
      ? new CliError(`${endSentence(detail)} There is no log.`)
      : new CliError(
          `${detail.workloadId} has not started, so there is no log yet.`,
          `Why it waits: berth why ${detail.workloadId}`,
        )
  if (wanted === null) return ranks
  const found = ranks.filter(({ rank }) => rank === wanted)
  if (found.length === 0)
    throw new CliError(`${detail.workloadId} has no rank ${wanted}: it has 0 to ${ranks.length - 1}.`)
  return found
}

async function printLog(
  session: Session,
  what: { detail: WorkloadDetail; rank: number; pod: WorkloadPod; wanted: Wanted },
  isAlone: boolean,
): Promise<void> {
  const { terminal, client } = session
  const { tail, since, run } = what.wanted
  const query = {
    follow: false,
    ...(tail === null ? {} : { tail }),
    ...(since === null ? {} : { since }),
    ...(run === null ? {} : { run }),
  }
  const prefix = isAlone || what.rank === 0 ? "" : `[${what.rank}] `
  let isFirst = true
  for await (const item of client.streams.followLog(what.detail.workloadId, what.pod.podId, query)) {
    if (item.kind === "end") break
    if (isFirst && item.droppedBytes > 0 && tail === null && since === null)
      terminal.err(`The first ${item.droppedBytes} bytes of rank ${what.rank}'s log are no longer kept.\n`)
    isFirst = false
    terminal.out(logLines(terminal, item.lines, prefix))
    await terminal.drained()
  }
}
