import { Value } from "typebox/value"
import { describe, expect, it } from "vitest"
import {
  WorkloadDetailSchema,
  WorkloadItemSchema,
  decodeListQuery,
  listSortFields,
} from "@berth/contract/workloads"
import { formatRuntime } from "./format.ts"
import { mapDetail, mapItem, mapList, toListCommand } from "./map.ts"
import { createdAtMs, testAttempt, testDetail, testPod, testSpec, testWorkload } from "./test-views.ts"

const second = 1000
const startedAtMs = createdAtMs + 10 * second

describe("a workload in a list", () => {
  it("has its 24 members and no other", () => {
    expect(mapItem(testDetail(testWorkload(), { position: 3, reasons: [{ code: "queue_paused" }] }))).toEqual(
      {
        workloadId: "train-x7kqd",
        workspaceId: "team",
        resource: { replica: 2, cpu: "64", memory: "512Gi", ephemeralStorage: "50Gi", sharedMemory: "256Gi" },
        displayName: "train",
        description: "",
        userId: "usr_1",
        userName: "ann",
        clusterId: "local",
        phase: "Pending",
        message: "The queue is paused",
        priority: 1,
        creationTime: "2025-10-29T08:00:00",
        startTime: "",
        endTime: "",
        deletionTime: "",
        runtime: "0s",
        secondsUntilTimeout: 0,
        schedulerOrder: 3,
        dispatchCount: 0,
        isTolerateAll: false,
        groupVersionKind: { version: "v1", kind: "PyTorchJob" },
        timeout: null,
        workloadUid: "0199afc2-fc00-0000-0000-000000000000",
        k8sObjectUid: "",
      },
    )
  })

  it("says why it waits, and where in the queue, only while it is Pending", () => {
    const seen = { position: 2, reasons: [{ code: "starting" as const }] }
    const running = mapItem(testDetail(testWorkload({ phase: "Running", startedAtMs }), seen))
    expect([running.message, running.schedulerOrder]).toEqual(["", 0])
  })

  it.each([
    [0, "0s"],
    [999, "0s"],
    [45 * second, "45s"],
    [60 * second, "1m"],
    [3615 * second, "1h15s"],
    [(2 * 3600 + 5 * 60) * second, "2h5m"],
    [(25 * 3600 + 1) * second + 999, "25h1s"],
    [-5 * second, "0s"],
  ])("writes %i ms as %s", (ms, text) => {
    expect(formatRuntime(ms)).toBe(text)
  })

  it("runs from its first start to its end, its deletion, or now, and never beyond now", () => {
    const nowMs = startedAtMs + 100 * second
    const runtime = (change: object) =>
      mapItem(testDetail(testWorkload({ startedAtMs, ...change }), { nowMs })).runtime
    expect(runtime({})).toBe("1m40s")
    expect(runtime({ endedAtMs: startedAtMs + 5 * second })).toBe("5s")
    expect(runtime({ deletedAtMs: startedAtMs + 7 * second })).toBe("7s")
    expect(runtime({ endedAtMs: nowMs + 999 * second })).toBe("1m40s")
    expect(runtime({ startedAtMs: nowMs + second })).toBe("0s")
  })

  it("counts down to its time-out", () => {
    const left = (timeout: number | null, change: object, nowMs = startedAtMs + 1500) =>
      mapItem(testDetail(testWorkload({ spec: testSpec({ timeout }), ...change }), { nowMs }))
        .secondsUntilTimeout
    expect(left(null, { startedAtMs })).toBe(0)
    expect(left(60, {})).toBe(-1)
    expect(left(60, { startedAtMs })).toBe(59)
    expect(left(60, { startedAtMs }, startedAtMs)).toBe(60)
    expect(left(60, { startedAtMs }, startedAtMs + 61 * second)).toBe(0)
    expect(left(60, { startedAtMs, endedAtMs: startedAtMs + second })).toBe(0)
  })

  it("ends when it was deleted, where no other end is known", () => {
    expect(mapItem(testDetail(testWorkload({ deletedAtMs: createdAtMs }))).endTime).toBe(
      "2025-10-29T08:00:00",
    )
  })

  it("shows GPUs and storage only where there are some", () => {
    const resource = { replica: 1, cpu: "1", gpu: "8", memory: "1Gi", ephemeralStorage: "", sharedMemory: "" }
    expect(mapItem(testDetail(testWorkload({ spec: testSpec({ resource }) }))).resource).toEqual({
      replica: 1,
      cpu: "1",
      gpu: "8",
      memory: "1Gi",
    })
  })

  it("is counted whatever the page", () => {
    expect(mapList({ total: 12, items: [] })).toEqual({ totalCount: 12, items: [] })
  })
})

