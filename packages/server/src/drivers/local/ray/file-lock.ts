import { spawn } from "node:child_process"
import { AppError } from "../../../kit/errors.ts"
import { systemPath } from "../drop-account.ts"

/**
 * Takes the kernel's lock on a file, which no other process gets meanwhile; waits for whoever has it. The lock goes
 * with its holder: it cannot be left behind.
 * @returns how to give it back
 * @throws the signal's reason when it aborts; AppError `unavailable` when there is no `flock` (util-linux)
 */
export function lockFile(path: string, signal: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    // it ends with its input, which ends with this process
    const holder = spawn("flock", ["--no-fork", path, "sh", "-c", "echo held; exec cat"], {
      cwd: "/",
      env: { PATH: systemPath },
      stdio: ["pipe", "pipe", "ignore"],
    })
    const onAbort = () => {
      holder.kill("SIGKILL")
      holder.stdin.end()
      reject(signal.reason as Error)
    }
    const failed = () => {
      signal.removeEventListener("abort", onAbort)
      const message = `The lock ${path} could not be taken (flock of util-linux).`
      reject(new AppError("unavailable", message, { detail: "install_failed" }))
    }
    holder.stdin.on("error", () => undefined)
    holder.on("error", failed)
    holder.on("exit", failed)
    holder.stdout.once("data", () => {
      signal.removeEventListener("abort", onAbort)
      resolve(() => holder.stdin.end())
    })
    signal.addEventListener("abort", onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}
