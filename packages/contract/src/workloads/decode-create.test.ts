import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeCreate } from "./decode-create.ts"

const minimal = { displayName: "train", workspaceId: "team", image: "x:1", entryPoint: "ZWNobw==" }

function valueOf(body: unknown) {
  const result = decodeCreate(body)
  if (!result.ok) throw new Error(result.issues.map((issue) => issue.message).join("; "))
  return result.value
}

function messagesOf(body: unknown): readonly string[] {
  const result = decodeCreate(body)
  return result.ok ? [] : result.issues.map((issue) => issue.message)
}

/** A body as it comes from the wire, where `__proto__` is a member like any other. */
function parsed(json: string): unknown {
  return JSON.parse(json) as unknown
}

describe("a create body", () => {
  it("gives empty strings, zeros and nulls for what is absent", () => {
    expect(valueOf({})).toEqual({
      displayName: "",
      description: "",
      workspaceId: "",
      kind: "",
      version: "",
      resource: { replica: 0, cpu: "", gpu: "", memory: "", ephemeralStorage: "", sharedMemory: "" },
      image: "",
      entryPoint: "",
      isSupervised: false,
      priority: 0,
      timeout: null,
      maxRetry: 0,
      ttlSecondsAfterFinished: null,
      customerLabels: {},
      specifiedNodes: [],
      env: {},
      liveness: null,
      readiness: null,
      service: null,
      dependencies: [],
      cronJobs: [],
      isTolerateAll: false,
    })
  })

  it("keeps every field that is sent, as it is sent", () => {
    const body = {
      ...minimal,
      description: "d",
      specifiedNodes: ["n1", "n2"],
      resource: {
        replica: 2,
        cpu: "64",
        gpu: "8",
        memory: "512Gi",
        ephemeralStorage: "9Gi",
        sharedMemory: "1Gi",
      },
      isSupervised: true,
      priority: -7,
      timeout: 0,
      maxRetry: 99,
      ttlSecondsAfterFinished: 0,
      customerLabels: { zone: "a" },
      env: { A: "b", EMPTY: "" },
      liveness: { path: "/", port: 80, initialDelaySeconds: 1, periodSeconds: 2, failureThreshold: 3 },
      readiness: { path: "/r" },
      service: {
        protocol: "tcp",
        port: 1,
        nodePort: 0,
        targetPort: 2,
        serviceType: "ClusterIP",
        extends: { a: "b" },
      },
      dependencies: ["x-bcdfg"],
      cronJobs: [{ schedule: "0 3 * * *", action: "start" }, { schedule: "2030-01-01T00:00:00Z" }],
      isTolerateAll: true,
    }
    expect(valueOf({ ...body, groupVersionKind: { group: "g", version: "v1", kind: "Authoring" } })).toEqual({
      ...body,
      version: "v1",
      kind: "Authoring",
      cronJobs: [
        { schedule: "0 3 * * *", action: "start" },
        { schedule: "2030-01-01T00:00:00Z", action: "" },
      ],
    })
  })

  it("takes null for absent, whole and in every field", () => {
    const fields = Object.keys(valueOf({})).concat("groupVersionKind", "workspace")
    expect(valueOf(Object.fromEntries(fields.map((field) => [field, null])))).toEqual(valueOf({}))
    expect(valueOf(null)).toEqual(valueOf(undefined))
  })

  it("takes either name of the workspace, and workspaceId where both are sent", () => {
    expect(valueOf({ workspace: "old" }).workspaceId).toBe("old")
    expect(valueOf({ workspace: "old", workspaceId: "new" }).workspaceId).toBe("new")
    expect(valueOf({ workspace: "old", workspaceId: "" }).workspaceId).toBe("old")
  })

  it("ignores unknown members and names in another case", () => {
    const value = valueOf({ ...minimal, DisplayName: "no", DISPLAYNAME: 5, hostpath: ["/"], x: { y: [1] } })
    expect(value).toEqual(valueOf(minimal))
  })

  it.each([
    [{ displayName: 5 }, "number into Go struct field CreateWorkloadRequest.displayName of type string"],
    [{ priority: "high" }, "string into Go struct field CreateWorkloadRequest.priority of type int"],
    [{ priority: 1.5 }, "number 1.5 into Go struct field CreateWorkloadRequest.priority of type int"],
    [
      { timeout: 2 ** 31 },
      "number 2147483648 into Go struct field CreateWorkloadRequest.timeout of type int",
    ],
    [
      { maxRetry: -(2 ** 53) },
      "number -9007199254740992 into Go struct field CreateWorkloadRequest.maxRetry of type int",
    ],
    [{ isSupervised: 1 }, "number into Go struct field CreateWorkloadRequest.isSupervised of type bool"],
    [
      { isTolerateAll: "true" },
      "string into Go struct field CreateWorkloadRequest.isTolerateAll of type bool",
    ],
    [
      { resource: [] },
      "array into Go struct field CreateWorkloadRequest.resource of type v1.WorkloadResource",
    ],
    [
      { resource: { cpu: 4 } },
      "number into Go struct field CreateWorkloadRequest.resource.cpu of type string",
    ],
    [
      { resource: { replica: "1" } },
      "string into Go struct field CreateWorkloadRequest.resource.replica of type int",
    ],
    [{ env: [] }, "array into Go struct field CreateWorkloadRequest.env of type map[string]string"],
    [{ env: { A: 1 } }, "number into Go struct field CreateWorkloadRequest.env of type string"],
    [
      { customerLabels: { a: {} } },
      "object into Go struct field CreateWorkloadRequest.customerLabels of type string",
    ],
    [
      { dependencies: "a" },
      "string into Go struct field CreateWorkloadRequest.dependencies of type []string",
    ],
    [
      { dependencies: [1, 2] },
      "number into Go struct field CreateWorkloadRequest.dependencies of type string",
    ],
    [
      { specifiedNodes: {} },
      "object into Go struct field CreateWorkloadRequest.specifiedNodes of type []string",
    ],
    [{ cronJobs: {} }, "object into Go struct field CreateWorkloadRequest.cronJobs of type []v1.CronJob"],
    [
      { cronJobs: ["* * * * *"] },
      "string into Go struct field CreateWorkloadRequest.cronJobs of type v1.CronJob",
    ],
    [
      { cronJobs: [{ schedule: 1 }] },
      "number into Go struct field CreateWorkloadRequest.cronJobs.schedule of type string",
    ],
    [{ liveness: "x" }, "string into Go struct field CreateWorkloadRequest.liveness of type v1.HealthCheck"],
    [
      { readiness: { port: "80" } },
      "string into Go struct field CreateWorkloadRequest.readiness.port of type int",
    ],
    [
      { service: { extends: [] } },
      "array into Go struct field CreateWorkloadRequest.service.extends of type map[string]string",
    ],
    [
      { groupVersionKind: "PyTorchJob" },
      "string into Go struct field CreateWorkloadRequest.groupVersionKind of type v1.GroupVersionKind",
    ],
  ])("refuses %j in Go's words", (body, message) => {
    expect(messagesOf({ ...minimal, ...body })).toEqual([`json: cannot unmarshal ${message}`])
  })

  it.each([
    [[], "array"],
    ["x", "string"],
    [7, "number"],
    [true, "bool"],
  ])("refuses a body that is %j", (body, kind) => {
    expect(messagesOf(body)).toEqual([
      `json: cannot unmarshal ${kind} into Go value of type types.CreateWorkloadRequest`,
    ])
  })

  it("reports every fault once, in the order of the fields", () => {
    const paths = decodeCreate({
      isTolerateAll: 1,
      dependencies: Array.from({ length: 1000 }, () => 5),
      displayName: {},
      resource: { memory: 1, cpu: 1 },
    })
    expect(paths.ok ? [] : paths.issues.map((issue) => issue.path.join("."))).toEqual([
      "displayName",
      "resource.cpu",
      "resource.memory",
      "dependencies",
      "isTolerateAll",
    ])
  })

  it("refuses a NUL in any text, and control characters in names", () => {
    expect(messagesOf({ description: "a\0b" })).toEqual(["the description must not contain NUL characters"])
    expect(messagesOf({ env: { A: "\0" } })).toEqual(["the env must not contain NUL characters"])
    expect(messagesOf({ env: { "A\n": "x" } })).toEqual(["the env must not have control characters in a key"])
    expect(messagesOf({ workspaceId: "a\u001bb" })).toEqual([
      "the workspaceId must not contain control characters",
    ])
    expect(messagesOf({ dependencies: ["a\nb"] })).toEqual([
      "the dependencies must not contain control characters",
    ])
    expect(messagesOf({ description: "two\nlines\tand a tab" })).toEqual([])
  })

  it("keeps secrets out of its sentences", () => {
    const said = messagesOf({ env: { TOKEN: "hunter2\0", OTHER: 5 }, entryPoint: 17, priority: "hunter2" })
    expect(said.join()).not.toContain("hunter2")
    expect(said).toHaveLength(3)
  })

  it("is not harmed by __proto__ and other names of Object.prototype", () => {
    const value = valueOf(
      parsed(`{"__proto__":{"displayName":"evil","isTolerateAll":true},"constructor":{"prototype":{"x":1}},
        "env":{"__proto__":"x","constructor":"kept","A":"b"},"service":{"extends":{"__proto__":"y"}}}`),
    )
    expect(value.displayName).toBe("")
    expect(value.isTolerateAll).toBe(false)
    expect(Object.entries(value.env)).toEqual([
      ["constructor", "kept"],
      ["A", "b"],
    ])
    expect(Object.getPrototypeOf(value.env)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined()
  })

  it("makes half surrogate pairs storable and -0 a zero", () => {
    expect(valueOf({ description: "a\ud800b" }).description).toBe("a\ufffdb")
    expect(valueOf({ env: { "K\ud800": "\udc00" } }).env).toEqual({ "K\ufffd": "\ufffd" })
    expect(Object.is(valueOf({ priority: -0 }).priority, 0)).toBe(true)
  })

  it("never throws and never gives a value of another type, whatever the JSON", () => {
    const names = Object.keys(valueOf({})).concat("groupVersionKind", "workspace", "__proto__")
    const body = fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 4 }))
    fc.assert(
      fc.property(fc.oneof(body, fc.jsonValue()), (given) => {
        const result = decodeCreate(parsed(JSON.stringify(given)))
        const { value, issues } = result.ok ? { ...result, issues: [] } : { ...result, value: valueOf({}) }
        const { env, dependencies, specifiedNodes, resource } = value
        const texts = [...Object.values(env), ...dependencies, ...specifiedNodes]
        expect(issues.length).toBeLessThan(40)
        expect(Object.keys(value)).toEqual(Object.keys(valueOf({})))
        expect(texts.every((text) => typeof text === "string")).toBe(true)
        expect(Number.isInteger(value.priority) && Number.isInteger(resource.replica)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
