import { execFile } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync, renameSync } from "node:fs"
import { chmod, chown, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dropTo, systemPath } from "./drop-account.ts"
import { spawnTurn } from "./spawn-turn.ts"
import type { EndCause } from "../../domain/queue/index.ts"
import type { PodProbes } from "../../domain/workloads/index.ts"

/** One pod as it was prepared. */
export interface StoredPod {
  readonly podId: string
  readonly index: number
  readonly podIp: string
  /** What was asked for; 0 = no limit. */
  readonly memoryBytes: number
  /** 1–15. */
  readonly nice: number
  /** null for jobs; absent in attempts that were stored before there were applications. */
  readonly probes?: PodProbes | null
  /** It has mounts of its own: file `mounts`. Absent in attempts that were stored before there were any. */
  readonly hasMounts?: boolean
}

/** An attempt as it was prepared: what outlives the server, in `attempt.json` and as the handle. */
export interface StoredAttempt {
  readonly format: 1
  readonly attemptId: string
  readonly workspaceId: string
  /** The account its commands run under. */
  readonly uid: number
  readonly gid: number
  /** Whether that account is the server's own. */
  readonly sharesAccount: boolean
  /** Further groups of the commands: those of the GPU devices. */
  readonly groups: readonly number[]
  /** The folder of the control groups of its pods; null where there are none. */
  readonly groupRoot: string | null
  readonly masterPort: number
  readonly pods: readonly StoredPod[]
  /** In a handle from a backup: only the attempt's folder tells of it. */
  readonly isRestored?: boolean
}

/** A stop as it was asked for. */
export interface StoredStop {
  readonly cause: EndCause
  readonly message: string
  readonly graceSeconds: number
  readonly killAtMs: number
  /** The pods that had not ended by themselves before. */
  readonly podIndexes: readonly number[]
}

/** An end that the exit file does not tell (all) of. */
export interface StoredEnd {
  readonly cause: EndCause
  readonly message: string
  readonly atMs: number
}

/** Names inside the data directory. `pods/` and an attempt's folder may be entered by all and listed by none. */
export interface LocalPaths {
  readonly dataDir: string
  readonly pods: string
  readonly own: string
  readonly wrapper: string
  readonly accounts: string
  attempt(attemptId: string): string
  pod(attemptId: string, index: number): string
  log(attemptId: string, index: number): string
}

export function localPaths(dataDir: string): LocalPaths {
  const pods = join(dataDir, "pods")
  const own = join(dataDir, "local")
  const pod = (attemptId: string, index: number) => join(pods, attemptId, String(index))
  return {
    dataDir,
    pods,
    own,
    wrapper: join(own, "wrapper.sh"),
    accounts: join(own, "accounts.json"),
    attempt: (attemptId) => join(pods, attemptId),
    pod,
    log: (attemptId, index) => join(pod(attemptId, index), "log"),
  }
}

/** Whether it may name a folder: nothing that climbs, hides or grows. */
export function isAttemptId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id)
}

/** Makes the folders that all attempts share, with their modes, whatever the umask. */
export function makeSharedFolders(paths: LocalPaths): void {
  for (const [path, mode] of [
    [paths.dataDir, 0o711],
    [paths.pods, 0o711],
    [paths.own, 0o700],
  ] as const) {
    mkdirSync(path, { recursive: true })
    chmodSync(path, mode)
  }
}

/** Writes whole or not at all: a reader sees the old text or the new one. */
export function replaceFileSync(path: string, text: string, mode: number): void {
  writeFileSync(`${path}.new`, text, { mode })
  chmodSync(`${path}.new`, mode)
  renameSync(`${path}.new`, path)
}

async function replaceFile(path: string, text: string, mode: number, gid?: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  if (gid !== undefined) await chown(`${path}.new`, -1, gid)
  await chmod(`${path}.new`, mode)
  await rename(`${path}.new`, path)
}

export interface PodFiles {
  readonly index: number
  readonly launch: string
  /** Lines that the log begins with. */
  readonly firstLines: string
  /** The script that mounts what is the pod's own; null = nothing. */
  readonly mounts: string | null
  /** Names of empty folders of its account in `volumes`: nobody but the server can exchange them. */
  readonly folders: readonly string[]
}

/**
 * Makes everything an attempt needs before its first process, `attempt.json` last: with it the attempt counts
 * as prepared; without it whatever lies there is of a preparation that was cut off, and goes.
 */
