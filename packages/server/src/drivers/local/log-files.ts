import { open } from "node:fs/promises"
import { AppError } from "../../kit/errors.ts"
import type { LogFollowItem } from "../../domain/workloads/index.ts"
import { followTail } from "./log-follow.ts"
import { findLogIndex } from "./log-index.ts"
import { createLogLook } from "./log-look.ts"
import { findStart, readForward } from "./log-read.ts"
import { createTails } from "./log-tails.ts"
import type { LogFiles, LogFilesOptions } from "./log-types.ts"

export type { LogEnd, LogFiles, LogFilesOptions, LogOverflow, LogSource } from "./log-types.ts"
export { logIndexPath, removeLogFile } from "./log-index.ts"

/** Reading, following and bounding of the log files that pods append to. */
export function createLogFiles(options: LogFilesOptions): LogFiles {
  const { clock, backlogBytes = 1024 * 1024 } = options
  const looks = createLogLook(options)
  const tails = createTails(clock, looks.indexOf)
  const closing = new AbortController()
  let followers = 0

  const read: LogFiles["read"] = async (path, query, isEnded) => {
    const handle = await open(path).catch((error: unknown) => {
      throw notThere(path, error)
    })
    try {
      const stat = await handle.stat()
      const index = looks.indexOf(path) ?? (await findLogIndex(path, handle, stat))
      const facts = { size: stat.size, mtimeMs: stat.mtimeMs, index }
      const from = await findStart(handle, facts, query, isEnded)
      return await readForward(handle, facts, { from, maxBytes: query.maxBytes, isEnded })
    } finally {
      await handle.close()
    }
  }

  async function* follow(...[path, query, source, signal]: Parameters<LogFiles["follow"]>) {
    const either = AbortSignal.any([signal, closing.signal])
    if (either.aborted) return
    followers++
    try {
      const tail = tails.join(path)
      yield* followTail({ clock, tail, query, source, signal: either, backlogBytes })
    } finally {
      followers--
    }
  }

  return {
    track: looks.track,
    untrack: looks.untrack,
    onOverflow: looks.onOverflow,
    look: looks.look,
    read,
    follow: (...query): AsyncIterable<LogFollowItem> => follow(...query),
    get counts() {
      return { tracked: looks.size, followers, watchers: tails.size }
    },
    async close() {
      closing.abort(new Error("shutting down"))
      tails.close()
      await looks.close()
    },
  }
}

function notThere(path: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return error
  return new AppError("not_found", "Nothing is kept of this log.", {
    resource: "log",
    name: path,
    cause: error,
  })
}
