import { describe, expect, it } from "vitest"
import { type TestCall } from "../test-api.ts"
import { useTestCli } from "../test-cli.ts"

const { berth, serve } = useTestCli()

describe("berth queue", () => {
  it("ls names who is in the way, and sizes as people write them", async () => {
    const reason = { resource: null, unit: null, needed: null, free: null, until: null }
    const lists = { nodes: [], workloads: [], dependsOn: [] }
    const entry = (workloadId: string, first: object) => ({
      workspaceId: "w",
      workloadId,
      size: { gpus: 0 },
      reasons: [{ ...reason, ...lists, ...first }],
    })
    const memory = { resource: "memory", unit: "bytes", needed: 2 ** 31, free: 2 ** 30 }
    const items = [
      entry("a", { code: "blocked_by", workloads: ["first", "other"] }),
      entry("b", { code: "dependency", dependsOn: ["before"] }),
      entry("c", { code: "quota_short", ...memory, workloads: ["holder"] }),
      entry("d", { code: "cordoned", nodes: ["gpu-1"] }),
      entry("e", { code: "backoff", until: "2026-01-31T08:15:00.000Z" }),
    ]
    const restoredFrom = "2026-01-30T08:15:00.000Z"
    const queues = { paused: true, pausedBy: "restore", since: restoredFrom, restoredFrom }
    await serve({
      "GET /berth/v1/queue": () => ({ body: { items, nextCursor: null } }),
      "GET /berth/v1/status": () => ({ body: { queues } }),
    })
    const { out, err } = await berth(["queue", "ls"])
    expect(err).toContain(
      `paused: restored from a backup made at ${restoredFrom}; \`berth queue resume --all\``,
    )
    for (const end of [
      "blocked by first and 1 more",
      "dependency before",
      "quota short (memory: 2GiB needed, 1GiB free)",
      "cordoned gpu-1",
      "backoff until 2026-01-31T08:15:00.000Z",
    ])
      expect(out).toContain(`  ${end}\n`)
  })

  it("ls names Ray clusters as the other commands take them", async () => {
    const blocked = { resource: null, needed: null, nodes: [], dependsOn: [], until: null }
    const entry = (workloadId: string) => ({
      workspaceId: "w",
      workloadId,
      size: { gpus: 0 },
      reasons: [{ ...blocked, code: "blocked_by", workloads: ["default/big"] }],
    })
    await serve({
      "GET /berth/v1/queue": () => ({
        body: {
          items: [entry("default/small"), entry("research/other"), entry("train-x")],
          nextCursor: null,
        },
      }),
      "GET /berth/v1/status": () => ({ body: { queues: { paused: false } } }),
    })
    const ids = async (workspace: string) => {
      const { out } = await berth(["queue", "ls"], { env: { BERTH_WORKSPACE: workspace } })
      return out.match(/[a-z]+\/\S+|train-x/g)
    }
    expect(await ids("default")).toEqual([
      "ray/small",
      "ray/big",
      "research/other",
      "ray/big",
      "train-x",
      "ray/big",
    ])
    expect(await ids("research")).toEqual(
      expect.arrayContaining(["default/small", "ray/other", "default/big"]),
    )
  })

  it("pause and resume switch one queue or, when told so, all", async () => {
    const paused = {
      "POST /berth/v1/queue/pause": (call: TestCall) => ({
        body: { ...(call.body as object), paused: true },
      }),
    }
    const api = await serve(paused)
    expect((await berth(["queue", "pause", "research"])).out).toContain("The queue of research is paused")
    expect((await berth(["queue", "pause", "--all"])).out).toContain("All queues are paused")
    expect(api.bodies("POST /berth/v1/queue/pause")).toEqual([{ workspace: "research" }, { workspace: null }])
  })
})
