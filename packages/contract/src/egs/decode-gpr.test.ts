import { describe, expect, it } from "vitest"
import { decodeGpr, decodeGprChange, decodeName, decodeWaitTime } from "./decode-gpr.ts"

/** The seed's own body. */
const printed = {
  gprName: "gr1",
  sliceName: "workspaceName",
  clusterName: "worker-1",
  numberOfGPUs: 1,
  instanceType: "n1-standard-8",
  exitDuration: "0d0h5m",
  numberOfGPUNodes: 1,
  priority: 201,
  memoryPerGPU: 15,
  gpuShape: "Tesla-T4",
}
const decodedPrinted = {
  gprName: "gr1",
  sliceName: "workspaceName",
  clusterNames: ["worker-1"],
  numberOfGPUs: 1,
  numberOfGPUNodes: 1,
  instanceType: "n1-standard-8",
  gpuShape: "Tesla-T4",
  memoryPerGPU: 15,
  exitDurationMs: 300_000,
  priority: 201,
  idleTimeOutMs: null,
  multiNode: false,
  enableEviction: false,
  requeueOnFailure: true,
}

const without = (...keys: string[]) =>
  Object.fromEntries(Object.entries(printed).filter(([key]) => !keys.includes(key)))

function valueOf(change: object) {
  const result = decodeGpr({ ...printed, ...change })
  if (!result.ok) throw new Error(result.issues.map(({ message }) => message).join(", "))
  return result.value
}

/** The fault that is answered. */
function faultOf(body: unknown) {
  const result = decodeGpr(body)
  return result.ok ? undefined : result.issues[0]?.message
}

describe("a body of POST /gpr", () => {
  it("is read as the document prints it", () => {
    expect(decodeGpr(printed)).toEqual({ ok: true, value: decodedPrinted })
  })

  it.each<[string, object, Partial<typeof decodedPrinted> | object]>([
    [
      "numbers as text",
      { numberOfGPUs: "1", numberOfGPUNodes: "1", priority: "201", memoryPerGPU: "15" },
      {},
    ],
    ["a priority with zeros before it", { priority: "00" }, { priority: 0 }],
    ["the newer spelling of the memory", { memoryPerGPU: undefined, memoryPerGpu: 22 }, { memoryPerGPU: 22 }],
    ["any memory", { memoryPerGPU: null }, { memoryPerGPU: null }],
    ["memory 0 as any", { memoryPerGPU: 0 }, { memoryPerGPU: null }],
    ["the newer name of the name", { gprName: undefined, requestName: "r" }, { gprName: "r" }],
    ["no cluster", { clusterName: "" }, { clusterNames: null }],
    [
      "clusters in order",
      { clusterName: null, preferredClusters: ["b", "a", "b"] },
      { clusterNames: ["b", "a"] },
    ],
    [
      "a cluster before preferred ones",
      { preferredClusters: ["b", "worker-1"] },
      { clusterNames: ["worker-1", "b"] },
    ],
    ["any cluster", { enableAutoClusterSelection: true }, { clusterNames: null }],
    [
      "any GPU",
      { enableAutoGpuSelection: "true", instanceType: "", gpuShape: null },
      { instanceType: null, gpuShape: null },
    ],
    ["an idle time-out", { idleTimeOutDuration: "0d0h30m" }, { idleTimeOutMs: 1_800_000 }],
    [
      "an idle time-out switched off",
      { idleTimeOutDuration: "30m", enforceIdleTimeOut: false },
      { idleTimeOutMs: null },
    ],
    ["no idle time-out", { idleTimeOutDuration: "", enforceIdleTimeOut: null }, { idleTimeOutMs: null }],
    ["null as the default", { requeueOnFailure: null, enableEviction: null, multiNode: null }, {}],
    [
      "flags",
      { requeueOnFailure: false, enableEviction: true, multiNode: true },
      { requeueOnFailure: false, enableEviction: true, multiNode: true },
    ],
    ["unknown members", { runPrecheck: true, colour: "red" }, {}],
    ["seconds and a bare unit", { exitDuration: "90s" }, { exitDurationMs: 90_000 }],
    ["a year", { exitDuration: "365d" }, { exitDurationMs: 31_536_000_000 }],
  ])("may have %s", (_, change, expected) => {
    expect(valueOf(change)).toEqual({ ...decodedPrinted, ...expected })
  })

  it.each<[unknown, string]>([
    [[], '"value" must be of type object'],
    ["text", '"value" must be of type object'],
    [null, '"value" must be of type object'],
    [undefined, '"gprName" is required'],
    [{}, '"gprName" is required'],
    [without("sliceName"), '"sliceName" is required'],
    [without("numberOfGPUs"), '"numberOfGPUs" is required'],
    [without("instanceType"), '"instanceType" is required'],
    [without("exitDuration"), '"exitDuration" is required'],
    [without("numberOfGPUNodes"), '"numberOfGPUNodes" is required'],
    [without("priority"), '"priority" is required'],
    [without("gpuShape"), '"gpuShape" is required'],
    [{ ...printed, gprName: "" }, '"gprName" is not allowed to be empty'],
    [{ ...printed, gprName: 7 }, '"gprName" must be a string'],
    [{ ...printed, gprName: null }, '"gprName" must be a string'],
    [
      { ...printed, gprName: "x".repeat(254) },
      '"gprName" length must be less than or equal to 253 characters long',
    ],
    [{ ...printed, gprName: "a\u0000b" }, '"gprName" must not contain control characters'],
    [{ ...printed, sliceName: ["a"] }, '"sliceName" must be a string'],
    [{ ...printed, numberOfGPUs: "many" }, '"numberOfGPUs" must be a number'],
    [{ ...printed, numberOfGPUs: "" }, '"numberOfGPUs" must be a number'],
    [{ ...printed, numberOfGPUs: true }, '"numberOfGPUs" must be a number'],
    [{ ...printed, numberOfGPUs: 0 }, '"numberOfGPUs" must be greater than or equal to 1'],
    [{ ...printed, numberOfGPUNodes: -1 }, '"numberOfGPUNodes" must be greater than or equal to 1'],
    [{ ...printed, numberOfGPUNodes: 1.5 }, '"numberOfGPUNodes" must be an integer'],
    [{ ...printed, numberOfGPUNodes: 1e20 }, '"numberOfGPUNodes" must be a safe number'],
    [{ ...printed, numberOfGPUNodes: Number.POSITIVE_INFINITY }, '"numberOfGPUNodes" cannot be infinity'],
    [{ ...printed, numberOfGPUNodes: "9".repeat(400) }, '"numberOfGPUNodes" cannot be infinity'],
    [{ ...printed, priority: 301 }, '"priority" must be less than or equal to 300'],
    [{ ...printed, priority: -1 }, '"priority" must be greater than or equal to 0'],
    [{ ...printed, memoryPerGPU: 15.5 }, '"memoryPerGPU" must be an integer'],
    [{ ...printed, exitDuration: "" }, '"exitDuration" is not allowed to be empty'],
    [{ ...printed, exitDuration: 300 }, '"exitDuration" must be a string'],
    [{ ...printed, exitDuration: "0d0h0m" }, '"exitDuration" must be longer than zero'],
    ...["5", "-5m", "5 m", "m", "5m1h", "1.5h", "1e3m", "5M", "9999999999d"].map((text): [object, string] => [
      { ...printed, exitDuration: text },
      `"exitDuration" with value "${text}" fails to match the required pattern: /^(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?$/`,
    ]),
    [{ ...printed, exitDuration: "999999999d" }, '"exitDuration" must be a safe number'],
    [{ ...printed, enforceIdleTimeOut: true }, '"idleTimeOutDuration" is required'],
    [{ ...printed, multiNode: "yes" }, '"multiNode" must be a boolean'],
    [{ ...printed, preferredClusters: "a" }, '"preferredClusters" must be an array'],
    [{ ...printed, preferredClusters: ["a", 1] }, '"preferredClusters[1]" must be a string'],
    [
      { ...printed, preferredClusters: Array.from({ length: 257 }, (_, n) => `c${n}`) },
      '"preferredClusters" must contain less than or equal to 256 items',
    ],
    [{ ...printed, priority: -1, numberOfGPUs: 0, gprName: "" }, '"gprName" is not allowed to be empty'],
  ])("is refused for its first fault: %j", (body, message) => {
    expect(faultOf(body)).toBe(message)
  })

  it("repeats little of what it refuses", () => {
    expect(faultOf({ ...printed, exitDuration: "x".repeat(253) })?.length).toBeLessThan(200)
  })
})

