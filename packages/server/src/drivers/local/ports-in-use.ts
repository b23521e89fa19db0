import { open, readdir, readlink } from "node:fs/promises"
import { AppError } from "../../kit/errors.ts"
import { canBind } from "./addresses.ts"
import { podMarkOf, scanProcesses, type PodMark, type ProcessStat } from "./processes.ts"

/** A TCP socket of this machine that is listened on. */
export interface ListeningSocket {
  /** Dotted; `*` for all addresses, `::` for all where IPv4 may not be among them; null for one of IPv6. */
  readonly ip: string | null
  readonly port: number
  readonly inode: string
}

/** A pod's address and the ports that it is going to listen on. */
export interface WantedPorts {
  readonly podIp: string
  readonly ports: readonly number[]
}

/** Who has a port, for people who may see the pods of one workspace. */
export type NameOfPod = (mark: PodMark) => string

/**
 * Looks whether anybody listens on one of the ports, on the pod's own address or on all.
 * @throws AppError `unavailable` with detail `port_in_use`, which names port and holder as far as they are known
 */
export async function checkPorts(pods: readonly WantedPorts[], nameOfPod: NameOfPod): Promise<void> {
  if (pods.every((pod) => pod.ports.length === 0)) return
  const byPort = Map.groupBy(await readListeners(), (socket) => socket.port)
  for (const { podIp, ports } of pods)
    for (const port of ports)
      for (const socket of byPort.get(port) ?? [])
        if (await isInTheWay(socket, podIp)) throw await portInUse(socket, nameOfPod)
}

async function isInTheWay(socket: ListeningSocket, podIp: string): Promise<boolean> {
  if (socket.ip === "*" || socket.ip === podIp) return true
  // the kernel does not tell here whether it is for IPv6 alone; trying does
  return socket.ip === "::" && !(await canBind(podIp, socket.port))
}

async function portInUse(socket: ListeningSocket, nameOfPod: NameOfPod): Promise<AppError> {
  const { port } = socket
  const holder = await nameOfHolder(socket.inode, nameOfPod).catch(() => "another program")
  const everywhere =
    socket.ip === "*" || socket.ip === "::"
      ? ", which listens on all addresses; a pod should listen on its POD_IP"
      : ""
  return new AppError("unavailable", `Port ${port} is in use on this machine by ${holder}${everywhere}.`, {
    detail: "port_in_use",
    facts: { port },
  })
}

// ---- the kernel's tables -------------------------------------------------------------------------

async function readListeners(): Promise<readonly ListeningSocket[]> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readTable(path)))
  return tables.flat()
}

const chunkBytes = 64 * 1024

/**
 * The kernel lists what is listened on first. After it come the connections, of which there may be tens of thousands:
 * reading ends with the first chunk of nothing else.
 */
export async function readTable(path: string): Promise<readonly ListeningSocket[]> {
  const found: ListeningSocket[] = []
  const file = await open(path).catch(() => undefined)
  if (!file) return found
  try {
    const buffer = Buffer.alloc(chunkBytes)
    let rest = ""
    for (;;) {
      // as a pipe is read: these files have no size
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null).catch(() => ({ bytesRead: 0 }))
      const text = rest + buffer.toString("latin1", 0, bytesRead)
      const end = text.lastIndexOf("\n") + 1
      const sockets = parseListeners(text.slice(0, end))
      rest = text.slice(end)
      found.push(...sockets)
      if (bytesRead === 0 || (end > 0 && sockets.length === 0)) return found
    }
  } finally {
    await file.close()
  }
}

/** The sockets in state LISTEN of /proc/net/tcp or tcp6. */
export function parseListeners(text: string): ListeningSocket[] {
  const lines = text.matchAll(
    /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F:]+ 0A \S+ \S+ \S+ +\d+ +\d+ (\d+)/gm,
  )
  return Array.from(lines, ([, address = "", port = "", inode = ""]) => ({
    ip: addressOf(address),
    port: Number.parseInt(port, 16),
    inode,
  }))
}

/** Words in the byte order of the machine, which is little-endian wherever this runs. */
function addressOf(hex: string): string | null {
  if (/^0+$/.test(hex)) return hex.length === 8 ? "*" : "::"
  const isMapped = hex.startsWith("0000000000000000FFFF0000")
  if (hex.length === 32 && !isMapped) return null
  const bytes = [...Buffer.from(hex.slice(-8), "hex")].reverse()
  return bytes.every((byte) => byte === 0) ? "*" : bytes.join(".")
}

// ---- who it is -----------------------------------------------------------------------------------

/** Open files of one process that are looked at. */
const mostFiles = 4096

async function nameOfHolder(inode: string, nameOfPod: NameOfPod): Promise<string> {
  for (const process of await scanProcesses())
    if (await hasSocket(process.pid, `socket:[${inode}]`)) return nameOfProcess(process, nameOfPod)
  return "another program"
}

async function hasSocket(pid: number, link: string): Promise<boolean> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []) // another account's, or gone
  for (const file of files.slice(0, mostFiles))
    if ((await readlink(`/proc/${pid}/fd/${file}`).catch(() => "")) === link) return true
  return false
}

function nameOfProcess({ pid, name }: ProcessStat, nameOfPod: NameOfPod): string {
  if (pid === process.pid) return "this server"
  const mark = podMarkOf(pid)
  return mark ? nameOfPod(mark) : `the program ${JSON.stringify(name)} (process ${pid})`
}
