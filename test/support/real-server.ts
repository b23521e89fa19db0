import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { WorkloadDetail } from "@berth/contract/workloads"
import type { Node } from "@berth/contract/berth"
import { createBerthClient, type BerthClient } from "@berth/sdk"
import { newServerDatabase, type Row, rowsOf } from "./databases.ts"
import type { TestDatabase } from "./postgres.ts"
import { killPodProcesses, killQuietly, podProcesses, removePodGroups } from "./belongings.ts"
import { checkExchange } from "../../packages/server/src/http/test-exchange.ts"

/** The command line program, as a person would start it. */
export const cliFile = fileURLToPath(new URL("../../packages/server/bin/berth.js", import.meta.url))
export const nodeFlags = ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=8"] as const

const startDeadlineMs = 40_000
const exitDeadlineMs = 60_000
const patienceMs = 40_000
const lookMs = 20
const keptOutput = 64 * 1024

export interface RealServerOptions {
  /** Further flags of `berth up`. */
  readonly flags?: readonly string[]
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>
  /** A data directory that somebody else removes; default: one of its own. */
  readonly dataDir?: string
}

/** An answer with its body as text, and as JSON where it is. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

export interface CallOptions {
  /** "" = none. Default: the owner's. */
  readonly token?: string
  readonly json?: unknown
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A request for a workload, with what tests leave to the default. */
export interface Job {
  readonly script?: string
  readonly [member: string]: unknown
}

/** A real server process with its data directory; real processes are its pods. */
export interface RealServer {
  /** What is given to nobody else: the data directory lies in it, and tests may put things beside. */
  readonly home: string
  readonly dataDir: string
  readonly url: string
  readonly pid: number
  /** Its PostgreSQL database; undefined = the file in the data directory. */
  readonly database: TestDatabase | undefined
  /** The owner's. */
  readonly token: string
  readonly client: BerthClient
  /** What it has written since its last start, the latest 64 KiB. */
  output(): string
  /** What it has logged as an error, over all its starts. */
  errors(): readonly string[]
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  /** Submits a job of one small pod to the workspace `default`; its id. */
  create(job: Job, token?: string): Promise<string>
  workload(id: string): Promise<WorkloadDetail>
  /** Waits for the workload to be in one of the phases. @throws when it ends in another one */
  phase(id: string, ...phases: readonly string[]): Promise<WorkloadDetail>
  /** The whole log of one pod as the Workload API gives it. */
  podLog(id: string, podId: string): Promise<readonly string[]>
  nodes(): Promise<readonly Node[]>
  /** Asks its database beside it, also while it is down. */
  rows(sql: string): Promise<readonly Row[]>
  /** Waits until the condition gives something. */
  until<T>(what: () => Promise<T | undefined> | T | undefined, label: string): Promise<T>
  /** A user with a role in workspaces; the token. */
  member(name: string, roles: Readonly<Record<string, "owner" | "editor" | "viewer">>): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Ends the server without a chance to say goodbye. Pods go on. */
  kill9(): Promise<void>
  /** Starts it again on the same data directory. */
  restart(): Promise<void>
  /** Shuts it down by its API; the exit code. */
  stop(how: { readonly pods: boolean }): Promise<number | null>
  /** Waits until the process has ended; its code. */
  exited(): Promise<number | null>
  /** Whatever happened before: no server, no pod, no file is left. May be called twice. */
  close(): Promise<void>
}

const open = new Set<() => void>()
// a run that is broken off must not leave its processes on the machine
process.once("exit", () => {
  for (const end of open) end()
})

