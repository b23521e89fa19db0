import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Tx } from "../../domain/journal/index.ts"
import type { RayStore } from "../../domain/ray/index.ts"
import {
  clusterKey,
  sampleComputeTemplate,
  sampleConfigEntry,
  sampleRayCluster,
  sampleRayJob,
  sampleRaySubmission,
} from "../../domain/ray/ray-samples.ts"
import { sampleWorkspace } from "../samples.ts"
import { type OpenHarness, type StoreHarness, failure, outcomes } from "./harness.ts"

/** Compute templates, config maps and secrets: what goes in comes out, names are kept apart, versions guard. */
export function rayConfigCases(open: OpenHarness): void {
  let harness: StoreHarness
  let ray: RayStore
  beforeEach(async () => {
    harness = await open()
    ray = harness.store.ray
  })
  afterEach(() => harness.dispose())
  const write = (closure: (tx: Tx) => Promise<void>) => harness.store.tx(closure)
  const read = () => harness.store.committed

  describe("compute templates", () => {
    it("come back whole, in order, by scope, and are gone when deleted", async () => {
      const { templates } = ray
      const small = sampleComputeTemplate("small")
      const abroad = sampleComputeTemplate("small", { namespace: "other", workspaceId: "b", gpu: 8 })
      const large = sampleComputeTemplate("large", { workspaceId: "c" })
      await write(async (tx) => {
        for (const one of [small, abroad, large]) await templates.insert(tx, one)
      })
      expect(await templates.get(read(), "other", "small")).toEqual(abroad)
      expect(await templates.list(read(), { workspaceIds: null })).toEqual([abroad, large, small])
      expect(await templates.list(read(), { namespace: "team" })).toEqual([large, small])
      expect(await templates.list(read(), { workspaceIds: ["a", "b"] })).toEqual([abroad, small])
      expect(await templates.list(read(), { workspaceIds: [] })).toEqual([])
      await write((tx) => templates.delete(tx, "team", "small"))
      expect(await templates.get(read(), "team", "small")).toBeUndefined()
      expect(await templates.get(read(), "other", "small")).toEqual(abroad)
    })

    it("have names of their own in a namespace, also of two at once", async () => {
      const twins = [1, 2].map((cpu) =>
        write((tx) => ray.templates.insert(tx, sampleComputeTemplate("small", { cpu }))),
      )
      expect((await outcomes(twins)).toSorted()).toEqual(["already_exists", "ok"])
    })
  })

  describe("config maps and secrets", () => {
    const sealed = sampleConfigEntry("token", { kind: "secret", data: { key: "v1.bm9uY2U.c2VhbGVk" } })

    it("come back as they went in, a secret as it was sealed, each kind with names of its own", async () => {
      const { entries } = ray
      const map = sampleConfigEntry("token", { data: { big: "x".repeat(1_000_000), empty: "" } })
      const abroad = sampleConfigEntry("code", { namespace: "other", workspaceId: "b" })
      await write(async (tx) => {
        for (const one of [sealed, map, abroad]) await entries.insert(tx, one)
      })
      expect(await entries.get(read(), "secret", "team", "token")).toEqual(sealed)
      expect(await entries.get(read(), "configMap", "team", "token")).toEqual(map)
      expect(await entries.list(read(), "configMap", { workspaceIds: null })).toEqual([abroad, map])
      expect(await entries.list(read(), "configMap", { workspaceIds: ["b"] })).toEqual([abroad])
      expect(await entries.list(read(), "secret", { namespace: "team" })).toEqual([sealed])
      expect(await entries.list(read(), "secret", { workspaceIds: [] })).toEqual([])
      const twin = write((tx) => entries.insert(tx, { ...sealed, data: {} }))
      await expect(twin).rejects.toMatchObject({ ...failure("already_exists"), resource: "secret" })
    })

    it("are changed only from the version that was seen, and go one by one", async () => {
      const { entries } = ray
      const others = [sampleConfigEntry("one"), sampleConfigEntry("two", { workspaceId: "b" })]
      await write(async (tx) => {
        for (const one of [sealed, ...others]) await entries.insert(tx, one)
      })
      const changed = { ...sealed, data: { key: "v1.b3RoZXI.c2VhbGVk" }, updatedAtMs: 9 }
      await write((tx) => entries.update(tx, changed))
      expect(await entries.get(read(), "secret", "team", "token")).toEqual({ ...changed, version: 2 })
      const late = write((tx) => entries.update(tx, sealed))
      await expect(late).rejects.toMatchObject({ ...failure("stale"), resource: "secret" })
      await write((tx) => entries.delete(tx, "configMap", "team", "token"))
      expect(await entries.get(read(), "secret", "team", "token"), "another kind").toBeDefined()
      expect(await entries.list(read(), "configMap", { workspaceIds: null })).toEqual(others)
      await write((tx) => entries.delete(tx, "secret", "team", "token"))
      await write((tx) => entries.delete(tx, "configMap", "team", "one"))
      await write((tx) => entries.delete(tx, "configMap", "team", "two"))
      expect(await entries.list(read(), "configMap", { workspaceIds: null })).toEqual([])
    })
  })

  it("what is a workspace's goes with it: templates, config maps, secrets, jobs, and what was submitted", async () => {
    const { workspaces } = harness.store
    const at = (workspaceId: string) => ({ namespace: workspaceId, workspaceId })
    await write(async (tx) => {
      for (const [n, id] of ["a", "b"].entries()) {
        await workspaces.insert(tx, sampleWorkspace(id))
        await ray.templates.insert(tx, sampleComputeTemplate("small", at(id)))
        await ray.entries.insert(tx, sampleConfigEntry("code", at(id)))
        await ray.entries.insert(tx, sampleConfigEntry("token", { kind: "secret", ...at(id) }))
        await ray.clusters.insert(tx, sampleRayCluster(n, { ...at(id), state: "gone", endedAtMs: 1 }))
        await ray.submissions.put(tx, sampleRaySubmission(n, { clusterKey: clusterKey(n), log: "x" }))
        await ray.jobs.insert(tx, sampleRayJob(n, { ...at(id), phase: "Complete", finishedAtMs: 1 }))
      }
    })
    await write((tx) => workspaces.delete(tx, "a"))
    const left = async (id: string, n: number) => [
      ...(await ray.templates.list(read(), { workspaceIds: [id] })),
      ...(await ray.entries.list(read(), "configMap", { workspaceIds: [id] })),
      ...(await ray.entries.list(read(), "secret", { workspaceIds: [id] })),
      ...(await ray.submissions.ofCluster(read(), clusterKey(n))),
      ...(await ray.jobs.page(read(), { workspaceIds: [id] }, { limit: null, after: null })).items,
    ]
    expect(await left("a", 0)).toEqual([])
    expect(await left("b", 1)).toHaveLength(5)
    expect(await ray.clusters.byKey(read(), clusterKey(0)), "pruned like all that is over").toBeDefined()
  })
}
