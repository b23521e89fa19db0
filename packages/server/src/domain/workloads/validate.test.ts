import { describe, expect, it } from "vitest"
import { AppError } from "../../kit/errors.ts"
import type { Capacity } from "../queue/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import type { CreateWorkload } from "./commands.ts"
import { checkCreate } from "./validate.ts"

const workspace = {
  id: "team",
  clusters: ["local"],
  policy: { scopes: [] as string[], stopGraceSeconds: 30 },
} as unknown as Workspace

const command: CreateWorkload = {
  displayName: "train",
  description: "",
  workspaceId: "team",
  kind: "",
  version: "",
  resource: { replica: 1, cpu: "1", gpu: "", memory: "2Gi", ephemeralStorage: "", sharedMemory: "" },
  image: "any",
  entryPoint: Buffer.from("echo hello").toString("base64"),
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
}

type Room = ReturnType<Capacity["couldHold"]>
const nowMs = Date.UTC(2030, 0, 1)
const check = (change: Partial<CreateWorkload>, given: { room?: Room; workspace?: Workspace } = {}) =>
  checkCreate(
    { ...command, ...change },
    {
      nowMs,
      existing: () => given.workspace ?? workspace,
      capacity: { couldHold: () => given.room ?? { declared: true, pods: 8, short: null } },
    },
  )

function refusal(change: Partial<CreateWorkload>, given: { room?: Room; workspace?: Workspace } = {}) {
  try {
    check(change, given)
  } catch (error) {
    if (error instanceof AppError)
      return {
        code: error.code,
        messages: error.issues.map((issue) => issue.message),
        message: error.message,
      }
    throw error
  }
  return undefined
}

const resource = (change: Partial<CreateWorkload["resource"]>) => ({
  resource: { ...command.resource, ...change },
})

