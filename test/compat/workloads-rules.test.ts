import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { FakePlane } from "./fake-plane.ts"
import { startFakePlane, trainingJob } from "./fake-plane.ts"

let server: FakePlane
beforeAll(async () => {
  server = await startFakePlane({ noAuth: false })
})
afterAll(() => server.close())

const small = { replica: 1, cpu: "1", memory: "1Gi" }

async function refusal(call: Parameters<FakePlane["send"]>[0]): Promise<readonly unknown[]> {
  const { status, json } = await server.send(call)
  const { errorCode, errorMessage, ...rest } = json as Record<string, unknown>
  expect(rest).toEqual({})
  return [status, errorCode, errorMessage]
}

const createRefusal = (change: object) =>
  refusal({ method: "POST", path: "", json: { ...trainingJob, ...change } })

describe("a create request", () => {
  const badRequest = (message: string) => [400, "Primus.00002", `Bad request. ${message}`]
  const nameRule =
    "the name must consist of 1 to 45 lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
  const probe = { path: "/", port: 80 }
  const service = { protocol: "TCP", port: 80, targetPort: 80, serviceType: "ClusterIP" }

  it("names every required field that is missing", async () => {
    const [status, code, message] = await refusal({ method: "POST", path: "", json: {} })
    expect([status, code]).toEqual([400, "Primus.00002"])
    for (const field of ["displayName", "workspace", "image", "entryPoint", "replica", "cpu", "memory"])
      expect(message).toContain(`the ${field} is empty`)
    expect(message).toMatch(/^Bad request\. \[.*\]$/)
  })

  it.each<[string, object, string]>([
    ["displayName", { displayName: " " }, "the displayName is empty"],
    [
      "long displayName",
      { displayName: "x".repeat(46) },
      `the maximum length of the workload name [${"x".repeat(46)}] is 45`,
    ],
    ["odd displayName", { displayName: "-train" }, nameRule],
    ["displayName that tries a path", { displayName: "../etc" }, nameRule],
    ["displayName with a line", { displayName: "a\nb" }, nameRule],
    ["image", { image: "  " }, "the image is empty"],
    ["entryPoint", { entryPoint: "" }, "the entryPoint is empty"],
    ["replica", { resource: { ...small, replica: -1 } }, "the replica is empty"],
    ["cpu", { resource: { ...small, cpu: "" } }, "the cpu is empty"],
    ["no cpu at all", { resource: { ...small, cpu: "0" } }, "invalid cpu"],
    ["negative memory", { resource: { ...small, memory: "-1Gi" } }, "invalid memory"],
    ["negative gpu", { resource: { ...small, gpu: "-1" } }, "invalid gpu"],
    ["kind", { groupVersionKind: { version: "v1", kind: "TorchJob" } }, "unknown workload kind, TorchJob"],
    ["kind's case", { groupVersionKind: { kind: "pytorchjob" } }, "unknown workload kind, pytorchjob"],
    ["probe's path", { liveness: { port: 80 } }, "the path for liveness is not found"],
    [
      "probe's port",
      { readiness: { ...probe, port: 0 } },
      "The readiness port(0) is invalid and needs to be between 1 and 65535",
    ],
    [
      "protocol",
      { service: { ...service, protocol: "SCTP" } },
      "the service protocol only supports TCP and UDP",
    ],
    [
      "port",
      { service: { ...service, port: 70000 } },
      "The service port(70000) is invalid and needs to be between 1 and 65535",
    ],
    [
      "type",
      { service: { ...service, serviceType: "LoadBalancer" } },
      "the service type only supports ClusterIP and NodePort",
    ],
    ["replica's size", { resource: { ...small, replica: 2_000_000_000 } }, "the replica is over 10000"],
    ["schedule", { cronJobs: [{ action: "start" }] }, "CronJob schedule is empty"],
    ["dependency", { dependencies: ["never-bcdfg"] }, "dependency workload never-bcdfg not found"],
    [
      "several nodes",
      { groupVersionKind: { kind: "Authoring" }, specifiedNodes: ["a", "b"] },
      "the authoring can only be created with one node",
    ],
  ])("is refused for its %s", async (_, change, message) => {
    expect(await createRefusal(change)).toEqual(badRequest(message))
  })

  it("is refused in the words of the quantity grammar", async () => {
    const [status, code, message] = await createRefusal({ resource: { ...small, cpu: "lots" } })
    expect([status, code]).toEqual([400, "Primus.00002"])
    expect(message).toContain("quantities must match the regular expression")
  })

  it("is refused when a start time has passed", async () => {
    const schedule = new Date(server.clock.nowMs() - 3_600_000).toISOString()
    const [status, , message] = await createRefusal({ cronJobs: [{ schedule }] })
    expect([status, message]).toEqual([400, expect.stringMatching(/^Bad request\. Invalid schedulerTime\(/)])
  })

  it("is refused for a workspace that is not there", async () => {
    expect(await createRefusal({ workspaceId: "nowhere" })).toEqual([
      404,
      "Primus.02001",
      "Workspace nowhere not found.",
    ])
  })

  it.each<[string, object, RegExp]>([
    [
      "pods",
      { ...trainingJob.resource, replica: 9 },
      /^Insufficient resource: request\.replica: 9, total\.replica: 2$/,
    ],
    ["GPUs", { ...small, gpu: "9" }, /^Insufficient resource: gpu, request: 9, available: 8$/],
    ["memory", { ...small, memory: "10Ti" }, /^Insufficient resource: memory, request: 10Ti, available: .+$/],
  ])("is refused when it asks for more %s than there is", async (_, resource, message) => {
    expect(await createRefusal({ resource })).toEqual([503, "Primus.00008", expect.stringMatching(message)])
  })

  it.each([
    ["one value", { BIG: "x".repeat(129 * 1024) }],
    [
      "all of it",
      Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`K${at}`, "x".repeat(64 * 1024)])),
    ],
    ["a name", { "A=B": "x" }],
  ])("is refused when no process could be given its environment: %s", async (_, env) => {
    const [status, code] = await createRefusal({ env })
    expect([status, code]).toEqual([400, "Primus.00002"])
  })

  it("is taken with numbers outside their range, which are clamped", async () => {
    const id = await server.create({
      priority: 99,
      maxRetry: 1000,
      timeout: -5,
      ttlSecondsAfterFinished: 0,
      resource: small,
    })
    expect(await server.get(id)).toMatchObject({
      priority: 2,
      maxRetry: 50,
      timeout: null,
      ttlSecondsAfterFinished: 0,
    })
    const low = await server.create({ priority: -1, maxRetry: -1, resource: small })
    expect(await server.get(low)).toMatchObject({ priority: 0, maxRetry: 0 })
    await server.send({ method: "POST", path: "/delete", json: { workloadIds: [id, low] } })
  })

  it("keeps the name as it was typed and makes the id of it", async () => {
    const id = await server.create({ displayName: " My_Train ", resource: small })
    expect(id).toMatch(/^my-train-[a-z0-9]{5}$/)
    expect(await server.get(id)).toMatchObject({ displayName: "My_Train" })
    await server.send({ method: "DELETE", path: `/${id}` })
  })

  it("takes a script as text and gives it back as base64", async () => {
    const id = await server.create({ entryPoint: "echo hello world", resource: small })
    const { entryPoint } = await server.get(id)
    expect(Buffer.from(String(entryPoint), "base64").toString()).toBe("echo hello world")
    await server.send({ method: "DELETE", path: `/${id}` })
  })
})

