import { parentPort, workerData } from "node:worker_threads"
import type { ScanQuery } from "../session.ts"
import { openReader } from "./connection.ts"
import { sqliteCode } from "./errors.ts"
import type { ReaderReply, ReaderRequest, ReaderSetup } from "./reader-protocol.ts"
import { runScan } from "./run-scan.ts"

/** A thread that answers long reads: node:sqlite is synchronous and would hold up the event loop. */
function serve() {
  if (!parentPort) return
  const port = parentPort
  const reader = openReader((workerData as ReaderSetup).path)
  port.on("message", (request: ReaderRequest) => {
    if ("close" in request) {
      reader.close()
      port.close()
    } else if ("release" in request) letGo()
    else port.postMessage(answer(request.queries, request.hold ?? false))
  })

  function letGo() {
    if (reader.isTransaction) reader.exec("commit")
  }

  function answer(queries: readonly ScanQuery[], isHeld: boolean): ReaderReply {
    try {
      if (!reader.isTransaction) reader.exec("begin")
      return { rows: runScan(reader, queries) }
    } catch (error) {
      return {
        message: error instanceof Error ? error.message : String(error),
        errcode: sqliteCode(error) ?? null,
      }
    } finally {
      if (!isHeld) letGo()
    }
  }
}

serve()
