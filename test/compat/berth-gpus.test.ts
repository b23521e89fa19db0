import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { startBerthServer, type BerthServer, type CallOptions } from "./berth-server.ts"

/* GPU requests by /berth/v1 over sockets, with the real plane: two nodes of eight GPUs. */

let server: BerthServer
let vision: string
let research: string
beforeEach(async () => {
  server = await startBerthServer()
  for (const id of ["vision", "research"]) await server.call("POST", "/berth/v1/workspaces", { json: { id } })
  vision = await server.member("vi", { vision: "editor" })
  research = await server.member("re", { research: "editor" })
})
afterEach(() => server.close())

const at = "/berth/v1/gpu-requests"
const hour = 3600

async function ok(method: string, path: string, options: CallOptions = {}) {
  const answer = await server.call(method, path, options)
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.json
}

/** Its id. */
async function ask(token: string, workspaceId: string, change: object = {}): Promise<string> {
  const json = { name: "g", workspaceId, gpusPerNode: 8, durationSeconds: 2 * hour, ...change }
  return (await ok("POST", at, { token, json })).id
}

function inState(id: string, state: string) {
  return server.until(async () => {
    const json = await ok("GET", `${at}/${id}`)
    return json.state === state ? json : undefined
  })
}

describe("a request that waits for another workspace's", () => {
  let first: string
  let second: string
  beforeEach(async () => {
    first = await ask(vision, "vision", { nodes: 2 })
    await inState(first, "provisioned")
    second = await ask(research, "research", { gpuModel: "h100" })
  })

  it("is promised the end of that one, and starts with its release", async () => {
    const waiting = await ok("GET", `${at}/${second}`, { token: research })
    const holding = await ok("GET", `${at}/${first}`)
    expect(waiting.slot).toMatchObject({ startAt: holding.endsAt, nodes: ["node-a"] })
    expect(waiting.reasons).toMatchObject([{ code: "quota_short", needed: 1, free: 0 }])
    const released = await ok("POST", `${at}/${first}/release`, { token: vision })
    expect(released).toMatchObject({ state: "early_released", cause: "released" })
    const started = await inState(second, "provisioned")
    expect(started.heldNodes).toMatchObject([{ name: "node-a", gpus: 8 }])
    expect(started.firstEstimate.startAt).toBe(holding.endsAt)
  })

  it("is counted in the server's state for whoever may see it; GPUs that are held for everybody", async () => {
    const countsFor = async (token: string) => (await ok("GET", "/berth/v1/status", { token })).counts
    const all = { gpus: 16, gpusFree: 16, gpusHeld: 16 }
    const [holds, waits] = [await countsFor(vision), await countsFor(research)]
    expect(holds).toMatchObject({ ...all, gpuRequestsProvisioned: 1, gpuRequestsQueued: 0 })
    expect(waits).toMatchObject({ ...all, gpuRequestsProvisioned: 0, gpuRequestsQueued: 1 })
  })

  it("tells who holds the nodes to whom may know it, and counts them for others", async () => {
    const hidden = await ok("GET", `/berth/v1/explain/gpu-request/${second}`, { token: research })
    expect([hidden.inTheWay, hidden.inTheWayHidden, hidden.position]).toEqual([[], 1, 1])
    expect(JSON.stringify(hidden)).not.toContain(first)
    const shown = await ok("GET", `/berth/v1/explain/gpu-request/${second}`)
    expect(shown.inTheWay).toMatchObject([{ id: first, workspaceId: "vision", nodes: ["node-a", "node-b"] }])
    expect(shown.sentences[0]).toContain(first)
    const nodes = await ok("GET", "/berth/v1/nodes", { token: research })
    expect(nodes.items[0].hold).toMatchObject({ requestId: null, workspaceId: null, state: "held" })
    const seen = await ok("GET", "/berth/v1/nodes/node-b", { token: vision })
    expect(seen.hold).toMatchObject({ requestId: first, workspaceId: "vision" })
  })

  it("is drawn on the timeline, anonymous to those who may not see it", async () => {
    const { nodes, bars } = await ok("GET", "/berth/v1/timeline", { token: vision })
    expect(nodes).toMatchObject([{ name: "node-a" }, { name: "node-b" }])
    expect(bars).toMatchObject([
      { node: "node-a", requestId: first, kind: "running" },
      { node: "node-a", requestId: null, workspaceId: null, kind: "predicted" },
      { node: "node-b", requestId: first, kind: "running" },
    ])
    const own = await ok("GET", "/berth/v1/timeline?workspace=vision", { token: vision })
    expect(own.bars).toHaveLength(2)
  })

  it("keeps its promise against an extension, and gives way to one that ends before", async () => {
    const refused = await server.call("POST", `${at}/${first}/extend`, {
      token: vision,
      json: { seconds: 60 },
    })
    expect([refused.status, refused.json.code]).toEqual([409, "conflict"])
    expect(refused.json.message).toContain("promised")
    await ok("DELETE", `${at}/${second}`, { token: research })
    const before = await ok("GET", `${at}/${first}`)
    const extended = await ok("POST", `${at}/${first}/extend`, { token: vision, json: { seconds: hour } })
    expect(Date.parse(extended.endsAt) - Date.parse(before.endsAt)).toBe(hour * 1000)
  })

  it("is ordered by priority, in one queue of which each sees their own", async () => {
    const third = await ask(vision, "vision", { priority: 201 })
    const all = await ok("GET", "/berth/v1/queue/gpu-requests")
    expect(all.items).toMatchObject([
      { id: third, position: 1, band: "high" },
      { id: second, position: 2 },
    ])
    const own = await ok("GET", "/berth/v1/queue/gpu-requests", { token: research })
    expect(own.items).toMatchObject([{ id: second, position: 2 }])
    await ok("PATCH", `${at}/${second}`, { token: research, json: { priority: 300, name: "now" } })
    const after = await ok("GET", "/berth/v1/queue/gpu-requests")
    expect(after.items).toMatchObject([{ id: second, name: "now" }, { id: third }])
  })

  it("can be cancelled, not released; what holds nodes can be released, not cancelled or changed", async () => {
    const conflict = async (method: string, path: string, json?: object) => {
      const answer = await server.call(method, `${at}/${path}`, json ? { json } : {})
      expect([answer.status, answer.json.code]).toEqual([409, "conflict"])
    }
    await conflict("POST", `${second}/release`)
    await conflict("POST", `${second}/extend`, { seconds: 60 })
    await conflict("DELETE", first)
    await conflict("PATCH", first, { priority: 1 })
    await ok("DELETE", `${at}/${second}`)
    await conflict("DELETE", second)
    expect(await ok("GET", `${at}/${second}`)).toMatchObject({ state: "cancelled", slot: null, reasons: [] })
  })
})

