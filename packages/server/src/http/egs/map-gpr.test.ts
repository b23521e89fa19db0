import { expect, describe, it } from "vitest"
import type { DecodedGpr } from "@berth/contract/egs"
import type {
  GpuEstimate,
  GpuRequest,
  GpuRequestId,
  GpuRequestView,
  HeldNode,
} from "../../domain/gpu-requests/index.ts"
import { newRequest } from "../../domain/gpu-requests/index.ts"
import { formatMicros } from "./format.ts"
import { mapGpr, mapWaitTime, toCommand } from "./map-gpr.ts"

const at = (text: string) => Date.parse(text)
const node: HeldNode = {
  nodeId: "nod_1" as HeldNode["nodeId"],
  name: "gke-dev-2-gke-cluste-dev-2-gke-cluste-9d71107a-hs19",
  clusterId: "worker-1",
  gpus: 1,
  gpuModel: "Tesla-T4",
  instanceType: "n1-standard-8",
}

function request(change: Partial<GpuRequest>): GpuRequest {
  return {
    ...newRequest({
      id: "gpr_1" as GpuRequestId,
      shownId: "gpr-784039ab-0cda",
      name: "ft-gpr-1",
      workspaceId: "workspace1",
      userId: "usr_1",
      wish: {
        clusters: ["worker-1"],
        instanceType: "n1-standard-8",
        gpuModel: "Tesla-T4",
        memoryGibPerGpu: 15,
        gpusPerNode: 1,
        nodes: 1,
        pods: null,
      },
      priority: 101,
      durationMs: 600_000,
      idleTimeoutMs: null,
      requeueOnFailure: true,
      enableEviction: false,
      multiNode: false,
      automatic: null,
      createdAtMs: at("2024-10-22T07:38:37Z"),
    }),
    ...change,
  }
}

const slotAt = (startMs: number, clusterId = "worker-1") => ({
  startMs,
  endMs: startMs + 600_000,
  clusterId,
  nodeIds: [node.nodeId],
})

function view(change: Partial<GpuRequest>, now: Partial<GpuRequestView> = {}): GpuRequestView {
  return { request: request(change), slot: null, likelyStartMs: null, reasons: [], cost: null, ...now }
}

const startMs = at("2024-10-22T07:41:17Z")
const provisioned: Partial<GpuRequest> = {
  state: "provisioned",
  startedAtMs: startMs,
  endsAtMs: startMs + 600_000,
  nodes: [node],
  estimate: { startMs, atMs: startMs - 60_000 },
}
const complete: Partial<GpuRequest> = {
  ...provisioned,
  state: "complete",
  cause: "duration",
  endedAtMs: startMs + 600_000,
}

/** The text around what differs, byte by byte. */
function text(parts: { wait: string; start: string; early?: boolean; status: string }): string {
  return (
    '{"gprId":"gpr-784039ab-0cda","sliceName":"workspace1","clusterName":"worker-1","numberOfGPUs":1,"numberOfGPUNodes":1,' +
    '"instanceType":"n1-standard-8","memoryPerGPU":15,"priority":101,"gpuSharingMode":"Virtual Machine",' +
    `"estimatedStartTime":"${parts.start}","estimatedWaitTime":"${parts.wait}","exitDuration":"0h10m0s","earlyRelease":${parts.early ?? false},` +
    '"gprName":"ft-gpr-1","gpuShape":"Tesla-T4","multiNode":false,"dedicatedNodes":false,"enableRDMA":false,"enableSecondaryNetwork":false,' +
    `"status":{${parts.status}},"enforceIdleTimeOut":false,"idleTimeOutDuration":""}`
  )
}
const status = (
  state: string,
  gpus: number,
  times: readonly [string, string],
  rest: readonly [string, string],
) =>
  `"provisioningStatus":"${state}","failureReason":"","numGpusAllocated":${gpus},"startTimestamp":"${times[0]}",` +
  `"completionTimestamp":"${times[1]}","cost":"","nodes":${rest[0]},"internalState":"${rest[1]}","retryCount":0,"delayedCount":0`
const nodes = `["${node.name}"]`
const [started, ended] = ["2024-10-22T07:41:17Z", "2024-10-22T07:51:17Z"]
const planned = { wait: "0h2m40s", start: started }