export async function prepareAttempt(
  paths: LocalPaths,
  stored: StoredAttempt,
  entryPoint: string,
  pods: readonly PodFiles[],
): Promise<void> {
  const folder = paths.attempt(stored.attemptId)
  const gid = stored.sharesAccount ? undefined : stored.gid
  if (isKept(paths, stored.attemptId)) await removeTree([folder], [])
  if (writtenAtMs(paths.pods) === undefined) makeSharedFolders(paths) // somebody cleaned up under the server
  await makeFolder(folder, 0o711)
  const readable = gid === undefined ? 0o600 : 0o640
  await replaceFile(join(folder, "entry"), entryPoint, readable, gid)
  for (const pod of pods) {
    const podFolder = paths.pod(stored.attemptId, pod.index)
    await makeFolder(podFolder, 0o711)
    // writable by the group, or a command could not open its own /dev/stdout and /dev/stderr
    await replaceFile(join(podFolder, "log"), pod.firstLines, gid === undefined ? 0o600 : 0o620, gid)
    await replaceFile(join(podFolder, "launch"), pod.launch, readable, gid)
    const work = join(podFolder, "work")
    const volumes = pod.folders.map((name) => join(volumesOf(podFolder), name))
    const own = [work, join(work, "tmp"), ...volumes]
    if (pod.mounts !== null) await prepareMounts(podFolder, pod.mounts)
    for (const path of own) await makeFolder(path, 0o700)
    // the inner one first: once the account owns the outer, it could put a link in the inner's place
    if (gid !== undefined) for (const path of own.reverse()) await chown(path, stored.uid, stored.gid)
  }
  await replaceFile(join(folder, "attempt.json"), JSON.stringify(stored), 0o600)
}

/** Its text may hold secrets. */
async function prepareMounts(podFolder: string, script: string): Promise<void> {
  await replaceFile(join(podFolder, "mounts"), script, 0o600)
  const scratch = join(podFolder, "scratch")
  for (const path of [scratch, join(scratch, "root"), join(scratch, "mnt")]) await makeFolder(path, 0o700)
  await makeFolder(volumesOf(podFolder), 0o711)
}

/** Where a pod's own folders for its mounts are. */
export function volumesOf(podFolder: string): string {
  return join(podFolder, "volumes")
}

async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { mode })
  await chmod(path, mode)
}

/** What was prepared; undefined when nothing was, or only half. */
export async function readStored(paths: LocalPaths, attemptId: string): Promise<StoredAttempt | undefined> {
  return isStored(await readJson(join(paths.attempt(attemptId), "attempt.json")))
}

/** The value as a prepared attempt of this format; undefined when it is none. */
export function isStored(value: unknown): StoredAttempt | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const stored = value as Partial<StoredAttempt>
  const isWhole =
    stored.format === 1 &&
    typeof stored.attemptId === "string" &&
    isAttemptId(stored.attemptId) &&
    Number.isSafeInteger(stored.uid) &&
    Array.isArray(stored.pods) &&
    stored.pods.every((pod: Partial<StoredPod> | null) => Number.isSafeInteger(pod?.index))
  return isWhole ? (value as StoredAttempt) : undefined
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as unknown
  } catch {
    return undefined
  }
}

/** Where pods read why they are told to stop. */
export function stopReasonFile(paths: LocalPaths, attemptId: string): string {
  return join(paths.attempt(attemptId), "stop-reason.json")
}

/** Keeps a stop for a later server, and tells the pods. */
export async function writeStop(paths: LocalPaths, stored: StoredAttempt, stop: StoredStop): Promise<void> {
  const folder = paths.attempt(stored.attemptId)
  await replaceFile(join(folder, "stop.json"), JSON.stringify(stop), 0o600)
  const told = {
    cause: stop.cause,
    message: stop.message,
    graceSeconds: stop.graceSeconds,
    deadline: new Date(stop.killAtMs).toISOString(),
  }
  const gid = stored.sharesAccount ? undefined : stored.gid
  const readable = gid === undefined ? 0o600 : 0o640
  await replaceFile(stopReasonFile(paths, stored.attemptId), `${JSON.stringify(told)}\n`, readable, gid)
}

export async function readStop(paths: LocalPaths, attemptId: string): Promise<StoredStop | undefined> {
  const value = (await readJson(join(paths.attempt(attemptId), "stop.json"))) as StoredStop | undefined
  return value && Number.isSafeInteger(value.killAtMs) && Array.isArray(value.podIndexes) ? value : undefined
}

/** Keeps an end for a later server, unless one is kept already. */
export function writeEndSync(paths: LocalPaths, attemptId: string, index: number, end: StoredEnd): void {
  const path = join(paths.pod(attemptId, index), "end.json")
  if (readTextSync(path) === undefined) replaceFileSync(path, JSON.stringify(end), 0o600)
}

