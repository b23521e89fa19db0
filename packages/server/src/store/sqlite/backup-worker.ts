import { createHash } from "node:crypto"
import { createReadStream, statSync } from "node:fs"
import { backup, DatabaseSync } from "node:sqlite"
import { parentPort, workerData } from "node:worker_threads"
import type { RowCounts } from "../../domain/journal/index.ts"
import type { BackupReply, BackupSetup, BackupStop } from "./backup-protocol.ts"
import { sqliteCode } from "./errors.ts"
import { createPrivateFile } from "./private-file.ts"

/** 1 MiB: so long writers wait for the disk at most, and a stop is heard in between. */
const pagesPerStep = 256

let isStopped = false

/** Longest rest between two steps. */
const longestRestMs = 50
const restCell = new Int32Array(new SharedArrayBuffer(4))
let restedMono = performance.now()

/** Called after each step: hears a stop, and rests as long as the step took, so that the server keeps its cores. */
function afterStep(): void {
  checkStopped()
  Atomics.wait(restCell, 0, 0, Math.min(longestRestMs, performance.now() - restedMono))
  restedMono = performance.now()
}

/** A thread for one copy: reading, checking and hashing of a large database must not hold up the event loop. */
async function make({ path, to }: BackupSetup): Promise<BackupReply> {
  createPrivateFile(to)
  await copyAll(path, to)
  const { schemaVersion, counts } = finish(to)
  const hash = createHash("sha256")
  for await (const piece of createReadStream(to, { highWaterMark: 1024 * 1024 })) {
    hash.update(piece as Buffer)
    afterStep()
  }
  return { bytes: statSync(to).size, sha256: hash.digest("hex"), schemaVersion, counts }
}

/** The open read keeps the snapshot: without it every commit meanwhile would make the copy begin anew. */
async function copyAll(path: string, to: string): Promise<void> {
  const source = new DatabaseSync(path, { readOnly: true, timeout: 5_000 })
  try {
    source.exec("begin")
    source.prepare("select max(version) from schema_version").get()
    await backup(source, to, { rate: pagesPerStep, progress: afterStep })
  } finally {
    source.close()
  }
}

function checkStopped(): void {
  if (isStopped) throw new Error("It was stopped.")
}

/** One plain file, without the write-ahead log that the original has beside it. */
function finish(to: string): { readonly schemaVersion: number; readonly counts: RowCounts } {
  const copy = new DatabaseSync(to)
  try {
    copy.exec("pragma journal_mode = delete")
    const number = (sql: string) => Number(Object.values(copy.prepare(sql).get() ?? {})[0])
    const rows = (table: string) => number(`select count(*) from ${table}`)
    return {
      schemaVersion: number("select max(version) from schema_version"),
      counts: {
        workspaces: rows("workspace"),
        users: rows('"user"'),
        keys: rows("api_key"),
        workloads: rows("workload"),
        events: rows("event"),
        auditRecords: rows("audit"),
      },
    }
  } finally {
    copy.close()
  }
}

function failure(error: unknown): BackupReply {
  const message = error instanceof Error ? error.message : String(error)
  return { message, errcode: sqliteCode(error) ?? null }
}

if (parentPort) {
  const port = parentPort
  port.on("message", (_stop: BackupStop) => {
    isStopped = true
  })
  void make(workerData as BackupSetup)
    .catch(failure)
    .then((reply) => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
      port.postMessage(reply)
      port.close()
    })
}