describe("a workload with all of it", () => {
  it("has empty collections, never null, and leaves out what was not given", () => {
    const detail = mapDetail(testDetail(testWorkload()))
    expect(detail).toMatchObject({
      conditions: [],
      pods: [],
      nodes: [],
      ranks: [],
      customerLabels: {},
      env: {},
    })
    for (const member of ["specifiedNodes", "liveness", "readiness", "service", "dependencies", "cronJobs"])
      expect(detail).not.toHaveProperty(member)
    expect(detail.entryPoint).toBe("ZWNobyBoaQ==")
    expect(Value.Errors(WorkloadDetailSchema, detail)).toEqual([])
  })

  it("shows every part that was given", () => {
    const spec = testSpec({
      specifiedNodes: ["n1", "n2"],
      dependencies: ["other-bcdfg"],
      cronJobs: [{ schedule: "2030-01-01T00:00:00Z", action: "start" }],
      liveness: { path: "/", port: 1 },
      readiness: { path: "/r", port: 2 },
      service: { port: 1, targetPort: 2, serviceType: "ClusterIP", nodePort: 0, extends: {} },
      customerLabels: { zone: "a" },
      env: { A: "b" },
      timeout: 5,
      ttlSecondsAfterFinished: 0,
    })
    const detail = mapDetail(testDetail(testWorkload({ spec })))
    const { specifiedNodes, dependencies, cronJobs, liveness, readiness, customerLabels, env } = spec
    const asGiven = { specifiedNodes, dependencies, cronJobs, liveness, readiness, customerLabels, env }
    expect(detail).toMatchObject({ ...asGiven, timeout: 5, ttlSecondsAfterFinished: 0 })
    expect(detail.service).toEqual({ port: 1, targetPort: 2, serviceType: "ClusterIP" })
    expect(Value.Errors(WorkloadDetailSchema, detail)).toEqual([])
  })

  it("hides the values of the environment from who may not read them", () => {
    const workload = testWorkload({ spec: testSpec({ env: { TOKEN: "secret", EMPTY: "" } }) })
    const text = JSON.stringify(mapDetail(testDetail(workload, { mayReadEnv: false })))
    expect(text).toContain('"env":{"TOKEN":"***","EMPTY":"***"}')
    expect(text).not.toContain("secret")
  })

  it("writes conditions with the run and an instant with Z", () => {
    const conditions = [{ type: "AdminScheduled" as const, run: 2, message: "m", atMs: createdAtMs }]
    expect(mapDetail(testDetail(testWorkload({ conditions }))).conditions).toEqual([
      {
        type: "AdminScheduled",
        status: "True",
        reason: "run_2_times",
        message: "m",
        lastTransitionTime: "2025-10-29T08:00:00Z",
      },
    ])
  })

  it("takes the latest attempt for its object", () => {
    const attempt = testAttempt(1, [])
    const uid = mapItem(testDetail(testWorkload({ attemptId: attempt.id, dispatchCount: 1 }))).k8sObjectUid
    expect(uid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(mapItem(testDetail(testWorkload({ attemptId: attempt.id }))).k8sObjectUid).toBe("")
  })
})

describe("the pods of a workload", () => {
  const dispatched = (change: object = {}) =>
    testWorkload({ phase: "Running", startedAtMs, dispatchCount: 1, ...change })

  it("leave out what is empty", () => {
    const [pod] = mapDetail(testDetail(dispatched(), { attempts: [testAttempt(1, [testPod(0)])] })).pods
    expect(pod).toEqual({
      podId: "train-x7kqd-master-0",
      k8sNodeName: "n1",
      adminNodeName: "n1",
      phase: "Pending",
      rank: "0",
      containers: [],
    })
  })

  it("show how they ended", () => {
    const ended = testPod(1, {
      phase: "Failed",
      hostIp: "10.0.0.1",
      podIp: "127.64.0.2",
      startedAtMs,
      endedAtMs: startedAtMs + second,
      exitCode: 137,
      cause: "out_of_memory",
      message: "asked for 1Gi, used 2Gi",
    })
    const [pod] = mapDetail(testDetail(dispatched(), { attempts: [testAttempt(1, [ended])] })).pods
    expect(pod).toEqual({
      podId: "train-x7kqd-worker-0",
      k8sNodeName: "n1",
      adminNodeName: "n1",
      phase: "Failed",
      hostIP: "10.0.0.1",
      podIP: "127.64.0.2",
      rank: "1",
      startTime: "2025-10-29T08:00:10",
      endTime: "2025-10-29T08:00:11",
      containers: [
        { name: "pytorch", reason: "OOMKilled", message: "asked for 1Gi, used 2Gi", exitCode: 137 },
      ],
    })
  })

  it("show an exit code of 0, and 137 for a process that went away without one", () => {
    const pods = [
      testPod(0, { exitCode: 0, cause: "succeeded" }),
      testPod(1, { cause: "lost" }),
      testPod(2, { phase: "Stopped", cause: "stopped" }),
    ]
    const shown = mapDetail(testDetail(dispatched(), { attempts: [testAttempt(1, pods)] })).pods
    expect(shown.map((pod) => pod.containers.map(({ reason, exitCode }) => [reason, exitCode]))).toEqual([
      [["Completed", 0]],
      [["ContainerStatusUnknown", 137]],
      [],
    ])
  })

  it("are those of the last attempt: gone while the next is awaited, kept after the end", () => {
    const attempts = [
      testAttempt(1, [testPod(0)], { state: "gone" }),
      testAttempt(2, [testPod(0)], { state: "gone" }),
    ]
    const pods = (phase: "Pending" | "Failed") =>
      mapDetail(testDetail(dispatched({ phase }), { attempts })).pods.length
    expect([pods("Pending"), pods("Failed")]).toEqual([0, 1])
  })

  it("have no rank but in a PyTorchJob", () => {
    const attempts = [testAttempt(1, [testPod(0)])]
    const detail = mapDetail(testDetail(dispatched({ kind: "Authoring" }), { attempts }))
    expect(detail.pods[0]).not.toHaveProperty("rank")
    expect([detail.nodes, detail.ranks]).toEqual([[["n1"]], [[""]]])
  })
})

describe("nodes and ranks", () => {
  const of = (pods: readonly ReturnType<typeof testPod>[][], dispatchCount = pods.length) => {
    const attempts = pods.map((each, at) => testAttempt(at + 1, each))
    const { nodes, ranks } = mapDetail(testDetail(testWorkload({ dispatchCount }), { attempts }))
    return { nodes, ranks }
  }

  it("list the distinct nodes by descending address, with the rank of the first pod there", () => {
    const pods = [
      testPod(0, { nodeName: "a", hostIp: "10.0.0.9" }),
      testPod(1, { nodeName: "b", hostIp: "10.0.0.10" }),
      testPod(2, { nodeName: "b", hostIp: "10.0.0.10" }),
      testPod(3, { nodeName: "c", hostIp: "9.255.255.255" }),
    ]
    expect(of([pods])).toEqual({ nodes: [["b", "a", "c"]], ranks: [["1", "0", "3"]] })
  })

  it("have one entry per dispatched attempt, an empty one where it never got a node", () => {
    expect(of([[testPod(0)], [], [testPod(0, { nodeName: "n2" })]])).toEqual({
      nodes: [["n1"], [], ["n2"]],
      ranks: [["0"], [], ["0"]],
    })
    expect(of([[testPod(0)], [testPod(0)]], 1).nodes).toEqual([["n1"]])
  })
})

describe("a list query for the domain", () => {
  it("has a column for every field it can be sorted by", () => {
    for (const sortBy of listSortFields) {
      const query = decodeListQuery({ sortBy })
      expect(query.ok && toListCommand(query.value).page.sort).toBeTruthy()
    }
  })

  it("passes on only the filters that were given", () => {
    const query = decodeListQuery({ workspaceId: "team", phase: "Failed", since: "2025-01-01T00:00:00Z" })
    expect(query.ok && toListCommand(query.value)).toEqual({
      filter: {
        workspaceIds: null,
        workspaceId: "team",
        phases: ["Failed"],
        createdFromMs: Date.UTC(2025, 0, 1),
      },
      page: { sort: "createdAtMs", order: "desc", offset: 0, limit: 100 },
    })
  })
})

it("answers that fit the documented schema", () => {
  const item = mapItem(testDetail(testWorkload({ spec: testSpec({ timeout: 60 }) })))
  expect(Value.Errors(WorkloadItemSchema, item)).toEqual([])
})
