import { execFile } from "node:child_process"
import { open } from "node:fs/promises"
import type { Log } from "../../kit/log.ts"
import type { LogIndex } from "./log-index.ts"
import { saveLogIndex } from "./log-index.ts"
import { longestLineBytes } from "./log-read.ts"

export interface HeadCutterOptions {
  readonly log: Log
  readonly capBytes: number
  readonly punchHead: (path: string, length: number) => Promise<void>
}

/** Keeps logs below the cap by giving the disk under their heads back. */
export interface HeadCutter {
  /** Cuts when more than the cap is kept, down to three quarters of it; true when the index changed. */
  cut(path: string, index: LogIndex, size: number): Promise<boolean>
}

export function createHeadCutter({ log, capBytes, punchHead }: HeadCutterOptions): HeadCutter {
  let canPunch = true

  function failed(path: string, error: unknown) {
    const reason = (error as Error).message
    if (canPunch && isForGood(error)) {
      canPunch = false
      log.warn({ reason }, "log heads cannot be cut away here: logs are kept whole")
    } else log.debug({ path, reason }, "log head not cut away, trying again at the next look")
  }

  return {
    async cut(path, index, size) {
      if (!canPunch || size - index.keptFrom <= capBytes) return false
      const keptFrom = await lineAfter(path, size - Math.floor(capBytes * 0.75))
      const earlier = index.keptFrom
      index.keptFrom = keptFrom // before the hole is made: readers jump over it
      // On disk too: a crash after the hole must not leave its zeros to be read as text. A full disk must not keep
      // the hole from being made.
      await saveLogIndex(path, index).catch(() => undefined)
      try {
        await punchHead(path, keptFrom - (keptFrom % 4096))
        return true
      } catch (error) {
        index.keptFrom = earlier
        failed(path, error)
        return false
      }
    },
  }
}

/** The first line that begins at or after `offset`; `offset` itself where a line goes on for too long. */
async function lineAfter(path: string, offset: number): Promise<number> {
  const handle = await open(path)
  try {
    const buffer = Buffer.allocUnsafe(longestLineBytes)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset - 1)
    return offset + Math.max(0, buffer.subarray(0, bytesRead).indexOf(10))
  } finally {
    await handle.close()
  }
}

/** The command is missing, or the file system makes no holes. Anything else may go better next time. */
function isForGood(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return code === "ENOENT" || /not supported/i.test(message)
}

/** Node has no fallocate; util-linux brings a command. The file keeps its size and all offsets. */
export function punchByFallocate(path: string, length: number): Promise<void> {
  const options = { timeout: 10_000, env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" } }
  return new Promise((resolve, reject) => {
    execFile(
      "fallocate",
      ["--punch-hole", "--offset", "0", "--length", String(length), path],
      options,
      (error) => (error ? reject(error) : resolve()),
    )
  })
}