/** Starts a server and waits until it is ready. @throws with its output when it ends instead */
export async function startRealServer(options: RealServerOptions = {}): Promise<RealServer> {
  const home = mkdtempSync(join(tmpdir(), "berth-e2e-"))
  // other accounts must reach their folders below
  chmodSync(home, 0o711)
  const dataDir = options.dataDir ?? join(home, "data")
  const database = await newServerDatabase()
  const lifeOptions = database
    ? { ...options, env: { ...options.env, BERTH_DATABASE: database.url } }
    : options
  let life = startLife(dataDir, home, lifeOptions)
  const errors: string[] = []
  const endNow = () => {
    killQuietly(life.pid)
    killPodProcesses(dataDir)
  }
  open.add(endNow)
  try {
    await life.ready
  } catch (error) {
    await close()
    throw error
  }

  async function close(): Promise<void> {
    life.child.kill("SIGKILL")
    await life.exited
    killPodProcesses(dataDir)
    for (let tries = 0; tries < 50 && !removePodGroups(dataDir); tries++) await pause(lookMs)
    open.delete(endNow)
    rmSync(home, { recursive: true, force: true })
    await database?.drop()
  }

  async function call(method: string, path: string, given: CallOptions = {}): Promise<Answer> {
    const { token: sent = token(), json, raw, headers = {} } = given
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
    const answer = await fetch(life.url + path, {
      method,
      headers: { ...(sent === "" ? {} : { authorization: `Bearer ${sent}` }), ...headers },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(patienceMs),
    })
    const text = await answer.text()
    const contentType = answer.headers.get("content-type") ?? ""
    checkExchange({ method, url: path, status: answer.status, contentType, text })
    const isJson = answer.headers.get("content-type")?.includes("json") ?? false
    const parsed: unknown = isJson && text !== "" ? JSON.parse(text) : undefined
    return { status: answer.status, headers: answer.headers, text, json: parsed }
  }

  const token = () => readFileSync(join(dataDir, "owner.key"), "utf8").trim()
  const client = () => createBerthClient({ baseUrl: life.url, token: token() })
  const workload = (id: string) => client().workloads.get(id)

  async function until<T>(what: () => Promise<T | undefined> | T | undefined, label: string): Promise<T> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      const found = await what()
      if (found !== undefined) return found
      if (performance.now() > deadline) throw new Error(`It did not come true: ${label}.\n${life.output()}`)
      await pause(lookMs)
    }
  }

  async function phase(id: string, ...phases: readonly string[]): Promise<WorkloadDetail> {
    return until(
      async () => {
        const seen = await workload(id)
        if (phases.includes(seen.phase)) return seen
        if (["Succeeded", "Failed", "Stopped"].includes(seen.phase))
          throw new Error(`${id} is ${seen.phase}: ${JSON.stringify(seen.conditions)}\n${life.output()}`)
        return undefined
      },
      `${id} is ${phases.join(" or ")}`,
    )
  }

  return {
    home,
    dataDir,
    database,
    get url() {
      return life.url
    },
    get pid() {
      return life.pid
    },
    get token() {
      return token()
    },
    get client() {
      return client()
    },
    output: () => life.output(),
    errors: () => [...errors, ...errorsIn(life.output())],
    call,
    async create(job, withToken) {
      const json = jobRequest(job)
      const answer = await call("POST", "/api/v1/workloads", {
        json,
        ...(withToken === undefined ? {} : { token: withToken }),
      })
      if (answer.status !== 200) throw new Error(`The job was refused: ${answer.status} ${answer.text}`)
      return (answer.json as { readonly workloadId: string }).workloadId
    },
    workload,
    phase,
    async podLog(id, podId) {
      const answer = await call("GET", `/api/v1/workloads/${id}/pods/${podId}/logs`)
      if (answer.status !== 200) throw new Error(`No log: ${answer.status} ${answer.text}`)
      const { logs } = answer.json as { readonly logs: readonly string[] }
      // the API splits at newlines: a finished last line leaves an empty one behind
      return logs.at(-1) === "" ? logs.slice(0, -1) : logs
    },
    async nodes() {
      return (await client().berth.nodes({ limit: 200 })).items
    },
    rows: (sql) => rowsOf(database, dataDir, sql),
    until,
    async member(name, roles) {
      const { id } = await client().berth.createUser({ name })
      for (const [workspaceId, role] of Object.entries(roles))
        await client().berth.setMember(workspaceId, name, role)
      return (await client().berth.createKey({ name, user: id })).token
    },
    signal: (name) => void life.child.kill(name),
    async kill9() {
      life.child.kill("SIGKILL")
      await life.exited
    },
    async restart() {
      await life.exited
      errors.push(...errorsIn(life.output()))
      life = startLife(dataDir, home, lifeOptions)
      await life.ready
    },
    async stop(how) {
      await client().berth.stopServer(how.pods)
      return bounded(life.exited, exitDeadlineMs, "The server does not end.")
    },
    exited: () => bounded(life.exited, exitDeadlineMs, "The server does not end."),
    close,
  }
}

