import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import { proportionalBytesOf, residentBytesOf, scanProcesses, type ProcessStat } from "./processes.ts"

/** A running pod with a bound on its memory. */
export interface BoundedPod {
  readonly key: string
  readonly wrapperPid: number
  readonly memoryBytes: number
}

/** Ends nothing itself: tells which pods used over 110 % of what was asked at two looks in a row. */
export interface MemoryWatch {
  /** One look now; looks never overlap. */
  look(): Promise<void>
  close(): void
}

const tolerance = 1.1

/**
 * One shared look at all bounded pods. Resident sizes come first, which are never below the proportional ones
 * and cost a hundredth of them; only a pod over its bound by those is measured exactly.
 */
export function createMemoryWatch(options: {
  readonly clock: Clock
  readonly log: Log
  readonly everyMs: number
  readonly pods: () => readonly BoundedPod[]
  readonly onExceeded: (key: string, usedBytes: number) => void
}): MemoryWatch {
  const { clock } = options
  let suspects = new Set<string>()
  let isClosed = false
  let running: Promise<void> | undefined
  let cancelAlarm = clock.alarm(options.everyMs, tick)

  function tick(): void {
    void look().finally(() => {
      if (!isClosed) cancelAlarm = clock.alarm(options.everyMs, tick)
    })
  }

  function look(): Promise<void> {
    running ??= lookOnce()
      .catch((error: unknown) => options.log.warn({ err: error }, "memory of pods could not be measured"))
      .finally(() => {
        running = undefined
      })
    return running
  }

  async function lookOnce(): Promise<void> {
    const pods = options.pods()
    suspects = new Set([...suspects].filter((key) => pods.some((pod) => pod.key === key)))
    if (pods.length === 0) return
    const members = membersOf(pods, await scanProcesses())
    const over = new Set<string>()
    for (const pod of pods) {
      const used = await usedBytes(members.get(pod.wrapperPid) ?? [], pod.memoryBytes * tolerance)
      if (isClosed || used <= pod.memoryBytes * tolerance) continue
      if (suspects.has(pod.key)) options.onExceeded(pod.key, used)
      else over.add(pod.key)
    }
    suspects = over
  }

  return {
    look,
    close() {
      isClosed = true
      cancelAlarm()
    },
  }
}

async function usedBytes(pids: readonly number[], bound: number): Promise<number> {
  const resident = pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0)
  if (resident <= bound) return resident
  let used = 0
  for (const pid of pids) used += await proportionalBytesOf(pid)
  return used
}

/** The processes of each pod, by its wrapper's pid: its session's, and descendants that left the session. */
function membersOf(
  pods: readonly BoundedPod[],
  scanned: readonly ProcessStat[],
): ReadonlyMap<number, readonly number[]> {
  const wrappers = new Set(pods.map((pod) => pod.wrapperPid))
  const byPid = new Map(scanned.map((process) => [process.pid, process]))
  const members = new Map<number, number[]>()
  for (const process of scanned) {
    const wrapper = wrapperAbove(process, wrappers, byPid)
    if (wrapper === undefined) continue
    const list = members.get(wrapper)
    if (list) list.push(process.pid)
    else members.set(wrapper, [process.pid])
  }
  return members
}

function wrapperAbove(
  process: ProcessStat,
  wrappers: ReadonlySet<number>,
  byPid: ReadonlyMap<number, ProcessStat>,
): number | undefined {
  let at: ProcessStat | undefined = process
  // bounded: a list read over some milliseconds may hold a circle of pids used anew
  for (let depth = 0; at && depth < 64; depth++) {
    if (wrappers.has(at.session)) return at.session
    at = byPid.get(at.parentPid)
  }
  return undefined
}
