import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { AppError } from "../../kit/errors.ts"

/** It takes about a second; on a machine that cannot, the page fails instead of hanging. */
const deadlineMs = 25_000
const mostBytes = 16 * 1024 * 1024

/**
 * The browser script of the reference page, gzipped (1.2 MB).
 * @throws AppError `internal` when it cannot be read, `timeout` when that takes too long
 */
export async function readBundle(): Promise<Uint8Array> {
  // The published package is JavaScript, a clone TypeScript: the program has the ending of this file.
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js"
  const program = fileURLToPath(new URL(`./bundle-program.${ending}`, import.meta.url))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", program], {
      encoding: "buffer",
      maxBuffer: mostBytes,
      timeout: deadlineMs,
      killSignal: "SIGKILL",
      // Nothing of the server's: no tokens, no settings of Node.
      env: {},
    })
    return stdout
  } catch (cause) {
    const isLate = cause instanceof Error && "killed" in cause && cause.killed === true
    throw new AppError(
      isLate ? "timeout" : "internal",
      isLate
        ? "The script of the reference page was not read in time."
        : "The script of the reference page could not be read.",
      { cause },
    )
  }
}
