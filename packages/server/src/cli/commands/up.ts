import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Config, ConfigFlags } from "../../config.ts"
import { AppError } from "../../kit/errors.ts"
import { createLog } from "../../kit/log.ts"
import { CliError } from "../cli-error.ts"
import { readSettings } from "../config-options.ts"
import type { ExitCode } from "../exit-codes.ts"
import { exitCodes } from "../exit-codes.ts"
import { podsGoOn } from "../human.ts"
import { quoteWord } from "../quote.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"

/** What `up` needs of a server that answers. */
export interface ServerHandle {
  readonly url: string
  /** Further addresses: what is there, and where. */
  readonly others: readonly { readonly what: string; readonly address: string }[]
  readonly ownerKeyFile: string
  readonly warnings: readonly string[]
  readonly ready: Promise<void>
  podsRunning(): number
  stop(options: { readonly pods: boolean }): Promise<{ readonly podsLeft: number }>
  readonly closed: Promise<void>
}

/** Loads the server, which is most of the program: only when it is to be started. */
export type LoadServer = () => Promise<{
  startServer(config: Config, options: { readonly log: ReturnType<typeof createLog> }): Promise<ServerHandle>
}>

const loadMain: LoadServer = () => import("../../main.ts")

/** `berth up`: a server until it is told to end. Resolves with the exit code. @throws CliError when it cannot start */
export async function up(
  terminal: Terminal,
  options: Readonly<Record<string, unknown>>,
  loadServer: LoadServer = loadMain,
): Promise<number> {
  const given = readSettings(terminal, options)
  const { over, temporaryDir } = given.config.demo ? await demoSettings(given) : noDemo
  const { config } = Object.keys(over).length > 0 ? readSettings(terminal, options, over) : given
  try {
    return await serve(terminal, config, loadServer)
  } finally {
    if (temporaryDir !== null) await removeTemporary(terminal, temporaryDir)
  }
}

const noDemo: DemoSettings = { over: {}, temporaryDir: null }

interface DemoSettings {
  readonly over: ConfigFlags
  readonly temporaryDir: string | null
}

/** What the demo chooses where nothing was said: its own directory and nodes, a free port, a quiet log. */
async function demoSettings(given: ReturnType<typeof readSettings>): Promise<DemoSettings> {
  const { config, entries } = given
  const isSaid = (name: string) => entries.some((entry) => entry.name === name && entry.origin !== "default")
  const over: { -readonly [K in keyof ConfigFlags]: unknown } = {}
  const temporaryDir = isSaid("data") ? null : mkdtempSync(join(tmpdir(), "berth-demo-"))
  if (temporaryDir !== null) over.data = temporaryDir
  if (!isSaid("simulate")) over.simulate = ["2x8xH100"]
  if (!isSaid("logLevel")) over.logLevel = "warn"
  if (!isSaid("listen") && !(await isFree(config.listen))) over.listen = `${config.listen.host}:0`
  return { over, temporaryDir }
}

function isFree(listen: Config["listen"]): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once("error", () => resolve(false))
    probe.listen(listen.port, listen.host, () => probe.close(() => resolve(true)))
  })
}

/** A pod that was just killed may still hold a file or two for a moment. */
async function removeTemporary(terminal: Terminal, folder: string): Promise<void> {
  for (let tries = 1; tries <= 20; tries++) {
    try {
      rmSync(folder, { recursive: true, force: true })
      return
    } catch {
      await sleep(100)
    }
  }
  terminal.err(`The temporary directory ${folder} could not be removed.\n`)
}

async function serve(terminal: Terminal, config: Config, loadServer: LoadServer): Promise<number> {
  const ending = listenForEnd(terminal, config.demo)
  try {
    const { startServer } = await loadServer()
    const server = await startServer(config, { log: createLog(config.logLevel) }).catch(rethrowStart)
    ending.setServer(server)
    await untilReady(server)
    if (!ending.signal.aborted) await greet(terminal, config, server)
    if (config.demo && !ending.signal.aborted) await showDemo(terminal, server, ending.signal)
    await server.closed.catch(rethrowStart)
    return await ending.report()
  } finally {
    ending.close()
  }
}

/** @throws what kept it from beginning its work, after it was ended */
async function untilReady(server: ServerHandle): Promise<void> {
  try {
    await Promise.race([server.ready, server.closed])
  } catch (error) {
    await server.stop({ pods: false })
    rethrowStart(error)
  }
}

/** Plays the demo; a fault in it leaves the server up. */
async function showDemo(terminal: Terminal, server: ServerHandle, signal: AbortSignal): Promise<void> {
  const { playDemo } = await import("../demo.ts")
  const { explainError } = await import("../explain-error.ts")
  try {
    await playDemo(terminal, { url: server.url, ownerKeyFile: server.ownerKeyFile, signal })
  } catch (error) {
    if (signal.aborted) return
    terminal.err(`${paint(terminal, "red", "The demo failed:")} ${explainError(error).message}\n`)
  }
}

