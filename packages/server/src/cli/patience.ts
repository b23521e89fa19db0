import { BerthError, isUnreachable } from "@berth/sdk"
import type { Terminal } from "./terminal.ts"

/** How long a command that waits puts up with a server that is away. */
const patienceMs = 120_000
const betweenMs = 1000

/** Waits; rejects with the signal's reason when that aborts first. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop)
      resolve()
    }, ms)
    signal.addEventListener("abort", stop, { once: true })
  })
}

/** Not a request that could not even be made. */
function isOfTheServer(error: BerthError): boolean {
  return error.status === 503 || (isUnreachable(error) && error.code !== "invalid")
}

/**
 * Asks again while the server is away or starting, for two minutes, and says so once: a restart of the server
 * does not end a command that waits.
 */
export async function patiently<T>(
  terminal: Terminal,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now()
  for (let hasSaid = false; ; hasSaid = true) {
    try {
      return await ask()
    } catch (error) {
      const isAway = error instanceof BerthError && isOfTheServer(error)
      if (!isAway || signal.aborted || performance.now() - startedAt > patienceMs) throw error
      if (!hasSaid) terminal.err(`The server does not answer; trying again for ${patienceMs / 1000} s.\n`)
      await pause(betweenMs, signal)
    }
  }
}
