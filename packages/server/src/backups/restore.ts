import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
  writeFileSync,
} from "node:fs"
import { open, type FileHandle } from "node:fs/promises"
import { join } from "node:path"
import { systemActor } from "../domain/journal/index.ts"
import type { RayPod } from "../domain/ray/index.ts"
import type { Attempt } from "../domain/workloads/index.ts"
import type { Clock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"
import type { Log } from "../kit/log.ts"
import {
  checkDatabase,
  lockDataDirectory,
  openStore,
  settleDatabase,
  type OpenStore,
} from "../store/index.ts"
import { readArchive, type ReadArchive } from "./archive.ts"
import { damagedBackup, memberNames, type Manifest } from "./manifest.ts"
import { syncFolder } from "../kit/sync-folder.ts"

export interface RestoreOptions {
  /** The backup. */
  readonly file: string
  /** Made where it is missing. */
  readonly dataDir: string
  /** Also where there is a database already: that one is set aside. */
  readonly force: boolean
  readonly clock: Clock
  readonly log: Log
}

export interface Restored {
  readonly manifest: Manifest
  /** The folder with what was there before; null where nothing was. */
  readonly setAside: string | null
  /** Whether the owner's key came with it; else the server makes a new one when it starts. */
  readonly hasOwnerKey: boolean
}

const databaseFiles = ["berth.db", "berth.db-wal", "berth.db-shm"] as const
/** Found in a directory that nobody uses yet. */
const harmless = new Set(["lock", "lock-journal", "restore.part", "lost+found"])

/**
 * Puts a backup into a data directory that no server uses. The server that starts on it has all queues paused.
 * Nothing of what is there is changed before the backup was read to its end and found sound.
 * @throws AppError `conflict` detail `data_dir_locked`, `data_dir_unwritable`, `data_dir_not_empty`, `newer_database`;
 *   `invalid` as `readArchive` and for a database in it that is damaged; `unavailable` detail `no_room`
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { dataDir, force } = options
  const lock = lockDataDirectory(dataDir)
  const part = join(dataDir, "restore.part")
  try {
    const taken = readdirSync(dataDir).filter((name) => !harmless.has(name))
    if (taken.length > 0 && !force) throw notEmpty(dataDir)
    rmSync(part, { recursive: true, force: true })
    mkdirSync(part, { mode: 0o700 })
    const read = await unpack(options.file, part)
    await prepare(join(part, "berth.db"), read.manifest, options)
    const setAside = swap(options, part, read)
    return { manifest: read.manifest, setAside, hasOwnerKey: memberNames.ownerKey in read.smallFiles }
  } finally {
    rmSync(part, { recursive: true, force: true })
    lock.release()
  }
}

function notEmpty(dataDir: string): AppError {
  return new AppError("conflict", `The data directory ${dataDir} is not empty.`, {
    detail: "data_dir_not_empty",
  })
}

/** The archive's database as a file of `part`, whole and as it was saved. */
async function unpack(file: string, part: string): Promise<ReadArchive> {
  let target: FileHandle | undefined
  try {
    return await readArchive(file, {
      manifest: ({ database }) => checkRoom(part, database.bytes),
      async database(piece) {
        target ??= await open(join(part, "berth.db"), "wx", 0o600)
        await target.appendFile(piece)
      },
    })
  } catch (error) {
    throw error instanceof Error && "code" in error && error.code === "ENOSPC" ? noRoom(part) : error
  } finally {
    await target?.close()
  }
}

function checkRoom(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < bytes) throw noRoom(folder)
}

function noRoom(folder: string): AppError {
  return new AppError("unavailable", `The disk of ${folder} has no room for the database.`, {
    detail: "no_room",
  })
}

/** Checks it, brings it up to date, and marks it: what was true when it was made may not be true now. */
async function prepare(
  path: string,
  manifest: Manifest,
  { clock, log, dataDir }: RestoreOptions,
): Promise<void> {
  const store = openSound(path, manifest, { clock, log })
  const nowMs = clock.nowMs()
  const madeAtMs = Date.parse(manifest.madeAt)
  const actor = systemActor("restore")
  try {
    await store.tx(async (tx) => {
      const control = { paused: true, pausedBy: actor.name, sinceMs: nowMs, restoredFromMs: madeAtMs }
      await store.claims.setControl(tx, control)
      for (const attempt of await store.workloads.liveAttempts(tx))
        await store.workloads.updateAttempt(tx, asRestored(attempt, dataDir))
      for (const pod of await store.ray.pods.live(tx))
        if (pod.state !== "wanted") await store.ray.pods.update(tx, rayPodAsRestored(pod, dataDir))
      const subject = { kind: "server", id: "database" } as const
      const data = { madeAt: manifest.madeAt, schemaVersion: manifest.schemaVersion }
      const what = { subject, workspace: null, actor, atMs: nowMs, data }
      await tx.emit({ type: "server.restored", ...what })
      await tx.audit({ operation: "server.restore", outcome: "ok", ...what })
    })
  } finally {
    await store.close()
  }
}

