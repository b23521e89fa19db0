import { expect, it } from "vitest"
import { aNode } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const wanted = {
  name: "request",
  clusters: null,
  instanceType: null,
  gpuModel: null,
  memoryGibPerGpu: null,
  gpusPerNode: 8,
  nodes: 1,
  durationMs: 3_600_000,
  idleTimeoutMs: null,
  requeueOnFailure: false,
  enableEviction: false,
  multiNode: false,
}

it("shows what GPU requests wait for and hold, the same after a restart", async () => {
  const p = await plane({ lends: true, nodes: [aNode("n1"), aNode("n2")] })
  for (const id of ["red", "blue"])
    await p.plane.workspaces.create(p.owner, { id, description: "", clusters: null, policy: {} })
  await p.plane.gpuRequests.create(p.owner, { ...wanted, workspaceId: "red", nodes: 2, priority: 101 })
  await p.settle()
  const { shownId } = await p.plane.gpuRequests.create(p.owner, {
    ...wanted,
    workspaceId: "blue",
    priority: 50,
  })
  await p.settle()
  await p.advance(60_000)
  const expected = {
    requests: [
      { workspaceId: "red", band: "medium", state: "provisioned", count: 1 },
      { workspaceId: "blue", band: "low", state: "queued", count: 1 },
    ],
    workspaces: [{ workspaceId: "red", heldGpus: 16, idleGpus: 16, longestIdleMs: 60_000 }],
    nodes: { free: 0, held: 2, draining: 0 },
  }
  const byState = ({ requests, ...rest }: ReturnType<typeof p.plane.gpuReading>) => ({
    ...rest,
    requests: requests.toSorted((a, b) => a.state.localeCompare(b.state)),
  })
  expect(byState(p.plane.gpuReading())).toMatchObject(expected)
  await p.restart()
  expect(byState(p.plane.gpuReading())).toMatchObject(expected)
  await p.plane.gpuRequests.cancel(p.owner, shownId)
  await p.advance(3_600_000)
  expect(p.plane.gpuReading()).toMatchObject({
    requests: [],
    workspaces: [{ workspaceId: "red", heldGpus: 0, ended: 1, heldMs: 3_600_000, usedMs: 0 }],
    nodes: { free: 2, held: 0, draining: 0 },
  })
})