describe("a request", () => {
  it("gets its defaults and keeps what was typed", () => {
    const checked = check({ ...resource({ gpu: "0", memory: "128Gi" }), displayName: "  My_Train " })
    expect(checked.kind).toBe("PyTorchJob")
    expect(checked.displayName).toBe("My_Train")
    expect(checked.spec).toMatchObject({
      ttlSecondsAfterFinished: 60,
      timeout: null,
      resource: {
        replica: 1,
        cpu: "1",
        gpu: "",
        memory: "128Gi",
        sharedMemory: "64Gi",
        ephemeralStorage: "50Gi",
      },
      size: { cpuMilli: 1000, gpus: 0, memoryBytes: 128 * 2 ** 30, ephemeralBytes: 0 },
    })
  })

  it("lists all missing fields at once, and only those", () => {
    expect(
      refusal({
        displayName: " ",
        image: "",
        entryPoint: "",
        ...resource({ replica: 0, cpu: "", memory: "" }),
        cronJobs: [{ schedule: "x", action: "" }],
      })?.messages,
    ).toEqual([
      "the displayName is empty",
      "the image is empty",
      "the entryPoint is empty",
      "the replica is empty",
      "the cpu is empty",
      "the memory is empty",
    ])
  })

  it.each([
    [resource({ cpu: "-1" }), "invalid cpu"],
    [resource({ cpu: "0" }), "invalid cpu"],
    [resource({ gpu: "-8" }), "invalid gpu"],
    [resource({ memory: "0" }), "invalid memory"],
    [resource({ ephemeralStorage: "-1Gi" }), "invalid ephemeral store"],
    [resource({ sharedMemory: "3Gi" }), "invalid share memory"],
    [resource({ cpu: "abc" }), /^quantities must match the regular expression .*, value: abc$/],
    [resource({ memory: "99999999999999999999999Ei" }), /out of range/],
    [{ displayName: "1train" }, /^the name must consist of 1 to 45/],
    [{ displayName: "a".repeat(46) }, `the maximum length of the workload name [${"a".repeat(46)}] is 45`],
    [{ displayName: "../../etc" }, /^the name must consist/],
    [{ kind: "TorchJob" }, "unknown workload kind, TorchJob"],
    [{ kind: "pytorchjob" }, "unknown workload kind, pytorchjob"],
    [{ liveness: { port: 80 } }, "the path for liveness is not found"],
    [
      { readiness: { path: "/", port: 70000 } },
      "The readiness port(70000) is invalid and needs to be between 1 and 65535",
    ],
    [
      { service: { port: 0, targetPort: 1, serviceType: "ClusterIP" } },
      "The service port(0) is invalid and needs to be between 1 and 65535",
    ],
    [
      { service: { port: 1, targetPort: 1, protocol: "sctp" } },
      "the service protocol only supports TCP and UDP",
    ],
    [{ service: { port: 1, targetPort: 1 } }, "the service type only supports ClusterIP and NodePort"],
    [{ cronJobs: [{ schedule: " ", action: "" }] }, "CronJob schedule is empty"],
    [
      { cronJobs: [{ schedule: "2029-12-31T23:00:00Z", action: "start" }] },
      /^Invalid schedulerTime\(2029-12-31T23:00:00Z\) of request/,
    ],
    [{ cronJobs: [{ schedule: "2030-02-31T00:00:00Z", action: "start" }] }, /^Invalid schedule/],
    [
      { cronJobs: [{ schedule: "2030-06-01T00:00:00Z", action: "scale" }] },
      "unknown action of cronJobs, scale",
    ],
    [
      { cronJobs: [{ schedule: "0 3 31 2 *", action: "start" }] },
      "Invalid schedule of cronJobs: 0 3 31 2 *, there is no such day",
    ],
    [
      { cronJobs: [{ schedule: "61 3 * * *", action: "" }] },
      "Invalid schedule of cronJobs: 61 3 * * *, invalid value for minute: 61",
    ],
    [
      { cronJobs: [{ schedule: "0 0 3 * * *", action: "" }] },
      "Invalid schedule of cronJobs: 0 0 3 * * *, it has 6 fields, not 5",
    ],
    [{ cronJobs: [{ schedule: "@daily", action: "" }] }, /five cron fields/],
    [
      {
        cronJobs: [
          { schedule: "0 3 * * *", action: "" },
          { schedule: "2030-06-01T00:00:00Z", action: "" },
        ],
      },
      "the cronJobs must either all be single start times or all recur, not both",
    ],
    [
      { kind: "Deployment", cronJobs: [{ schedule: "0 3 * * *", action: "start" }] },
      "a Deployment runs until it is stopped: its cronJobs may only be single start times",
    ],
    [
      { cronJobs: Array.from({ length: 101 }, () => ({ schedule: "0 3 * * *", action: "start" })) },
      "a workload may have at most 100 cronJobs",
    ],
    [{ env: { BIG: "x".repeat(128 * 1024) } }, /^the env BIG is over/],
    [{ env: { "A=B": "x" } }, 'the env name "A=B" is invalid'],
    [{ env: { A: "x\0y" } }, "the env A contains a NUL character"],
    [{ kind: "Authoring", specifiedNodes: ["a", "b"] }, "the authoring can only be created with one node"],
  ])("is refused with the sentence of its first fault: %j", (change, expected) => {
    const refused = refusal(change)
    expect(refused?.code).toBe("invalid")
    expect(refused?.messages).toHaveLength(1)
    if (expected instanceof RegExp) expect(refused?.messages[0]).toMatch(expected)
    else expect(refused?.messages[0]).toBe(expected)
  })

  it("is refused when the declared inventory can never hold it, and not before there is one", () => {
    const few: Room = { declared: true, pods: 4, short: null }
    expect(refusal(resource({ replica: 9 }), { room: few })).toMatchObject({
      code: "insufficient",
      message: "Insufficient resource: request.replica: 9, total.replica: 4",
    })
    const none: Room = { declared: true, pods: 0, short: { resource: "memory", largest: 64 * 2 ** 30 } }
    expect(refusal(resource({ memory: "1Ti" }), { room: none })?.message).toBe(
      "Insufficient resource: memory, request: 1Ti, available: 64Gi",
    )
    expect(
      refusal(resource({ replica: 9 }), { room: { declared: false, pods: 0, short: null } }),
    ).toBeUndefined()
  })

  it("gets the defaults of its probes and its service", () => {
    const checked = check({
      liveness: { path: "/live", port: 80, periodSeconds: 0 },
      readiness: {},
      service: { port: 1, targetPort: 2, serviceType: "ClusterIP", protocol: "udp" },
    })
    expect(checked.spec).toMatchObject({
      liveness: { path: "/live", port: 80, initialDelaySeconds: 600, periodSeconds: 3, failureThreshold: 3 },
      readiness: null,
      service: { protocol: "UDP" },
    })
  })

  it("for an interactive workload is forced to one sleeping pod without retries", () => {
    const checked = check({
      kind: "Authoring",
      image: "",
      entryPoint: "",
      maxRetry: 5,
      timeout: 9,
      dependencies: ["x"],
      ...resource({ replica: 4 }),
    })
    expect(checked.spec).toMatchObject({
      maxRetry: 0,
      timeout: null,
      dependencies: [],
      resource: { replica: 1 },
    })
    expect(Buffer.from(checked.spec.entryPoint, "base64").toString()).toBe("sleep infinity")
  })

  it("takes its replica count from the specified nodes", () => {
    expect(check({ specifiedNodes: ["n1", " n2 ", ""] }).spec).toMatchObject({
      specifiedNodes: ["n1", "n2"],
      resource: { replica: 2 },
    })
  })

  it("keeps base64 of text, and encodes everything else", () => {
    expect(check({ entryPoint: "echo hello" }).spec.entryPoint).toBe(
      Buffer.from("echo hello").toString("base64"),
    )
    expect(check({ entryPoint: command.entryPoint }).spec.entryPoint).toBe(command.entryPoint)
    expect(check({ entryPoint: "gibberish///" }).spec.entryPoint).toBe(
      Buffer.from("gibberish///").toString("base64"),
    )
  })

  it("is refused where the workspace does not take its kind of work", () => {
    const infer = { ...workspace, policy: { ...workspace.policy, scopes: ["Infer"] } } as unknown as Workspace
    expect(refusal({}, { workspace: infer })).toMatchObject({
      code: "forbidden",
      message: "The workspace only supports [Infer] and does not support Train",
    })
  })
})

describe("the service of a Deployment", () => {
  const serviceOf = (service: Record<string, unknown>, kind = "Deployment") =>
    check({
      kind,
      service: { protocol: "", port: 80, targetPort: 8000, serviceType: "ClusterIP", ...service },
    }).spec.service

  it("says how many pods an update may miss, 25% where nothing was said", () => {
    expect(serviceOf({})?.["extends"]).toEqual({ maxUnavailable: "25%", maxSurge: "25%" })
    expect(serviceOf({ extends: { maxUnavailable: "1", other: "x" } })?.["extends"]).toEqual({
      maxUnavailable: "1",
      maxSurge: "25%",
      other: "x",
    })
    expect(serviceOf({}, "StatefulSet")?.["extends"]).toBeUndefined()
  })

  it("is refused with a share that is none", () => {
    for (const maxUnavailable of ["many", "-1", "101%", "1.5", ""])
      expect(() => serviceOf({ extends: { maxUnavailable } })).toThrow("maxUnavailable")
  })
})
