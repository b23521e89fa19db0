import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { pipeline, Readable } from "node:stream"
import { setTimeout as pause } from "node:timers/promises"
import { createGunzip, createGzip } from "node:zlib"
import { AppError } from "../kit/errors.ts"
import { readTar, TarError, tarEnd, tarHead, tarPadding } from "../kit/tar.ts"
import type { StoreCopy } from "../domain/journal/index.ts"
import {
  damagedBackup,
  formatVersion,
  memberNames,
  mostSmallBytes,
  notABackup,
  parseManifest,
  type Manifest,
} from "./manifest.ts"

/** Small files that go along with the database, by the name of their member. */
export type SmallFiles = Readonly<Record<string, Buffer>>

/** What the manifest of a copy says. */
export function manifestOf(copy: StoreCopy, serverVersion: string): Manifest {
  return {
    format: "berth-backup",
    formatVersion,
    serverVersion,
    schemaVersion: copy.schemaVersion,
    madeAt: new Date(copy.madeAtMs).toISOString(),
    database: { bytes: copy.bytes, sha256: copy.sha256 },
    counts: copy.counts,
  }
}

/**
 * The archive of a copy as a stream of a gzipped tar. Disposes of the copy when it has ended, in whatever way.
 */
export function archiveOf(copy: StoreCopy, manifest: Manifest, smallFiles: SmallFiles): Readable {
  return compress(tarOf(copy, manifest, smallFiles))
}

function compress(tar: AsyncIterable<Uint8Array>): Readable {
  // the fastest level: a database of text shrinks to a fifth with it already
  const gzip = createGzip({ level: 1 })
  // an error of either ends both, and whoever reads the stream is told
  pipeline(Readable.from(tar, { objectMode: false }), gzip, () => undefined)
  return gzip
}

async function* tarOf(
  copy: StoreCopy,
  manifest: Manifest,
  smallFiles: SmallFiles,
): AsyncGenerator<Uint8Array> {
  const modifiedAtMs = copy.madeAtMs
  try {
    const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
    for (const [name, content] of Object.entries({ [memberNames.manifest]: text, ...smallFiles }))
      yield* memberOf(name, content, modifiedAtMs)
    yield tarHead({ name: memberNames.database, bytes: copy.bytes, modifiedAtMs })
    yield* unhurried(copy.content())
    yield tarPadding(copy.bytes)
    yield tarEnd
  } finally {
    await copy.dispose()
  }
}

const pieceBytes = 1024 * 1024
const longestRestMs = 50

/** @yields the content; rests after each mebibyte as long as that took to compress: requests come first */
async function* unhurried(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0
  let startedMono = performance.now()
  for await (const piece of content) {
    yield piece
    bytes += piece.length
    if (bytes < pieceBytes) continue
    await pause(Math.min(longestRestMs, performance.now() - startedMono))
    bytes = 0
    startedMono = performance.now()
  }
}

function* memberOf(name: string, content: Buffer, modifiedAtMs: number): Generator<Uint8Array> {
  yield tarHead({ name, bytes: content.length, modifiedAtMs })
  yield content
  yield tarPadding(content.length)
}

/** The archive with further small files at its end. */
export function withFiles(
  archive: AsyncIterable<Uint8Array>,
  smallFiles: SmallFiles,
  nowMs: number,
): Readable {
  return compress(appended(gunzip(archive), smallFiles, nowMs))
}

async function* appended(
  tar: AsyncIterable<Uint8Array>,
  smallFiles: SmallFiles,
  nowMs: number,
): AsyncGenerator<Uint8Array> {
  let held: Buffer = Buffer.alloc(0)
  for await (const piece of tar) {
    const joined = Buffer.concat([held, piece])
    const whole = Math.max(0, joined.length - tarEnd.length)
    if (whole > 0) yield joined.subarray(0, whole)
    held = joined.subarray(whole)
  }
  if (!held.equals(tarEnd)) throw damagedBackup("it ends too early.")
  for (const [name, content] of Object.entries(smallFiles)) yield* memberOf(name, content, nowMs)
  yield tarEnd
}

function gunzip(archive: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const made = createGunzip()
  pipeline(Readable.from(archive, { objectMode: false }), made, () => undefined)
  return made as AsyncIterable<Uint8Array>
}

/** What is done with an archive's parts while it is read. */
export interface ArchiveSink {
  /** First. */
  manifest?(manifest: Manifest): void | Promise<void>
  /** Each piece of the database in order. */
  database?(piece: Buffer): void | Promise<void>
}

/** What an archive holds besides the database. */
export interface ReadArchive {
  readonly manifest: Manifest
  readonly smallFiles: SmallFiles
}

/**
 * Reads the archive in a file from start to end and checks it: the manifest, the database's size and sum.
 * @throws AppError `invalid` with detail `not_a_backup`, `backup_too_new` or `backup_damaged`; what the sink and the
 *   file system throw
 */
export async function readArchive(file: string, sink: ArchiveSink = {}): Promise<ReadArchive> {
  try {
    return await readParts(gunzip(createReadStream(file)), sink)
  } catch (error) {
    throw error instanceof AppError || !isFormatFault(error) ? error : damagedOrForeign(error)
  }
}

/** zlib's faults have codes of its own; the file system's are others. */
function isFormatFault(error: unknown): boolean {
  if (error instanceof TarError) return true
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return code.startsWith("Z_") || code === "ERR_STREAM_PREMATURE_CLOSE"
}

function damagedOrForeign(error: unknown): AppError {
  const isForeign = error instanceof Error && /incorrect header/.test(error.message)
  return isForeign ? notABackup(error) : damagedBackup("it ends too early, or was changed.", error)
}

async function readParts(tar: AsyncIterable<Uint8Array>, sink: ArchiveSink): Promise<ReadArchive> {
  const smallFiles: Record<string, Buffer> = {}
  const known = [memberNames.accounts, memberNames.ownerKey, memberNames.secretKey] as readonly string[]
  let manifest: Manifest | undefined
  let hasDatabase = false
  for await (const { member, content } of readTar(tar)) {
    if (manifest === undefined) {
      if (member.name !== memberNames.manifest) throw notABackup()
      manifest = parseManifest((await readSmall(member.bytes, content)).toString())
      await sink.manifest?.(manifest)
    } else if (member.name === memberNames.database) {
      if (hasDatabase || member.bytes !== manifest.database.bytes) throw otherDatabase()
      await readDatabase(manifest, content, sink)
      hasDatabase = true
    } else if (known.includes(member.name)) smallFiles[member.name] = await readSmall(member.bytes, content)
    // what else somebody put in is passed over
  }
  if (manifest === undefined) throw notABackup()
  if (!hasDatabase) throw damagedBackup("it holds no database.")
  return { manifest, smallFiles }
}

async function readSmall(bytes: number, content: AsyncIterable<Buffer>): Promise<Buffer> {
  if (bytes > mostSmallBytes) throw notABackup()
  const pieces: Buffer[] = []
  for await (const piece of content) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

async function readDatabase(
  manifest: Manifest,
  content: AsyncIterable<Buffer>,
  sink: ArchiveSink,
): Promise<void> {
  const hash = createHash("sha256")
  for await (const piece of content) {
    hash.update(piece)
    await sink.database?.(piece)
  }
  if (hash.digest("hex") !== manifest.database.sha256) throw otherDatabase()
}

function otherDatabase(): AppError {
  return damagedBackup("the database in it is not the one that was saved.")
}
