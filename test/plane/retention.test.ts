import { expect, it } from "vitest"
import { sampleGpuRequest } from "../../packages/server/src/store/samples.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()
const dayMs = 24 * 3_600_000

it("keeps GPU requests for 90 days after their end, however many go at once", async () => {
  const p = await plane()
  const { gpuRequests, committed } = p.store
  const endedAgo = (n: number, agoMs: number) =>
    sampleGpuRequest(n, { state: "complete", endedAtMs: p.clock.nowMs() - agoMs })
  // more than one step removes
  const old = Array.from({ length: 600 }, (_, n) => endedAgo(n, 90 * dayMs))
  const young = endedAgo(600, 90 * dayMs - 3_600_000)
  await p.store.tx(async (tx) => {
    for (const request of [...old, young]) await gpuRequests.insert(tx, request)
  })
  await p.advance(6 * 60_000)
  expect(await gpuRequests.listIn(committed, "default", 1000)).toEqual([young])
  await p.advance(3_600_000)
  expect(await gpuRequests.byId(committed, young.id)).toBeUndefined()
})
