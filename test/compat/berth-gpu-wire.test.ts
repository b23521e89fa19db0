import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { AppError } from "../../packages/server/src/kit/errors.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { scriptedGpus } from "./gpu-script.ts"

/* How GPU requests are put on the wire of /berth/v1; that they do what they should is tested with the real plane. */

let fault: AppError | undefined
let gpus: ReturnType<typeof scriptedGpus>
let server: BerthServer
beforeEach(async () => {
  fault = undefined
  gpus = scriptedGpus({ refuse: () => fault })
  server = await startBerthServer({ services: gpus })
})
afterEach(() => server.close())

const at = "/berth/v1/gpu-requests"
const wish = { workspaceId: "default", gpusPerNode: 8, durationSeconds: 3600 }

async function create(body: object = {}) {
  const answer = await server.call("POST", at, { json: { name: "pretrain", ...wish, ...body } })
  expect([answer.status, answer.text]).toEqual([201, answer.text])
  return answer.json
}

describe("a GPU request on the wire", () => {
  it("asks with defaults for what is not said, lengths in seconds", async () => {
    await create()
    await create({
      clusters: ["local"],
      instanceType: "gpu-8",
      gpuModel: "H100",
      memoryGibPerGpu: 80,
      nodes: 2,
      priority: 0,
      idleTimeoutSeconds: 1200,
      requeueOnFailure: true,
    })
    const usual = {
      name: "pretrain",
      workspaceId: "default",
      clusters: null,
      instanceType: null,
      gpuModel: null,
      memoryGibPerGpu: null,
      gpusPerNode: 8,
      nodes: 1,
      priority: 101,
      durationMs: 3_600_000,
      idleTimeoutMs: null,
      requeueOnFailure: false,
      enableEviction: false,
      multiNode: false,
    }
    expect(gpus.asked.created).toEqual([
      usual,
      {
        ...usual,
        clusters: ["local"],
        instanceType: "gpu-8",
        gpuModel: "H100",
        memoryGibPerGpu: 80,
        nodes: 2,
        priority: 0,
        idleTimeoutMs: 1_200_000,
        requeueOnFailure: true,
        multiNode: true,
      },
    ])
  })

  it("shows lengths in seconds rounded up, instants with milliseconds, money as a decimal", async () => {
    const made = await create()
    expect(made).toMatchObject({
      id: "gpr-00000001-0000",
      key: "gpr_1",
      userName: "usr_gone",
      state: "queued",
      remainingSeconds: 2,
      idleTimeoutSeconds: 1200,
      createdAt: "2030-01-01T00:00:00.000Z",
      firstEstimate: { startAt: "2030-01-01T01:00:00.000Z", madeAt: "2030-01-01T00:00:00.000Z" },
      estimate: { startAt: null, madeAt: "2030-01-01T00:00:00.001Z" },
      cost: { amount: "12.50", currency: "USD" },
    })
  })

  it("counts the requests that are in its way, and names none that the caller might not see", async () => {
    const made = await create()
    expect(made.reasons[0]).toEqual({
      code: "quota_short",
      requests: 1,
      nodes: ["node-a"],
      needed: 2,
      free: 1,
      until: "2030-01-01T01:00:00.000Z",
      detail: "",
      nearest: null,
    })
    expect(JSON.stringify(made)).not.toContain("gpr_hidden")
  })

  it.each<[string, object]>([
    ["no name", { name: undefined }],
    ["no GPUs", { gpusPerNode: 0 }],
    ["a GPU and a half", { gpusPerNode: 1.5 }],
    ["GPUs as a text", { gpusPerNode: "8" }],
    ["no time", { durationSeconds: 0 }],
    ["an absurd time", { durationSeconds: 1e12 }],
    ["a priority beyond the bands", { priority: 301 }],
    ["no cluster", { clusters: [] }],
    ["a member that is not known", { gpus: 8 }],
    ["null for what has no null", { nodes: null }],
  ])("is refused with %s, and nobody is asked", async (_, change) => {
    const { status, json } = await server.call("POST", at, { json: { name: "g", ...wish, ...change } })
    expect([status, json.code]).toEqual([400, "invalid"])
    expect(json.details).not.toEqual([])
    expect(gpus.asked.created).toEqual([])
  })

  it("names the faults of the domain by the members of this API", async () => {
    fault = new AppError("invalid", "The request breaks rules.", {
      issues: [
        { path: ["durationMs"], message: "must be a whole number from 1 to 31536000500" },
        { path: ["clusters", 0], message: "is not of this workspace" },
      ],
    })
    const { status, json } = await server.call("POST", at, { json: { name: "g", ...wish } })
    expect(status).toBe(400)
    expect(json.details).toEqual([
      { path: "durationSeconds", message: "must be a whole number from 1 to 31536000" },
      { path: "clusters[0]", message: "is not of this workspace" },
    ])
  })

  it("keeps the sentence of a refused extension", async () => {
    const { id } = await create()
    fault = new AppError("conflict", "It could go until 2030-01-01T02:00:00.000Z.", { detail: "promised" })
    const { status, json } = await server.call("POST", `${at}/${id}/extend`, { json: { seconds: 60 } })
    expect([status, json.code, json.message]).toEqual([409, "conflict", fault.message])
    fault = undefined
    await server.call("POST", `${at}/${id}/extend`, { json: { seconds: 90 } })
    expect(gpus.asked.extended).toEqual([90_000])
    expect((await server.call("POST", `${at}/${id}/extend`, { json: { seconds: 59 } })).status).toBe(400)
  })

  it("changes, releases and cancels, by id and by key", async () => {
    const { id, key } = await create()
    const changed = await server.call("PATCH", `${at}/${key}`, { json: { name: "b", priority: 300 } })
    expect(changed.json).toMatchObject({ id, name: "b", priority: 300, band: "high" })
    expect((await server.call("PATCH", `${at}/${id}`, { json: { earlyRelease: true } })).status).toBe(400)
    expect((await server.call("POST", `${at}/${id}/release`)).json).toMatchObject({ state: "early_released" })
    const { status, text } = await server.call("DELETE", `${at}/${key}`)
    expect([status, text]).toEqual([204, ""])
    expect((await server.call("GET", `${at}/${id}`)).json).toMatchObject({ state: "cancelled" })
  })
})

