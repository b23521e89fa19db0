/**
 * How many workloads a second are admitted, durably, on the fake driver: 15,000 queued in 30 workspaces are
 * let go at once. Counts from the first plan to the last attempt that runs.
 * BERTH_DATABASE names an empty PostgreSQL database to do it on.
 * Usage: node bench/admissions.ts [workloads=15000] [workspaces=30]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createControlPlane } from "../packages/server/src/control-plane.ts"
import type { NodeFacts } from "../packages/server/src/domain/inventory/index.ts"
import type { CreateWorkload } from "../packages/server/src/domain/workloads/index.ts"
import { createFakeDriver } from "../packages/server/src/drivers/fake/fake-driver.ts"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import { createIds } from "../packages/server/src/kit/ids.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"
import { machine, openBenchStore } from "./support.ts"

const gib = 2 ** 30

function node(at: number): NodeFacts {
  const amounts = { cpuMilli: 512_000, memoryBytes: 4096 * gib, gpus: 0, ephemeralBytes: 4096 * gib }
  return {
    name: `n${String(at).padStart(3, "0")}`,
    hostIp: "10.0.0.1",
    instanceType: "bench",
    gpuModel: null,
    gpus: [],
    physical: amounts,
    capacity: amounts,
    labels: {},
    taints: [],
    simulated: true,
    bootId: "bench",
    healthy: true,
    healthMessage: "",
  }
}

function command(workspaceId: string): CreateWorkload {
  return {
    displayName: "bench",
    description: "",
    workspaceId,
    kind: "",
    version: "",
    resource: { replica: 1, cpu: "1", gpu: "", memory: "1Gi", ephemeralStorage: "", sharedMemory: "" },
    image: "none",
    entryPoint: "sleep 1000000",
    isSupervised: false,
    priority: 0,
    timeout: null,
    maxRetry: 0,
    ttlSecondsAfterFinished: null,
    customerLabels: {},
    specifiedNodes: [],
    env: {},
    liveness: null,
    readiness: null,
    service: null,
    dependencies: [],
    cronJobs: [],
    isTolerateAll: false,
  }
}

const count = Number(process.argv[2] ?? 15_000)
const spaces = Number(process.argv[3] ?? 30)
const dir = mkdtempSync(join(tmpdir(), "berth-bench-"))
const clock = systemClock
const store = await openBenchStore(dir)
const ids = createIds(() => clock.nowMs())
const nodes = Array.from({ length: Math.ceil(count / 500) + 1 }, (_, at) => node(at))
const driver = createFakeDriver({
  clusterId: "local",
  clock,
  world: (await import("../packages/server/src/drivers/fake/fake-world.ts")).createFakeWorld({
    clock,
    nodes,
  }),
})
let admitted = 0
let planMs = 0
const plane = await createControlPlane({
  store,
  rows: store,
  clock,
  ids,
  log: silentLog,
  clusters: [{ id: "local", driver: "fake" }],
  drivers: [driver],
  sources: [driver],
  noAuth: true,
  onTurn: (turn) => {
    admitted += turn.admitted
    planMs += turn.planMs
  },
})
await plane.identity.bootstrap()
await plane.start()
const owner = plane.directory.local({ address: null, requestId: null })
await plane.queue.pause(owner, null)
for (let at = 0; at < spaces; at++)
  await plane.workspaces.create(owner, { id: `ws-${at}`, description: "", clusters: null, policy: {} })

const submitStarted = performance.now()
for (let at = 0; at < count; at += 500)
  await Promise.all(
    Array.from({ length: Math.min(500, count - at) }, (_, i) =>
      plane.workloads.create(owner, command(`ws-${(at + i) % spaces}`)),
    ),
  )
const submitSeconds = (performance.now() - submitStarted) / 1000

const started = performance.now()
await plane.queue.resume(owner, null)
let admittedSeconds = 0
while (driver.world.startedAttempts < count) {
  await new Promise((resolve) => setTimeout(resolve, 5))
  if (admittedSeconds === 0 && admitted >= count) admittedSeconds = (performance.now() - started) / 1000
  if (performance.now() - started > 120_000) throw new Error(`Only ${driver.world.startedAttempts} started.`)
}
const startedSeconds = (performance.now() - started) / 1000
await plane.control.idle()
const runningSeconds = (performance.now() - started) / 1000
console.log(
  JSON.stringify({
    machine: machine(),
    workloads: count,
    workspaces: spaces,
    submitsPerSecond: Math.round(count / submitSeconds),
    admissionsPerSecond: Math.round(count / (admittedSeconds || startedSeconds)),
    startsPerSecond: Math.round(count / startedSeconds),
    runningPerSecond: Math.round(count / runningSeconds),
    planMs: Math.round(planMs),
  }),
)
await plane.stop()
await driver.close()
await store.close()
rmSync(dir, { recursive: true, force: true })