it("a question about a wait needs neither a name nor a priority", () => {
  expect(decodeWaitTime(without("gprName", "priority"))).toEqual({
    ok: true,
    value: { ...decodedPrinted, gprName: "", priority: 101 },
  })
  expect(decodeWaitTime(without("sliceName"))).toMatchObject({
    ok: false,
    issues: [{ message: '"sliceName" is required' }],
  })
})

describe("a body of PUT /gpr", () => {
  it("names what changes, and nothing else", () => {
    expect(decodeGprChange({ gprId: "gpr-1", priority: "101" })).toEqual({
      ok: true,
      value: { gprId: "gpr-1", priority: 101, earlyRelease: false },
    })
    expect(decodeGprChange({ gprId: "gpr-1", earlyRelease: true, gprName: "b", priority: null })).toEqual({
      ok: true,
      value: { gprId: "gpr-1", earlyRelease: true, gprName: "b" },
    })
  })

  it.each<[unknown, string]>([
    [{}, '"gprId" is required'],
    [{ gprId: "" }, '"gprId" is not allowed to be empty'],
    [{ gprId: "gpr-1", priority: 1000 }, '"priority" must be less than or equal to 300'],
    [{ gprId: "gpr-1", earlyRelease: 1 }, '"earlyRelease" must be a boolean'],
  ])("is refused: %j", (body, message) => {
    expect(decodeGprChange(body)).toMatchObject({ ok: false, issues: [{ message }] })
  })
})

it("a name is read from the first member that says something", () => {
  expect(decodeName({ a: "", b: "x" }, "a", "b")).toEqual({ ok: true, value: "x" })
  expect(decodeName(undefined, "sliceName")).toMatchObject({
    issues: [{ path: ["sliceName"], message: '"sliceName" is required' }],
  })
})
