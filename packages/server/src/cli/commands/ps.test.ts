import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"
import { workloadsPath } from "../test-workload.ts"

const { berth, serve } = useTestCli()

describe("berth ps", () => {
  it("shows where services answer, as a column and as members, and no column without one", async () => {
    const item = (workloadId: string) => ({
      workloadId,
      workspaceId: "default",
      userName: "ann",
      phase: "NotReady",
      resource: { replica: 2 },
      creationTime: "2026-01-31T08:15:00",
      startTime: "",
    })
    const service = (workloadId: string, nodeAddress: string) => ({
      workloadId,
      address: "127.65.1.2:80",
      nodeAddress,
    })
    const pages = [[], [service("web-a", "127.0.0.1:30080"), service("web-b", "")]]
    const api = await serve({
      [`GET ${workloadsPath}`]: () => ({
        body: { items: ["web-a", "web-b", "job-c"].map(item), totalCount: 3 },
      }),
      "GET /berth/v1/endpoints": ({ before }) => ({
        body: { items: pages[Math.min(before, 1)], nextCursor: null },
      }),
    })
    expect((await berth(["ps"])).out).not.toContain("ADDRESS")
    const { out } = await berth(["ps", "-w", "default"])
    expect(out).toMatch(/ADDRESS +WAITS/)
    expect(out).toMatch(/web-a .* 127\.0\.0\.1:30080\n/)
    expect(out).toMatch(/web-b .* 127\.65\.1\.2:80\n/)
    const rows: unknown = JSON.parse((await berth(["ps", "-o", "json"])).out)
    expect(rows).toMatchObject([{ address: "127.65.1.2:80", nodeAddress: "127.0.0.1:30080" }, {}, {}])
    expect(Object.keys((rows as object[])[2] ?? {})).not.toContain("address")
    expect(api.calls[0]?.query.getAll("phase").join()).toBe("Pending,Running,Updating,NotReady")
    expect(api.calls[3]?.query.get("workspace")).toBe("default")
  })
})
