import type { Dirent } from "node:fs"
import { opendir, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Log } from "../../kit/log.ts"
import { removeLogFile } from "./log-index.ts"

const dayMs = 24 * 3600 * 1000

export interface LogRetentionOptions {
  /** The folders below which logs lie. */
  readonly roots: readonly string[]
  /** How many folders deep to look below each. */
  readonly depth: number
  /** Whether a file is a log (its index goes with it); pods may have files of any name in their own folders. */
  readonly isLog: (path: string) => boolean
  /** Logs that something may still write or that belong to a live attempt: never removed, but counted. Asked of those alone that would go. */
  readonly isLive: (path: string) => boolean | Promise<boolean>
  /** Told of each log that has gone. */
  readonly onRemoved?: (path: string) => Promise<void>
  readonly log: Log
  /** Default 30 days. */
  readonly keepMs?: number
  /** Disk space of all logs together. Default 10 GiB. */
  readonly keepBytes?: number
  /** Files removed in one call. Default 1,000. */
  readonly mostRemovals?: number
}

export interface LogRetentionResult {
  readonly removedFiles: number
  readonly removedBytes: number
  /** Of all that are left. */
  readonly keptBytes: number
  /** There was more to remove than one call may: call again soon. */
  readonly hasMore: boolean
}

interface Found {
  readonly path: string
  /** On disk, without holes. */
  readonly bytes: number
  readonly writtenAtMs: number
}

/**
 * Removes logs last written over `keepMs` ago, then the oldest until the rest takes at most `keepBytes`.
 * For an hourly timer; one call at a time.
 */
export async function removeOldLogs(
  options: LogRetentionOptions,
  nowMs: number,
): Promise<LogRetentionResult> {
  const { keepMs = 30 * dayMs, keepBytes = 10 * 1024 ** 3, mostRemovals = 1000, log } = options
  const all = await findLogs(options)
  let leftBytes = 0
  for (const { bytes } of all) leftBytes += bytes
  let removedFiles = 0
  let removedBytes = 0
  let hasMore = false
  for (const one of oldestFirst(all)) {
    if (one.writtenAtMs > nowMs - keepMs && leftBytes <= keepBytes) break
    if (await options.isLive(one.path)) continue
    hasMore = removedFiles === mostRemovals
    if (hasMore) break
    if (!(await remove(one.path, options))) continue
    removedFiles++
    removedBytes += one.bytes
    leftBytes -= one.bytes
  }
  if (removedFiles > 0) log.info({ removedFiles, removedBytes }, "old logs removed")
  return { removedFiles, removedBytes, keptBytes: leftBytes, hasMore }
}

async function findLogs(options: LogRetentionOptions): Promise<readonly Found[]> {
  const all: Found[] = []
  for (const root of options.roots)
    for await (const path of logsBelow(options, root, options.depth)) {
      const found = await measure(path)
      if (found) all.push(found)
    }
  return all
}

function oldestFirst(all: readonly Found[]): readonly Found[] {
  return all.toSorted((a, b) => a.writtenAtMs - b.writtenAtMs || (a.path < b.path ? -1 : 1))
}

async function remove(path: string, { log, onRemoved }: LogRetentionOptions): Promise<boolean> {
  try {
    await removeLogFile(path)
    await onRemoved?.(path)
    return true
  } catch (error) {
    log.warn({ path, reason: (error as Error).message }, "old log not removed")
    return false
  }
}

async function* logsBelow(
  options: LogRetentionOptions,
  folder: string,
  depth: number,
): AsyncGenerator<string> {
  for await (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (entry.isFile() && options.isLog(path)) yield path
    else if (entry.isDirectory() && depth > 0) yield* logsBelow(options, path, depth - 1)
  }
}

/** @yields what is in a folder; nothing where it went away or may not be read */
async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "ENOENT" && code !== "EACCES" && code !== "ENOTDIR") throw error
  }
}

async function measure(path: string): Promise<Found | undefined> {
  try {
    const { blocks, mtimeMs } = await stat(path)
    return { path, bytes: blocks * 512, writtenAtMs: mtimeMs }
  } catch {
    return undefined // gone meanwhile
  }
}
