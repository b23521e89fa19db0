import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/** A living process that belongs to a data directory. */
export interface Belonging {
  readonly pid: number
  /** Its attempt's id, where its environment still says it. */
  readonly attemptId: string | null
  readonly command: string
}

/**
 * Every living process of the pods below a data directory: by the marks in its environment, by what it was started
 * with, or by where it works. The server itself is none of them.
 */
export function podProcesses(dataDir: string): readonly Belonging[] {
  const pods = `${dataDir}/pods/`
  const found: Belonging[] = []
  for (const name of readdirSync("/proc")) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const environ = read(`/proc/${name}/environ`)
    const command = read(`/proc/${name}/cmdline`)
    const isOurs = environ.includes(pods) || command.includes(pods) || workFolder(name).startsWith(pods)
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
