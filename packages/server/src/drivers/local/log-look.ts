import type { Stats } from "node:fs"
import { open, stat, statfs } from "node:fs/promises"
import type { LogIndex } from "./log-index.ts"
import { findLogIndex, lastSeenBytes, recordGrowth, saveLogIndex } from "./log-index.ts"
import { createHeadCutter, punchByFallocate } from "./log-cap.ts"
import type { LogFilesOptions, LogOverflow, LogOverflowCause } from "./log-types.ts"

const mebibyte = 1024 * 1024
/** Files looked at side by side: enough to hide a slow disk, few enough to leave threads to others. */
const looksAtOnce = 8
/** How old an index on disk may get while its file grows; a crash loses that much precision of `sinceMs`. */
const saveEveryMs = 15_000
/** A pod that writes less between two looks is not what fills the disk. */
const leastGuiltyBytes = 64 * 1024

interface Tracked {
  readonly key: string
  readonly path: string
  index: LogIndex | undefined
  lookedAtMono: number
  savedAtMono: number
  /** The index in memory differs from the one on disk. */
  isUnsaved: boolean
  isReported: boolean
}

interface Growth {
  readonly file: Tracked
  readonly grewBytes: number
  /** The file system it lies on. */
  readonly dev: number
}

/** Watches over the size of growing log files. */
export interface LogLook {
  track(key: string, path: string): void
  untrack(key: string): Promise<void>
  onOverflow(listener: (overflow: LogOverflow) => void): () => void
  /** What is known of a tracked file; undefined for others. */
  indexOf(path: string): LogIndex | undefined
  look(): Promise<void>
  readonly size: number
  close(): Promise<void>
}

/** The look is one alarm for all files, armed again when it is done, so that looks never overlap. */
export function createLogLook(options: LogFilesOptions): LogLook {
  const { clock, log, capBytes = 64 * mebibyte, floodBytes = 256 * mebibyte, lookMs = 1000 } = options
  const minFreeBytes = options.minFreeBytes ?? 256 * mebibyte
  const freeBytes = options.freeBytes ?? freeOnDisk
  const cutter = createHeadCutter({ log, capBytes, punchHead: options.punchHead ?? punchByFallocate })
  const tracked = new Map<string, Tracked>()
  const byPath = new Map<string, Tracked>()
  const listeners = new Set<(overflow: LogOverflow) => void>()
  let cancelAlarm: (() => void) | undefined
  let looking: Promise<void> | undefined
  let isClosed = false

  function report(file: Tracked, cause: LogOverflowCause, message: string) {
    if (file.isReported) return
    file.isReported = true
    log.warn({ key: file.key, cause }, "log ends its pod")
    for (const listener of listeners) listener({ key: file.key, cause, message })
  }

  /** One file's look; gives how much it grew. */
  async function lookAt(file: Tracked): Promise<Growth | undefined> {
    const facts = await statIfThere(file.path)
    if (!facts) return undefined
    const isFirst = file.index === undefined
    const index = (file.index ??= await firstIndex(file.path, facts))
    const knownBytes = !isFirst ? lastSeenBytes(index) : isNew(facts) ? 0 : facts.size
    const grewBytes = Math.max(0, facts.size - knownBytes)
    if (isFirst || facts.size !== lastSeenBytes(index)) file.isUnsaved = true
    recordGrowth(index, Math.min(Math.ceil(facts.mtimeMs), Math.max(0, clock.nowMs())), facts.size)
    const nowMono = clock.monotonicMs()
    const lateness = Math.max(1, (nowMono - file.lookedAtMono) / (2 * lookMs))
    file.lookedAtMono = nowMono
    if (grewBytes > floodBytes * (isFirst ? 1 : lateness))
      report(file, "log_flood", `It wrote ${Math.round(grewBytes / mebibyte)} MiB of log in about a second.`)
    if (await cutter.cut(file.path, index, facts.size)) file.isUnsaved = true
    await save(file, nowMono)
    return { file, grewBytes, dev: facts.dev }
  }

  /** Just made: what it holds was written since the last look. A file taken over after a restart is not. */
  function isNew(facts: Stats): boolean {
    return clock.nowMs() - facts.birthtimeMs < 2 * lookMs
  }

  async function save(file: Tracked, nowMono: number) {
    if (!file.index || !file.isUnsaved || nowMono - file.savedAtMono < saveEveryMs) return
    file.savedAtMono = nowMono
    file.isUnsaved = false
    try {
      await saveLogIndex(file.path, file.index)
    } catch (error) {
      log.debug({ key: file.key, reason: (error as Error).message }, "log index not written")
    }
  }

  async function lookAtAll() {
    const files = [...tracked.values()]
    const grown: Growth[] = []
    let next = 0
    const worker = async () => {
      for (let file = files[next++]; file; file = files[next++]) {
        const seen = await lookAt(file).catch((error: unknown) => {
          log.warn({ key: file?.key, reason: (error as Error).message }, "log file could not be looked at")
        })
        if (seen && seen.grewBytes >= leastGuiltyBytes) grown.push(seen)
      }
    }
    await Promise.all(Array.from({ length: Math.min(looksAtOnce, files.length) }, worker))
    await checkDisks(grown)
  }

  /** On each nearly full disk the file that grew most ends its pod; the next look sees whether that was enough. */
  async function checkDisks(grown: readonly Growth[]) {
    const worst = new Map<number, Growth>()
    for (const one of grown) {
      const other = worst.get(one.dev)
      if (!one.file.isReported && (!other || one.grewBytes > other.grewBytes)) worst.set(one.dev, one)
    }
    for (const { file } of worst.values()) {
      const free = await freeBytes(file.path).catch(() => Infinity)
      if (free >= minFreeBytes) continue
      report(
        file,
        "disk_full",
        `Only ${Math.floor(free / mebibyte)} MiB are free on the disk that its log is on.`,
      )
    }
  }

  function arm() {
    if (cancelAlarm || isClosed || tracked.size === 0) return
    cancelAlarm = clock.alarm(lookMs, () => {
      void look().finally(() => {
        cancelAlarm = undefined
        arm()
      })
    })
  }

  function look(): Promise<void> {
    looking ??= lookAtAll().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function settle(file: Tracked) {
    await looking
    await lookAt(file).catch(() => undefined)
    await save(file, Infinity)
  }

  return {
    track(key, path) {
      if (isClosed || tracked.get(key)?.path === path) return
      const file: Tracked = {
        key,
        path,
        index: undefined,
        lookedAtMono: clock.monotonicMs(),
        savedAtMono: clock.monotonicMs(),
        isUnsaved: false,
        isReported: false,
      }
      tracked.set(key, file)
      byPath.set(path, file)
      arm()
    },
    async untrack(key) {
      const file = tracked.get(key)
      if (!file) return
      tracked.delete(key)
      file.isReported = true // nothing is left to stop
      await settle(file)
      if (byPath.get(file.path) === file) byPath.delete(file.path)
    },
    onOverflow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    indexOf: (path) => byPath.get(path)?.index,
    look,
    get size() {
      return tracked.size
    },
    async close() {
      if (isClosed) return
      isClosed = true
      cancelAlarm?.()
      listeners.clear()
      await looking
      for (const file of tracked.values()) await save(file, Infinity)
      tracked.clear()
      byPath.clear()
    },
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

async function firstIndex(path: string, facts: Stats): Promise<LogIndex> {
  const handle = await open(path)
  try {
    return await findLogIndex(path, handle, facts)
  } finally {
    await handle.close()
  }
}

async function freeOnDisk(path: string): Promise<number> {
  const disk = await statfs(path)
  return disk.bavail * disk.bsize
}
