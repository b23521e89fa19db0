import { expect, it } from "vitest"
import type { Topic } from "../domain/journal/index.ts"
import type { GpuRequest, GpuRequestId, NodeHold } from "../domain/gpu-requests/index.ts"
import {
  gpuRequestChanged,
  holdEnded,
  newRequest,
  nodeHoldChanged,
  provisioned,
} from "../domain/gpu-requests/index.ts"
import type { Node, NodeId } from "../domain/inventory/index.ts"
import { workspaceChanged, type Workspace } from "../domain/workspaces/index.ts"
import { createGpuFigures, type GpuStart } from "./gpu-figures.ts"

const wish = {
  clusters: ["local"],
  instanceType: null,
  gpuModel: null,
  memoryGibPerGpu: null,
  gpusPerNode: 8,
  nodes: 1,
  pods: null,
}
const n1 = { nodeId: "n1" as NodeId, name: "n1", clusterId: "local", gpus: 8, gpuModel: "", instanceType: "" }

function aRequest(id: string, change: Partial<GpuRequest> = {}): GpuRequest {
  const made = newRequest({
    id: id as GpuRequestId,
    shownId: `gpr-${id}`,
    name: id,
    workspaceId: "red",
    userId: "usr_a",
    priority: 101,
    durationMs: 3_600_000,
    idleTimeoutMs: null,
    requeueOnFailure: true,
    enableEviction: false,
    multiNode: false,
    automatic: null,
    createdAtMs: 0,
    wish,
  })
  return { ...made, ...change }
}

const give = (request: GpuRequest, nowMs: number) => provisioned(request, { nodes: [n1], place: null }, nowMs)
const aHold = (change: Partial<NodeHold> = {}) =>
  ({ nodeId: n1.nodeId, requestId: "a", state: "held", ...change }) as NodeHold

/** Figures over nodes n1 and n2, and what tells them that something has changed. */
function start() {
  const listeners: { readonly topic: unknown; readonly listener: (value: never) => void }[] = []
  const starts: GpuStart[] = []
  const figures = createGpuFigures({
    store: { subscribe: (topic, listener) => (listeners.push({ topic, listener }), () => undefined) },
    board: { managedNodes: () => [{ id: "n1" }, { id: "n2" }] as unknown as readonly Node[] },
    onStart: (one) => starts.push(one),
  })
  function tell<T>(topic: Topic<T>, value: T) {
    for (const one of listeners) if (one.topic === topic) one.listener(value as never)
  }
  return { figures, starts, tell, request: (one: GpuRequest) => tell(gpuRequestChanged, one) }
}

it("counts what waits and what is held by workspace and band, and how long it is idle", () => {
  const { figures, request, tell } = start()
  request(aRequest("a"))
  request(aRequest("b", { priority: 300 }))
  request(aRequest("c", { priority: 300 }))
  request(give(aRequest("a"), 5000))
  tell(nodeHoldChanged, { hold: aHold(), free: false })
  const { requests, workspaces, nodes } = figures.reading(65_000)
  expect(requests).toEqual([
    { workspaceId: "red", band: "medium", state: "provisioned", count: 1 },
    { workspaceId: "red", band: "high", state: "queued", count: 2 },
  ])
  expect(workspaces).toEqual([
    { workspaceId: "red", heldGpus: 8, idleGpus: 8, longestIdleMs: 60_000, ended: 0, heldMs: 0, usedMs: 0 },
  ])
  expect(nodes).toEqual({ free: 1, held: 1, draining: 0 })
  request({ ...give(aRequest("a"), 5000), idleSinceMs: null })
  expect(figures.reading(65_000).workspaces).toMatchObject([{ heldGpus: 8, idleGpus: 0, longestIdleMs: 0 }])
})

it("follows a node from held to draining to free", () => {
  const { figures, tell } = start()
  figures.loadHold(aHold())
  tell(nodeHoldChanged, { hold: aHold({ state: "draining" }), free: false })
  expect(figures.reading(0).nodes).toEqual({ free: 1, held: 0, draining: 1 })
  tell(nodeHoldChanged, { hold: aHold({ state: "draining" }), free: true })
  expect(figures.reading(0).nodes).toEqual({ free: 2, held: 0, draining: 0 })
})

it("tells of a first start once, with its wait and how wrong the first estimate was", () => {
  const { request, starts } = start()
  const said = { startMs: 60_000, atMs: 0, likelyMs: 40_000 }
  const held = give(aRequest("a", { priority: 50, promised: said }), 45_000)
  request(aRequest("a", { priority: 50 }))
  request(held)
  request({ ...held, idleSinceMs: null })
  expect(starts).toEqual([{ band: "low", waitSeconds: 45, errorSeconds: -15, likelyErrorSeconds: 5 }])
  const lost = holdEnded(held, { cause: "node_lost", reason: "gone", nowMs: 50_000 })
  request(lost)
  request(give(lost, 70_000))
  expect(starts).toHaveLength(1)
  request(give(aRequest("b", { promised: { startMs: null, atMs: 0 } }), 1000))
  expect(starts[1]).toEqual({ band: "medium", waitSeconds: 1, errorSeconds: null, likelyErrorSeconds: null })
})

it("adds up what ended requests held and used, lives in the queue between left out, until their workspace is gone", () => {
  const { figures, request, starts, tell } = start()
  const held = { ...give(aRequest("a"), 10_000), idleSinceMs: null, idleMs: 1000 }
  figures.loadRequest(held)
  const lost = holdEnded(held, { cause: "node_lost", reason: "gone", nowMs: 20_000 })
  request(lost)
  expect(figures.reading(0).workspaces).toEqual([])
  const again = { ...give(lost, 50_000), idleSinceMs: 53_000 }
  request(again)
  const over = holdEnded(again, { cause: "released", reason: "", nowMs: 55_000 })
  request(over)
  // what ended while it waited had nothing
  request(aRequest("b"))
  request(aRequest("b", { state: "cancelled", endedAtMs: 99_000 }))
  expect(figures.reading(60_000)).toMatchObject({
    requests: [],
    workspaces: [{ workspaceId: "red", heldGpus: 0, ended: 1, heldMs: 15_000, usedMs: 12_000 }],
  })
  expect(starts).toEqual([])
  tell(workspaceChanged, { workspace: { id: "red" } as Workspace, gone: true })
  expect(figures.reading(60_000).workspaces).toEqual([])
})