export function readEndSync(paths: LocalPaths, attemptId: string, index: number): StoredEnd | undefined {
  const text = readTextSync(join(paths.pod(attemptId, index), "end.json"))
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as StoredEnd
  } catch {
    return undefined
  }
}

/** The text of a small file; undefined when it is not there. */
export function readTextSync(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** When a file was written last, in epoch milliseconds; undefined when it is not there. */
export function writtenAtMs(path: string): number | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && Math.round(stat.mtimeMs)
}

/** When a pod last wrote to its log, in epoch milliseconds; null when it never did, or nothing is kept of it. */
export function outputAtMs(podFolder: string): number | null {
  const stat = statSync(join(podFolder, "log"), { throwIfNoEntry: false })
  return stat && stat.size > 0 ? Math.round(stat.mtimeMs) : null
}

/** Notes that no process of the attempt is left; what the start needed, secrets among it, goes. */
export async function markGone(paths: LocalPaths, stored: StoredAttempt): Promise<void> {
  if (!isKept(paths, stored.attemptId)) return
  const folder = paths.attempt(stored.attemptId)
  await Promise.all([
    rm(join(folder, "entry"), { force: true }),
    ...stored.pods.flatMap((pod) =>
      ["launch", "mounts"].map((name) => rm(join(folder, String(pod.index), name), { force: true })),
    ),
  ])
  await replaceFile(join(folder, "gone"), "", 0o600)
}

export function isMarkedGone(paths: LocalPaths, attemptId: string): boolean {
  return writtenAtMs(join(paths.attempt(attemptId), "gone")) !== undefined
}

/** Whether anything is kept of the attempt. */
export function isKept(paths: LocalPaths, attemptId: string): boolean {
  return writtenAtMs(paths.attempt(attemptId)) !== undefined
}

/**
 * Removes the working folders, or with `logsToo` all there is. What is in them goes under the pods' account:
 * another pod of it could put a link in the place of a folder while the server, which may do all, follows it.
 */
export async function removeAttempt(
  paths: LocalPaths,
  stored: StoredAttempt,
  logsToo: boolean,
): Promise<void> {
  const works = stored.pods.flatMap((pod) => {
    const folder = paths.pod(stored.attemptId, pod.index)
    return [join(folder, "work"), volumesOf(folder)]
  })
  const present = works.filter((path) => writtenAtMs(path) !== undefined)
  if (present.length > 0) {
    if (!stored.sharesAccount) await removeTree(present, dropTo(stored.uid, stored.gid, []))
    await removeTree(present, [])
  }
  if (logsToo) await removeTree([paths.attempt(stored.attemptId)], [])
}

/** Attempts that are gone and whose working folders are still there. */
export async function attemptsWithWork(paths: LocalPaths): Promise<readonly string[]> {
  const found: string[] = []
  for (const id of await readdir(paths.pods)) {
    if (!isAttemptId(id) || !isMarkedGone(paths, id)) continue
    const pods = await readdir(paths.attempt(id)).catch(() => [])
    if (pods.some((pod) => writtenAtMs(join(paths.attempt(id), pod, "work")) !== undefined)) found.push(id)
  }
  return found
}

/** Removes the folder of an attempt that is gone and has neither logs nor working folders any more. */
export async function removeEmptied(paths: LocalPaths, attemptId: string): Promise<void> {
  if (!isMarkedGone(paths, attemptId)) return
  const folder = paths.attempt(attemptId)
  const pods = (await readdir(folder)).filter((name) => /^\d+$/.test(name))
  for (const pod of pods)
    for (const name of await readdir(join(folder, pod))) if (name === "log" || name === "work") return
  await removeTree([folder], [])
}

/** By the system's `rm`, which unlike a walk by paths is not led astray by links that appear meanwhile. */
async function removeTree(trees: readonly string[], drop: readonly string[]): Promise<void> {
  try {
    await run([...drop, "rm", "-rf", "--", ...trees])
  } catch (error) {
    // an account cannot remove the folder itself from the server's: that is the second step's
    if (drop.length > 0) return
    const text = String(error)
    // a last file that was being written in the meantime: what is gone writes no more after that
    if (text.includes("Directory not empty")) return run(["rm", "-rf", "--", ...trees])
    if (!text.includes("Permission denied")) throw error
    // who is not root must open its own folders first
    await run(["chmod", "-R", "u+rwx", "--", ...trees])
    await run(["rm", "-rf", "--", ...trees])
  }
}

async function run(command: readonly string[]): Promise<void> {
  const [file = "", ...args] = command
  await spawnTurn()
  return new Promise((resolve, reject) => {
    execFile(file, args, { env: { PATH: systemPath, LC_ALL: "C" } }, (error) =>
      error ? reject(error) : resolve(),
    )
  })
}