describe("a change", () => {
  const patch = (id: string, json: unknown) => server.send({ method: "PATCH", path: `/${id}`, json })
  const patchRefusal = (id: string, json: unknown) => refusal({ method: "PATCH", path: `/${id}`, json })

  it("of a waiting job takes everything, and nothing when one part is refused", async () => {
    const far = new Date(Math.ceil(server.clock.nowMs() / 60_000) * 60_000 + 3_600_000).toISOString()
    const id = await server.create({ cronJobs: [{ schedule: far }], resource: small })
    const change = {
      priority: 1,
      replica: 2,
      cpu: "2",
      gpu: "1",
      memory: "2Gi",
      ephemeralStorage: "1Gi",
      sharedMemory: "512Mi",
      image: "y:2",
      entryPoint: Buffer.from("true").toString("base64"),
      env: { B: "c" },
      description: "changed",
      timeout: 77,
      maxRetry: 3,
    }
    const answer = await patch(id, change)
    expect([answer.status, answer.text]).toEqual([200, ""])
    const { cpu, gpu, memory, ephemeralStorage, sharedMemory, replica, ...rest } = change
    const changed = await server.get(id)
    expect(changed).toMatchObject({
      ...rest,
      resource: { replica, cpu, gpu, memory, ephemeralStorage, sharedMemory },
    })
    expect(changed["env"]).toEqual({ B: "c" })
    expect(await patchRefusal(id, { description: "no", cpu: "x" })).toEqual([
      400,
      "Primus.00002",
      expect.any(String),
    ])
    expect(await patchRefusal(id, { description: "no", gpu: "64" })).toEqual([
      503,
      "Primus.00008",
      expect.any(String),
    ])
    expect(await patchRefusal(id, { description: "no", maxRetry: "3" })).toEqual([
      400,
      "Primus.00002",
      "Bad request. json: cannot unmarshal string into Go struct field PatchWorkloadRequest.maxRetry of type int",
    ])
    expect(await server.get(id)).toEqual(changed)
    for (const nothing of [{}, { image: "", unknown: 1, timeout: null }])
      expect((await patch(id, nothing)).status).toBe(200)
    expect(await server.get(id)).toEqual(changed)
    await server.send({ method: "DELETE", path: `/${id}` })
  })

  it("of a running job takes what can change and refuses the rest", async () => {
    const id = await server.create({ resource: small })
    await server.until(id, "Running")
    const refusals: readonly (readonly [object, string])[] = [
      [{ cpu: "2" }, "Resources"],
      [{ replica: 2 }, "Resources"],
      [{ image: "z" }, "Image"],
      [{ entryPoint: "b3RoZXI=" }, "EntryPoint"],
      [{ env: {} }, "Env"],
    ]
    for (const [change, what] of refusals)
      expect(await patchRefusal(id, change)).toEqual([
        403,
        "Primus.00003",
        `${what} cannot be changed once the workload has been scheduled`,
      ])
    expect((await patch(id, { cpu: "1", image: trainingJob.image })).status).toBe(200)
    expect((await patch(id, { timeout: 5 })).status).toBe(200)
    await server.until(id, "Stopped")
    expect(await patchRefusal(id, { description: "late" })).toEqual([
      409,
      "Primus.00012",
      "The workload can only be edited when it is running.",
    ])
  })

  it("of nothing is not found", async () => {
    expect(await patchRefusal("never-bcdfg", {})).toEqual([
      404,
      "Primus.01001",
      "Workload never-bcdfg not found.",
    ])
  })
})

