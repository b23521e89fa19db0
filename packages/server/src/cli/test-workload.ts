import type { WorkloadDetail } from "@berth/contract/workloads"
import type { TestRoutes } from "./test-api.ts"

/* A workload w-x, as the API shows it to tests of commands. */

export const workloadsPath = "/api/v1/workloads"

/** One of its pods, ended with the code if one is given. */
export const pod = (rank: number, exitCode?: number) => ({
  podId: `w-x-${rank}`,
  rank: String(rank),
  containers: exitCode === undefined ? [] : [{ name: "pytorch", exitCode }],
})

export function workload(change: Partial<WorkloadDetail> = {}) {
  return {
    body: {
      workloadId: "w-x",
      phase: "Pending",
      dispatchCount: 0,
      pods: [],
      runtime: "1s",
      message: "",
      ...change,
    },
  }
}

/** Routes of one that is submitted and goes through these states, one a look. */
export function life(looks: readonly Partial<WorkloadDetail>[], logs: TestRoutes = {}): TestRoutes {
  return {
    [`POST ${workloadsPath}`]: () => ({ body: { workloadId: "w-x" } }),
    [`GET ${workloadsPath}/w-x`]: ({ before }) => workload(looks[Math.min(before, looks.length - 1)]),
    "GET /berth/v1/me": () => ({ body: { serverRole: "owner", workspaces: [] } }),
    "GET /berth/v1/nodes": () => ({ body: { items: [], nextCursor: null } }),
    "GET /berth/v1/explain/workload/w-x": () => ({
      body: { workspaceId: "default", reasons: [{ sentence: "8 GPUs needed, 2 free." }], position: 3 },
    }),
    ...logs,
  }
}

export const logRoute = (rank: number) => `GET /berth/v1/pods/w-x/w-x-${rank}/log`
