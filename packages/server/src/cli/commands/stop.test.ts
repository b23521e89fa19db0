import { describe, expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"
import { workload, workloadsPath } from "../test-workload.ts"

const { berth, serve } = useTestCli()

describe("berth stop", () => {
  it("says what it could not stop, and fails then", async () => {
    await serve({
      [`GET ${workloadsPath}/a`]: () => workload(),
      [`GET ${workloadsPath}/b`]: () => workload(),
      [`POST ${workloadsPath}/stop`]: () => ({
        body: { failed: [{ workloadId: "b", errorCode: "Primus.00003", errorMessage: "not yours" }] },
      }),
    })
    expect(await berth(["stop", "a", "b"])).toMatchObject({
      code: 1,
      out: "a stopping\n",
      err: "b: not yours\n",
    })
  })

  it("says what has ended already", async () => {
    await serve({
      [`GET ${workloadsPath}/w-x`]: () => workload({ phase: "Failed" }),
      [`POST ${workloadsPath}/w-x/stop`]: () => ({}),
    })
    expect(await berth(["stop", "w-x"])).toMatchObject({ code: 0, out: "w-x has ended already\n" })
  })

  it("names an id that is unknown, though the API takes it for done", async () => {
    const api = await serve({ [`POST ${workloadsPath}/nope/stop`]: () => ({}) })
    expect((await berth(["stop", "nope"])).code).toBe(1)
    expect(api.calls.map(({ route }) => route)).toEqual([`GET ${workloadsPath}/nope`])
  })
})
