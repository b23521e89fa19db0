import type { FileHandle } from "node:fs/promises"
import { readFile, rename, rm, writeFile } from "node:fs/promises"

/**
 * When which byte of a log was there, and where what is kept begins. An entry (t, o) says: everything before
 * offset o had been written at t. Both lists ascend.
 */
export interface LogIndex {
  /** Offset of the first line that is kept. */
  keptFrom: number
  readonly timesMs: number[]
  readonly offsets: number[]
}

/** Bounds memory to about 8 KiB a file; older entries get coarser. */
const mostEntries = 512
/** A month of looks a second fits into the entries with it. */
const ageShare = 1 / 32
const blockBytes = 4096

export function createLogIndex(keptFrom = 0): LogIndex {
  return { keptFrom, timesMs: [], offsets: [] }
}

/** The last size that was seen; 0 for a new index. */
export function lastSeenBytes(index: LogIndex): number {
  return index.offsets.at(-1) ?? 0
}

/**
 * Notes that the file has `size` bytes, the last of them written at `atMs`. A clock that went back is read as one
 * that stood still, so that `offsetSince` errs on giving more. A smaller size is a file that was emptied.
 */
export function recordGrowth(index: LogIndex, atMs: number, size: number): void {
  const { timesMs, offsets } = index
  if (size < lastSeenBytes(index)) {
    index.keptFrom = 0
    timesMs.length = 0
    offsets.length = 0
  }
  if (size === lastSeenBytes(index)) return
  const lastMs = timesMs.at(-1)
  if (lastMs !== undefined && atMs <= lastMs) {
    offsets[offsets.length - 1] = size
    return
  }
  timesMs.push(atMs)
  offsets.push(size)
  if (timesMs.length > mostEntries) thin(index)
}

/** Keeps entries the sparser the older they are: the error of `offsetSince` stays below a share of the age asked for. */
function thin({ timesMs, offsets }: LogIndex): void {
  const newestMs = timesMs.at(-1) as number
  const kept: number[] = []
  for (let at = timesMs.length - 1; at >= 0; at--) {
    const atMs = timesMs[at] as number
    const nextMs = timesMs[kept.at(-1) ?? at] as number
    if (kept.length === 0 || nextMs - atMs >= (newestMs - atMs) * ageShare) kept.push(at)
  }
  kept.reverse()
  if (kept.length > mostEntries) kept.splice(0, kept.length - mostEntries)
  for (const [to, from] of kept.entries()) {
    timesMs[to] = timesMs[from] as number
    offsets[to] = offsets[from] as number
  }
  timesMs.length = kept.length
  offsets.length = kept.length
}

/** The offset before which everything was written before `sinceMs`. */
export function offsetSince({ timesMs, offsets }: LogIndex, sinceMs: number): number {
  let low = 0
  let high = timesMs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((timesMs[middle] as number) < sinceMs) low = middle + 1
    else high = middle
  }
  return low === 0 ? 0 : (offsets[low - 1] as number)
}

/** Where the index of a log lies. */
export function logIndexPath(logPath: string): string {
  return `${logPath}.index`
}

/** The index of a log: the one that lies beside it, else one made from what the file itself shows. */
export async function findLogIndex(logPath: string, handle: FileHandle, stat: FileFacts): Promise<LogIndex> {
  const loaded = await loadLogIndex(logPath)
  // A file smaller than its index was emptied while nobody looked.
  return loaded && lastSeenBytes(loaded) <= stat.size && loaded.keptFrom <= stat.size
    ? loaded
    : rebuildLogIndex(handle, stat)
}

interface FileFacts {
  readonly size: number
  readonly blocks: number
  readonly mtimeMs: number
}

/** The index that was written beside a log; undefined when there is none or it cannot be understood. */
async function loadLogIndex(logPath: string): Promise<LogIndex | undefined> {
  try {
    return parseLogIndex(await readFile(logIndexPath(logPath), "utf8"))
  } catch {
    return undefined // missing or unreadable: the caller rebuilds
  }
}

function parseLogIndex(text: string): LogIndex | undefined {
  const found = JSON.parse(text) as Partial<LogIndex> | null
  if (!found || !isOffset(found.keptFrom)) return undefined
  const { timesMs, offsets } = found
  if (!isAscending(timesMs) || !isAscending(offsets) || timesMs.length !== offsets.length) return undefined
  return { keptFrom: found.keptFrom, timesMs, offsets }
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isAscending = (list: unknown): list is number[] =>
  Array.isArray(list) &&
  list.length <= mostEntries &&
  list.every((value, at) => isOffset(value) && (at === 0 || value >= (list[at - 1] as number)))

/** Replaces the index beside the log in one step. */
export async function saveLogIndex(logPath: string, index: LogIndex): Promise<void> {
  const path = logIndexPath(logPath)
  await writeFile(`${path}.new`, JSON.stringify(index), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/** Removes a log and its index; what is not there is fine. */
export async function removeLogFile(logPath: string): Promise<void> {
  for (const path of [logPath, logIndexPath(logPath), `${logIndexPath(logPath)}.new`])
    await rm(path, { force: true })
}

/**
 * An index for a log that has none: where its punched-out head ends is seen from its zero blocks, and when it was
 * written from its modification time.
 */
async function rebuildLogIndex(handle: FileHandle, stat: FileFacts): Promise<LogIndex> {
  const isSparse = stat.blocks * 512 + blockBytes < stat.size
  const index = createLogIndex(isSparse ? await endOfHole(handle, stat.size) : 0)
  recordGrowth(index, Math.ceil(stat.mtimeMs), stat.size)
  return index
}

/** The head is zeros up to some block and text from there: halving finds the block, then the line after it. */
async function endOfHole(handle: FileHandle, size: number): Promise<number> {
  const block = Buffer.allocUnsafe(blockBytes)
  let low = 0
  let high = Math.floor(size / blockBytes)
  while (low < high) {
    // no >> here: a pod can make its log so long that its blocks do not fit into 32 bits
    const middle = Math.floor((low + high) / 2)
    const { bytesRead } = await handle.read(block, 0, blockBytes, middle * blockBytes)
    if (isZero(block, bytesRead)) low = middle + 1
    else high = middle
  }
  if (low === 0) return 0
  const { bytesRead } = await handle.read(block, 0, blockBytes, low * blockBytes)
  const newline = block.subarray(0, bytesRead).indexOf(10)
  return low * blockBytes + newline + 1
}

function isZero(block: Buffer, length: number): boolean {
  for (let at = 0; at < length; at++) if (block[at] !== 0) return false
  return true
}
