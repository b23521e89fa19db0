import { statSync } from "node:fs"
import { resolve } from "node:path"
import type { CreateWorkloadRequest } from "@berth/contract/workloads"
import { collect } from "@berth/sdk"
import { whyUnreadable } from "./check-folder.ts"
import { CliError, usageError } from "./cli-error.ts"
import type { CommonOptions, Session } from "./connect.ts"
import { chooseWorkspace, readCount } from "./connect.ts"
import { defaultPodSize } from "./default-size.ts"
import type { ExitCode } from "./exit-codes.ts"
import { exitCodes } from "./exit-codes.ts"
import { parseSeconds } from "./human.ts"
import { writeDone } from "./output.ts"
import { nameFromCommand, renderEntryPoint, sanitiseName, toBase64 } from "./quote.ts"
import type { Terminal } from "./terminal.ts"

/** What is said of the work itself, whatever kind of workload it becomes. */
export interface WorkOptions extends CommonOptions {
  readonly gpus?: string
  readonly replicas?: string
  readonly name?: string
  readonly env?: readonly string[]
  readonly workspace?: string
  readonly cpu?: string
  readonly memory?: string
  readonly priority?: string
  readonly cwd?: string
  readonly image?: string
}

/** Commands that take a command line. */
export type WorkVerb = "run" | "serve" | "update"

/**
 * The Workload API's request for a command line, as a job; what is special to the command comes on top.
 * @throws CliError for what cannot be meant
 */
export async function requestFor(
  session: Session,
  verb: WorkVerb,
  command: readonly string[],
  options: WorkOptions,
): Promise<CreateWorkloadRequest & { readonly workspaceId: string }> {
  const words = checkCommand(verb, command)
  const priority = readPriority(options.priority)
  const gpus = readGpus(options.gpus ?? "0")
  const replica = readCount("--replicas", options.replicas ?? "1", { min: 1, max: 10_000 })
  const env = { ...virtualEnvironments(session.terminal), ...readEnv(options.env ?? [], session.terminal) }
  const entryPoint = await entryPointFor(session, verb, words, options.cwd)
  const size = await chooseSize(session, gpus, options)
  return {
    displayName: options.name === undefined ? nameFromCommand(words) : sanitiseName(options.name),
    workspaceId: chooseWorkspace(session, options.workspace),
    resource: { replica, ...size, ...(gpus > 0 ? { gpu: String(gpus) } : {}) },
    image: options.image ?? "local",
    entryPoint,
    env,
    groupVersionKind: { version: "v1", kind: "PyTorchJob" },
    priority,
  }
}

/**
 * The script that runs a command line, base64, as the API takes it: in the folder that was said, else in this one.
 * @throws CliError for what is no command, or a folder that the work cannot start in
 */
export async function entryPointFor(
  session: Session,
  verb: WorkVerb,
  command: readonly string[],
  cwd: string | undefined,
): Promise<string> {
  const words = checkCommand(verb, command)
  return toBase64(renderEntryPoint({ cwd: await chooseFolder(session, cwd), command: words }))
}

/** The id alone, for scripts. */
export async function tellId({ terminal, form }: Session, workloadId: string): Promise<ExitCode> {
  if (form === "table") terminal.out(`${workloadId}\n`)
  else await writeDone(terminal, form, "", { workloadId })
  return exitCodes.ok
}

const examples: Readonly<Record<WorkVerb, string>> = {
  run: "For example: berth run --gpus 1 -- python train.py",
  serve: "For example: berth serve --port 8000 -- python serve.py",
  update: "For example: berth update ID -- python serve.py",
}

/** One word with blanks is a line for the shell, as people type it: `berth run 'make && ./train'`. */
function checkCommand(verb: WorkVerb, command: readonly string[]): readonly string[] {
  const [first = ""] = command
  if (first === "") throw usageError("There is no command to run.", examples[verb])
  if (first.startsWith("-"))
    throw usageError(`"${first}" is not a command.`, `Options of \`berth ${verb}\` come before the \`--\`.`)
  if (command.some((word) => word.includes("\0"))) throw usageError("A command cannot hold a NUL character.")
  return command.length === 1 && /\s/.test(first) ? ["/bin/sh", "-c", first] : command
}

/** Seconds of a length of time. @throws CliError */
export function readDuration(name: string, text: string): number {
  const seconds = parseSeconds(text)
  if (seconds === undefined)
    throw usageError(`${name} takes a length of time such as 90, 30m, 2h or 1d, not "${text}".`)
  return seconds
}

const usualWait = "10m"

/** How long a command waits for pods while nothing changes, in milliseconds. @throws CliError */
export function readWait(text: string | undefined): number {
  const seconds = readDuration("--wait", text ?? usualWait)
  if (seconds < 1) throw usageError("--wait takes at least a second; --detach does not wait.")
  return seconds * 1000
}

/** @throws CliError */
export function readGpus(text: string): number {
  return readCount("--gpus", text, { min: 0, max: 1024 })
}

const priorities = { low: 0, normal: 1, high: 2 } as const

function readPriority(text: string | undefined): number {
  if (text === undefined) return priorities.low
  if (text === "low" || text === "normal" || text === "high") return priorities[text]
  throw usageError(`--priority takes low, normal or high, not "${text}".`)
}

/** `K=V`, or `K` alone for the value it has here. @throws CliError */
export function readEnv(pairs: readonly string[], terminal: Terminal): Record<string, string> {
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

/** The caller's Python environments travel: where they are named, their programs come first in PATH. */
export function virtualEnvironments(terminal: Terminal): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of ["VIRTUAL_ENV", "CONDA_PREFIX"]) {
    const folder = terminal.env[name]
    if (folder?.startsWith("/")) env[name] = folder
  }
  return env
}

async function chooseSize(session: Session, gpus: number, options: WorkOptions) {
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
async function chooseFolder(session: Session, said: string | undefined): Promise<string> {
  const { terminal, place } = session
  if (said !== undefined) {
    if (said.startsWith("/")) return said
    if (!place.isLoopback)
      throw usageError(`--cwd takes an absolute path of the server's machine, not "${said}".`)
    return resolve(terminal.cwd, said)
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