describe("an estimate", () => {
  it("says now, later or never, and changes nothing", async () => {
    const wish = { workspaceId: "vision", gpusPerNode: 8, durationSeconds: hour }
    const estimate = (change: object) => ok("POST", "/berth/v1/estimate", { json: { ...wish, ...change } })
    expect(await estimate({})).toMatchObject({ outcome: "now", waitSeconds: 0, nodes: ["node-a"] })
    expect(await estimate({ gpuModel: "A100" })).toMatchObject({
      outcome: "never",
      reason: { code: "cannot_be_met" },
      nearest: { gpuModel: "NVIDIA-H100-80GB-HBM3" },
    })
    const id = await ask(research, "research")
    await inState(id, "provisioned")
    const later = await estimate({ nodes: 2 })
    expect(later.outcome).toBe("later")
    expect(later.waitSeconds).toBeGreaterThan(hour)
    expect(later.alternatives[0]).toMatchObject({ nodes: 1, waitSeconds: 0 })
    expect((await ok("GET", at)).items).toHaveLength(1)
  })

  it("is compared with what came true", async () => {
    await inState(await ask(vision, "vision"), "provisioned")
    const { bands } = await ok("GET", "/berth/v1/estimates/accuracy")
    expect(bands[1]).toMatchObject({ band: "medium", started: 1 })
  })
})

