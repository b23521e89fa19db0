import { spawnSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect } from "vitest"
import type { LogChunk, LogFollowItem, LogQuery } from "../../domain/workloads/index.ts"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { LogEnd, LogFiles, LogFilesOptions, LogSource } from "./log-files.ts"
import { createLogFiles } from "./log-files.ts"

export const all: LogQuery = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 64 * 1024 * 1024 }
export const hasFallocate = spawnSync("fallocate", ["--version"]).status === 0

export let folder: string
export let path: string
let opened: LogFiles[]

export function make(options: Partial<LogFilesOptions> = {}): LogFiles {
  const files = createLogFiles({ clock: systemClock, log: silentLog, ...options })
  opened.push(files)
  return files
}

/** A pod that the test ends by hand. */
export function pod(): LogSource & { end(end?: LogEnd): void } {
  let ended: LogEnd | null = null
  const listeners = new Set<() => void>()
  return {
    ended: () => ended,
    onEnded(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    end(end = { exitCode: 0, cause: "succeeded" }) {
      ended = end
      for (const listener of listeners) listener()
    },
  }
}

export const never = new AbortController().signal

/** Reads a stream step by step: the lines until `enough` of them came, or all up to the end. */
export function reader(items: AsyncIterable<LogFollowItem>) {
  const iterator = items[Symbol.asyncIterator]()
  const pending: string[] = []
  let last: LogChunk | undefined
  return {
    async lines(count: number): Promise<string[]> {
      while (pending.length < count) {
        const { value, done } = await iterator.next()
        if (done || value.kind === "end") throw new Error(`ended with ${JSON.stringify(pending)}`)
        pending.push(...value.chunk.lines)
        last = value.chunk
      }
      return pending.splice(0, count)
    },
    async rest(): Promise<{ lines: string[]; end: LogFollowItem | undefined }> {
      const lines = pending.splice(0)
      for (;;) {
        const { value, done } = await iterator.next()
        if (done) return { lines, end: undefined }
        if (value.kind === "end") {
          expect(await iterator.next()).toMatchObject({ done: true })
          return { lines, end: value }
        }
        lines.push(...value.chunk.lines)
        last = value.chunk
      }
    },
    last: () => last,
    stop: () => iterator.return?.(),
  }
}

/** A folder for logs, and readers of it that are closed with the test: call it once, at the top of a file of tests. */
export function useLogFolder(): void {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-log-"))
    path = join(folder, "log")
    opened = []
  })
  afterEach(async () => {
    for (const files of opened) await files.close()
    await rm(folder, { recursive: true, force: true })
  })
}