/**
 * A restored attempt is taken over by what its folder in this data directory says, and by nothing else: without the
 * folder, processes that bear its mark are another directory's, not for this server to end or to start again.
 */
function asRestored(attempt: Attempt, dataDir: string): Attempt {
  const handle = { ...attempt.handle, isRestored: true }
  if (attempt.state !== "assigned") return { ...attempt, handle }
  // what was about to be started is started only where that had begun: else it counts as lost with its node
  const isHere = hasFolder(dataDir, attempt.clusterId, join("pods", attempt.id))
  return isHere ? attempt : { ...attempt, handle, state: "starting" }
}

/** As an attempt, for a Ray node with a place. */
function rayPodAsRestored(pod: RayPod, dataDir: string): RayPod {
  const handle = { ...pod.handle, isRestored: true }
  if (pod.state !== "placed") return { ...pod, handle }
  const isHere = hasFolder(dataDir, pod.clusterId ?? "", join("ray", "pods", pod.id))
  return isHere ? pod : { ...pod, handle, state: "starting" }
}

function hasFolder(dataDir: string, clusterId: string, folder: string): boolean {
  return [dataDir, join(dataDir, "clusters", clusterId)].some((place) => existsSync(join(place, folder)))
}

function openSound(path: string, manifest: Manifest, parts: { clock: Clock; log: Log }): OpenStore {
  try {
    checkDatabase(path)
    return openStore({ path, ...parts })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    if (error.detail === "corrupt_database") throw damagedBackup("the database in it is not sound.", error)
    if (error.detail !== "newer_database") throw error
    throw new AppError(
      "conflict",
      `It was made by Berth ${manifest.serverVersion} with schema version ${manifest.schemaVersion}, and this one (${String(error.facts["known"])}) is older: restore it with that Berth or a later one.`,
      { detail: "newer_database", cause: error },
    )
  }
}

/**
 * Everything that was there before is a hard link in a folder of its own before the new database takes its name in
 * one step: at no time is there a directory without a database on which a server would start empty.
 * @returns the folder; null where there was nothing
 */
function swap({ dataDir, clock }: RestoreOptions, part: string, read: ReadArchive): string | null {
  const { smallFiles } = read
  const before = [...databaseFiles, "owner.key", "secret.key"].filter((name) =>
    existsSync(join(dataDir, name)),
  )
  let setAside: string | null = null
  if (before.length > 0) {
    settleDatabase(join(dataDir, "berth.db"))
    setAside = join(dataDir, `before-restore-${stamp(clock.nowMs())}`)
    mkdirSync(setAside, { mode: 0o700 })
    for (const name of before)
      if (existsSync(join(dataDir, name))) setAsideFile(join(dataDir, name), join(setAside, name))
    syncFolder(setAside)
  }
  for (const name of ["berth.db-wal", "berth.db-shm"]) rmSync(join(dataDir, name), { force: true })
  const ownerKey = smallFiles[memberNames.ownerKey]
  // the key that lies there opens the database that is set aside: the server makes one for this one
  rmSync(join(dataDir, "owner.key"), { force: true })
  if (ownerKey) writePrivate(join(dataDir, "owner.key"), ownerKey)
  // the secret key that lies there may well be this database's, which was saved without it: then it opens what is
  // sealed in it, and else nothing
  const secretKey = smallFiles[memberNames.secretKey]
  if (secretKey) writePrivate(join(dataDir, "secret.key"), secretKey)
  restoreAccounts(dataDir, smallFiles[memberNames.accounts])
  giveToOwner(dataDir, [join(part, "berth.db"), ...(setAside === null ? [] : [setAside])])
  syncFile(join(part, "berth.db"))
  renameSync(join(part, "berth.db"), join(dataDir, "berth.db"))
  syncFolder(dataDir)
  return setAside
}

function setAsideFile(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to) // a file system without hard links
  }
}

/** Root may restore for a server that runs as the directory's owner, who then has to be able to open it. */
function giveToOwner(dataDir: string, more: readonly string[]): void {
  const { uid, gid } = statSync(dataDir)
  if (process.getuid?.() !== 0 || uid === 0) return
  const own = ["lock", "owner.key", "secret.key", "local", "local/accounts.json"].map((name) =>
    join(dataDir, name),
  )
  for (const path of [...own, ...more]) if (existsSync(path)) chownSync(path, uid, gid)
}

/** Accounts that this machine has given since stay: two workspaces must never share one. */
function restoreAccounts(dataDir: string, table: Buffer | undefined): void {
  const file = join(dataDir, "local", "accounts.json")
  if (!table || existsSync(file)) return
  mkdirSync(join(dataDir, "local"), { recursive: true, mode: 0o700 })
  writePrivate(file, table)
}

function writePrivate(file: string, content: Buffer): void {
  writeFileSync(`${file}.part`, content, { mode: 0o600 })
  chmodSync(`${file}.part`, 0o600)
  syncFile(`${file}.part`)
  renameSync(`${file}.part`, file)
}

function syncFile(path: string): void {
  const file = openSync(path, "r+")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** `20300102T030405Z`. */
function stamp(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+/, "").replaceAll(/[-:]/g, "")
}
