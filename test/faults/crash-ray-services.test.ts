import { expect, it } from "vitest"
import type { NewRayService } from "../../packages/server/src/domain/ray/index.ts"
import { anAskedSpec, aSize, aWorkerGroup } from "../../packages/server/src/domain/ray/ray-suite.ts"
import { aNode, createTestPlane } from "../support/plane.ts"
import { crashingAt, insist } from "./crash-scenario.ts"

/** The life of a service has some hundred steps: all of them where time is no matter. */
const every = Number(process.env["BERTH_CRASH_EVERY"] ?? (process.env["CI_FULL"] === "1" ? 43 : 97))
// oxlint-disable-next-line no-console -- what was left out is said
if (every > 1)
  console.log(`crash test of Ray services: every ${every}th step; all of them with BERTH_CRASH_EVERY=1`)

const at = { namespace: "default", name: "fruit" }

function wanted(application: string, computeTemplate: string): NewRayService {
  return {
    ...at,
    user: "ada",
    rayVersion: "2.60.0",
    serveConfig: `applications: [{name: ${application}, import_path: "${application}:app"}]`,
    serviceUnhealthySeconds: 0,
    deploymentUnhealthySeconds: 0,
    spec: anAskedSpec({ workers: [{ ...aWorkerGroup, computeTemplate }] }),
  }
}

/** It is made, changed in place, replaced by another cluster, and deleted; the server dies at one of its steps. */
async function runLife(crashAt: number | null): Promise<readonly string[]> {
  const crashing = crashingAt(new Set(crashAt === null ? [] : [crashAt]))
  const p = await createTestPlane({ nodes: [aNode("c1", 0)], onStep: crashing.onStep })
  p.ray.use({ application: () => ({ deployMs: 3000 }) })
  const restart = async () => {
    while (p.life.isDead) await p.restart(crashing.onStep)
  }
  const pass = async (ms: number) => {
    await p.advance(ms)
    await restart()
  }
  try {
    for (const [name, cpu] of Object.entries({ small: 1, large: 2 }))
      await p.plane.ray.templates.create(p.owner, { namespace: "default", name, ...aSize, cpu })
    crashing.arm(true)
    await insist(p, restart, () => p.plane.ray.services.create(p.owner, wanted("fruit", "small")))
    await pass(8000)
    await insist(p, restart, () => p.plane.ray.services.update(p.owner, wanted("math", "small")))
    await pass(6000)
    await insist(p, restart, () => p.plane.ray.services.update(p.owner, wanted("math", "large")))
    await pass(8000)
    await pass(70_000)
    crashing.arm(false)
    await p.advance(120_000)
    const { service, active } = await p.plane.ray.services.get(p.owner, at)
    expect(service).toMatchObject({ applications: [{ name: "math", status: "RUNNING" }], message: "" })
    expect(active?.spec.workers[0]?.resources.cpu).toBe(2)
    const clusters = await p.store.ray.clusters.live(p.store.committed)
    expect(clusters.map(({ key }) => key)).toEqual([service.activeClusterKey])
    crashing.arm(true)
    await insist(p, restart, () => p.plane.ray.services.delete(p.owner, at))
    await pass(10_000)
    crashing.arm(false)
    await p.advance(120_000)
    await p.assertSound()
    expect(await p.store.ray.services.live(p.store.committed)).toEqual([])
    expect(await p.store.ray.clusters.live(p.store.committed)).toEqual([])
    expect(await p.store.claims.live(p.store.committed)).toEqual([])
    expect(p.ray.live()).toEqual([])
  } finally {
    await p.close()
  }
  return crashing.seen
}

it(
  "whenever the server dies, a service has one cluster in the end, and none when it is deleted",
  { timeout: 3_600_000 },
  async () => {
    const steps = await runLife(null)
    expect(steps).toContain("ray apply <")
    for (let step = 1; step <= steps.length; step += every)
      await runLife(step).catch((error: unknown) => {
        throw new Error(`Died at step ${step} of ${steps.length}, ${steps[step - 1]}: ${String(error)}`, {
          cause: error,
        })
      })
  },
)
