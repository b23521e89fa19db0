import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createControlPlane } from "../packages/server/src/control-plane.ts"
import type { NodeFacts } from "../packages/server/src/domain/inventory/index.ts"
import { rayClusterChanged } from "../packages/server/src/domain/ray/index.ts"
import {
  anAskedSpec,
  aSize,
  aWantedCluster,
  aWorkerGroup,
} from "../packages/server/src/domain/ray/ray-suite.ts"
import { createFakeDriver } from "../packages/server/src/drivers/fake/fake-driver.ts"
import { createFakeRay } from "../packages/server/src/drivers/fake/fake-ray.ts"
import { createFakeWorld } from "../packages/server/src/drivers/fake/fake-world.ts"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import { createIds } from "../packages/server/src/kit/ids.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"
import { createVault, vaultKeyBytes } from "../packages/server/src/kit/vault.ts"
import { say } from "./ray-support.ts"
import { openBenchStore, percentile } from "./support.ts"

const gib = 2 ** 30
const count = 1000
const namespace = "default"
const clusterId = "local"

function bigNode(): NodeFacts {
  const amounts = { cpuMilli: 64_000_000, memoryBytes: 65_536 * gib, gpus: 0, ephemeralBytes: 4096 * gib }
  return {
    name: "n1",
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

/** A thousand clusters at once on a backend that costs nothing: what is left is queue, steps and store. */
export async function readyOnFake(): Promise<void> {
  const clock = systemClock
  const dir = mkdtempSync(join(tmpdir(), "berth-bench-"))
  const store = await openBenchStore(dir)
  const driver = createFakeDriver({ clusterId, clock, world: createFakeWorld({ clock, nodes: [bigNode()] }) })
  const backend = createFakeRay({ clusterId, clock, portBlocks: count * 2 })
  const plane = await createControlPlane({
    store,
    rows: store,
    clock,
    ids: createIds(() => clock.nowMs()),
    log: silentLog,
    clusters: [{ id: clusterId, driver: "fake" }],
    drivers: [driver],
    rayBackends: [backend],
    vault: createVault(new Uint8Array(vaultKeyBytes).fill(7)),
    sources: [driver],
    noAuth: true,
  })
  await plane.identity.bootstrap()
  await plane.start()
  const owner = plane.directory.local({ address: null, requestId: null })
  await plane.ray.templates.create(owner, { ...aSize, namespace, name: "small" })

  const began = new Map<string, number>()
  const took: number[] = []
  const all = Promise.withResolvers<void>()
  store.subscribe(rayClusterChanged, ({ name, state }) => {
    const from = began.get(name)
    if (state !== "ready" || from === undefined) return
    began.delete(name)
    took.push(performance.now() - from)
    if (took.length === count) all.resolve()
  })
  const spec = anAskedSpec({ workers: [{ ...aWorkerGroup, minReplicas: 1, maxReplicas: 1 }] })
  const from = performance.now()
  await Promise.all(
    Array.from({ length: count }, (_, at) => {
      const name = `c-${at}`
      began.set(name, performance.now())
      return plane.ray.clusters.create(owner, aWantedCluster({ namespace, name, spec }))
    }),
  )
  const made = (performance.now() - from) / 1000
  await all.promise
  const seconds = (performance.now() - from) / 1000
  say(`${count} clusters of a head and a worker at once, fake backend`, {
    createsPerSecond: Math.round(count / made),
    readyPerSecond: Math.round(count / seconds),
    p50Ms: Math.round(percentile(took, 0.5)),
    p99Ms: Math.round(percentile(took, 0.99)),
  })
  await plane.stop()
  await backend.close()
  await driver.close()
  await store.close()
  rmSync(dir, { recursive: true, force: true })
}