describe("rights", () => {
  it("let editors ask for their workspace, viewers look, strangers know nothing", async () => {
    const id = await ask(vision, "vision")
    const viewer = await server.member("viewer", { vision: "viewer" })
    const status = async (token: string, method: string, path: string, json?: object) =>
      (await server.call(method, path, { token, ...(json ? { json } : {}) })).status
    const wish = { workspaceId: "vision", gpusPerNode: 8, durationSeconds: hour }
    expect(await status(viewer, "POST", at, { name: "g", ...wish })).toBe(403)
    expect(await status(viewer, "POST", "/berth/v1/estimate", wish)).toBe(200)
    expect(await status(viewer, "GET", `${at}/${id}`)).toBe(200)
    expect(await status(viewer, "DELETE", `${at}/${id}`)).toBe(403)
    expect(await status(research, "GET", `${at}/${id}`)).toBe(404)
    expect(await status(research, "POST", at, { name: "g", ...wish })).toBe(404)
    expect(await status(research, "GET", `${at}?workspace=vision`)).toBe(404)
    expect((await ok("GET", at, { token: research })).items).toEqual([])
    expect(await status(vision, "PUT", "/berth/v1/prices", { items: [] })).toBe(403)
  })

  it("refuse what the configuration does not allow in the units of this API", async () => {
    const json = { name: "g", workspaceId: "vision", gpusPerNode: 101, durationSeconds: 3 * 365 * 86_400 }
    const answer = await server.call("POST", at, {
      token: vision,
      json: { ...json, idleTimeoutSeconds: 3600 },
    })
    expect(answer.status).toBe(400)
    expect(answer.json.details).toEqual([
      { path: "gpusPerNode", message: "must be a whole number from 1 to 100" },
      { path: "durationSeconds", message: "must be a whole number from 1 to 31536000" },
      { path: "idleTimeoutSeconds", message: "must be a whole number from 1 to 1800" },
    ])
    const unknown = { ...json, gpusPerNode: 8, durationSeconds: hour, clusters: ["moon"] }
    expect((await server.call("POST", at, { json: unknown })).status).toBe(404)
  })
})

it("prices make costs, and templates and bindings are kept", async () => {
  const items = [{ gpuModel: "H100", amountPerGpuHour: "2.50", currency: "EUR" }]
  await ok("PUT", "/berth/v1/prices", { json: { items } })
  const id = await ask(vision, "vision")
  await inState(id, "provisioned")
  await server.clock.advance(hour * 1000)
  const { cost } = await ok("GET", `${at}/${id}`, { token: vision })
  expect(cost.currency).toBe("EUR")
  // an hour of eight GPUs, and what passed around it
  expect(Number(cost.amount)).toBeGreaterThanOrEqual(20)
  expect(Number(cost.amount)).toBeLessThan(20.1)

  const template = { clusterId: "local", gpuModel: "H100", gpusPerNode: 8, durationSeconds: hour }
  await ok("POST", "/berth/v1/gpu-templates", {
    token: vision,
    json: { name: "one", workspaceId: "vision", ...template },
  })
  const clusters = [{ clusterId: "local", defaultTemplate: "one", templates: ["one"] }]
  const binding = await ok("POST", "/berth/v1/gpu-bindings", {
    token: vision,
    json: { workspaceId: "vision", clusters },
  })
  expect(binding).toMatchObject({ clusters, enableAutomatic: false })
  expect((await server.call("DELETE", "/berth/v1/gpu-templates/one")).status).toBe(409)
  expect((await server.call("GET", "/berth/v1/gpu-templates/one", { token: research })).status).toBe(404)
  await ok("DELETE", "/berth/v1/gpu-bindings/vision", { token: vision })
  await ok("DELETE", "/berth/v1/gpu-templates/one", { token: vision })
  expect((await ok("GET", "/berth/v1/gpu-templates")).items).toEqual([])
})

it("a request ends by itself when its time is up, and a stream says so", async () => {
  const id = await ask(vision, "vision", { durationSeconds: 600 })
  await inState(id, "provisioned")
  await server.clock.advance(600_000)
  const ended = await inState(id, "complete")
  expect(Date.parse(ended.endedAt) - Date.parse(ended.startedAt)).toBe(600_000)
  const { items } = await ok("GET", `/berth/v1/events?subject=gpu-request/${id}`, { token: vision })
  expect(items.map((event: { readonly type: string }) => event.type)).toEqual(
    expect.arrayContaining([
      "gpu-request.created",
      "gpu-request.provisioned",
      "gpu-request.expiring",
      "gpu-request.completed",
    ]),
  )
})
