import { createWriteStream, existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import type { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { Manifest } from "../../backups/manifest.ts"
import { AppError } from "../../kit/errors.ts"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { exitCodes } from "../exit-codes.ts"
import { dataDirs } from "../find-server.ts"
import { count, humanBytes } from "../human.ts"
import { readOutputForm, writeDone } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { syncFolder } from "../../kit/sync-folder.ts"

export interface BackupOptions extends CommonOptions {
  readonly offline?: boolean
  readonly withKeys?: boolean
  readonly force?: boolean
}

type Pieces = AsyncIterable<Uint8Array>

/** `berth backup FILE`: the database of the server as one file; there is nothing at FILE before it is whole. */
export async function backup(terminal: Terminal, given: string, options: BackupOptions): Promise<void> {
  const form = readOutputForm(options.output ?? "table")
  const file = chooseFile(terminal, given, options.force === true)
  const manifest = options.offline
    ? await saveOffline(terminal, file, options)
    : await saveOnline(await connect(terminal, options), file, options)
  const bytes = statSync(file).size
  await writeDone(terminal, form, sentenceFor(file, bytes, manifest, options), { file, bytes, ...manifest })
}

function sentenceFor(file: string, bytes: number, manifest: Manifest, { withKeys }: BackupOptions): string {
  const { counts, madeAt } = manifest
  const what = [
    count(counts.workspaces, "workspace"),
    count(counts.users, "user"),
    count(counts.workloads, "workload"),
    count(counts.events, "event"),
  ].join(", ")
  const keys = withKeys
    ? "the owner's key and the one that opens what is sealed are in it: keep it safe"
    : "keys of the data directory are not in it"
  return `${file} (${humanBytes(bytes)}) holds the database as of ${madeAt}: ${what}. Logs of pods and ${keys}.`
}

/** A folder gets a name by the time. @throws CliError where something is in the way */
function chooseFile(terminal: Terminal, given: string, force: boolean): string {
  const stamp = new Date(terminal.nowMs()).toISOString().replace(/\.\d+/, "").replaceAll(/[-:]/g, "")
  const found = statSync(resolve(terminal.cwd, given), { throwIfNoEntry: false })
  if (given.endsWith("/") && !found?.isDirectory())
    throw new CliError(`${given} is not a folder.`, "Make it, or give another name.")
  const file = resolve(terminal.cwd, given, found?.isDirectory() ? `berth-${stamp}.tar.gz` : ".")
  const taken = statSync(file, { throwIfNoEntry: false })
  if (taken && !taken.isFile()) throw new CliError(`${file} is not a file.`, "Give another name.")
  if (taken && !force)
    throw new CliError(`${file} is there already.`, "Give another name, or --force to replace it.")
  if (!statSync(dirname(file), { throwIfNoEntry: false })?.isDirectory())
    throw new CliError(`${dirname(file)} is not a folder.`, "Make it, or give another name.")
  return file
}

async function saveOnline(session: Session, file: string, options: BackupOptions): Promise<Manifest> {
  const { dataDir } = session.place
  if (options.withKeys && dataDir === null)
    throw usageError(
      "--with-keys works on the server's own machine only, found by its data directory.",
      "Leave --server and BERTH_SERVER out, or leave --with-keys out.",
    )
  return save(file, async () => {
    const pieces = await session.client.streams.backup()
    return options.withKeys && dataDir !== null ? withKeys(pieces, dataDir) : pieces
  })
}

async function saveOffline(terminal: Terminal, file: string, options: BackupOptions): Promise<Manifest> {
  const [dataDir = "."] = dataDirs(terminal, options)
  const { backUpOffline } = await import("../../backups/offline.ts")
  return save(file, async () => {
    const archive = await backUpOffline(dataDir).catch(explainOffline)
    return options.withKeys ? withKeys(archive, dataDir) : archive
  })
}

function explainOffline(error: unknown): never {
  if (error instanceof AppError && error.detail === "data_dir_locked")
    throw new CliError(
      error.message,
      "It can be backed up as it runs: leave --offline out.",
      exitCodes.notReachable,
    )
  if (error instanceof AppError && error.code === "not_found")
    throw new CliError(
      error.message,
      "Give its data directory by --data. What is on PostgreSQL is backed up with pg_dump.",
    )
  throw error
}

async function withKeys(pieces: Pieces, dataDir: string): Promise<Readable> {
  const { withFiles } = await import("../../backups/archive.ts")
  const ownerFile = join(dataDir, "owner.key")
  const secretFile = join(dataDir, "secret.key")
  const keys = {
    "owner.key": readKeyFile(ownerFile),
    // a directory of before there was one
    ...(existsSync(secretFile) ? { "secret.key": readKeyFile(secretFile) } : {}),
  }
  return withFiles(pieces, keys, statSync(ownerFile).mtimeMs)
}

function readKeyFile(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new CliError(
      `The key file ${file} cannot be read (${reasonOf(cause)}).`,
      "Leave --with-keys out, or be its owner.",
    )
  }
}

/** Writes beside the file, reads that back, and gives it its name only then. */
async function save(file: string, open: () => Promise<Pieces>): Promise<Manifest> {
  const part = `${file}.part-${process.pid}`
  try {
    const pieces = await open()
    await pipeline(pieces, createWriteStream(part, { flags: "wx", mode: 0o600, flush: true }))
    const { readArchive } = await import("../../backups/archive.ts")
    const { manifest } = await readArchive(part)
    renameSync(part, file)
    syncFolder(dirname(file))
    return manifest
  } catch (error) {
    rmSync(part, { force: true })
    throw explain(error, file)
  }
}

function explain(error: unknown, file: string): unknown {
  if (error instanceof AppError && error.code === "invalid")
    return new CliError(
      `The backup did not arrive whole. ${error.message}`,
      "Try again; nothing was written.",
    )
  const reason = reasonOf(error)
  if (reason === "ENOSPC" || reason === "EDQUOT")
    return new CliError(
      `There is no room for ${file}.`,
      "Make room, or give a name on another disk; nothing was left there.",
    )
  if (reason === "EACCES" || reason === "EPERM" || reason === "EROFS")
    return new CliError(`${file} cannot be written (${reason}).`, "Give a name in a folder of yours.")
  if (reason === "UND_ERR_SOCKET" || (error instanceof TypeError && error.message === "terminated"))
    return new CliError(
      "The connection was cut before the backup was whole.",
      "Try again; nothing was written.",
    )
  return error
}

function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : ""
}