describe("a list", () => {
  const ids = new Map<string, string>()
  const page = async (query: string) => {
    const { status, json } = await server.send({ path: query })
    expect(status).toBe(200)
    const { totalCount, items } = json as {
      totalCount: number
      items: { displayName: string; workloadId: string }[]
    }
    return { totalCount, names: items.map((item) => item.displayName), items }
  }

  beforeAll(async () => {
    for (const [at, displayName] of ["la", "lb", "lc", "ld"].entries()) {
      const priority = [0, 2, 1, 0][at]
      ids.set(
        displayName,
        await server.create({ displayName, priority, resource: small, description: `50%_done ${at}` }),
      )
      await server.clock.advance(2000)
    }
    await server.send({ method: "POST", path: `/${ids.get("lc")}/stop` })
    await server.clock.advance(1000)
  })

  it.each<[string, readonly string[]]>([
    ["?description=done", ["ld", "lc", "lb", "la"]],
    ["?description=done&order=asc", ["la", "lb", "lc", "ld"]],
    ["?description=done&order=asc&offset=1&limit=2", ["lb", "lc"]],
    ["?description=done&offset=100", []],
    ["?description=50%25_", ["ld", "lc", "lb", "la"]],
    ["?description=_0", []],
    ["?description=DONE", []],
    ["?description=done&phase=Stopped", ["lc"]],
    ["?description=done&phase=Stopped,Running", ["ld", "lc", "lb", "la"]],
    ["?description=done&phase=Updating,NotReady,nonsense", []],
    ["?description=done&kind=Authoring", []],
    ["?description=done&kind=Authoring,PyTorchJob&sortBy=displayName&order=asc", ["la", "lb", "lc", "ld"]],
    ["?description=done&sortBy=priority&order=desc", ["lb", "lc", "ld", "la"]],
    ["?description=done&sortBy=create_time&order=asc", ["la", "lb", "lc", "ld"]],
    ["?description=done&sortBy=nonsense&order=asc", ["la", "lb", "lc", "ld"]],
    ["?description=done&userName=own", ["ld", "lc", "lb", "la"]],
    ["?description=done&userName=nobody", []],
    ["?description=done&workspaceId=team", ["ld", "lc", "lb", "la"]],
    ["?description=done&workspaceId=nowhere", []],
    ["?description=done&clusterId=local", ["ld", "lc", "lb", "la"]],
    ["?description=done&clusterId=other", []],
    ["?workloadId=lb-", ["lb"]],
  ])("of %s", async (query, names) => {
    expect((await page(query)).names).toEqual(names)
  })

  it("counts all that match, whatever the page", async () => {
    expect(await page("?description=done&limit=1")).toMatchObject({ totalCount: 4, names: ["ld"] })
    expect(await page("?description=done&offset=9007199254740993")).toMatchObject({
      totalCount: 4,
      names: [],
    })
  })

  it("takes a creation time that it showed as a bound", async () => {
    const created = String((await server.get(ids.get("lb") ?? ""))["creationTime"])
    expect((await page(`?description=done&since=${created}`)).names).toEqual(["ld", "lc", "lb"])
    expect((await page(`?description=done&until=${created}Z`)).names).toEqual(["lb", "la"])
    expect((await page(`?description=done&since=${created}&until=${created}`)).names).toEqual(["lb"])
  })

  it("sorts by every field that a list or a detail shows", async () => {
    const detail = await server.get(ids.get("la") ?? "")
    for (const field of Object.keys(detail))
      for (const order of ["asc", "desc"])
        expect((await page(`?description=done&sortBy=${field}&order=${order}`)).totalCount).toBe(4)
  })
})

