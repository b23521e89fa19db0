import { statSync } from "node:fs"
import { resolve } from "node:path"
import type { CreateWorkloadRequest } from "@berth/contract/workloads"
import { collect } from "@berth/sdk"
import { whyUnreadable } from "../check-folder.ts"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { chooseWorkspace, connect, readCount } from "../connect.ts"
import { defaultPodSize } from "../default-size.ts"
import { exitCodes } from "../exit-codes.ts"
import { followWorkload, untilDetached } from "../follow-workload.ts"
import { inHowLong, parseSeconds } from "../human.ts"
import { writeDone } from "../output.ts"
import { nameFromCommand, renderEntryPoint, sanitiseName, toBase64 } from "../quote.ts"
import type { Terminal } from "../terminal.ts"

export interface RunOptions extends CommonOptions {
  readonly gpus?: string
  readonly replicas?: string
  readonly name?: string
  readonly description?: string
  readonly env?: readonly string[]
  readonly workspace?: string
  readonly cpu?: string
  readonly memory?: string
  readonly timeout?: string
  readonly retries?: string
  readonly priority?: string
  readonly cwd?: string
  readonly image?: string
  readonly node?: readonly string[]
  readonly label?: readonly string[]
  readonly after?: readonly string[]
  readonly schedule?: readonly string[]
  readonly detach?: boolean
}

/** `berth run`: submits a command, shows its life, and ends with its exit code. */
export async function run(
  terminal: Terminal,
  command: readonly string[],
  options: RunOptions,
): Promise<number> {
  const session = await connect(terminal, options)
  const request = await buildRequest(session, command, options)
  const { workloadId } = await session.client.workloads.create(request)
  if (options.schedule) return tellSchedule(session, workloadId)
  if (options.detach) {
    if (session.form === "table") terminal.out(`${workloadId}\n`)
    else await writeDone(terminal, session.form, "", { workloadId })
    return exitCodes.ok
  }
  terminal.err(`Submitted ${workloadId} to ${request.workspaceId}.\n`)
  return untilDetached(session, workloadId, (signal) =>
    followWorkload(session, workloadId, { firstRun: 1, tail: null, since: null, rank: null, signal }),
  )
}

/** The id for programs, the next run for people; nothing is followed, for it never runs itself. */
async function tellSchedule(session: Session, workloadId: string): Promise<number> {
  const { terminal, client, form } = session
  const { schedule } = await client.berth.explainWorkload(workloadId)
  const nextRun = schedule?.next ?? null
  if (form !== "table") await writeDone(terminal, form, "", { workloadId, nextRun })
  else {
    terminal.out(`${workloadId}\n`)
    terminal.err(
      `It runs next ${inHowLong(nextRun, terminal.nowMs())}. End it with: berth stop ${workloadId}\n`,
    )
  }
  return exitCodes.ok
}

/** The Workload API's request for a command line. @throws CliError for what cannot be meant */
export async function buildRequest(
  session: Session,
  command: readonly string[],
  options: RunOptions,
): Promise<CreateWorkloadRequest> {
  const words = checkCommand(command)
  const limits = readLimits(options)
  const gpus = readCount("--gpus", options.gpus ?? "0", { min: 0, max: 1024 })
  const replica = readCount("--replicas", options.replicas ?? "1", { min: 1, max: 10_000 })
  const env = { ...virtualEnvironments(session.terminal), ...readEnv(options.env ?? [], session.terminal) }
  const cwd = await chooseFolder(session, options)
  const size = await chooseSize(session, gpus, options)
  return {
    displayName: options.name === undefined ? nameFromCommand(words) : sanitiseName(options.name),
    workspaceId: chooseWorkspace(session, options.workspace),
    resource: { replica, ...size, ...(gpus > 0 ? { gpu: String(gpus) } : {}) },
    image: options.image ?? "local",
    entryPoint: toBase64(renderEntryPoint({ cwd, command: words })),
    env,
    groupVersionKind: { version: "v1", kind: "PyTorchJob" },
    ...limits,
    ...readPlace(options),
  }
}

type Limits = Pick<CreateWorkloadRequest, "priority" | "timeout" | "maxRetry" | "description">

function readLimits(options: RunOptions): Limits {
  const limits: Limits = { priority: readPriority(options.priority) }
  const { timeout, retries, description } = options
  if (timeout !== undefined) limits.timeout = readDuration("--timeout", timeout)
  if (retries !== undefined) limits.maxRetry = readCount("--retries", retries, { min: 0, max: 50 })
  if (description !== undefined) limits.description = description
  return limits
}

type Place = Pick<CreateWorkloadRequest, "specifiedNodes" | "customerLabels" | "dependencies" | "cronJobs">

