import type { FileHandle } from "node:fs/promises"
import type { LogChunk, LogQuery } from "../../domain/workloads/index.ts"
import type { LogIndex } from "./log-index.ts"
import { offsetSince } from "./log-index.ts"

/** The longest line that is given in one piece; also the most that is decoded in one turn of the loop. */
export const longestLineBytes = 256 * 1024
const scanBytes = 64 * 1024
const newline = 10

/** A log as one moment saw it. */
export interface LogFacts {
  readonly size: number
  readonly mtimeMs: number
  readonly index: LogIndex
}

interface SplitLines {
  readonly lines: readonly string[]
  /** Bytes that the lines took, newlines included. */
  readonly usedBytes: number
}

/**
 * The whole lines of a buffer that begins at a line. `rest` says what becomes of an unfinished last line: `keep`
 * leaves it, `give` gives it, `piece` gives it only when there is nothing else (a line too long to wait for).
 */
function splitLines(buffer: Buffer, rest: "keep" | "give" | "piece"): SplitLines {
  const last = buffer.lastIndexOf(newline)
  const lines = last < 0 ? [] : buffer.toString("utf8", 0, last).split("\n")
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string
    if (line.endsWith("\r")) lines[at] = line.slice(0, -1)
  }
  const isRestGiven = last + 1 < buffer.length && (rest === "give" || (rest === "piece" && last < 0))
  if (!isRestGiven) return { lines, usedBytes: last + 1 }
  const end = rest === "give" ? buffer.length : characterEnd(buffer)
  lines.push(buffer.toString("utf8", last + 1, end))
  return { lines, usedBytes: end }
}

/** Where the last whole UTF-8 character of the buffer ends; its length when that makes no sense. */
function characterEnd(buffer: Buffer): number {
  for (let back = 1; back <= Math.min(4, buffer.length); back++) {
    const byte = buffer[buffer.length - back] as number
    if ((byte & 0xc0) === 0x80) continue
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needed > back && back < buffer.length ? buffer.length - back : buffer.length
  }
  return buffer.length
}

/**
 * Lines from `from` on, at most `maxBytes` of them but at least one piece when there is one. A head that is
 * punched out meanwhile is jumped over.
 */
export async function readForward(
  handle: FileHandle,
  facts: LogFacts,
  options: { readonly from: number; readonly maxBytes: number; readonly isEnded: boolean },
): Promise<LogChunk> {
  const { size, index } = facts
  const lines: string[] = []
  let at = Math.max(options.from, index.keptFrom)
  const limit = Math.min(size, at + Math.max(1, options.maxBytes))
  while (at < limit) {
    const buffer = await readAt(handle, at, Math.min(longestLineBytes, limit - at))
    if (buffer.length === 0) break
    if (index.keptFrom > at) {
      at = index.keptFrom // cut away under the read: the buffer may hold its zeros
      continue
    }
    const isFileEnd = at + buffer.length >= size
    const isTooLong = buffer.length >= longestLineBytes || (!isFileEnd && lines.length === 0)
    const rest = isFileEnd && options.isEnded ? "give" : isTooLong ? "piece" : "keep"
    const split = splitLines(buffer, rest)
    if (split.usedBytes === 0) break
    for (const line of split.lines) lines.push(line)
    at += split.usedBytes
  }
  return { lines, nextOffset: at, droppedBytes: index.keptFrom }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

/** Where an answer to the query begins, read from the end in blocks: the file itself may be huge. */
export async function findStart(
  handle: FileHandle,
  facts: LogFacts,
  query: LogQuery,
  isEnded: boolean,
): Promise<number> {
  const { size, index } = facts
  if (query.fromOffset !== null) return Math.min(Math.max(query.fromOffset, index.keptFrom), size)
  const end = isEnded ? size : await lineStart(handle, size, index.keptFrom, query.maxBytes)
  const window = Math.max(index.keptFrom, end - query.maxBytes)
  const floor = Math.max(window, await sinceStart(handle, facts, query.sinceMs))
  if (floor >= end || query.tailLines === 0) return end
  if (query.tailLines !== null) {
    const found = await scanBack(handle, end - 1, floor, query.tailLines)
    if (found !== undefined) return found
  }
  return floor > window || floor === index.keptFrom ? floor : nextLineStart(handle, floor, end)
}

/** The start of the line that was being written at `sinceMs`. */
async function sinceStart(handle: FileHandle, facts: LogFacts, sinceMs: number | null): Promise<number> {
  const { index, size } = facts
  if (sinceMs === null) return index.keptFrom
  if (Math.ceil(facts.mtimeMs) < sinceMs) return size
  const offset = offsetSince(index, sinceMs)
  if (offset <= index.keptFrom || offset > size) return index.keptFrom
  return lineStart(handle, offset, index.keptFrom, longestLineBytes)
}

/** The start of the line in which `offset` lies; `offset` itself when that is over `reachBytes` before it. */
async function lineStart(
  handle: FileHandle,
  offset: number,
  keptFrom: number,
  reachBytes: number,
): Promise<number> {
  const floor = Math.max(keptFrom, offset - reachBytes)
  const found = await scanBack(handle, offset, floor, 1)
  return found ?? (floor === keptFrom ? keptFrom : offset)
}

/** The offset after the `count`-th newline before `end`, looking back as far as `floor`. */
async function scanBack(
  handle: FileHandle,
  end: number,
  floor: number,
  count: number,
): Promise<number | undefined> {
  let left = count
  for (let to = end; to > floor;) {
    const from = Math.max(floor, to - scanBytes)
    const buffer = await readAt(handle, from, to - from)
    for (let at = buffer.length; at > 0 && left > 0;) {
      at = buffer.lastIndexOf(newline, at - 1)
      if (at < 0) break
      left--
      if (left === 0) return from + at + 1
    }
    to = from
  }
  return undefined
}

/** The first line that begins at or after `from`; without one before `end`, the next whole character. */
async function nextLineStart(handle: FileHandle, from: number, end: number): Promise<number> {
  for (let at = from - 1; at < end; at += scanBytes) {
    const buffer = await readAt(handle, at, Math.min(scanBytes, end - at))
    const found = buffer.indexOf(newline)
    if (found >= 0 && at + found + 1 < end) return at + found + 1
  }
  const head = await readAt(handle, from, Math.min(4, end - from))
  let skipped = 0
  while (skipped < head.length && ((head[skipped] as number) & 0xc0) === 0x80) skipped++
  return from + (skipped === head.length ? 0 : skipped)
}