describe("lists", () => {
  it("are narrowed by workspace and states, and refuse states that are none", async () => {
    const { id } = await create()
    const list = async (query: string) => (await server.call("GET", `${at}?${query}`)).json
    expect((await list("state=queued,error")).items).toMatchObject([{ id }])
    expect((await list("state=provisioned")).items).toEqual([])
    expect((await list("workspace=other")).items).toEqual([])
    expect(await list("state=Queued")).toMatchObject({ code: "invalid", details: [{ path: "state" }] })
  })

  it("gives the queue in pages that neither repeat nor leave out, whatever the others' positions", async () => {
    const made: string[] = []
    for (let index = 0; index < 5; index++) made.push((await create()).id)
    const seen: string[] = []
    let cursor = ""
    for (let page = 0; page < 3; page++) {
      const { json } = await server.call("GET", `/berth/v1/queue/gpu-requests?limit=2${cursor}`)
      seen.push(...json.items.map((entry: { readonly id: string }) => entry.id))
      cursor = `&cursor=${json.nextCursor}`
      expect(json.nextCursor === null).toBe(page === 2)
    }
    expect(seen).toEqual(made)
    const bad = await server.call("GET", "/berth/v1/queue/gpu-requests?cursor=x")
    expect([bad.status, bad.json.details[0].path]).toEqual([400, "cursor"])
  })
})

describe("what is expected", () => {
  it("explains with sentences, who is in the way and what is not free again", async () => {
    const { id } = await create()
    const { json } = await server.call("GET", `/berth/v1/explain/gpu-request/${id}`)
    expect(json).toMatchObject({
      kind: "gpu-request",
      request: { id },
      sentences: ["It needs 2 nodes, and 1 is free."],
      position: 2,
      ahead: { ids: ["gpr-0000000a-000a"], count: 3 },
      inTheWay: [{ id: "gpr-0000000a-000a", until: "2030-01-01T01:00:00.000Z" }],
      inTheWayHidden: 1,
      holds: [{ state: "draining", drainDeadline: "2030-01-01T00:01:00.000Z" }],
    })
  })

  it("estimates without a name, and says what would start sooner", async () => {
    const { json } = await server.call("POST", "/berth/v1/estimate", { json: wish })
    expect(json).toMatchObject({ outcome: "later", waitSeconds: 3600, reason: { code: "queue_paused" } })
    expect(json.alternatives).toMatchObject([{ nodes: 2, durationSeconds: 3600, waitSeconds: 0 }])
    expect(gpus.asked.created).toMatchObject([{ durationMs: 3_600_000 }])
  })

  it("says how good the estimates were", async () => {
    const { json } = await server.call("GET", "/berth/v1/estimates/accuracy")
    expect(json.bands.map((one: { readonly band: string }) => one.band)).toEqual(["low", "medium", "high"])
    expect(json.bands[1]).toMatchObject({ started: 3, medianErrorSeconds: -1.5 })
  })

  it("shows six hours back and a day ahead, unless asked otherwise", async () => {
    const hour = 3_600_000
    const now = server.clock.nowMs()
    const ask = async (query: string) => (await server.call("GET", `/berth/v1/timeline${query}`)).json
    expect((await ask("")).bars).toHaveLength(2)
    await ask("?from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00%2B02:00&workspace=default")
    expect(gpus.asked.spans).toEqual([
      { fromMs: now - 6 * hour, toMs: now + 24 * hour },
      { fromMs: Date.UTC(2030, 0, 1), toMs: Date.UTC(2030, 0, 1, 22), workspaceId: "default" },
    ])
    const early = await ask("?to=2000-01-01T06:00:00Z")
    expect([early.from, early.to]).toEqual(["2000-01-01T00:00:00.000Z", "2000-01-01T06:00:00.000Z"])
  })

  it.each([
    ["from=yesterday", "from"],
    ["from=2030-01-02T00:00:00Z&to=2030-01-01T00:00:00Z", "to"],
    ["from=2030-01-01T00:00:00Z&to=2031-01-01T00:00:00Z", "to"],
    ["from=9999-12-31T23:59:59Z", "to"],
    ["to=0000-01-01T00:00:00Z", "from"],
    ["until=2030-01-01T00:00:00Z", "until"],
  ])("refuses the timeline ?%s", async (query, path) => {
    const { status, json } = await server.call("GET", `/berth/v1/timeline?${query}`)
    expect([status, json.details[0].path]).toEqual([400, path])
    expect(gpus.asked.spans).toEqual([])
  })
})