describe("a GPU request, byte by byte", () => {
  it.each<[string, GpuRequestView, string, string]>([
    [
      "that waits",
      view({}, { slot: slotAt(startMs), cost: { micros: 0, currency: "USD" } }),
      text({ ...planned, status: status("Queued", 0, ["", ""], ["null", "Queued"]) }),
      text({ ...planned, status: status("Queued", 0, ["", ""], ["null", ""]) }),
    ],
    [
      "that cannot be met",
      view({ estimate: { startMs, atMs: startMs } }),
      text({ wait: "", start: "", status: status("Queued", 0, ["", ""], ["null", "Queued"]) }),
      text({ wait: "0h0m0s", start: "", status: status("Queued", 0, ["", ""], ["null", ""]) }),
    ],
    [
      "that could start at its creation",
      view({}, { slot: slotAt(at("2024-10-22T07:38:37Z")) }),
      text({
        wait: "0h0m0s",
        start: "2024-10-22T07:38:37Z",
        status: status("Queued", 0, ["", ""], ["null", "Queued"]),
      }),
      text({
        wait: "0h0m0s",
        start: "2024-10-22T07:38:37Z",
        status: status("Queued", 0, ["", ""], ["null", ""]),
      }),
    ],
    [
      "that has nodes",
      view(provisioned),
      text({ ...planned, status: status("Provisioned", 1, [started, ""], [nodes, "Reserved"]) }),
      text({ ...planned, status: status("Successful", 1, [started, ""], [nodes, "Reserved"]) }),
    ],
    [
      "whose time is up",
      view(complete),
      text({ ...planned, status: status("Complete", 0, [started, ended], [nodes, "Released"]) }),
      text({ ...planned, status: status("Complete", 0, ["", ended], [nodes, "Released"]) }),
    ],
    [
      "that was given back",
      view({ ...complete, state: "early_released", cause: "released" }),
      text({
        ...planned,
        early: true,
        status: status("EarlyReleased", 0, [started, ended], [nodes, "Released"]),
      }),
      text({
        ...planned,
        early: true,
        status: status("EarlyReleased", 0, ["", ended], [nodes, "Released"]),
      }),
    ],
    [
      "that nobody used",
      view({ ...complete, state: "timed_out", cause: "idle" }),
      text({ ...planned, status: status("TimedOut", 0, [started, ended], [nodes, "Released"]) }),
      text({ ...planned, status: status("TimedOut", 0, ["", ended], [nodes, "Released"]) }),
    ],
  ])("%s", (_, shown, seed, upstream) => {
    expect(JSON.stringify(mapGpr(shown, "seed"))).toBe(seed)
    expect(JSON.stringify(mapGpr(shown, "upstream"))).toBe(upstream)
  })
})

describe("a GPU request", () => {
  it("that failed says why", () => {
    const failed = view({
      ...complete,
      state: "error",
      cause: "node_lost",
      failureReason: "Node a was lost.",
    })
    expect(mapGpr(failed, "seed").status).toMatchObject({
      provisioningStatus: "Error",
      failureReason: "Node a was lost.",
      internalState: "Released",
    })
  })

  it("that took any GPU shows what it got, and before that nothing", () => {
    const wish = { ...request({}).wish, instanceType: null, gpuModel: null, memoryGibPerGpu: null }
    expect(mapGpr(view({ ...provisioned, wish }), "seed")).toMatchObject({
      instanceType: "n1-standard-8",
      gpuShape: "Tesla-T4",
      memoryPerGPU: 0,
    })
    expect(mapGpr(view({ wish }), "seed")).toMatchObject({ instanceType: "", gpuShape: "" })
  })

  it("is shown in the cluster that it is in, or is planned for, or tries first", () => {
    const wish = { ...request({}).wish, clusters: ["first", "second"] }
    expect(mapGpr(view({ wish }), "seed").clusterName).toBe("first")
    expect(mapGpr(view({ wish }, { slot: slotAt(startMs, "second") }), "seed").clusterName).toBe("second")
    expect(mapGpr(view({ ...complete, wish }), "seed").clusterName).toBe("worker-1")
  })

  it("has all the GPUs that it asked for on all its nodes", () => {
    const wish = { ...request({}).wish, gpusPerNode: 8, nodes: 2 }
    expect(mapGpr(view({ ...provisioned, wish }), "seed").status.numGpusAllocated).toBe(16)
  })

  it("that went back to the queue has no nodes, no start and no cost, and waits from its creation", () => {
    const back = view(
      { ...provisioned, state: "queued", retries: 1 },
      { slot: slotAt(startMs), cost: { micros: 5_000_000, currency: "USD" } },
    )
    expect(mapGpr(back, "seed")).toMatchObject({
      estimatedWaitTime: "0h2m40s",
      status: { nodes: null, startTimestamp: "", cost: "", retryCount: 1, numGpusAllocated: 0 },
    })
  })

  it("has a cost in decimals", () => {
    const cost = { micros: 12_500_000, currency: "USD" }
    expect(mapGpr(view(provisioned, { cost }), "seed").status.cost).toBe("12.50")
  })

  it("says how long it may be idle", () => {
    expect(mapGpr(view({ idleTimeoutMs: 60_000 }), "seed")).toMatchObject({
      enforceIdleTimeOut: true,
      idleTimeOutDuration: "0h1m0s",
    })
  })
})

