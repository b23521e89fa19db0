import { setImmediate as nextTurn } from "node:timers/promises"
import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import { belongingTo, type Belonging } from "./belongings.ts"
import { pidsInGroup } from "./pod-groups.ts"
import { createTableReader } from "./process-table.ts"
import { isAlive, isSameAlive, readProcess, type ProcessIdentity, type ProcessStat } from "./processes.ts"

/** Ends what belongs to pods, with one look at the process table for all of them. */
export interface Reaper {
  /**
   * Resolves when no process of it is left. What is left at `killAtMono` (monotonic ms) and later is killed; until
   * then it may end by itself. The same key again joins the first, the earlier instant counts.
   */
  end(key: string, belonging: Belonging, killAtMono: number): Promise<void>
  /** Looks no more; nothing that waits resolves. Idempotent. */
  close(): void
}

interface Quarry {
  readonly key: string
  readonly belonging: Belonging
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly sinceMono: number
  killAtMono: number
  /** What the last full look found. */
  known: readonly ProcessIdentity[]
  cleanLooks: number
  nextLookMono: number
  looks: number
  firstKillMono: number | undefined
  /** What was there at the first kill. */
  firstFound: ReadonlySet<number> | undefined
  hasWarned: boolean
}

/** A process may fork between being listed and being read: only a second clean table counts. */
const cleanTablesNeeded = 2
/** So long a wrapper may take to write its exit file once its command was killed. */
const wrapperSpareMs = 1000
const warnAfterMs = 30_000
/** While known processes live the table is not read in full more often than this. */
const fullLookEveryMs = 2000

/** Groups read in one turn of the event loop. */
const groupsPerTurn = 16

