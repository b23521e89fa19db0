import { describe, expect, it } from "vitest"
import { sendLog, type TestCall } from "../test-api.ts"
import { useTestCli } from "../test-cli.ts"
import { life, logRoute, pod } from "../test-workload.ts"

const { berth, serve } = useTestCli()

describe("berth logs", () => {
  it("shows rank after rank without waiting, and counts on the exit code 0", async () => {
    const detail = { phase: "Failed", dispatchCount: 1, pods: [pod(1, 1), pod(0, 1)] }
    const log = (text: string) => (call: TestCall) =>
      sendLog(call, [`${text} ${call.query.get("follow")} ${call.query.get("tail")}`], {
        exitCode: null,
        cause: null,
      })
    await serve(life([detail], { [logRoute(0)]: log("a"), [logRoute(1)]: log("b") }))
    expect(await berth(["logs", "w-x", "--tail", "5"])).toMatchObject({
      code: 0,
      out: "a false 5\n[1] b false 5\n",
    })
    expect(await berth(["logs", "w-x", "--rank", "1"])).toMatchObject({ code: 0, out: "b false null\n" })
    expect(await berth(["logs", "w-x", "--rank", "2"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("it has 0 to 1"),
    })
  })

  it("passes on nothing that steers the terminal: another person may have written it", async () => {
    const detail = { phase: "Succeeded" as const, dispatchCount: 1, pods: [pod(0, 0)] }
    const lines = ["\u001b]0;root\u0007\u001b[1;1Hhome", "\u001b[32mgreen"]
    await serve(
      life([detail], { [logRoute(0)]: (call) => sendLog(call, lines, { exitCode: 0, cause: null }) }),
    )
    expect((await berth(["logs", "w-x"], { isTty: true })).out).toBe("home\n\u001b[32mgreen\u001b[0m\n")
    expect((await berth(["logs", "-f", "w-x"])).out).toBe("home\ngreen\n")
  })

  it("says that there is none yet, and where to look", async () => {
    await serve(life([{}]))
    expect(await berth(["logs", "w-x"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("berth why w-x"),
    })
  })

  const pods = (...starts: readonly string[]) =>
    starts.map((startTime, at) => ({ podId: `w-x-${at}`, startTime, containers: [] }))
  const serving = { dispatchCount: 1, groupVersionKind: { version: "v1", kind: "Deployment" } }

  it("follows the pods of an application through restarts, and those that come later", async () => {
    const written: Record<string, number> = {}
    const log = (number: number) => (call: TestCall) => {
      written[number] = (written[number] ?? 0) + 1
      // the second is not there at the first look
      if (number === 1 && written[number] === 1)
        return { status: 404, body: { code: "not_found", message: "" } }
      return sendLog(call, [`start ${written[number]}`], { exitCode: 1, cause: "failed" })
    }
    await serve(
      life(
        [
          { ...serving, phase: "Running", pods: pods("10:00") },
          { ...serving, phase: "Running", pods: pods("10:00") },
          { ...serving, phase: "Updating", pods: pods("10:05", "10:06") },
          { ...serving, phase: "Running", pods: pods("10:05", "10:06") },
          { ...serving, phase: "Stopped", pods: pods("10:05", "10:06") },
        ],
        { [logRoute(0)]: log(0), [logRoute(1)]: log(1) },
      ),
    )
    const { code, out, err } = await berth(["logs", "-f", "w-x"])
    expect(code).toBe(143)
    expect(out.trim().split("\n").toSorted()).toEqual(["[0] start 2", "[1] start 2", "start 1"])
    expect(err).toContain("w-x-1 has started")
  })

  it("shows what pods of an application wrote though one of them waits for its place", async () => {
    const detail = { ...serving, phase: "Updating", pods: pods("", "10:00") }
    await serve(
      life([detail], {
        [logRoute(1)]: (call) => sendLog(call, ["x"], { exitCode: null, cause: null }),
      }),
    )
    expect(await berth(["logs", "w-x"])).toMatchObject({
      code: 0,
      out: "[1] x\n",
      err: "w-x-0 has no log yet.\n",
    })
  })

  it("begins with the present attempt when following, and ends with the workload's code", async () => {
    const detail = { phase: "Failed", dispatchCount: 3, pods: [pod(0, 4)] }
    const runs: (string | null)[] = []
    await serve(
      life([detail], {
        [logRoute(0)]: (call) => {
          runs.push(call.query.get("run"))
          return sendLog(call, ["x"], { exitCode: 4, cause: "failed" })
        },
      }),
    )
    expect((await berth(["logs", "-f", "w-x"])).code).toBe(4)
    expect(runs).toEqual(["3"])
  })
})
