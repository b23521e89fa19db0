import { expect, it } from "vitest"
import { decodeBatch, maxBatchIds } from "./decode-batch.ts"
import { decodeName } from "./decode-name.ts"
import { decodePatch } from "./decode-patch.ts"

it("has only the members that were sent, null counting as not sent", () => {
  expect(decodePatch({})).toEqual({ ok: true, value: {} })
  expect(decodePatch(null)).toEqual({ ok: true, value: {} })
  const sent = { priority: 0, replica: 3, cpu: "", env: {}, timeout: 0, cronJobs: [] }
  expect(decodePatch({ ...sent, maxRetry: null, gpu: null, workspaceId: "other" })).toEqual({
    ok: true,
    value: sent,
  })
})

it("reads every member of a change", () => {
  const all = {
    priority: 2,
    replica: 1,
    cpu: "1",
    gpu: "2",
    memory: "3Gi",
    ephemeralStorage: "4Gi",
    sharedMemory: "5Gi",
    image: "i",
    entryPoint: "e",
    env: { A: "b" },
    description: "d",
    timeout: 9,
    maxRetry: 8,
    cronJobs: [{ schedule: "s", action: "start" }],
  }
  expect(decodePatch(all)).toEqual({ ok: true, value: all })
})

it("words the faults of a change with the change's own name", () => {
  const result = decodePatch({ replica: true, env: "A=b", timeout: 1e300 })
  expect(result.ok ? [] : result.issues.map((issue) => issue.message)).toEqual([
    "json: cannot unmarshal bool into Go struct field PatchWorkloadRequest.replica of type int",
    "json: cannot unmarshal string into Go struct field PatchWorkloadRequest.env of type map[string]string",
    "json: cannot unmarshal number 1e+300 into Go struct field PatchWorkloadRequest.timeout of type int",
  ])
})

it.each([[undefined], [null], [{}], [{ workloadIds: null }], [{ workloadIds: [] }]])(
  "refuses a batch without ids: %j",
  (body) => {
    const issues = [{ path: ["workloadIds"], message: "the workloadIds is empty" }]
    expect(decodeBatch(body)).toEqual({ ok: false, issues })
  },
)

it("bounds a batch", () => {
  const ids = Array.from({ length: maxBatchIds }, (_, at) => `w-${at}`)
  expect(decodeBatch({ workloadIds: ids })).toEqual({ ok: true, value: ids })
  expect(decodeBatch({ workloadIds: [...ids, "one-more"] }).ok).toBe(false)
})

it("names one fault for a batch of the wrong type", () => {
  const result = decodeBatch({ workloadIds: "a,b" })
  expect(result.ok ? [] : result.issues.map((issue) => issue.message)).toEqual([
    "json: cannot unmarshal string into Go struct field BatchWorkloadsRequest.workloadIds of type []string",
  ])
})

it("lets any name be looked up but those with control characters", () => {
  expect(decodeName("podId", " ../../etc/passwd ")).toEqual({ ok: true, value: "../../etc/passwd" })
  expect(decodeName("workloadId", "a\0b").ok).toBe(false)
  expect(decodeName("workloadId", "a\u0085b").ok).toBe(false)
})
