import { Value } from "typebox/value"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  ListWorkloadsResponseSchema,
  PodLogResponseSchema,
  type WorkloadDetail as WireDetail,
  WorkloadDetailSchema,
} from "@berth/contract/workloads"
import { type CallOptions, type RealServer, startRealServer } from "../support/real-server.ts"

const base = "/api/v1/workloads"

/** The body of the document's example, every member given. */
const documented = {
  workspaceId: "default",
  displayName: "documented",
  description: "as in the document",
  resource: {
    replica: 2,
    cpu: "1",
    gpu: "2",
    memory: "40Gi",
    ephemeralStorage: "1Gi",
    sharedMemory: "20Gi",
  },
  image: "harbor.example.com/train:1",
  entryPoint: Buffer.from("echo $GREETING from rank $RANK; sleep 0.2").toString("base64"),
  isSupervised: false,
  maxRetry: 0,
  priority: 1,
  timeout: 3600,
  ttlSecondsAfterFinished: 60,
  customerLabels: {},
  specifiedNodes: [],
  env: { GREETING: "hello" },
  dependencies: [],
  cronJobs: [],
  groupVersionKind: { version: "v1", kind: "PyTorchJob" },
  isTolerateAll: false,
}

describe.each([
  ["under --no-auth", true],
  ["with a key", false],
] as const)("the documented requests, %s,", (_, noAuth) => {
  let server: RealServer
  beforeAll(async () => {
    const flags = ["--simulate", "2x8xMI300X", "--stop-grace", "1", ...(noAuth ? ["--no-auth"] : [])]
    server = await startRealServer({ flags })
  })
  afterAll(() => server?.close())

  const call = (method: string, path: string, given: CallOptions = {}) =>
    server.call(method, base + path, { ...(noAuth ? { token: "" } : {}), ...given })

  async function create(change: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const answer = await call("POST", "", { json: { ...documented, ...change } })
    expect([answer.status, answer.text]).toEqual([200, expect.stringMatching(/^\{"workloadId":"[^"]+"\}$/)])
    return (answer.json as { readonly workloadId: string }).workloadId
  }

  const reaches = (id: string, label: string, isSo: (now: WireDetail) => boolean) =>
    server.until(async () => {
      const now = (await call("GET", `/${id}`)).json as WireDetail
      return isSo(now) ? now : undefined
    }, label)

  it("take a workload through its life", async () => {
    const id = await create()
    expect(id).toMatch(/^documented-[a-z0-9]{5}$/)
    const done = await server.phase(id, "Succeeded")
    const { json } = await call("GET", `/${id}`)
    expect([...Value.Errors(WorkloadDetailSchema, json)]).toEqual([])
    expect(json).toMatchObject({
      description: "as in the document",
      resource: documented.resource,
      image: documented.image,
      entryPoint: documented.entryPoint,
      priority: 1,
      timeout: 3600,
      dispatchCount: 1,
      env: documented.env,
      groupVersionKind: documented.groupVersionKind,
    })
    for (const [rank, { podId }] of done.pods.entries()) {
      const log = await call("GET", `/${id}/pods/${podId}/logs?tailLines=1000&sinceSeconds=600`)
      expect([...Value.Errors(PodLogResponseSchema, log.json)]).toEqual([])
      expect(log.json).toEqual({
        workloadId: id,
        podId,
        namespace: "default",
        logs: [`hello from rank ${rank}`, ""],
      })
      const containers = await call("GET", `/${id}/pods/${podId}/containers`)
      expect(containers.json).toEqual({
        containers: [{ name: expect.any(String) }],
        shells: expect.arrayContaining(["sh"]),
      })
    }
    const query = `workspaceId=default&phase=Succeeded,Running&kind=PyTorchJob&description=the%20doc&workloadId=${id}`
    const listed = await call("GET", `?${query}&offset=0&limit=100&sortBy=create_time&order=desc`)
    expect([...Value.Errors(ListWorkloadsResponseSchema, listed.json)]).toEqual([])
    expect(listed.json).toMatchObject({ totalCount: 1, items: [{ workloadId: id }] })
  })

  it.each(["Deployment", "StatefulSet"])("keep a %s running, change it and stop it", async (kind) => {
    const port = 8000
    const program = `require("http").createServer((q, a) => a.end(process.env.GREETING)).listen(${port}, process.env.POD_IP)`
    const probe = { path: "/", port, initialDelaySeconds: 600, periodSeconds: 1, failureThreshold: 3 }
    const service = {
      protocol: "TCP",
      port: 80,
      nodePort: 0,
      targetPort: port,
      serviceType: "ClusterIP",
      extends: {},
    }
    const id = await create({
      resource: { ...documented.resource, gpu: "1" },
      entryPoint: Buffer.from(`exec "${process.execPath}" -e '${program}'`).toString("base64"),
      timeout: 0,
      liveness: probe,
      readiness: probe,
      service,
      groupVersionKind: { version: "v1", kind },
    })
    const running = await server.phase(id, "Running")
    const { json } = await call("GET", `/${id}`)
    expect([...Value.Errors(WorkloadDetailSchema, json)]).toEqual([])
    expect(json).toMatchObject({
      groupVersionKind: { version: "v1", kind },
      dispatchCount: 1,
      liveness: probe,
      readiness: probe,
      service: { protocol: "TCP", port: 80, targetPort: port, serviceType: "ClusterIP" },
    })
    expect(running.pods).toHaveLength(2)
    if (kind === "StatefulSet") expect(running.pods.map((pod) => pod.podId)).toEqual([`${id}-0`, `${id}-1`])
    expect((await call("GET", `/${id}/pods/${running.pods[0]?.podId}/containers`)).json).toMatchObject({
      containers: [{ name: "main" }],
    })
    expect(
      (await call("PATCH", `/${id}`, { json: { replica: 1, env: { GREETING: "changed" } } })).status,
    ).toBe(200)
    await reaches(id, "one pod", (now) => now.phase === "Running" && now.pods.length === 1)
    expect((await call("GET", `?kind=${kind}&phase=Running`)).json).toMatchObject({ totalCount: 1 })
    expect((await call("POST", `/${id}/stop`)).status).toBe(200)
    // its last pods stay to be seen
    await reaches(id, "stopped pods", ({ phase, pods }) => {
      const isOver = pods.length === 1 && pods.every((pod) => (pod.containers?.length ?? 0) > 0)
      return phase === "Stopped" && isOver
    })
    expect((await call("DELETE", `/${id}`)).status).toBe(200)
  })

  it("keep a development machine until it is stopped", async () => {
    const id = await create({
      image: "",
      entryPoint: "",
      resource: { ...documented.resource, replica: 3 },
      groupVersionKind: { version: "v1", kind: "Authoring" },
    })
    const running = await server.phase(id, "Running")
    expect(running.pods).toHaveLength(1)
    expect((await call("GET", `/${id}`)).json).toMatchObject({
      timeout: null,
      maxRetry: 0,
      resource: { replica: 1 },
    })
    expect((await call("POST", `/${id}/stop`)).status).toBe(200)
    await server.phase(id, "Stopped")
  })

  it("change, stop, clone and delete, one or many, with empty answers", async () => {
    const entryPoint = Buffer.from("exec sleep 300").toString("base64")
    const empty = async (method: string, path: string, json?: unknown) => {
      const answer = await call(method, path, json === undefined ? {} : { json })
      expect([method, path, answer.status, answer.text]).toEqual([method, path, 200, ""])
    }
    const [one, two] = [await create({ entryPoint }), await create({ entryPoint })]
    await server.phase(one, "Running")
    await empty("PATCH", `/${one}`, { description: "changed", timeout: 7200, maxRetry: 1 })
    expect((await call("GET", `/${one}`)).json).toMatchObject({
      description: "changed",
      timeout: 7200,
      maxRetry: 1,
    })
    await empty("POST", `/${one}/stop`)
    await empty("POST", "/stop", { workloadIds: [one, two] })
    for (const id of [one, two])
      expect((await call("GET", `/${id}`)).json).toMatchObject({ phase: "Stopped" })
    const cloned = await call("POST", "/clone", { json: { workloadIds: [one] } })
    const [copy = ""] = (cloned.json as { readonly workloadIds: readonly string[] }).workloadIds
    expect((await call("GET", `/${copy}`)).json).toMatchObject({ description: "changed", timeout: 7200 })
    await empty("DELETE", `/${copy}`)
    await empty("POST", "/delete", { workloadIds: [one, two] })
    for (const id of [one, two, copy]) expect((await call("GET", `/${id}`)).status).toBe(404)
  })

  it("refuse in the documented form", async () => {
    const faults = [
      ["POST", "", { raw: "{" }, 400, "Primus.00002"],
      ["POST", "", { raw: "" }, 400, "Primus.00002"],
      ["POST", "", { json: { ...documented, displayName: "" } }, 400, "Primus.00002"],
      ["POST", "", { json: { ...documented, workspaceId: "nowhere" } }, 404, "Primus.02001"],
      [
        "POST",
        "",
        { json: { ...documented, resource: { ...documented.resource, replica: 999 } } },
        503,
        "Primus.00008",
      ],
      ["GET", "/never-00000", {}, 404, "Primus.01001"],
      ["GET", "/..%2f..%2fetc", {}, 404, "Primus.01001"],
      ["GET", "?limit=-1", {}, 400, "Primus.00002"],
      ["GET", "/a/b/c/d", {}, 404, "Primus.00005"],
    ] as const
    for (const [method, path, given, status, errorCode] of faults) {
      const answer = await call(method, path, given)
      expect([path, answer.status, answer.json]).toEqual([
        path,
        status,
        { errorCode, errorMessage: expect.any(String) },
      ])
    }
  })

  it("refuse a key that is wrong, and where keys are needed none, too", async () => {
    const token = noAuth ? "wrong" : ""
    const answer = await call("GET", "", { token })
    expect([answer.status, answer.json]).toEqual([
      401,
      { errorCode: "Primus.00009", errorMessage: expect.any(String) },
    ])
  })
})
