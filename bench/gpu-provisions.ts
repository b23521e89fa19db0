/**
 * GPU requests on the whole control plane, durable, with the fake driver and no HTTP: how many a second are made and
 * get their nodes; how soon a node that was given back goes to the next while thousands wait; what requests that
 * wait or are over take of the heap.
 * BERTH_DATABASE names an empty PostgreSQL database to do it on.
 *
 *     node bench/gpu-provisions.ts [nodes=1000] [requests=10000] [workspaces=200]
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { createControlPlane } from "../packages/server/src/control-plane.ts"
import type { CreateGpuRequest, GpuRequest } from "../packages/server/src/domain/gpu-requests/index.ts"
import { gpuRequestChanged, nodeHoldChanged } from "../packages/server/src/domain/gpu-requests/index.ts"
import { noReadings, type NodeFacts } from "../packages/server/src/domain/inventory/index.ts"
import { createFakeDriver } from "../packages/server/src/drivers/fake/fake-driver.ts"
import { createFakeWorld } from "../packages/server/src/drivers/fake/fake-world.ts"
import { systemClock as clock } from "../packages/server/src/kit/clock.ts"
import { createIds } from "../packages/server/src/kit/ids.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"
import { machine, openBenchStore, percentile } from "./support.ts"

const [nodeCount = 1000, requestCount = 10_000, workspaceCount = 200] = process.argv.slice(2).map(Number)
const gib = 2 ** 30
const minuteMs = 60_000
const mostQueued = 100
const handOvers = 200

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

function heapBytes(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

function node(at: number): NodeFacts {
  const amounts = { cpuMilli: 96_000, memoryBytes: 1024 * gib, gpus: 8, ephemeralBytes: 1024 * gib }
  const name = `n${String(at).padStart(4, "0")}`
  return {
    name,
    hostIp: "10.0.0.1",
    instanceType: "bench",
    gpuModel: "NVIDIA-H100-80GB-HBM3",
    gpus: Array.from({ length: 8 }, (_, index) => ({
      index,
      uuid: `GPU-${name}-${index}`,
      memoryBytes: 80 * gib,
      usedOutside: false,
      ...noReadings,
    })),
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

function wanted(at: number): CreateGpuRequest {
  return {
    name: "bench",
    workspaceId: `team-${at % workspaceCount}`,
    clusters: null,
    instanceType: null,
    gpuModel: null,
    memoryGibPerGpu: null,
    gpusPerNode: 8,
    nodes: 1,
    priority: (at * 7) % 301,
    durationMs: (30 + ((at * 37) % 600)) * minuteMs,
    idleTimeoutMs: null,
    requeueOnFailure: false,
    enableEviction: false,
    multiNode: false,
  }
}

async function inBatches(count: number, act: (at: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += 500)
    await Promise.all(Array.from({ length: Math.min(500, count - from) }, (_, i) => act(from + i)))
}

async function until(isSo: () => boolean): Promise<void> {
  const startedMs = performance.now()
  while (!isSo()) {
    if (performance.now() - startedMs > 120_000) throw new Error("It did not come about in two minutes.")
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const dir = mkdtempSync(join(tmpdir(), "berth-bench-"))
const store = await openBenchStore(dir)
const world = createFakeWorld({ clock, nodes: Array.from({ length: nodeCount }, (_, at) => node(at)) })
const driver = createFakeDriver({ clusterId: "local", clock, world })
let planMs = 0
const plane = await createControlPlane({
  store,
  rows: store,
  clock,
  ids: createIds(() => clock.nowMs()),
  log: silentLog,
  clusters: [{ id: "local", driver: "fake" }],
  drivers: [driver],
  sources: [driver],
  noAuth: true,
  onGpuTurn: (turn) => (planMs += turn.planMs),
})
await plane.identity.bootstrap()
await plane.start()
const owner = plane.directory.local({ address: null, requestId: null })
for (let at = 0; at < workspaceCount; at++)
  await plane.workspaces.create(owner, {
    id: `team-${at}`,
    description: "",
    clusters: null,
    policy: { mostGpuRequests: null },
  })
let provisions = 0
/** When the node of each hold was freed, and how long the next one took to get it. */
const freedMs = new Map<string, number>()
const gapsMs: number[] = []
store.subscribe(gpuRequestChanged, (request) => {
  if (request.state === "provisioned" && request.startedAtMs !== null && request.version === 2) provisions++
})
store.subscribe(nodeHoldChanged, ({ hold, free }) => {
  if (free) return void freedMs.set(hold.nodeId, performance.now())
  const sinceMs = freedMs.get(hold.nodeId)
  if (sinceMs !== undefined && hold.state === "held") gapsMs.push(performance.now() - sinceMs)
  freedMs.delete(hold.nodeId)
})

const emptyBytes = heapBytes()
await plane.queue.pause(owner, null)
const most = Math.min(requestCount, workspaceCount * mostQueued)
const createStarted = performance.now()
const made: GpuRequest[] = []
await inBatches(most, async (at) => made.push(await plane.gpuRequests.create(owner, wanted(at))))
const createSeconds = (performance.now() - createStarted) / 1000
await plane.gpuControl.idle()
const queuedBytes = heapBytes()

const provisionStarted = performance.now()
planMs = 0
await plane.queue.resume(owner, null)
const expected = Math.min(nodeCount, most)
const held = () => plane.board.managedNodes().filter((one) => plane.board.hold(one.id)).length
await until(() => provisions >= expected || held() >= expected)
const provisionSeconds = (performance.now() - provisionStarted) / 1000
const provisionPlanMs = planMs
await plane.gpuControl.idle()

const holders = () => plane.board.live().filter((request) => request.state === "provisioned")
const releaseMs: number[] = []
if (most > nodeCount + handOvers)
  for (const request of holders().slice(0, handOvers)) {
    const before = gapsMs.length
    const startedMs = performance.now()
    await plane.gpuRequests.release(owner, request.shownId)
    await until(() => gapsMs.length > before)
    releaseMs.push(performance.now() - startedMs)
  }

await plane.queue.pause(owner, null)
let live: readonly GpuRequest[] = plane.board.live()
const endStarted = performance.now()
await inBatches(live.length, (at) => {
  const request = live[at] as GpuRequest
  return request.state === "queued"
    ? plane.gpuRequests.cancel(owner, request.shownId)
    : plane.gpuRequests.release(owner, request.shownId)
})
const endSeconds = (performance.now() - endStarted) / 1000
await plane.gpuControl.idle()
made.length = 0
live = []
const endedBytes = heapBytes()

const to = (digits: number, value: number) => Number(value.toFixed(digits))
const kib = (bytes: number) => to(1, (bytes - emptyBytes) / 1024 / most)
console.log(
  JSON.stringify({
    machine: machine(),
    nodes: nodeCount,
    requests: most,
    workspaces: workspaceCount,
    createsPerSecond: Math.round(most / createSeconds),
    provisionsPerSecond: Math.round(expected / provisionSeconds),
    planMs: Math.round(provisionPlanMs),
    handOverP50Ms: to(1, percentile(gapsMs, 0.5)),
    handOverP99Ms: to(1, percentile(gapsMs, 0.99)),
    releaseToNextP50Ms: to(1, percentile(releaseMs, 0.5)),
    releaseToNextP99Ms: to(1, percentile(releaseMs, 0.99)),
    endsPerSecond: Math.round(most / endSeconds),
    kibPerQueued: kib(queuedBytes),
    kibPerEnded: kib(endedBytes),
  }),
)
await plane.stop()
await driver.close()
await store.close()
rmSync(dir, { recursive: true, force: true })
