import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs"
import { join, relative } from "node:path"

/**
 * Control groups (version 2) as a list of a pod's processes that nothing can leave by changing its session,
 * parent or environment. Only grouping is used: no controller is switched on, so it works below any group that
 * the server may write to.
 */
export interface PodGroups {
  /** The folder of this server's groups. */
  readonly root: string
}

/** The groups of a data directory's pods; undefined where the server can make none. */
export function openPodGroups(dataDir: string): PodGroups | undefined {
  try {
    const own = ownGroup()
    if (own === undefined) return undefined
    const root = join(own, `berth-${createHash("sha256").update(dataDir).digest("hex").slice(0, 12)}`)
    mkdirSync(root, { recursive: true })
    removeEmptyGroups(root)
    return { root }
  } catch {
    return undefined
  }
}

/** What a server that was killed left behind: groups whose pods have ended. The kernel keeps those that hold a process. */
function removeEmptyGroups(root: string): void {
  for (const entry of readdirSync(root, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(root, entry.name))
}

/** The folder of the group that this process is in. */
function ownGroup(): string | undefined {
  const line = readFileSync("/proc/self/cgroup", "utf8")
    .split("\n")
    .find((each) => each.startsWith("0::"))
  // ID parent major:minor root mount-point options … - type source options
  const mount = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((each) => each.split(" "))
    .find((fields) => fields[fields.indexOf("-") + 1] === "cgroup2")
  const [, , , mountedRoot, mountPoint] = mount ?? []
  if (!line || !mountedRoot || !mountPoint) return undefined
  const below = relative(mountedRoot, line.slice(3))
  return below.startsWith("..") ? undefined : join(mountPoint, below)
}

/** The folder of a pod's group. */
export function podGroup(root: string, attemptId: string, index: number): string {
  return join(root, `${attemptId}.${index}`)
}

/** @throws when it cannot be made */
export function makeGroup(path: string): void {
  mkdirSync(path, { recursive: true })
}

/** Removes an empty group; one that is not there or not empty stays as it is. */
export function removeGroup(path: string): void {
  try {
    rmdirSync(path)
  } catch {
    // gone already, or the next start of the machine removes it
  }
}

/** The living processes of a group, zombies not among them; none where there is no such group. */
export function pidsInGroup(path: string): readonly number[] {
  try {
    return readFileSync(join(path, "cgroup.procs"), "utf8")
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw error
  }
}
