import type { Clock } from "./clock.ts"

/** Timers over wall-clock instants, by key. */
export interface Timers {
  /** Sets (or moves) the timer of `key`; an instant in the past fires as soon as possible, overdue ones in order. */
  at(key: string, atMs: number, fire: () => void): void
  cancel(key: string): void
  /** The instant set for a key. */
  due(key: string): number | undefined
  readonly size: number
  /** Forgets all. Idempotent. */
  close(): void
}

interface Entry {
  readonly key: string
  readonly atMs: number
  readonly seq: number
  readonly fire: () => void
}

/** At most this long between two looks at the clock: a jump of the wall clock is noticed by then. */
const longestSleepMs = 60_000

/**
 * One binary heap for the whole process. It sleeps at most 60 s and reads the clock anew, because
 * `setTimeout` fires at once beyond 24.8 days and does not follow a clock that was set. A backward jump
 * changes nothing that has fired; a forward jump fires what is overdue, in order.
 */
export function createTimers(clock: Clock): Timers {
  const heap: Entry[] = []
  const live = new Map<string, Entry>()
  let seq = 0
  let cancelAlarm: (() => void) | undefined
  let alarmAtMs = Infinity

  const isBefore = (a: Entry, b: Entry) => a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq)

  function arm() {
    dropStale()
    const first = heap[0]
    if (!first) {
      cancelAlarm?.()
      cancelAlarm = undefined
      alarmAtMs = Infinity
      return
    }
    if (cancelAlarm && alarmAtMs <= first.atMs) return
    cancelAlarm?.()
    const delay = Math.min(longestSleepMs, Math.max(0, first.atMs - clock.nowMs()))
    alarmAtMs = clock.nowMs() + delay
    cancelAlarm = clock.alarm(delay, run)
  }

  function run() {
    cancelAlarm = undefined
    alarmAtMs = Infinity
    const now = clock.nowMs()
    for (;;) {
      dropStale()
      const first = heap[0]
      if (!first || first.atMs > now) break
      pop(heap, isBefore)
      live.delete(first.key)
      first.fire()
    }
    arm()
  }

  /** Moved and cancelled timers stay in the heap until they come up. */
  function dropStale() {
    for (let first = heap[0]; first && live.get(first.key) !== first; first = heap[0]) pop(heap, isBefore)
    if (heap.length > 1024 && heap.length > live.size * 4) {
      heap.length = 0
      for (const entry of live.values()) push(heap, entry, isBefore)
    }
  }

  return {
    at(key, atMs, fire) {
      const entry: Entry = { key, atMs, seq: seq++, fire }
      live.set(key, entry)
      push(heap, entry, isBefore)
      arm()
    },
    cancel(key) {
      if (live.delete(key)) arm()
    },
    due: (key) => live.get(key)?.atMs,
    get size() {
      return live.size
    },
    close() {
      live.clear()
      heap.length = 0
      cancelAlarm?.()
      cancelAlarm = undefined
    },
  }
}

function push<T>(heap: T[], item: T, isBefore: (a: T, b: T) => boolean) {
  let at = heap.push(item) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(item, heap[parent] as T)) break
    heap[at] = heap[parent] as T
    at = parent
  }
  heap[at] = item
}

function pop<T>(heap: T[], isBefore: (a: T, b: T) => boolean): T | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (heap.length === 0 || last === undefined) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1] as T, heap[child] as T)) child++
    if (!isBefore(heap[child] as T, last)) break
    heap[at] = heap[child] as T
    at = child
  }
  heap[at] = last
  return top
}