function readPlace({ node, label, after, schedule }: RunOptions): Place {
  const place: Place = {}
  if (node) place.specifiedNodes = [...node]
  if (label) place.customerLabels = readPairs("--label", label)
  if (after) place.dependencies = [...after]
  if (schedule) place.cronJobs = schedule.map(readSchedule)
  return place
}

/** Five cron fields; the server says what is wrong with them. */
function readSchedule(text: string): { readonly schedule: string; readonly action: string } {
  if (text.trim().split(/\s+/).length === 5) return { schedule: text.trim(), action: "start" }
  throw usageError(
    `--schedule takes five cron fields in UTC, not "${text}".`,
    'For example, at three every night: --schedule "0 3 * * *"',
  )
}

/** One word with blanks is a line for the shell, as people type it: `berth run 'make && ./train'`. */
function checkCommand(command: readonly string[]): readonly string[] {
  const [first = ""] = command
  if (first === "")
    throw usageError("There is no command to run.", "For example: berth run --gpus 1 -- python train.py")
  if (first.startsWith("-"))
    throw usageError(`"${first}" is not a command.`, "Options of `berth run` come before the `--`.")
  if (command.some((word) => word.includes("\0"))) throw usageError("A command cannot hold a NUL character.")
  return command.length === 1 && /\s/.test(first) ? ["/bin/sh", "-c", first] : command
}

function readDuration(name: string, text: string): number {
  const seconds = parseSeconds(text)
  if (seconds === undefined)
    throw usageError(`${name} takes a length of time such as 90, 30m, 2h or 1d, not "${text}".`)
  return seconds
}

const priorities = { low: 0, normal: 1, high: 2 } as const

function readPriority(text: string | undefined): number {
  if (text === undefined) return priorities.low
  if (text === "low" || text === "normal" || text === "high") return priorities[text]
  throw usageError(`--priority takes low, normal or high, not "${text}".`)
}

/** `K=V`, or `K` alone for the value it has here. */
function readEnv(pairs: readonly string[], terminal: Terminal): Record<string, string> {
  const env: Record<string, string> = {}
  for (const pair of pairs) {
    const [, name, value] = /^([^=]+)(?:=([\s\S]*))?$/.exec(pair) ?? []
    if (name === undefined) throw usageError(`-e takes NAME=VALUE or NAME, not "${pair}".`)
    const taken = value ?? terminal.env[name]
    if (taken === undefined)
      throw usageError(`-e ${name}: there is no such variable here.`, `Give its value: -e ${name}=VALUE`)
    env[name] = taken
  }
  return env
}

function readPairs(option: string, pairs: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf("=")
    if (at < 1) throw usageError(`${option} takes NAME=VALUE, not "${pair}".`)
    found[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return found
}

/** The caller's Python environments travel: where they are named, their programs come first in PATH. */
function virtualEnvironments(terminal: Terminal): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of ["VIRTUAL_ENV", "CONDA_PREFIX"]) {
    const folder = terminal.env[name]
    if (folder?.startsWith("/")) env[name] = folder
  }
  return env
}

async function chooseSize(session: Session, gpus: number, options: RunOptions) {
  const { cpu, memory } = options
  if (cpu !== undefined && memory !== undefined) return { cpu, memory }
  const nodes = gpus > 0 ? await visibleNodes(session) : []
  const usual = defaultPodSize(gpus, nodes)
  return { cpu: cpu ?? usual.cpu, memory: memory ?? usual.memory }
}

/** Whoever may not see nodes still gets a size. */
async function visibleNodes(session: Session) {
  try {
    return await collect((page) => session.client.berth.nodes(page))
  } catch {
    return []
  }
}

/** Where the command starts: here, where this is the server's machine. */
async function chooseFolder(session: Session, options: RunOptions): Promise<string> {
  const { terminal, place } = session
  if (options.cwd !== undefined) {
    if (options.cwd.startsWith("/")) return options.cwd
    if (!place.isLoopback)
      throw usageError(`--cwd takes an absolute path of the server's machine, not "${options.cwd}".`)
    return resolve(terminal.cwd, options.cwd)
  }
  if (!place.isLoopback)
    throw usageError(
      `The server ${place.url} is another machine: this folder may not exist there.`,
      "Say where the command starts there: --cwd /path",
    )
  const uid = await podUid(session)
  const fault = uid === undefined ? null : whyUnreadable(terminal.cwd, { uid })
  if (fault !== null)
    throw new CliError(
      `The work could not start in this folder: ${fault}, and it does not run as its owner.`,
      "Work in another folder, open this one (chmod o+rx), or say --cwd /path.",
    )
  return terminal.cwd
}

/**
 * The uid of the pods: the server's own for a server owner; null for one that owns nothing here; undefined
 * where it cannot be known.
 */
async function podUid(session: Session): Promise<number | null | undefined> {
  const me = await session.client.berth.me()
  if (me.serverRole !== "owner") return null
  const pid = session.place.runFile?.pid
  return pid === undefined ? undefined : statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid
}
