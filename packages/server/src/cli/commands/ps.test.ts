import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"
import { workloadsPath } from "../test-workload.ts"

const { berth, serve } = useTestCli()

describe("berth ps", () => {
  it("tells a workspace that there is not from one in which nothing runs", async () => {
    await serve({
      [`GET ${workloadsPath}`]: () => ({ body: { items: [], totalCount: 0 } }),
      "GET /berth/v1/workspaces/idle": () => ({ body: { id: "idle" } }),
      "GET /berth/v1/workspaces/mistyped": () => ({
        status: 404,
        body: { code: "not_found", message: "Workspace mistyped not found." },
      }),
    })
    const idle = await berth(["ps", "-w", "idle"])
    expect([idle.code, idle.err]).toEqual([0, expect.stringContaining("Nothing waits or runs.")])
    const { code, err } = await berth(["ps", "-w", "mistyped"])
    expect([code, err]).toEqual([1, expect.stringContaining("Workspace mistyped not found.")])
  })

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
    const endpoints = api.calls.filter(({ route }) => route === "GET /berth/v1/endpoints")
    expect(endpoints[1]?.query.get("workspace")).toBe("default")
  })

  const clusters = (...states: readonly string[]) => ({
    [`GET ${workloadsPath}`]: () => ({ body: { items: [], totalCount: 0 } }),
    "GET /berth/v1/workspaces/default": () => ({ body: { id: "default" } }),
    "GET /berth/v1/ray/clusters": () => ({
      body: {
        items: states.map((state, at) => ({
          name: `c${at}`,
          workspaceId: at < 2 ? "default" : "other",
          state,
        })),
        nextCursor: null,
      },
    }),
  })

  it("says that there are Ray clusters too, beside the list, and how they are listed", async () => {
    await serve(clusters("ready", "waiting", "ready", "failed", "gone"))
    const all = await berth(["ps"])
    expect(all.out).toBe("")
    expect(all.err).toContain("3 Ray clusters, 1 of them waiting: `berth ray ls -A` lists them.\n")
    expect((await berth(["ps", "-w", "default"])).err).toContain(
      "2 Ray clusters, 1 of them waiting: `berth ray ls -w default` lists them.\n",
    )
    await serve(clusters("ready"))
    expect((await berth(["ps"])).err).toContain("1 Ray cluster: `berth ray ls -A` lists it.\n")
  })

  it("says nothing of Ray where there is none, to programs, and where something else was asked for", async () => {
    await serve(clusters("failed"))
    expect((await berth(["ps"])).err).not.toContain("Ray")
    await serve(clusters("ready"))
    for (const more of [
      ["-o", "json"],
      ["--phase", "running"],
      ["--user", "ann"],
    ])
      expect((await berth(["ps", ...more])).err).not.toContain("Ray")
    const forbidden = { status: 403, body: { code: "forbidden", message: "no" } }
    await serve({ ...clusters(), "GET /berth/v1/ray/clusters": () => forbidden })
    expect(await berth(["ps"])).toMatchObject({ code: 0, err: expect.not.stringContaining("Ray") })
  })
})
