/**
 * A writer that its parent kills. It writes workload n, an event and a claim in one transaction, for growing
 * n, several at once, and prints `ack n` once each was answered. With a place to stop at, it prints `at PLACE`
 * there and stands still: `statement` = in a closure, between two statements; `committed` = after COMMIT,
 * before anybody is answered.
 * Arguments: database path, first n, place (`none` to run until killed).
 */
import { writeSync } from "node:fs"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import { workloadChanged } from "../../domain/workloads/index.ts"
import { openStore } from "../index.ts"
import { sampleClaim, sampleEvent, sampleWorkload } from "../samples.ts"

const [path = "", first = "0", place = "none"] = process.argv.slice(2)
/** After so many writes it stops at its place. */
const writesBefore = 40
const callers = 8
const longestLifeMs = 20_000

const store = openStore({ path, clock: systemClock, log: silentLog })
let next = Number(first)
const stopAt = next + writesBefore

function standStill(): void {
  writeSync(1, `at ${place}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, longestLifeMs)
  process.exit(3)
}

if (place === "committed")
  store.subscribe(workloadChanged, (workload) => {
    if (workload.id === sampleWorkload(stopAt).id) standStill()
  })

async function caller() {
  while (next < Number(first) + 100_000) {
    const n = next++
    await store.tx(async (tx) => {
      await store.workloads.insert(tx, sampleWorkload(n))
      if (place === "statement" && n === stopAt) standStill()
      await store.claims.insert(tx, sampleClaim(n))
      await tx.emit(sampleEvent(n))
    })
    writeSync(1, `ack ${n}\n`)
  }
}

setTimeout(() => process.exit(3), longestLifeMs).unref()
await Promise.all(Array.from({ length: callers }, caller))
