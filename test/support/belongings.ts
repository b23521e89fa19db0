import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs"
import { join } from "node:path"
import { openPodGroups, pidsInGroup } from "../../packages/server/src/drivers/local/pod-groups.ts"

/** A living process that belongs to a data directory. */
export interface Belonging {
  readonly pid: number
  /** Its attempt's id, where its environment still says it. */
  readonly attemptId: string | null
  readonly command: string
}

/**
 * Every living process of the pods below a data directory: by its control group, by the marks in its environment, by
 * what it was started with, or by where it works. The server itself is none of them.
 */
export function podProcesses(dataDir: string): readonly Belonging[] {
  const folders = driversOf(dataDir).map((folder) => `${folder}/pods/`)
  const found: Belonging[] = []
  const grouped = new Set(rootsOf(dataDir).flatMap((root) => groupsIn(root).flatMap(pidsInGroup)))
  for (const name of readdirSync("/proc")) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const environ = read(`/proc/${name}/environ`)
    const command = read(`/proc/${name}/cmdline`)
    const cwd = workFolder(name)
    const isIn = (pods: string) => environ.includes(pods) || command.includes(pods) || cwd.startsWith(pods)
    const isOurs = grouped.has(pid) || folders.some(isIn)
    if (!isOurs || !isAlive(pid)) continue
    const attemptId = /(?:^|\0)BERTH_ATTEMPT=([^\0]*)/.exec(environ)?.[1] ?? null
    found.push({ pid, attemptId, command: command.replaceAll("\0", " ").trim() })
  }
  return found
}

/** Ends what is left of the pods below a data directory. Each round ends what the last one's dying had started. */
export function killPodProcesses(dataDir: string): void {
  for (let round = 0; round < 50; round++) {
    const left = podProcesses(dataDir)
    if (left.length === 0) return
    for (const { pid } of left) killQuietly(pid)
  }
}

/**
 * Removes the control groups of a data directory's pods, which a server that was killed leaves behind.
 * @returns whether nothing is left of them; a process that was killed just now may still be in one
 */
export function removePodGroups(dataDir: string): boolean {
  const paths = rootsOf(dataDir).flatMap((root) => [...groupsIn(root), root])
  return paths.map(removeFolder).every((isGone) => isGone)
}

/** The folders of its drivers of pods: of workloads, and of Ray nodes where there were any. */
function driversOf(dataDir: string): readonly string[] {
  return [dataDir, join(dataDir, "ray")].filter((folder, at) => at === 0 || existsSync(folder))
}

function rootsOf(dataDir: string): readonly string[] {
  return driversOf(dataDir).flatMap((folder) => openPodGroups(folder)?.root ?? [])
}

function groupsIn(root: string): readonly string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(root, entry.name))
}

function removeFolder(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch {
    return false
  }
}

/** Whether the process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`)
  return stat !== "" && !/^[ZXx]/.test(stat.slice(stat.lastIndexOf(")") + 2))
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // it ended by itself
  }
}

function workFolder(name: string): string {
  try {
    return readlinkSync(`/proc/${name}/cwd`)
  } catch {
    return ""
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}
