import type { WorkloadDetail } from "@berth/contract/workloads"
import { BerthError } from "@berth/sdk"
import type { Session } from "./connect.ts"
import { exitCodes } from "./exit-codes.ts"
import { logLines } from "./log-text.ts"
import { patiently, pause } from "./patience.ts"
import { harmless, paint } from "./terminal.ts"
import { explainWaiting } from "./waiting.ts"
import type { RankEnd } from "./workload-facts.ts"
import { endSentence, hasEnded, podsByRank, workloadExitCode } from "./workload-facts.ts"

export interface FollowOptions {
  /** Attempts before this one are not shown; 1 = from the start. */
  readonly firstRun: number
  /** The last n lines of the first attempt shown; null = all. */
  readonly tail: number | null
  readonly since: string | null
  /** Only this rank; null = all. */
  readonly rank: number | null
  readonly signal: AbortSignal
  /** Told of every look at it, for whoever shows more than the usual. */
  readonly onLook?: (detail: WorkloadDetail) => Promise<void> | void
  /** Lines go here instead of to the terminal. */
  readonly onLines?: (rank: number, lines: readonly string[]) => void
}

const shortestLookMs = 150
const longestLookMs = 2000
/** A pod that has its place begins before this, unless something is in its way. */
const slowStartMs = 500

/**
 * Waits for a workload and shows its life: why it waits, its ranks' logs attempt by attempt, how it ended.
 * Survives restarts of the server. Resolves with the workload's exit code.
 * @throws the signal's reason when that aborts; BerthError
 */
export async function followWorkload(session: Session, id: string, options: FollowOptions): Promise<number> {
  const { terminal, client } = session
  const { signal } = options
  let followed = options.firstRun - 1
  let ends: readonly RankEnd[] = []
  let lookMs = shortestLookMs
  let said = ""
  for (;;) {
    const detail = await patiently(terminal, signal, () => client.workloads.get(id, { signal }))
    await options.onLook?.(detail)
    if (detail.dispatchCount > followed && detail.pods.length > 0) {
      followed = Math.max(followed + 1, 1)
      ends = await followRun(session, detail, followed, { ...options, said })
      lookMs = shortestLookMs
      said = ""
      continue
    }
    if (hasEnded(detail.phase)) {
      terminal.err(`${paint(terminal, "dim", harmless(endSentence(detail)))}\n`)
      return workloadExitCode(detail, ends)
    }
    const now = detail.phase === "Pending" ? (await explainWaiting(session, detail, signal)).sentence : ""
    if (now !== "" && now !== said) terminal.err(`${paint(terminal, "dim", harmless(now))}\n`)
    said = now || said
    await pause(lookMs, signal)
    lookMs = Math.min(longestLookMs, Math.ceil(lookMs * 1.3))
  }
}

/**
 * A place is not a start yet: says why pods that have theirs do not begin, for as long as that lasts. Ends with the
 * phase or the signal.
 */
async function tellWhyNotBegun(
  session: Session,
  id: string,
  before: string,
  signal: AbortSignal,
): Promise<void> {
  let said = before
  for (let lookMs = slowStartMs; ; lookMs = Math.min(longestLookMs, lookMs * 1.3)) {
    await pause(lookMs, signal)
    const detail = await session.client.workloads.get(id, { signal })
    if (detail.phase !== "Pending") return
    const { sentence: now } = await explainWaiting(session, detail, signal)
    if (now !== "" && now !== said) session.terminal.err(`${paint(session.terminal, "dim", harmless(now))}\n`)
    said = now || said
  }
}

/** Shows all ranks of one attempt until their logs end. */
async function followRun(
  session: Session,
  detail: WorkloadDetail,
  run: number,
  options: FollowOptions & { readonly said: string },
): Promise<readonly RankEnd[]> {
  const ranks = podsByRank(detail.pods).filter(({ rank }) => options.rank === null || rank === options.rank)
  if (run > 1 || detail.dispatchCount > 1)
    session.terminal.err(`${paint(session.terminal, "dim", `attempt ${run} of ${detail.workloadId}`)}\n`)
  const isAlone = ranks.length === 1
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  // beside the logs: what goes wrong with it is no fault of theirs
  tellWhyNotBegun(session, detail.workloadId, options.said, signal).catch(() => undefined)
  try {
    return await Promise.all(
      ranks.map(({ rank, pod }) => {
        const show = options.onLines ?? ((from, lines) => print(session, from, lines, isAlone))
        return followRank(session, { id: detail.workloadId, podId: pod.podId, run, rank }, show, options)
      }),
    )
  } finally {
    over.abort()
  }
}

