import { expect, it } from "vitest"
import { anAskedSpec, aWantedCluster } from "../../packages/server/src/domain/ray/ray-suite.ts"
import type { TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"
import { makeTemplate, startRayPlane, wantedJob } from "../support/ray-jobs.ts"

const plane = usePlanes()
const namespace = "red"
const service = {
  namespace,
  name: "fruit",
  user: "ada",
  rayVersion: "2.60.0",
  serveConfig: "applications:\n- name: fruit\n  import_path: fruit:app\n",
  serviceUnhealthySeconds: 0,
  deploymentUnhealthySeconds: 0,
  spec: anAskedSpec(),
}

const makeWorkspace = (p: TestPlane) =>
  p.plane.workspaces.create(p.owner, { id: namespace, description: "", clusters: null, policy: {} })

it("all that is Ray's ends with its workspace, and the next one of the name has nothing of it", async () => {
  const p = await startRayPlane(plane, { brief: { runMs: 100, log: "over\n" }, long: { runMs: 10 ** 9 } })
  const { ray } = p.plane
  await makeWorkspace(p)
  await makeTemplate(p, namespace)
  await ray.configMaps.put(p.owner, { namespace, name: "code" }, { "a.py": "print(1)" })
  await ray.secrets.put(p.owner, { namespace, name: "token" }, { key: "sesame" })
  await ray.clusters.create(p.owner, aWantedCluster({ namespace, name: "shared" }))
  await ray.jobs.create(
    p.owner,
    wantedJob({ namespace, name: "over", entrypoint: "brief", shutdownAfterJobFinishes: true }),
  )
  await ray.jobs.create(p.owner, wantedJob({ namespace, name: "runs", entrypoint: "long" }))
  await ray.services.create(p.owner, service)
  const phase = async (name: string) => (await ray.jobs.get(p.owner, { namespace, name })).phase
  await p.until(async () => (await phase("over")) === "Complete" && (await phase("runs")) === "Running")
  await p.until(async () => (await ray.services.get(p.owner, service)).active !== null)
  // kept from before the end
  expect(await ray.jobs.log(p.owner, { namespace, name: "over" })).toBe("over\n")

  const before = [...new Set(p.ray.live().map((pod) => pod.workspaceKey))]
  await p.plane.workspaces.remove(p.owner, namespace, { force: true })
  await p.until(() => !p.plane.workspaceNames().includes(namespace))
  expect(p.ray.live()).toEqual([])
  expect(await p.store.claims.live(p.store.committed)).toEqual([])
  await p.assertSound()

  await makeWorkspace(p)
  const page = { limit: null, after: null }
  expect(await ray.templates.list(p.owner, namespace)).toEqual([])
  expect(await ray.configMaps.list(p.owner, namespace)).toEqual([])
  expect(await ray.secrets.list(p.owner, namespace)).toEqual([])
  expect((await ray.clusters.page(p.owner, namespace, page)).items).toEqual([])
  expect((await ray.jobs.page(p.owner, namespace, page)).items).toEqual([])
  expect((await ray.services.page(p.owner, namespace, page)).items).toEqual([])
  // by its key its pods find its volume claims
  await makeTemplate(p, namespace)
  await ray.clusters.create(p.owner, aWantedCluster({ namespace, name: "shared" }))
  await p.until(() => p.ray.live().length > 0)
  const after = p.ray.live().map((pod) => pod.workspaceKey)
  expect(before).toHaveLength(1)
  expect(after.filter((key) => before.includes(key))).toEqual([])
  expect(await p.store.workspaces.byId(p.store.committed, namespace)).toMatchObject({ key: after[0] })
})

it("a workspace whose last thing is a Ray job ends when that has ended, also over a restart", async () => {
  const p = await startRayPlane(plane, { long: { runMs: 10 ** 9 } })
  await makeWorkspace(p)
  await makeTemplate(p, namespace)
  const { ray } = p.plane
  await ray.jobs.create(p.owner, wantedJob({ namespace, entrypoint: "long" }))
  await p.until(async () => (await ray.jobs.get(p.owner, { namespace, name: "count" })).phase === "Running")
  const refused = p.plane.workspaces.remove(p.owner, namespace, { force: false })
  await expect(refused).rejects.toMatchObject({ code: "conflict", detail: "live_work" })
  await p.plane.workspaces.remove(p.owner, namespace, { force: true })
  await p.crash()
  await p.restart()
  await p.until(() => !p.plane.workspaceNames().includes(namespace))
  expect(p.ray.live()).toEqual([])
  await p.assertSound()
})
