import { createReadStream, rmSync } from "node:fs"
import { rm, stat, statfs } from "node:fs/promises"
import { dirname } from "node:path"
import type { Worker } from "node:worker_threads"
import type { Backup, StoreCopy } from "../../domain/journal/index.ts"
import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import type { BackupReply, BackupSetup, BackupStop } from "./backup-protocol.ts"
import { startThread } from "./start-thread.ts"

export interface SqliteBackup extends Backup {
  /** Gives up a copy that is being made, removes what there is, makes no more. Idempotent. */
  close(): Promise<void>
}

/** What the server itself goes on needing while the copy lies beside its database. */
const spareBytes = 32 * 1024 * 1024
const fullDisk = 13

/**
 * Copies of the database at `path`, each lying beside it as `….backup` while it is needed. Removes what a server
 * that was killed left there.
 */
export function createSqliteBackup(path: string, clock: Pick<Clock, "nowMs">): SqliteBackup {
  const to = `${path}.backup`
  const files = [to, `${to}-journal`, `${to}-wal`, `${to}-shm`]
  for (const file of files) rmSync(file, { force: true })
  let current: Promise<unknown> | undefined
  let thread: Worker | undefined
  let isClosed = false

  async function make(): Promise<StoreCopy> {
    await discard()
    await checkRoom(path, to)
    const madeAtMs = clock.nowMs()
    try {
      const reply = await inThread({ path, to }, (started) => {
        thread = started
        if (isClosed) stop(started)
      })
      if ("message" in reply) throw isClosed ? closed() : failed(reply, to)
      const { bytes, sha256, schemaVersion, counts } = reply
      const content = () => createReadStream(to) as AsyncIterable<Uint8Array>
      return { madeAtMs, bytes, sha256, schemaVersion, counts, content, dispose }
    } catch (error) {
      await dispose()
      throw error
    } finally {
      thread = undefined
    }
  }

  async function discard(): Promise<void> {
    for (const file of files) await rm(file, { force: true })
  }

  async function dispose(): Promise<void> {
    await discard()
    current = undefined
  }

  return {
    copy() {
      if (isClosed) return Promise.reject(closed())
      if (current)
        return Promise.reject(
          new AppError("conflict", "A backup is being made already: wait until it is done.", {
            resource: "backup",
            detail: "backup_running",
            retryAfterMs: 10_000,
          }),
        )
      const making = make()
      current = making
      return making
    },
    async close() {
      isClosed = true
      if (thread) stop(thread)
      await current?.catch(() => undefined) // told to whoever asked for it
      await discard()
    },
  }
}

function closed(): AppError {
  return new AppError("unavailable", "The server is stopping.", { detail: "store_closed" })
}

/** A copy that fills the disk would take it from the server: better none. */
async function checkRoom(path: string, to: string): Promise<void> {
  const { size } = await stat(path)
  const { bavail, bsize } = await statfs(dirname(to))
  if (bavail * bsize < size + spareBytes) throw noRoom(dirname(to), undefined)
}

function noRoom(folder: string, cause: unknown): AppError {
  return new AppError(
    "unavailable",
    `The disk of ${folder} has no room for a copy of the database: make room and try again.`,
    { detail: "backup_no_room", cause },
  )
}

function failed(reply: Extract<BackupReply, { message: string }>, to: string): AppError {
  const cause = new Error(reply.message)
  if (reply.errcode === fullDisk || /ENOSPC/.test(reply.message)) return noRoom(dirname(to), cause)
  return new AppError("unavailable", "The database could not be copied; try again.", {
    detail: "store_failed",
    cause,
  })
}

function stop(thread: Worker): void {
  const message: BackupStop = { stop: true }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
  thread.postMessage(message)
}

function inThread(setup: BackupSetup, onStart: (thread: Worker) => void): Promise<BackupReply> {
  const thread = startThread("backup-worker", setup)
  onStart(thread)
  return new Promise((resolve) => {
    let reply: BackupReply = { message: "The thread ended.", errcode: null }
    thread.on("message", (found: BackupReply) => {
      reply = found
    })
    thread.on("error", (error: Error) => {
      reply = { message: error.message, errcode: null }
    })
    thread.on("exit", () => resolve(reply))
  })
}
