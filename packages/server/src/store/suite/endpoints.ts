import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Endpoint } from "../../domain/workloads/index.ts"
import { endpointChanged } from "../../domain/workloads/index.ts"
import { sampleEndpoint, sampleWorkload } from "../samples.ts"
import { type OpenHarness, type StoreHarness, failure } from "./harness.ts"

/** Addresses of services: unique, and told when they change. */
export function endpointCases(open: OpenHarness): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
    const { store } = harness
    for (const n of [1, 2, 3]) await store.tx((tx) => store.workloads.insert(tx, sampleWorkload(n)))
  })
  afterEach(() => harness.dispose())

  const insert = (endpoint: Endpoint) =>
    harness.store.tx((tx) => harness.store.endpoints.insert(tx, endpoint))
  const all = async () => (await harness.store.endpoints.all(harness.store.committed)).toSorted(byKey)
  const byKey = (a: Endpoint, b: Endpoint) => (a.workloadKey < b.workloadKey ? -1 : 1)

  describe("endpoints", () => {
    it("gives back what was written and tells each change", async () => {
      const { store } = harness
      const seen: unknown[] = []
      store.subscribe(endpointChanged, (change) => seen.push(change))
      const endpoint = sampleEndpoint(1)
      await insert(endpoint)
      expect(await store.endpoints.ofWorkload(store.committed, endpoint.workloadKey)).toEqual(endpoint)
      const moved = { ...endpoint, nodePort: 30_999 }
      await store.tx((tx) => store.endpoints.update(tx, moved))
      expect(await all()).toEqual([moved])
      await store.tx((tx) => store.endpoints.remove(tx, endpoint.workloadKey))
      await store.tx((tx) => store.endpoints.remove(tx, endpoint.workloadKey))
      expect(await all()).toEqual([])
      expect(seen).toEqual([
        { endpoint, gone: false },
        { endpoint: moved, gone: false },
        { endpoint: moved, gone: true },
      ])
    })

    it("gives no address twice, and any number of services no node port", async () => {
      await insert(sampleEndpoint(1))
      const { clusterIp, nodePort } = sampleEndpoint(1)
      await expect(insert(sampleEndpoint(2, { clusterIp }))).rejects.toMatchObject({
        ...failure("already_exists"),
        resource: "clusterIp",
        subject: clusterIp,
      })
      await expect(insert(sampleEndpoint(2, { nodePort }))).rejects.toMatchObject({
        ...failure("already_exists"),
        resource: "nodePort",
        subject: String(nodePort),
      })
      await insert(sampleEndpoint(2, { nodePort: null }))
      await insert(sampleEndpoint(3, { nodePort: null }))
      expect(await all()).toHaveLength(3)
    })

    it("gives a node port to one of those who want it at once, and tells the others so", async () => {
      const { nodePort } = sampleEndpoint(1)
      const wishes = [1, 2, 3].map((n) => insert(sampleEndpoint(n, { nodePort })))
      const settled = await Promise.allSettled(wishes)
      expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
      for (const one of settled)
        if (one.status === "rejected")
          expect(one.reason).toMatchObject({ ...failure("already_exists"), resource: "nodePort" })
      expect(await all()).toHaveLength(1)
    })

    it("moves a node port only to one that nobody has, and nothing that is gone", async () => {
      const { store } = harness
      await insert(sampleEndpoint(1))
      await insert(sampleEndpoint(2))
      const clash = { ...sampleEndpoint(2), nodePort: sampleEndpoint(1).nodePort }
      await expect(store.tx((tx) => store.endpoints.update(tx, clash))).rejects.toMatchObject({
        ...failure("already_exists"),
        resource: "nodePort",
      })
      await store.tx((tx) => store.endpoints.update(tx, sampleEndpoint(2)))
      await store.tx((tx) => store.endpoints.update(tx, sampleEndpoint(3)))
      expect(await all()).toEqual([sampleEndpoint(1), sampleEndpoint(2)])
    })
  })
}