/** Ctrl-C reaches npm and the server both, and npm hands it on: that echo is no second wish. */
const echoMs = 500

/** The first signal ends the server in order, the second at once. */
function listenForEnd(terminal: Terminal, pods: boolean) {
  const abort = new AbortController()
  let server: ServerHandle | undefined
  let ended: Promise<{ readonly podsLeft: number }> | undefined
  const stop = () => {
    if (server && !ended) {
      ended = server.stop({ pods })
      // whoever asks for the report is told; until then it is nobody's fault
      ended.catch(() => undefined)
    }
  }
  let firstAtMs = 0
  const stopListening = terminal.onInterrupt((name) => {
    if (abort.signal.aborted) {
      if (terminal.nowMs() - firstAtMs < echoMs) return
      terminal.err("\nEnding at once; pods go on and are taken over by the next start.\n")
      terminal.exit(name === "SIGINT" ? exitCodes.detached : exitCodes.stopped)
      return
    }
    firstAtMs = terminal.nowMs()
    abort.abort(new Error(name))
    terminal.err(pods ? "\nStopping the pods, then the server.\n" : "\nStopping the server.\n")
    stop()
  }, pods)
  return {
    signal: abort.signal,
    setServer(started: ServerHandle) {
      server = started
      if (abort.signal.aborted) stop()
    },
    /** After a signal: how many pods go on. Ended by a request, whoever asked was told. */
    async report(): Promise<number> {
      if (!ended) return exitCodes.ok
      const { podsLeft } = await ended
      if (podsLeft > 0)
        terminal.err(`${podsGoOn(podsLeft)}; the next start on this data directory takes them over.\n`)
      return exitCodes.ok
    },
    close: stopListening,
  }
}

async function greet(terminal: Terminal, config: Config, server: ServerHandle): Promise<void> {
  const key = quoteWord(server.ownerKeyFile)
  const header = config.noAuth ? "" : ` -H "Authorization: Bearer $(cat ${key})"`
  const trust = config.tlsCert === null ? "" : ` --cacert ${quoteWord(config.tlsCert)}`
  terminal.out(`Berth answers at ${paint(terminal, "bold", server.url)} (data in ${config.data}).\n`)
  terminal.out(`Try: curl -s${trust}${header} ${server.url}/api/v1/workloads\n`)
  for (const { what, address } of server.others)
    terminal.out(`${harmless(what)}: ${paint(terminal, "bold", address)}\n`)
  const warnings = [
    ...server.warnings,
    ...(config.noAuth ? ["--no-auth: whoever can connect to this port is the owner."] : []),
  ]
  for (const warning of warnings)
    terminal.err(`${paint(terminal, "yellow", "warning:")} ${harmless(warning)}\n`)
  await terminal.drained()
}

const startFaults: Readonly<Record<string, readonly [ExitCode, string]>> = {
  data_dir_locked: [
    exitCodes.notReachable,
    "Use that one, end it with `berth down`, or take another --data DIR.",
  ],
  data_dir_unwritable: [exitCodes.cannotStart, "Choose another with --data DIR, or change its owner."],
  newer_database: [exitCodes.cannotStart, "Start the newer Berth again, or take another --data DIR."],
  corrupt_database: [
    exitCodes.cannotStart,
    "Restore a backup, or take another --data DIR. Nothing was changed.",
  ],
  foreign_data_dir: [
    exitCodes.cannotStart,
    "Is --database (BERTH_DATABASE) missing, or another one? To begin anew with this directory, move its owner.key away.",
  ],
  database_locked: [
    exitCodes.notReachable,
    "End the other one first: a database has one server at a time, also when they run on different machines.",
  ],
  database_unreachable: [exitCodes.cannotStart, "Check --database; `berth doctor` looks at it."],
  unsuitable_database: [exitCodes.cannotStart, "Nothing was changed."],
  store_superseded: [exitCodes.notReachable, "Pods go on; start again when the other server has ended."],
  address_in_use: [exitCodes.cannotStart, "`--listen 127.0.0.1:0` takes any free port."],
  address_unusable: [exitCodes.cannotStart, ""],
  tls_unreadable: [exitCodes.cannotStart, ""],
  bound_key: [
    exitCodes.cannotStart,
    "Start without --kuberay-listen, make one (`berth keys create NAME --workspace WORKSPACE`), and start again.",
  ],
  secret_key_unreadable: [exitCodes.cannotStart, "Give it back to the server's account, or move it away."],
}

/** A fault that somebody can mend is a sentence, never a stack. */
function rethrowStart(error: unknown): never {
  if (!(error instanceof AppError)) throw error
  const known = startFaults[error.detail ?? ""]
  if (!known && error.code === "internal") throw error
  const [exitCode, hint] = known ?? [exitCodes.cannotStart, ""]
  throw new CliError(error.message, hint, exitCode)
}