export function createReaper(options: { readonly clock: Clock; readonly log: Log }): Reaper {
  const { clock, log } = options
  const readTable = createTableReader()
  /** Before it no table is read: reading takes at most half of the time. */
  let nextTableMono = 0
  const quarries = new Map<string, Quarry>()
  let cancelAlarm: (() => void) | undefined
  let isLooking = false
  let isClosed = false

  function schedule(): void {
    if (isLooking || isClosed || quarries.size === 0) return
    cancelAlarm?.()
    let next = Infinity
    for (const quarry of quarries.values()) next = Math.min(next, quarry.nextLookMono)
    cancelAlarm = clock.alarm(Math.max(0, next - clock.monotonicMs()), () => void look())
  }

  async function look(): Promise<void> {
    cancelAlarm = undefined
    isLooking = true
    try {
      const due = [...quarries.values()].filter(isDue)
      if (due.length > 0) await lookAtAll(due)
    } catch (error) {
      log.warn({ err: error }, "the process table could not be read")
      for (const quarry of quarries.values()) quarry.nextLookMono = clock.monotonicMs() + 1000
    } finally {
      isLooking = false
      schedule()
    }
  }

  /** Whether a full look is needed; sets the next one where it is not. */
  function isDue(quarry: Quarry): boolean {
    const now = clock.monotonicMs()
    if (quarry.nextLookMono > now) return false
    if (quarry.belonging.groups) return true
    if (nextTableMono > now) {
      quarry.nextLookMono = nextTableMono
      return false
    }
    const waitsQuietly = now < quarry.killAtMono && quarry.looks % fullLookRounds !== 0
    if (!waitsQuietly || !quarry.known.some(isSameAlive)) return true
    plan(quarry)
    return false
  }

  async function lookAtAll(due: readonly Quarry[]): Promise<void> {
    let read = 0
    for (const quarry of due) {
      if (!quarry.belonging.groups) continue
      if (++read % groupsPerTurn === 0) await nextTurn()
      if (!isClosed) settle(quarry, processesOf(quarry.belonging.groups), 1)
    }
    const others = due.filter((quarry) => !quarry.belonging.groups)
    if (others.length > 0) await lookInTable(others)
  }

  async function lookInTable(due: readonly Quarry[]): Promise<void> {
    const startedMono = clock.monotonicMs()
    const table = await readTable(Math.min(...due.map((quarry) => quarry.belonging.sinceTicks)))
    nextTableMono = 2 * clock.monotonicMs() - startedMono
    if (isClosed) return
    for (const quarry of due) settle(quarry, belongingTo(quarry.belonging, table), cleanTablesNeeded)
  }

  function settle(quarry: Quarry, found: readonly ProcessStat[], cleanLooksNeeded: number): void {
    quarry.known = found
    quarry.cleanLooks = found.length === 0 ? quarry.cleanLooks + 1 : 0
    if (quarry.cleanLooks >= cleanLooksNeeded) {
      quarries.delete(quarry.key)
      quarry.resolve()
      return
    }
    if (found.length > 0 && clock.monotonicMs() >= quarry.killAtMono) kill(quarry, found)
    plan(quarry)
  }

  function kill(quarry: Quarry, found: readonly ProcessStat[]): void {
    const now = clock.monotonicMs()
    quarry.firstKillMono ??= now
    quarry.firstFound ??= new Set(found.map((process) => process.pid))
    const sparesWrappers = now - quarry.firstKillMono < wrapperSpareMs
    for (const process of found) if (!sparesWrappers || !isRecording(process, quarry)) killProcess(process)
    if (quarry.hasWarned || now - quarry.firstKillMono < warnAfterMs) return
    quarry.hasWarned = true
    const pids = found.slice(0, 20).map((process) => process.pid)
    log.warn(
      { attemptId: quarry.belonging.attemptId, pids },
      "processes do not end although they were killed",
    )
  }

  /** Sets the next look: close at first, then seldom. */
  function plan(quarry: Quarry): void {
    const now = clock.monotonicMs()
    const delay = Math.min(5 * 2 ** Math.min(quarry.looks, 10), longestDelay(now - quarry.sinceMono))
    quarry.looks++
    quarry.nextLookMono = now < quarry.killAtMono ? Math.min(now + delay, quarry.killAtMono) : now + delay
  }

  return {
    end(key, belonging, killAtMono) {
      const now = clock.monotonicMs()
      const running = quarries.get(key)
      if (running) {
        running.killAtMono = Math.min(running.killAtMono, killAtMono)
        running.nextLookMono = Math.min(running.nextLookMono, now)
        schedule()
        return running.promise
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      const quarry = { key, belonging, promise, resolve, killAtMono, sinceMono: now, nextLookMono: now }
      const unseen = { known: [], cleanLooks: 0, looks: 0, hasWarned: false }
      quarries.set(key, { ...quarry, ...unseen, firstKillMono: undefined, firstFound: undefined })
      schedule()
      return promise
    },
    close() {
      isClosed = true
      cancelAlarm?.()
      quarries.clear()
    },
  }
}

/** One in so many looks at known processes is a full one. */
const fullLookRounds = fullLookEveryMs / 50

/** A stuck process (in an uninterruptible wait) is looked at for as long as the server lives. */
function longestDelay(ageMs: number): number {
  if (ageMs < 60_000) return 50
  return ageMs < 600_000 ? 1000 : 5000
}

/** The wrapper, or a command that it began after its pod's was killed: it renames the exit file. */
function isRecording(process: ProcessStat, quarry: Quarry): boolean {
  const { wrappers } = quarry.belonging
  if (wrappers.some((wrapper) => wrapper.pid === process.pid)) return true
  const isNew = !quarry.firstFound?.has(process.pid)
  return isNew && wrappers.some((wrapper) => wrapper.pid === process.parentPid)
}

function processesOf(groups: readonly string[]): readonly ProcessStat[] {
  return groups.flatMap(pidsInGroup).map(readProcess).filter(isAlive)
}

function killProcess(target: ProcessStat): void {
  if (!isSameAlive(target)) return
  try {
    process.kill(target.pid, "SIGKILL")
  } catch {
    // it ended between the look and the signal, or is not ours to end: the next look tells
  }
}