describe("rights", () => {
  it("follow the roles in the workspace", async () => {
    const editor = await server.member("ed", { team: "editor" })
    const other = await server.member("otto", { team: "editor" })
    const viewer = await server.member("vi", { team: "viewer" })
    const stranger = await server.member("sam", {})
    const id = await server.create({ resource: small, env: { SECRET: "hunter2" } }, editor)
    const path = `/${id}`
    const status = async (token: string, method: string, at = path, json: unknown = {}) =>
      (await server.send({ method, path: at, token, ...(method !== "GET" && { json }) })).status

    expect((await server.get(id, viewer))["env"]).toEqual({ SECRET: "***" })
    expect((await server.get(id, other))["env"]).toEqual({ SECRET: "hunter2" })
    for (const [token, expected] of [
      [stranger, 404],
      [viewer, 403],
      [other, 403],
    ] as const) {
      expect(await status(token, "PATCH")).toBe(expected)
      expect(await status(token, "DELETE")).toBe(expected)
      expect(await status(token, "POST", `${path}/stop`)).toBe(expected)
      expect(await status(token, "POST", "/stop", { workloadIds: [id] })).toBe(expected)
    }
    expect(await status(stranger, "GET")).toBe(404)
    expect(await status(stranger, "GET", `${path}/pods/${id}-master-0/logs`)).toBe(404)
    expect((await server.send({ path: `?workloadId=${id}`, token: stranger })).json).toEqual({
      totalCount: 0,
      items: [],
    })
    expect((await server.send({ path: "?workspaceId=team", token: stranger })).json).toEqual({
      totalCount: 0,
      items: [],
    })
    expect(await status(viewer, "POST", "", { ...trainingJob, resource: small })).toBe(403)
    expect(await status(viewer, "POST", "/clone", { workloadIds: [id] })).toBe(403)
    expect(await status(stranger, "POST", "/clone", { workloadIds: [id] })).toBe(404)
    expect(await status(stranger, "POST", "", { ...trainingJob, resource: small })).toBe(404)
    const high = { ...trainingJob, resource: small, priority: 99 }
    expect(await status(editor, "POST", "", high)).toBe(403)
    expect(await status(editor, "PATCH", path, { priority: 99 })).toBe(403)
    const partly = await server.send({
      method: "POST",
      path: "/stop",
      token: other,
      json: { workloadIds: [id, "never-bcdfg"] },
    })
    expect([partly.status, partly.json]).toMatchObject([
      200,
      { failed: [{ workloadId: id, errorCode: "Primus.00003" }] },
    ])
    expect(await status(editor, "DELETE")).toBe(200)
  })
})