describe("templates, bindings and prices", () => {
  const template = {
    clusterId: "local",
    gpuModel: "H100",
    instanceType: "gpu-8",
    gpusPerNode: 8,
    durationSeconds: 3600,
  }

  it("keeps a template with its defaults, and replaces it as a whole", async () => {
    const made = await server.call("POST", "/berth/v1/gpu-templates", {
      json: { name: "t", ...template, idleTimeoutSeconds: 600, priority: 5 },
    })
    expect(made.json).toMatchObject({ workspaceId: null, nodes: 1, priority: 5, idleTimeoutSeconds: 600 })
    expect(gpus.asked.templates[0]).toMatchObject({ enforceIdleTimeout: true, idleTimeoutMs: 600_000 })
    const replaced = await server.call("PUT", "/berth/v1/gpu-templates/t", { json: template })
    expect(replaced.json).toMatchObject({ priority: 101, idleTimeoutSeconds: null })
    expect(gpus.asked.templates[1]).toMatchObject({ enforceIdleTimeout: false, clusterName: "local" })
    const moved = { ...template, workspaceId: "default" }
    expect((await server.call("PUT", "/berth/v1/gpu-templates/t", { json: moved })).status).toBe(400)
  })

  it("binds templates to clusters", async () => {
    const clusters = [{ clusterId: "local", defaultTemplate: "t", templates: ["t"] }]
    const { json } = await server.call("POST", "/berth/v1/gpu-bindings", {
      json: { workspaceId: "default", clusters },
    })
    expect(json).toMatchObject({ workspaceId: "default", clusters, enableAutomatic: false })
    expect(gpus.asked.bindings[0]?.clusters).toEqual([
      { clusterName: "local", defaultTemplate: "t", templates: ["t"] },
    ])
    const without = [{ clusterId: "local", defaultTemplate: null, templates: [] }]
    const replaced = await server.call("PUT", "/berth/v1/gpu-bindings/default", {
      json: { clusters: without },
    })
    expect(replaced.json.clusters).toEqual(without)
    expect(gpus.asked.bindings[1]?.clusters).toMatchObject([{ defaultTemplate: "" }])
  })

  it("takes prices as decimals, never as floats", async () => {
    const items = [
      { gpuModel: "H100", amountPerGpuHour: "2.5", currency: "USD" },
      { gpuModel: "T4", instanceType: "n1", amountPerGpuHour: "0.123456", currency: "EUR" },
    ]
    const { json } = await server.call("PUT", "/berth/v1/prices", { json: { items } })
    expect(json.items).toEqual([
      { gpuModel: "H100", instanceType: null, amountPerGpuHour: "2.50", currency: "USD" },
      { gpuModel: "T4", instanceType: "n1", amountPerGpuHour: "0.123456", currency: "EUR" },
    ])
    expect(gpus.asked.prices.map((price) => price.microsPerGpuHour)).toEqual([2_500_000, 123_456])
    for (const amountPerGpuHour of ["-1", "1e3", "0.1234567", "", 2.5]) {
      const refused = { items: [{ gpuModel: "H100", amountPerGpuHour, currency: "USD" }] }
      expect((await server.call("PUT", "/berth/v1/prices", { json: refused })).status).toBe(400)
    }
  })
})
