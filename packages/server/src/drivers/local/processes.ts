import { closeSync, openSync, readFileSync, readSync, readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { setImmediate as nextTurn } from "node:timers/promises"

/** A process for as long as the machine is up: pids come again, a pid with its start time does not. */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat: clock ticks after boot. */
  readonly startTicks: number
}

/** What the kernel says of one process. */
export interface ProcessStat extends ProcessIdentity {
  /** The name of its program, 15 bytes at most; anybody may choose it. */
  readonly name: string
  /** One letter; Z and X are dead. */
  readonly state: string
  readonly parentPid: number
  /** The pid of its session's leader, who may be gone. */
  readonly session: number
}

/** The marks that pods carry in their environment. */
export interface PodMark {
  readonly attemptId: string
  /** -1 when it was taken out of the environment. */
  readonly podIndex: number
}

const statBuffer = Buffer.alloc(4096)

/** The process now; undefined when there is none. Reads a kernel file only, so it does not wait for a disk. */
export function readProcess(pid: number): ProcessStat | undefined {
  const text = readKernelFile(`/proc/${pid}/stat`)
  return text === undefined ? undefined : parseStat(pid, text)
}

function readKernelFile(path: string): string | undefined {
  let fd: number
  try {
    fd = openSync(path, "r")
  } catch {
    return undefined
  }
  try {
    return statBuffer.toString("latin1", 0, readSync(fd, statBuffer, 0, statBuffer.length, 0))
  } catch {
    return undefined // ESRCH: it went between open and read
  } finally {
    closeSync(fd)
  }
}

/** One line of /proc/<pid>/stat; undefined when it is not one. The name (field 2) may hold anything. */
export function parseStat(pid: number, text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const state = fields[0]
  const startTicks = Number(fields[19])
  if (!state || !Number.isSafeInteger(startTicks)) return undefined
  return {
    pid,
    startTicks,
    name: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
    state,
    parentPid: Number(fields[1]),
    session: Number(fields[3]),
  }
}

/** Whether it can still do anything: an orphan may stay a zombie for ever with the same pid. */
export function isAlive(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== "Z" && stat.state !== "X" && stat.state !== "x"
}

/** Whether exactly this process lives now. */
export function isSameAlive(identity: ProcessIdentity): boolean {
  const stat = readProcess(identity.pid)
  return isAlive(stat) && stat.startTicks === identity.startTicks
}

/** Its real uid; undefined when it is gone. */
export function realUidOf(pid: number): number | undefined {
  const text = readKernelFile(`/proc/${pid}/status`)
  const found = text && /^Uid:\s+(\d+)/m.exec(text)
  return found ? Number(found[1]) : undefined
}

/** The pod whose mark is in its environment; undefined when there is none or it may not be read. */
export function podMarkOf(pid: number): PodMark | undefined {
  let environ: Buffer
  try {
    environ = readFileSync(`/proc/${pid}/environ`)
  } catch {
    return undefined
  }
  const attemptId = valueIn(environ, "BERTH_ATTEMPT")
  if (attemptId === undefined) return undefined
  const index = valueIn(environ, "BERTH_POD")
  return { attemptId, podIndex: index !== undefined && /^\d{1,6}$/.test(index) ? Number(index) : -1 }
}

/** A path below the attempt's folder, as the pod was told it; undefined when its environment does not say. */
export function podPlaceOf(pid: number): string | undefined {
  try {
    return valueIn(readFileSync(`/proc/${pid}/environ`), "BERTH_STOP_REASON_FILE")
  } catch {
    return undefined
  }
}

function valueIn(environ: Buffer, name: string): string | undefined {
  const needle = `${name}=`
  let at = environ.indexOf(needle)
  while (at > 0 && environ[at - 1] !== 0) at = environ.indexOf(needle, at + 1)
  if (at < 0) return undefined
  const end = environ.indexOf(0, at)
  return environ.toString("utf8", at + needle.length, end < 0 ? undefined : end)
}

/** Resident memory of a process in bytes, shared pages in full; 0 when unknown. */
export function residentBytesOf(pid: number): number {
  const text = readKernelFile(`/proc/${pid}/status`)
  const found = text && /^VmRSS:\s+(\d+) kB/m.exec(text)
  return found ? Number(found[1]) * 1024 : 0
}

/**
 * Proportional memory of a process in bytes (shared pages are split among their users); 0 when unknown.
 * The kernel walks all its pages for it, so it is read off the event loop's thread.
 */
export async function proportionalBytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "")
  const found = /^Pss:\s+(\d+) kB/m.exec(text)
  return found ? Number(found[1]) * 1024 : 0
}

/** Which start of the machine this is. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
}

/** Processes looked at in one turn of the event loop: about a millisecond. */
const processesPerTurn = 48

/** Every living process, a slice of the list in each turn of the event loop. */
export async function scanProcesses(): Promise<readonly ProcessStat[]> {
  const pids = readdirSync("/proc").filter((name) => name.charCodeAt(0) >= 48 && name.charCodeAt(0) <= 57)
  const found: ProcessStat[] = []
  for (const [at, name] of pids.entries()) {
    if (at % processesPerTurn === processesPerTurn - 1) await nextTurn()
    const stat = readProcess(Number(name))
    if (isAlive(stat)) found.push(stat)
  }
  return found
}