interface RankPlace {
  readonly id: string
  readonly podId: string
  readonly run: number
  readonly rank: number
}

/** How often a log that is not there yet is asked for: it comes to be with the process. */
const mostTries = 100

async function followRank(
  session: Session,
  place: RankPlace,
  show: (rank: number, lines: readonly string[]) => void,
  options: FollowOptions,
): Promise<RankEnd> {
  const { signal } = options
  for (let tries = 1; ; tries++) {
    try {
      return await streamRank(session, place, show, options)
    } catch (error) {
      if (signal.aborted || !isNotThere(error)) throw error
      const isOver = tries >= mostTries || !(await isCurrent(session, place, signal))
      if (isOver) return logMissing(session, place)
      await pause(100, signal)
    }
  }
}

async function streamRank(
  session: Session,
  place: RankPlace,
  show: (rank: number, lines: readonly string[]) => void,
  { firstRun, tail, since, signal }: FollowOptions,
): Promise<RankEnd> {
  const isFirst = place.run === firstRun
  const query = {
    run: place.run,
    ...(isFirst && tail !== null ? { tail } : {}),
    ...(isFirst && since !== null ? { since } : {}),
  }
  for await (const item of session.client.streams.followLog(place.id, place.podId, query, { signal })) {
    if (item.kind === "end") return { rank: place.rank, exitCode: item.exitCode, cause: item.cause }
    show(place.rank, item.lines)
    await session.terminal.drained()
  }
  return { rank: place.rank, exitCode: null, cause: null }
}

const isNotThere = (error: unknown) =>
  error instanceof BerthError && (error.status === 404 || error.status === 503)

/** Whether the attempt may still come to write: a log that is not there then is only late. */
async function isCurrent(session: Session, place: RankPlace, signal: AbortSignal): Promise<boolean> {
  const detail = await patiently(session.terminal, signal, () =>
    session.client.workloads.get(place.id, { signal }),
  )
  return !hasEnded(detail.phase) && detail.dispatchCount === place.run
}

function logMissing(session: Session, place: RankPlace): RankEnd {
  session.terminal.err(`No log is kept of rank ${place.rank} of ${place.id}, attempt ${place.run}.\n`)
  return { rank: place.rank, exitCode: null, cause: null }
}

/** Rank 0 as it is, the others behind their number. */
function print(session: Session, rank: number, lines: readonly string[], isAlone: boolean) {
  const prefix = isAlone || rank === 0 ? "" : `${paint(session.terminal, "cyan", `[${rank}]`)} `
  session.terminal.out(logLines(session.terminal, lines, prefix))
}

/** What can be done next, and its command. */
export type Way = readonly [what: string, command: string]

/** One way a line. */
export function renderWays(ways: readonly Way[]): string {
  return ways.map(([what, command]) => `  ${`${what}:`.padEnd(10)}  ${command}\n`).join("")
}

/** Marks the end of a command by Ctrl-C, not by a fault. */
export class Detached extends Error {}

/**
 * Runs `follow` until it is done or Ctrl-C: then says that the workload goes on and how to come back, and gives 130.
 * @param ways what to do then, each with its command; to look at its logs and to stop it when absent
 */
export async function untilDetached(
  session: Session,
  id: string,
  follow: (signal: AbortSignal) => Promise<number>,
  ways: readonly Way[] = [
    ["come back", `berth logs -f ${id}`],
    ["stop it", `berth stop ${id}`],
  ],
): Promise<number> {
  const abort = new AbortController()
  const stopListening = session.terminal.onInterrupt(() => abort.abort(new Detached()))
  try {
    return await follow(abort.signal)
  } catch (error) {
    if (!abort.signal.aborted) throw error
    session.terminal.err(`\nDetached: ${id} goes on.\n${renderWays(ways)}`)
    return exitCodes.detached
  } finally {
    stopListening()
  }
}
