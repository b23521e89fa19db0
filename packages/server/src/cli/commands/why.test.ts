import type { WorkloadDetail } from "@berth/contract/workloads"
import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"
import { pod, workload, workloadsPath } from "../test-workload.ts"

const { berth, serve } = useTestCli()

describe("berth why", () => {
  it("shows a record of the register where no workload is called so", async () => {
    const id = "0190a5e0-0000-7000-8000-000000000001"
    const entry = {
      id,
      name: "llm",
      workspaceId: "research",
      state: "error",
      type: "model-serving",
      flavor: "vllm",
      watch: null,
      history: [{ at: "2026-01-31T08:15:00Z", verdict: "down", detail: "The connection was refused." }],
    }
    const none = { status: 404, body: { code: "not_found", message: "Workload x not found." } }
    await serve({
      "GET /berth/v1/explain/workload/llm": () => none,
      [`GET /berth/v1/explain/workload/${id}`]: () => none,
      "GET /berth/v1/explain/workload/x": () => none,
      "GET /berth/v1/services": ({ query }) => ({
        body: { items: query.get("name") === "llm" ? [entry] : [], nextCursor: null },
      }),
      [`GET /berth/v1/services/${id}`]: () => ({ body: entry }),
    })
    for (const name of ["llm", id]) {
      const { code, out } = await berth(["why", name])
      expect([code, out]).toEqual([0, expect.stringContaining("The connection was refused.")])
    }
    const { code, err } = await berth(["why", "x"])
    expect([code, err]).toEqual([1, expect.stringContaining("Workload x not found.")])
  })

  it("says how an ended workload ended, also one that never started", async () => {
    const body = {
      id: "w-x",
      workspaceId: "w",
      state: "Failed",
      reasons: [],
      position: 0,
      ahead: { ids: [], count: 0 },
      waitingSince: null,
      schedule: null,
      madeBy: null,
      moves: [],
    }
    const conditions: WorkloadDetail["conditions"] = [
      {
        type: "AdminFailed",
        status: "True",
        reason: "run_1_times",
        message: "dependency workload a failed",
        lastTransitionTime: "2026-01-31T08:15:00Z",
      },
    ]
    await serve({
      "GET /berth/v1/explain/workload/w-x": () => ({ body }),
      [`GET ${workloadsPath}/w-x`]: ({ before }) =>
        before === 0
          ? workload({ phase: "Failed", dispatchCount: 1, pods: [pod(0, 3)] })
          : workload({ phase: "Failed", dispatchCount: 0, conditions }),
    })
    expect((await berth(["why", "w-x"])).out).toContain("ended with 3")
    expect((await berth(["why", "w-x"])).out).toContain(
      "failed before it started: dependency workload a failed.",
    )
    const noLog = await berth(["logs", "w-x"])
    expect([noLog.code, noLog.err]).toEqual([1, expect.stringContaining("dependency workload a failed")])
  })

  it("names the addresses of a service, its ready pods and what is wrong with it", async () => {
    const body = {
      id: "w-x",
      workspaceId: "w",
      state: "Running",
      reasons: [],
      position: 0,
      ahead: { ids: [], count: 0 },
      waitingSince: null,
      moves: [],
    }
    const service = {
      address: "127.65.1.2:80",
      nodeAddress: "127.0.0.1:30080",
      readyPods: 1,
      pods: 2,
      message: "127.0.0.1:30080 is in use by another program.",
    }
    const api = await serve({
      "GET /berth/v1/explain/workload/w-x": () => ({ body }),
      [`GET ${workloadsPath}/w-x`]: () => workload({ phase: "Running" }),
      "GET /berth/v1/endpoints": () => ({ body: { items: [service], nextCursor: null } }),
    })
    expect((await berth(["why", "w-x"])).out).toContain(
      "  reached at 127.65.1.2:80 and 127.0.0.1:30080, 1 of 2 pods ready: 127.0.0.1:30080 is in use by another program.\n",
    )
    expect(api.calls.at(-1)?.query.get("workload")).toBe("w-x")
  })
})
