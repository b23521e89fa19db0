import { spawn } from "node:child_process"
import type { Clock } from "../../../kit/clock.ts"

/** How a command ended, with the end of what it wrote. `exitCode` null: a signal; 126 and 127: it could not be started. */
export interface CommandEnd {
  readonly exitCode: number | null
  readonly output: string
  readonly isLate: boolean
}

export interface CommandOptions {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string>>
  readonly deadlineMs: number
}

const keptOutput = 64 * 1024
/** A command that does not hear the KILL, for the kernel does not answer, is left to itself. */
const killWaitMs = 2000

/**
 * Runs the command beside a watch, which reads the lifeline: when that ends, this process has, and the whole group is
 * killed. Else what a killed server was installing would be written on, into the folder that the next one makes anew.
 * The shell comes from the system, not from the command's path; everything used of it is built in.
 */
const underLifeline = `exec 3<&0 </dev/null
(read -r _; kill -KILL 0) <&3 >/dev/null 2>&1 &
exec 3<&-
"$@"`

/**
 * Runs a command and all it starts in a group of its own, which is killed at the deadline, with the signal, and when
 * this process ends, however it does.
 * @throws the signal's reason when it aborts
 */
export async function runCommand(
  command: readonly string[],
  options: CommandOptions,
  signal: AbortSignal,
): Promise<CommandEnd> {
  signal.throwIfAborted()
  const child = spawn("/bin/sh", ["-c", underLifeline, "sh", ...command], {
    cwd: "/",
    env: { ...options.env },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  })
  child.stdin.on("error", () => undefined)
  let output = ""
  let isLate = false
  const take = (text: string) => (output = (output + text).slice(-keptOutput))
  child.stdout.setEncoding("utf8").on("data", take)
  child.stderr.setEncoding("utf8").on("data", take)
  const exitCode = await new Promise<number | null>((resolve) => {
    let cancelWait = () => undefined as void
    const kill = () => {
      killGroup(child.pid)
      cancelWait = options.clock.alarm(killWaitMs, () => done(null))
    }
    const cancel = options.clock.alarm(options.deadlineMs, () => {
      isLate = true
      kill()
    })
    const done = (code: number | null) => {
      cancel()
      cancelWait()
      signal.removeEventListener("abort", kill)
      child.stdin.end()
      resolve(code)
    }
    signal.addEventListener("abort", kill, { once: true })
    child.on("error", () => done(null))
    child.on("close", (code) => done(code))
  })
  signal.throwIfAborted()
  return { exitCode, output, isLate }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // it ended meanwhile
  }
}
