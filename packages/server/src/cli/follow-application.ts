import type { WorkloadDetail, WorkloadPod } from "@berth/contract/workloads"
import { BerthError } from "@berth/sdk"
import type { Session } from "./connect.ts"
import { logLines } from "./log-text.ts"
import { patiently, pause } from "./patience.ts"
import { harmless, paint } from "./terminal.ts"
import { endSentence, hasEnded, podsByRank, workloadExitCode } from "./workload-facts.ts"

export interface FollowApplicationOptions {
  /** The last n lines of each pod that runs at first; null = all. */
  readonly tail: number | null
  readonly since: string | null
  /** Only the pod of this number; null = all. */
  readonly rank: number | null
  readonly signal: AbortSignal
}

const lookMs = 1000
/** Logs that are shown at once: what a terminal can show, and far below what a server serves. */
const mostFollowed = 64

/** Whether its pods come and go while it lives. */
export function isApplication(detail: Pick<WorkloadDetail, "groupVersionKind">): boolean {
  const kind = detail.groupVersionKind?.kind
  return kind === "Deployment" || kind === "StatefulSet"
}

/**
 * Shows what the pods of an application write, also those that come later and each again after its restarts, until
 * the workload is over. Survives restarts of the server. Resolves with the workload's exit code.
 * @throws the signal's reason when that aborts; BerthError
 */
export async function followApplication(
  session: Session,
  id: string,
  options: FollowApplicationOptions,
): Promise<number> {
  const { terminal, client } = session
  // a log that cannot be read ends it all
  const failing = new AbortController()
  const signal = AbortSignal.any([options.signal, failing.signal])
  const logs = followLogs(session, id, { ...options, signal }, (error) => failing.abort(error))
  let said = ""
  for (;;) {
    const detail = await patiently(terminal, signal, () => client.workloads.get(id, { signal }))
    const starts = startsOf(detail, options.rank)
    logs.follow(starts)
    if (hasEnded(detail.phase)) {
      await logs.shown()
      signal.throwIfAborted()
      terminal.err(`${paint(terminal, "dim", harmless(endSentence(detail)))}\n`)
      return workloadExitCode(detail, [])
    }
    const now = starts.size === 0 ? `${id} is ${detail.phase}, and none of its pods runs` : ""
    if (now !== "" && now !== said) terminal.err(`${paint(terminal, "dim", harmless(now))}\n`)
    said = now
    await pause(lookMs, signal)
  }
}

/** Shows each start of a pod once, as long as the pod is listed. */
function followLogs(
  session: Session,
  id: string,
  options: FollowApplicationOptions,
  onError: (error: unknown) => void,
) {
  const { terminal } = session
  const { signal } = options
  const seen = new Set<string>()
  const open = new Map<string, Promise<void>>()
  let isFirst = true

  function begin(key: string, start: PodStart): void {
    seen.add(key)
    if (!isFirst) terminal.err(`${paint(terminal, "dim", harmless(`${start.pod.podId} has started`))}\n`)
    const done = followPod(session, id, start, isFirst ? options : { signal, tail: null, since: null })
      // it is not there yet: the next look tries again
      .then((isThere) => void (isThere || seen.delete(key)))
      .catch(onError)
      .finally(() => open.delete(key))
    open.set(key, done)
  }

  return {
    follow(starts: ReadonlyMap<string, PodStart>): void {
      for (const key of seen) if (!starts.has(key) && !open.has(key)) seen.delete(key)
      for (const [key, start] of starts) if (!seen.has(key) && open.size < mostFollowed) begin(key, start)
      isFirst = false
    },
    /** Resolves once all that is open has been shown to its end. */
    async shown(): Promise<void> {
      await Promise.all(open.values())
    },
  }
}

interface PodStart {
  readonly number: number
  readonly isAlone: boolean
  readonly pod: WorkloadPod
}

/** Pods that have started, by name and instant: one that was restarted is another. */
function startsOf(detail: WorkloadDetail, rank: number | null): ReadonlyMap<string, PodStart> {
  const isAlone = detail.pods.length === 1 || rank !== null
  return new Map(
    podsByRank(detail.pods)
      .filter(({ rank: number, pod }) => (pod.startTime ?? "") !== "" && (rank === null || rank === number))
      .map(({ rank: number, pod }) => [`${pod.podId} ${pod.startTime}`, { number, isAlone, pod }]),
  )
}

/** @returns whether there was a log */
async function followPod(
  { terminal, client }: Session,
  id: string,
  { number, isAlone, pod }: PodStart,
  { tail, since, signal }: Omit<FollowApplicationOptions, "rank">,
): Promise<boolean> {
  const prefix = isAlone ? "" : `${paint(terminal, "cyan", `[${number}]`)} `
  const query = { ...(tail === null ? {} : { tail }), ...(since === null ? {} : { since }) }
  try {
    for await (const item of client.streams.followLog(id, pod.podId, query, { signal })) {
      if (item.kind === "end") break
      terminal.out(logLines(terminal, item.lines, prefix))
      await terminal.drained()
    }
    return true
  } catch (error) {
    if (error instanceof BerthError && (error.status === 404 || error.status === 503)) return false
    throw error
  }
}
