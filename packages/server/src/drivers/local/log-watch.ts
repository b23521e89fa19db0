import type { FSWatcher } from "node:fs"
import { watch } from "node:fs"
import { dirname } from "node:path"
import type { Clock } from "../../kit/clock.ts"

/** Changes this close are told together: at most fifty wake-ups a second and file. */
const gatherMs = 20
/** More changes than this while gathering: looking every `busyPollMs` is cheaper than being told of each. */
const busyEvents = 4
const busyPollMs = 50
/** Quiet looks after which a busy file is watched again. */
const quietPolls = 20
/** A look without being told, in case an event was lost or nothing can be watched. */
const safetyMs = 1000
/** The same, for a file that is not there and whose folder is not there either. */
const missingPollMs = 200

/** Tells of changes of one file: by the kernel's events, by looking where those are too many or not to be had. */
export interface FileWatcher {
  /** Whether the file was there at the last look. */
  seen(isThere: boolean): void
  /** A look found something new. */
  progressed(): void
  close(): void
}

export function createFileWatcher(clock: Clock, path: string, tell: () => void): FileWatcher {
  let watching: { readonly target: string; readonly watcher: FSWatcher } | undefined
  let cancelAlarm: (() => void) | undefined
  let dueMono = Infinity
  let toldMono = -Infinity
  let events = 0
  let quiet = 0
  let isBusy = false
  let isThere = false
  let isClosed = false

  function unwatch() {
    watching?.watcher.close()
    watching = undefined
  }

  /** Watches the file, or the folder in which it is to appear; false where that cannot be. */
  function rewatch(): boolean {
    const target = isThere ? path : dirname(path)
    if (watching?.target === target) return true
    unwatch()
    try {
      const watcher = watch(target, { persistent: false }, onEvent)
      watcher.on("error", unwatch)
      watching = { target, watcher }
      return true
    } catch {
      return false // not there, or no watches left
    }
  }

  function onEvent() {
    events++
    if (events > busyEvents && isThere) {
      isBusy = true
      quiet = 0
      unwatch()
    }
    // The first change is told at once, those after it together.
    alarmIn(Math.max(0, gatherMs - (clock.monotonicMs() - toldMono)))
  }

  function alarmIn(ms: number) {
    const due = clock.monotonicMs() + ms
    if (isClosed || due >= dueMono) return
    cancelAlarm?.()
    dueMono = due
    cancelAlarm = clock.alarm(ms, onAlarm)
  }

  function onAlarm() {
    dueMono = Infinity
    toldMono = clock.monotonicMs()
    cancelAlarm = undefined
    events = 0
    if (isBusy && ++quiet > quietPolls) isBusy = false
    const canWatch = !isBusy && rewatch()
    alarmIn(isBusy ? busyPollMs : canWatch ? safetyMs : isThere ? busyPollMs : missingPollMs)
    tell()
  }

  if (!rewatch()) alarmIn(missingPollMs)
  alarmIn(safetyMs)
  return {
    seen(there) {
      if (there === isThere || isClosed) return
      isThere = there
      // From the folder to the file: what was written between is found by one more look.
      alarmIn(rewatch() ? 0 : busyPollMs)
    },
    progressed() {
      quiet = 0
    },
    close() {
      isClosed = true
      cancelAlarm?.()
      unwatch()
    },
  }
}
