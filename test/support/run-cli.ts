import { type ChildProcess, spawn } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"
import { bounded, cleanEnvironment, cliFile, nodeFlags } from "./real-server.ts"

const deadlineMs = 50_000

/** A run of the command line program. */
export interface CliRun {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** Waits for its end; the exit code. Ends it when that takes too long. */
  ended(): Promise<number | null>
  /** Waits until what it wrote on either stream matches. */
  untilWritten(pattern: RegExp): Promise<RegExpExecArray>
}

export interface CliOptions {
  /** Where it starts; also its HOME. */
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Its standard input; default: empty. */
  readonly input?: string
}

/** Starts `berth ARGS`. */
export function startCli(args: readonly string[], options: CliOptions): CliRun {
  const child = spawn(process.execPath, [...nodeFlags, cliFile, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: options.cwd,
    env: { ...cleanEnvironment(options.cwd), ...options.env },
  })
  // a command that does not read it may have ended before
  child.stdin.on("error", () => {})
  child.stdin.end(options.input ?? "")
  const written = { out: "", err: "" }
  child.stdout.on("data", (chunk: Buffer) => (written.out += chunk.toString("utf8")))
  child.stderr.on("data", (chunk: Buffer) => (written.err += chunk.toString("utf8")))
  const end = new Promise<number | null>((resolve, reject) => {
    child.once("close", (code) => resolve(code))
    child.once("error", reject)
  })
  end.catch(() => {}) // told to whoever waits for it
  return {
    child,
    out: () => written.out,
    err: () => written.err,
    async ended() {
      try {
        return await bounded(end, deadlineMs, `berth ${args.join(" ")} does not end.`)
      } finally {
        child.kill("SIGKILL")
      }
    },
    async untilWritten(pattern) {
      const deadline = performance.now() + deadlineMs
      for (;;) {
        const found = pattern.exec(written.out) ?? pattern.exec(written.err)
        if (found) return found
        if (performance.now() > deadline || child.exitCode !== null) {
          child.kill("SIGKILL")
          throw new Error(`${pattern} was not written:\n${written.out}\n${written.err}`)
        }
        await pause(20)
      }
    },
  }
}

/** Runs `berth ARGS` to its end. */
export async function runCli(args: readonly string[], options: CliOptions) {
  const run = startCli(args, options)
  const code = await run.ended()
  return { code, out: run.out(), err: run.err() }
}