describe("pods", () => {
  it("belong to their workload alone", async () => {
    const [one, two] = [await server.create({ resource: small }), await server.create({ resource: small })]
    await server.until(one, "Running")
    await server.until(two, "Running")
    for (const pod of [`${two}-master-0`, `${one}-worker-0`, "..%2Fx", "%2E%2E", "x".repeat(300)])
      for (const what of ["logs", "containers"])
        expect(await refusal({ path: `/${one}/pods/${pod}/${what}` })).toEqual([
          404,
          "Primus.00005",
          `pods "${decodeURIComponent(pod)}" not found`,
        ])
    expect(await refusal({ path: `/${one}/pods/${one}-master-0/logs?container=sidecar` })).toEqual([
      400,
      "Primus.00002",
      `Bad request. container sidecar is not valid for pod ${one}-master-0`,
    ])
    expect((await server.send({ path: `/${one}/pods/${one}-master-0/logs` })).json).toMatchObject({
      logs: [""],
    })
    await server.send({ method: "POST", path: "/delete", json: { workloadIds: [one, two] } })
  })
})

describe("whatever is sent", () => {
  const anyBody = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc
      .dictionary(
        fc.constantFrom(...Object.keys(trainingJob), "cronJobs", "dependencies", "service"),
        fc.jsonValue({ maxDepth: 2 }),
        { maxKeys: 3 },
      )
      .map((change) => JSON.stringify({ ...trainingJob, resource: small, ...change })),
  )
  const anySegment = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }).map((text) => encodeURIComponent(text.toWellFormed())),
    fc.constantFrom("..", ".", "%00", "%2e%2e%2f", "delete", "stop", "clone", "a-bcdfg", "%", "%ff", "wl_1"),
  )
  const anyPath = fc
    .tuple(anySegment, fc.constantFrom("", "/stop", "/pods/p/logs", "/pods/p/containers", "/pods", "/stop/"))
    .map(([segment, rest]) => `/${segment}${rest}`)
  const anyQuery = fc.dictionary(
    fc.constantFrom(
      "limit",
      "offset",
      "order",
      "sortBy",
      "since",
      "phase",
      "userName",
      "workloadId",
      "description",
    ),
    fc.string({ unit: "binary", maxLength: 20 }),
  )

  it("is answered, never with an error of the server itself", async () => {
    const request = fc.record({
      method: fc.constantFrom("GET", "POST", "PATCH", "DELETE", "PUT"),
      path: fc.oneof(fc.constantFrom("", "/delete", "/stop", "/clone"), anyPath),
      raw: anyBody,
      query: anyQuery,
    })
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, raw, query }) => {
        const search = new URLSearchParams(query).toString()
        const at = search === "" ? path : `${path}?${search}`
        const answer = await server.send({ method, path: at, ...(method !== "GET" && { raw }) })
        const { errorCode } = (answer.json ?? {}) as { errorCode?: string }
        const isFull = answer.status === 503 && errorCode === "Primus.00008"
        expect(answer.status < 500 || isFull ? "fine" : [method, at, raw, answer.text]).toBe("fine")
      }),
      { numRuns: 400 },
    )
  })

  it("leaves a server that can still be listed", async () => {
    const { status, json } = await server.send({ path: "?limit=1000" })
    expect(status).toBe(200)
    for (const { workloadId } of (json as { items: { workloadId: string }[] }).items)
      expect((await server.send({ path: `/${workloadId}` })).status).toBe(200)
    expect(server.world.violations).toEqual([])
  })
})
