import { setImmediate as nextTurn } from "node:timers/promises"
import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import { pidsInGroup } from "./pod-groups.ts"
import { proportionalBytesOf, residentBytesOf, scanProcesses, type ProcessStat } from "./processes.ts"

/** A running pod with a bound on its memory. */
export interface BoundedPod {
  readonly key: string
  readonly wrapperPid: number
  /** The control group that holds all of it; null where its processes are found by session and descent. */
  readonly group: string | null
  readonly memoryBytes: number
}

/** Ends nothing itself: tells which pods used over 110 % of what was asked at two looks in a row. */
export interface MemoryWatch {
  /** One look now; looks never overlap. */
  look(): Promise<void>
  close(): void
}

const tolerance = 1.1
/** Pods measured in one turn of the event loop: about a millisecond. */
const podsPerTurn = 16
/** With very many pods the looks come more seldom: they take a fiftieth of the time. */
const restPerLook = 50

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
    const startedMono = clock.monotonicMs()
    void look().finally(() => {
      const tookMs = clock.monotonicMs() - startedMono
      if (!isClosed) cancelAlarm = clock.alarm(Math.max(options.everyMs, tookMs * restPerLook), tick)
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
    const members = await membersByTable(pods.filter((pod) => pod.group === null))
    const over = new Set<string>()
    for (const [at, pod] of pods.entries()) {
      if (at % podsPerTurn === podsPerTurn - 1) await nextTurn()
      const pids = pod.group === null ? members.get(pod.wrapperPid) : pidsInGroup(pod.group)
      const used = await usedBytes(pids ?? [], pod.memoryBytes * tolerance)
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
async function membersByTable(pods: readonly BoundedPod[]): Promise<ReadonlyMap<number, readonly number[]>> {
  if (pods.length === 0) return new Map()
  const scanned = await scanProcesses()
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
