import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"

const { berth, serve } = useTestCli()

describe("berth down", () => {
  it("waits until nothing answers any more", async () => {
    const api = await serve({
      "POST /berth/v1/server/stop": () => ({ status: 202, body: { podsLeft: 2 } }),
      "GET /berth/v1/status": (call) => (call.before < 2 ? { body: {} } : "cut"),
    })
    expect(await berth(["down"])).toMatchObject({ code: 0, out: expect.stringContaining("2 pods go on") })
    expect(api.bodies("POST /berth/v1/server/stop")).toEqual([{ pods: false }])
    expect(api.calls.filter(({ route }) => route.endsWith("/status")).length).toBeGreaterThanOrEqual(3)
  })
})
