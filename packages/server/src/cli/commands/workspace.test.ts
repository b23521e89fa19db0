import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"

const { berth, serve } = useTestCli()

describe("berth workspace", () => {
  it("workspace rm and queue resume name the flag where the server says force", async () => {
    const message = "Workspace w has work: 1 workload is not over. Stop it, or use force."
    await serve({
      "DELETE /berth/v1/workspaces/w": () => ({ status: 409, body: { code: "conflict", message } }),
      "POST /berth/v1/queue/resume": () => ({
        status: 409,
        body: { code: "conflict", message: "Processes run. End them first, or resume with force." },
      }),
    })
    expect((await berth(["workspace", "rm", "w"])).err).toBe(
      "error: Workspace w has work: 1 workload is not over. Stop it.\n  `berth workspace rm w --force` stops it too.\n",
    )
    expect((await berth(["queue", "resume", "--all"])).err).toBe(
      "error: Processes run. End them first.\n  `berth queue resume --all --force` goes on although they run.\n",
    )
  })

  it("set sends only what was said", async () => {
    const api = await serve({
      "PATCH /berth/v1/workspaces/a": () => ({ status: 403, body: { message: "no" } }),
    })
    const set = (...flags: string[]) => berth(["workspace", "set", "a", ...flags])
    await set("--no-preempt")
    await set(
      "--preempt",
      "--open-to-all",
      "--publish-services",
      "--policy",
      "balance",
      "--stop-grace",
      "0",
      "--scope",
      "train",
      "--scope",
      "Infer",
    )
    await set("--scope", "all", "--description", "")
    await set("--gpu-requests", "any", "--auto-gpu", "--no-join-gpu", "--email", "a@b")
    await set("--gpu-requests", "2", "--namespace", "one", "--namespace", "two", "--contact", "Ada")
    await set("--no-namespaces")
    expect(api.bodies("PATCH /berth/v1/workspaces/a")).toEqual([
      { policy: { enablePreempt: false } },
      {
        policy: {
          enablePreempt: true,
          openToAll: true,
          publishServices: true,
          queuePolicy: "balance",
          stopGraceSeconds: 0,
          scopes: ["Train", "Infer"],
        },
      },
      { description: "", policy: { scopes: [] } },
      {
        policy: { mostGpuRequests: null, autoGpuRequest: true, joinGpuRequests: false },
        contact: { email: "a@b" },
      },
      { policy: { mostGpuRequests: 2 }, namespaces: ["one", "two"], contact: { name: "Ada" } },
      { namespaces: [] },
    ])
    for (const count of ["0", "1001", "some"]) expect((await set("--gpu-requests", count)).code).toBe(2)
    expect((await set("--no-namespaces", "--namespace", "one")).code).toBe(2)
    expect(api.bodies("PATCH /berth/v1/workspaces/a")).toHaveLength(6)
  })
})
