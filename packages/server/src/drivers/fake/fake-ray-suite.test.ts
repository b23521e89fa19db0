import { createVirtualClock } from "../../kit/clock.ts"
import { rayBackendSuite } from "../ray-backend-suite.ts"
import { rayDashboardSuite } from "../ray-dashboard-suite.ts"
import type { EntrypointBehaviour, RayWorld } from "../ray-world.ts"
import type { FakeRayJob } from "./fake-ray-job.ts"
import { createFakeRay } from "./fake-ray.ts"
import { createFakeRayWorld } from "./fake-ray-world.ts"

function jobFor(entrypoint: string): FakeRayJob {
  const behaviour = JSON.parse(entrypoint) as EntrypointBehaviour
  if (behaviour.does === "run") return { runMs: null }
  return { outcome: behaviour.code === 0 ? "SUCCEEDED" : "FAILED", log: `${behaviour.line ?? ""}\n` }
}

async function makeWorld(): Promise<RayWorld> {
  const clock = createVirtualClock()
  const taken = new Set<number | null>()
  const fails = { detail: "no_network", message: "The index of packages cannot be reached." }
  let isFailing = false
  const world = createFakeRayWorld({
    clock,
    script: {
      install: () => ({ delayMs: 100, ...(isFailing ? { fails } : {}) }),
      ensure: ({ portBlock }) => (taken.has(portBlock) ? "port_in_use" : "start"),
      pod: () => ({ startDelayMs: 10, upAfterMs: 50, stopMs: 20, lingerMs: 5 }),
      job: ({ entrypoint }) => jobFor(entrypoint),
    },
  })
  // what a first life installs goes on by itself, as a pip does whose caller does not wait
  const goOn = () => clock.advance(20)
  const begin = () => createFakeRay({ clusterId: "fake", clock, world })
  let backend = begin()
  const wanted = { version: "2.60.0", image: "", asServerOwner: true }
  return {
    get backend() {
      return backend
    },
    async restart() {
      backend = begin()
    },
    wanted,
    installs: async () => world.installs(wanted.version),
    async failInstalls(fail) {
      isFailing = fail
      return fails.detail
    },
    launchParts: (block) => ({ portBlock: block }),
    async occupy(block) {
      taken.add(block)
      return async () => void taken.delete(block)
    },
    kill: async ({ id }) => world.end(id, null),
    starts: async ({ id }) => world.starts(id),
    entrypoint: (behaviour) => JSON.stringify(behaviour),
    serveConfig: (name) => ({ applications: [{ name, import_path: `${name}:app` }] }),
    goOn,
    nowMs: () => clock.nowMs(),
    async close() {
      await backend.close()
    },
  }
}

rayBackendSuite("the fake Ray backend", makeWorld)
rayDashboardSuite("the fake Ray backend", makeWorld)
