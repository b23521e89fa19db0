import type { FileHandle } from "node:fs/promises"
import { open } from "node:fs/promises"
import type { Clock } from "../../kit/clock.ts"
import { createTurnstile } from "../../kit/turnstile.ts"
import type { LogChunk } from "../../domain/workloads/index.ts"
import type { LogIndex } from "./log-index.ts"
import { findLogIndex } from "./log-index.ts"
import type { LogFacts } from "./log-read.ts"
import { longestLineBytes, readForward } from "./log-read.ts"
import { createFileWatcher } from "./log-watch.ts"

/** What a follower finds at its place in the file. */
export interface TailStep {
  readonly chunk: LogChunk
  readonly size: number
  /** The file was removed: what is still read from it is all there will be. */
  readonly isRemoved: boolean
}

/** One followed file: one watcher, one handle, shared by all its followers. */
export interface Tail {
  /** Grows with every sign of change; a follower that saw nothing new waits for the next one. */
  readonly generation: number
  /** The file as it is now; undefined while it is not there. */
  facts(): Promise<{ readonly handle: FileHandle; readonly facts: LogFacts } | undefined>
  /** What lies behind `from`. Followers at the same place share one read. */
  step(from: number, isEnded: boolean): Promise<TailStep | undefined>
  /**
   * To be awaited before a step of `bytes` is given on: many followers of long logs take turns, so that what each does
   * with a piece never adds up to a stall. At once for what is short, which is what arrives live.
   */
  turn(bytes: number): Promise<void>
  /** Calls once at the next sign of change; returns how to stop waiting. */
  onChange(wake: () => void): () => void
  leave(): void
}

export interface Tails {
  join(path: string): Tail
  readonly size: number
  /** Wakes every follower and stops watching. */
  close(): void
}

/** @param indexOf what is known of a file that is being looked at; others have their index beside them */
export function createTails(clock: Clock, indexOf: (path: string) => LogIndex | undefined): Tails {
  const open = new Map<string, OpenTail>()
  const turnstile = createTurnstile()
  const turn = async (bytes: number) => {
    if (bytes > shortBytes) await turnstile.pass()
  }
  return {
    join(path) {
      const tail = open.get(path) ?? createTail({ clock, path, indexOf: () => indexOf(path), turn })
      open.set(path, tail)
      tail.join()
      const leave = () => {
        if (tail.leave() === 0 && open.get(path) === tail) open.delete(path)
      }
      let isJoined = true
      return {
        get generation() {
          return tail.generation
        },
        facts: tail.facts,
        step: tail.step,
        turn,
        onChange: tail.onChange,
        leave() {
          if (isJoined) leave()
          isJoined = false
        },
      }
    },
    get size() {
      return open.size
    },
    close() {
      for (const tail of open.values()) tail.stop()
      open.clear()
    },
  }
}

/** Steps that followers at other places of the file may share: each holds a piece. */
const sharedSteps = 8
/** Pieces of up to this many bytes are dealt with as they come. */
const shortBytes = 16 * 1024

interface OpenTail extends Omit<Tail, "leave" | "turn"> {
  join(): void
  /** Followers left. */
  leave(): number
  stop(): void
}

function createTail(options: {
  readonly clock: Clock
  readonly path: string
  readonly indexOf: () => LogIndex | undefined
  readonly turn: Tail["turn"]
}): OpenTail {
  const { clock, path, indexOf, turn } = options
  const waiters = new Set<() => void>()
  const steps = new Map<string, Promise<TailStep | undefined>>()
  const watcher = createFileWatcher(clock, path, change)
  let generation = 0
  let followers = 0
  let opened: Promise<{ handle: FileHandle; index: LogIndex } | undefined> | undefined
  let isStopped = false

  function change() {
    generation++
    steps.clear()
    for (const wake of waiters) wake()
  }

  /** Opened at first need and again until the file is there. */
  async function openOnce() {
    if (isStopped) return undefined
    opened ??= openLog(path)
    const mine = opened
    const found = await mine.catch((error: unknown) => {
      if (opened === mine) opened = undefined
      throw error
    })
    if (!found && opened === mine) opened = undefined
    return found
  }

  async function facts() {
    const found = await openOnce()
    watcher.seen(found !== undefined)
    if (!found) return undefined
    const { size, mtimeMs, nlink } = await found.handle.stat()
    return { handle: found.handle, facts: { size, mtimeMs, index: indexOf() ?? found.index }, nlink }
  }

  async function readStep(from: number, isEnded: boolean): Promise<TailStep | undefined> {
    const now = await facts()
    if (!now) return undefined
    const { size, index } = now.facts
    // Smaller than before: it was emptied, and what is in it now was not seen.
    const start = from > size ? 0 : from
    const isRemoved = now.nlink === 0
    const options = { from: start, maxBytes: longestLineBytes, isEnded: isEnded || isRemoved }
    if (start === size)
      return { chunk: { lines: [], nextOffset: start, droppedBytes: index.keptFrom }, size, isRemoved }
    await turn(size - start)
    const chunk = await readForward(now.handle, now.facts, options)
    if (chunk.lines.length > 0) watcher.progressed()
    return { chunk, size, isRemoved }
  }

  function stop() {
    isStopped = true
    watcher.close()
    void opened?.then((found) => found?.handle.close()).catch(() => undefined)
    opened = undefined
    change()
  }

  return {
    get generation() {
      return generation
    },
    facts,
    step(from, isEnded) {
      const key = `${from}/${isEnded}`
      const known = steps.get(key)
      if (known) return known
      const step = readStep(from, isEnded)
      const [oldest] = steps.keys()
      if (steps.size >= sharedSteps && oldest !== undefined) steps.delete(oldest)
      steps.set(key, step)
      return step
    },
    onChange(wake) {
      waiters.add(wake)
      return () => waiters.delete(wake)
    },
    join() {
      followers++
    },
    leave() {
      followers--
      if (followers === 0) stop()
      return followers
    },
    stop,
  }
}

async function openLog(path: string): Promise<{ handle: FileHandle; index: LogIndex } | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
  try {
    return { handle, index: await findLogIndex(path, handle, await handle.stat()) }
  } catch (error) {
    await handle.close()
    throw error
  }
}