it.each([
  [0, "0.00"],
  [1, "0.000001"],
  [125_000, "0.125"],
  [12_500_000, "12.50"],
  [1_000_000_000_000_000, "1000000000.00"],
])("%i millionths are %s", (micros, shown) => {
  expect(formatMicros(micros)).toBe(shown)
})

describe("a wait", () => {
  const wanted: DecodedGpr = {
    gprName: "",
    sliceName: "team",
    clusterNames: ["worker-1"],
    numberOfGPUs: 1,
    numberOfGPUNodes: 2,
    instanceType: null,
    gpuShape: null,
    memoryPerGPU: null,
    exitDurationMs: 600_000,
    priority: 101,
    idleTimeOutMs: null,
    multiNode: false,
    enableEviction: false,
    requeueOnFailure: true,
  }
  const estimate: GpuEstimate = {
    outcome: "later",
    startMs,
    waitMs: 160_000,
    likelyStartMs: startMs - 60_000,
    clusterId: "worker-1",
    nodes: [node.name],
    reason: null,
    sentence: "It would start later.",
    nearest: null,
    alternatives: [
      {
        clusterId: "worker-2",
        instanceType: "a2",
        gpuModel: "A100",
        memoryGibPerGpu: 40,
        gpusPerNode: 1,
        nodes: 1,
        durationMs: 300_000,
        startMs: startMs - 160_000,
        waitMs: 0,
        sentence: "Now.",
      },
    ],
  }

  it("is that of what was asked for, then of what would start sooner", () => {
    const asked = {
      clusterName: "worker-1",
      instanceType: "n1-standard-8",
      gpuShape: "Tesla-T4",
      memoryPerGpu: 0,
      numberOfGPUs: 1,
      numberOfGPUNodes: 2,
      exitDuration: "0h10m0s",
      estimatedWaitTime: "0h2m40s",
      estimatedStartTime: started,
    }
    const other = {
      clusterName: "worker-2",
      instanceType: "a2",
      gpuShape: "A100",
      memoryPerGpu: 40,
      numberOfGPUs: 1,
      numberOfGPUNodes: 1,
      exitDuration: "0h5m0s",
      estimatedWaitTime: "0h0m0s",
      estimatedStartTime: "2024-10-22T07:38:37Z",
    }
    const chosen = { instanceType: "n1-standard-8", gpuModel: "Tesla-T4" }
    expect(mapWaitTime(wanted, estimate, chosen, "seed")).toEqual({ ...asked, items: [asked, other] })
  })

  it("is none where it cannot be met, which upstream shows as no wait", () => {
    const never: GpuEstimate = { ...estimate, outcome: "never", startMs: null, waitMs: null, clusterId: null }
    expect(mapWaitTime(wanted, never, null, "seed")).toMatchObject({
      clusterName: "worker-1",
      estimatedWaitTime: "",
      estimatedStartTime: "",
    })
    expect(mapWaitTime(wanted, never, null, "upstream")).toMatchObject({ estimatedWaitTime: "0h0m0s" })
  })

  it("is asked for in the domain's words", () => {
    expect(toCommand(wanted)).toEqual({
      name: "",
      workspaceId: "team",
      clusters: ["worker-1"],
      instanceType: null,
      gpuModel: null,
      memoryGibPerGpu: null,
      gpusPerNode: 1,
      nodes: 2,
      priority: 101,
      durationMs: 600_000,
      idleTimeoutMs: null,
      requeueOnFailure: true,
      enableEviction: false,
      multiNode: false,
    })
  })
})
