import { execFile } from "node:child_process"
import type { Clock } from "../../kit/clock.ts"

/** How a command ended. `exitCode` null: a signal, or it could not be started (`missing`). */
export type RunResult =
  | {
      readonly kind: "ended"
      readonly exitCode: number | null
      readonly stdout: string
      readonly stderr: string
    }
  | { readonly kind: "missing" }
  | { readonly kind: "hung" }

/** Runs a short command. Never throws, settles at its deadline or the signal whatever the command does. */
export type RunCommand = (command: string, args: readonly string[], signal: AbortSignal) => Promise<RunResult>

/** Where makers put their tools, WSL2's among them; the server's own PATH is not for others to choose. */
export const gpuToolPath =
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/wsl/lib:/usr/local/nvidia/bin:/opt/rocm/bin"
/** A look at eight busy GPUs takes about two seconds. */
const deadlineMs = 10_000

/**
 * A command that hangs in the kernel cannot be killed: it is given up at its deadline, 10 s by default, and as long as it is there
 * the next call of the same command answers `hung` at once instead of starting one more.
 */
export function createRunCommand(
  clock: Clock,
  options: { readonly deadlineMs?: number; readonly path?: string } = {},
): RunCommand {
  const hung = new Set<string>()
  return (command, args, signal) => {
    if (hung.has(command) || signal.aborted) return Promise.resolve({ kind: "hung" })
    return new Promise((resolve) => {
      const setting = { env: { PATH: options.path ?? gpuToolPath, LC_ALL: "C" }, maxBuffer: 4 * 1024 * 1024 }
      const child = execFile(command, [...args], setting, (error, stdout, stderr) => {
        settle()
        hung.delete(command)
        const isMissing = error !== null && (error.code as unknown) === "ENOENT"
        const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : null
        resolve(isMissing ? { kind: "missing" } : { kind: "ended", exitCode, stdout, stderr })
      })
      const giveUp = () => {
        settle()
        hung.add(command)
        child.kill("SIGKILL")
        child.unref()
        resolve({ kind: "hung" })
      }
      const cancel = clock.alarm(options.deadlineMs ?? deadlineMs, giveUp)
      signal.addEventListener("abort", giveUp, { once: true })
      const settle = () => {
        cancel()
        signal.removeEventListener("abort", giveUp)
      }
    })
  }
}