/** The request of a test's job: one small pod in `default`, unless it says otherwise. */
export function jobRequest({ script = "true", ...rest }: Job): Readonly<Record<string, unknown>> {
  return {
    displayName: "job",
    workspaceId: "default",
    resource: { replica: 1, cpu: "10m", memory: "64Mi" },
    image: "none",
    entryPoint: Buffer.from(script).toString("base64"),
    groupVersionKind: { version: "v1", kind: "PyTorchJob" },
    ...rest,
  }
}

/** The environment of a program that is started: nothing of the tests' settings, a home of its own. */
export function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const { PATH, LANG } = process.env
  return { PATH, LANG, HOME: home, NO_COLOR: "1" }
}

/** No pod of the server lives any more. */
export async function podsGone(server: RealServer): Promise<void> {
  await server.until(
    () => (podProcesses(server.dataDir).length === 0 ? true : undefined),
    "no process of a pod is left",
  )
}

/** The lines that somebody should act on. */
function errorsIn(output: string): readonly string[] {
  return output.split("\n").filter((line) => line.startsWith('{"level":50'))
}

interface Life {
  readonly child: ChildProcess
  readonly pid: number
  /** After `ready`. */
  readonly url: string
  readonly ready: Promise<void>
  readonly exited: Promise<number | null>
  output(): string
}

function startLife(dataDir: string, home: string, { flags = [], env = {} }: RealServerOptions): Life {
  const args = ["up", "--data", dataDir, "--listen", "127.0.0.1:0", "--log-level", "warn", ...flags]
  const child = spawn(process.execPath, [...nodeFlags, cliFile, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...cleanEnvironment(home), ...env },
    cwd: home,
  })
  let output = ""
  let url = ""
  const answers = Promise.withResolvers<void>()
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString("utf8")).slice(-keptOutput)
    url ||= /answers at (http:\S+)/.exec(output)?.[1] ?? ""
    if (url !== "") answers.resolve()
  }
  child.stdout.on("data", keep)
  child.stderr.on("data", keep)
  const exited = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code))
    child.once("error", (error) => {
      output += error.message
      resolve(null)
    })
  })
  const early = exited.then((code) => {
    throw new Error(`The server ended with ${code}:\n${output}`)
  })
  // without anybody waiting for the start any more it is an end like any other
  early.catch(() => {})
  async function untilReady(): Promise<void> {
    await bounded(Promise.race([answers.promise, early]), startDeadlineMs, "The server does not start.")
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(startDeadlineMs) })
    if (answer.status !== 200) throw new Error(`It says it answers, but /readyz is ${answer.status}.`)
  }
  const ready = untilReady()
  ready.catch(() => {})
  return {
    child,
    pid: child.pid ?? 0,
    get url() {
      return url
    },
    ready,
    exited,
    output: () => output,
  }
}

/** @throws when the promise is not settled in time */
export async function bounded<T>(promise: Promise<T>, deadlineMs: number, sentence: string): Promise<T> {
  const over = new AbortController()
  const late = pause(deadlineMs, undefined, { signal: over.signal }).then(
    () => {
      throw new Error(sentence)
    },
    () => new Promise<never>(() => {}),
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    over.abort()
  }
}
