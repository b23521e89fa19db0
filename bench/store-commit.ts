/**
 * How many durable transactions a second the store takes when many callers write at once. One transaction is
 * what a submit writes: workload, spec, counter, claim, event and audit record; or what a create of a GPU request
 * does: a look at how many are queued, the request, event and audit record. Prints each run and the median.
 * BERTH_DATABASE names an empty PostgreSQL database to do it on.
 * Usage: node bench/store-commit.ts [transactions=20000] [callers=256] [runs=5] [directory] [workload|gpu-request]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import type { OpenStore } from "../packages/server/src/store/index.ts"
import {
  sampleAudit,
  sampleClaim,
  sampleEvent,
  sampleGpuRequest,
  sampleWorkload,
} from "../packages/server/src/store/samples.ts"
import { openBenchStore } from "./support.ts"

async function submit(store: OpenStore, n: number): Promise<void> {
  await store.tx(async (tx) => {
    await store.workloads.insert(tx, sampleWorkload(n))
    await store.claims.insert(tx, sampleClaim(n))
    await tx.emit(sampleEvent(n))
    await tx.audit(sampleAudit(n))
  })
}

/** In one of 200 workspaces. */
async function request(store: OpenStore, n: number): Promise<void> {
  const workspaceId = `team-${n % 200}`
  await store.tx(async (tx) => {
    await store.gpuRequests.queuedIn(tx, workspaceId)
    await store.gpuRequests.insert(tx, sampleGpuRequest(n, { workspaceId }))
    await tx.emit(sampleEvent(n))
    await tx.audit(sampleAudit(n))
  })
}

async function run(first: number, transactions: number, callers: number, parent: string) {
  const dir = mkdtempSync(join(parent, "berth-bench-"))
  let commits = 0
  let longestMs = 0
  const store = await openBenchStore(dir, ({ durationMs }) => {
    commits++
    longestMs = Math.max(longestMs, durationMs)
  })
  try {
    let next = first
    const caller = async () => {
      while (next < first + transactions) await write(store, next++)
    }
    const startedMono = systemClock.monotonicMs()
    await Promise.all(Array.from({ length: callers }, caller))
    const ms = systemClock.monotonicMs() - startedMono
    return { perSecond: Math.round((transactions / ms) * 1000), commits, longestMs: Math.round(longestMs) }
  } finally {
    await store.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

const [transactions = 20_000, callers = 256, runs = 5] = process.argv.slice(2, 5).map(Number)
const parent = process.argv[5] ?? tmpdir()
const [write, writes] = process.argv[6] === "gpu-request" ? [request, 3] : [submit, 6]
const results = []
for (let n = 0; n < runs; n++) {
  const result = await run(n * transactions, transactions, callers, parent)
  results.push(result)
  console.log(
    `run ${n + 1}: ${result.perSecond} tx/s, ${result.commits} commits, longest batch ${result.longestMs} ms`,
  )
}
const median = results.map((result) => result.perSecond).toSorted((a, b) => a - b)[Math.floor(runs / 2)]
console.log(
  `median ${median} tx/s (${transactions} transactions of ${writes} writes, ${callers} callers, ${parent})`,
)
