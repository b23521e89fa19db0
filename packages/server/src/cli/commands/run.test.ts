import type { WorkloadDetail } from "@berth/contract/workloads"
import { describe, expect, it } from "vitest"
import { runCli } from "../program.ts"
import { sendLog, type TestApi, type TestCall } from "../test-api.ts"
import { useTestCli } from "../test-cli.ts"
import { createTestTerminal } from "../test-terminal.ts"
import { life, logRoute, pod, workload, workloadsPath } from "../test-workload.ts"

const { berth, serve } = useTestCli()

describe("berth run", () => {
  const done: Partial<WorkloadDetail> = { phase: "Succeeded", dispatchCount: 1, pods: [pod(0, 0)] }
  const okLog = {
    [logRoute(0)]: (call: TestCall) => sendLog(call, ["hello"], { exitCode: 0, cause: "succeeded" }),
  }
  const requestOf = (from: TestApi) => from.bodies(`POST ${workloadsPath}`)[0] as Record<string, unknown>
  const scriptOf = (from: TestApi) => Buffer.from(String(requestOf(from)["entryPoint"]), "base64").toString()

  it("submits the command as it was given and ends with its code", async () => {
    const api = await serve(life([done], okLog))
    const { code, out, err } = await berth(
      ["run", "python", "train.py", "--lr", "it's", "-e", "-o", "json"],
      { cwd: "/tmp" },
    )
    expect({ code, out }).toEqual({ code: 0, out: "hello\n" })
    expect(err).toBe("Submitted w-x to default.\nw-x succeeded, runtime 1s.\n")
    expect(scriptOf(api)).toBe(`CDPATH= cd -- /tmp && exec python train.py --lr 'it'\\''s' -e -o json\n`)
    expect(requestOf(api)).toMatchObject({
      displayName: "train",
      workspaceId: "default",
      resource: { replica: 1, cpu: "1", memory: "2Gi" },
      priority: 0,
      groupVersionKind: { version: "v1", kind: "PyTorchJob" },
    })
    expect(requestOf(api)).not.toHaveProperty("timeout")
  })

  it("hands every flag on", async () => {
    const amounts = { cpuMilli: 96_000, memoryBytes: 2 ** 40, gpus: 8, ephemeralStorageBytes: 0 }
    const node = { gpus: Array.from({ length: 8 }, () => ({})), physical: amounts, capacity: amounts }
    const routes = {
      ...life([done], okLog),
      "GET /berth/v1/nodes": () => ({ body: { items: [node], nextCursor: null } }),
    }
    const api = await serve(routes)
    const flags =
      "-g 2 -r 3 -w research --timeout 1h --retries 2 --priority high --cwd /srv --name Big_Job --node a --node b --label x=y=z --after w-1 --description d --image img"
    const env = { TOKEN: "from here", VIRTUAL_ENV: "/venv", CONDA_PREFIX: "relative" }
    await berth(["run", ...flags.split(" "), "-e", "A=1=2", "-e", "TOKEN", "-e", "EMPTY=", "--", "x"], {
      env,
    })
    expect(requestOf(api)).toMatchObject({
      displayName: "big-job",
      description: "d",
      workspaceId: "research",
      resource: { replica: 3, gpu: "2", cpu: "24", memory: `${256 * 1024}Mi` },
      env: { A: "1=2", TOKEN: "from here", EMPTY: "", VIRTUAL_ENV: "/venv" },
      timeout: 3600,
      maxRetry: 2,
      priority: 2,
      specifiedNodes: ["a", "b"],
      customerLabels: { x: "y=z" },
      dependencies: ["w-1"],
      image: "img",
    })
    expect(requestOf(api)["env"]).not.toHaveProperty("CONDA_PREFIX")
    expect(scriptOf(api)).toBe("CDPATH= cd -- /srv && exec x\n")
  })

  it("takes one argument with blanks for a line of the shell", async () => {
    const api = await serve(life([done], okLog))
    await berth(["run", "echo a && echo b"])
    expect(scriptOf(api)).toContain("exec /bin/sh -c 'echo a && echo b'")
  })

  it("with --schedule prints the id, says when it runs next and leaves; ps and why say it too", async () => {
    const schedule = {
      next: "2026-02-01T03:00:00.000Z",
      last: "2026-01-31T03:00:00.000Z",
      workload: "w-y",
      phase: "Succeeded",
    }
    const waits = { schedulerOrder: 0, message: "The Execution time has not been reached" }
    const size = { replica: 1, cpu: "1", memory: "1Gi" }
    const item = { ...workload({ phase: "Pending", ...waits, resource: size }).body, startTime: "" }
    const why = {
      id: "w-x",
      workspaceId: "default",
      state: "Pending",
      reasons: [],
      position: 0,
      ahead: { ids: [], count: 0 },
      waitingSince: null,
      schedule,
      madeBy: null,
      moves: [],
    }
    const api = await serve({
      ...life([]),
      "GET /berth/v1/explain/workload/w-x": () => ({ body: why }),
      [`GET ${workloadsPath}`]: () => ({ body: { totalCount: 1, items: [item] } }),
      "GET /berth/v1/endpoints": () => ({ body: { items: [], nextCursor: null } }),
    })
    const nextRun = /in \w+ \(2026-02-01 03:00 UTC\)/
    const ran = await berth(["run", "--schedule", "0 3 * * *", "--schedule", " 0 4 * * 1 ", "x"])
    expect(ran).toMatchObject({ code: 0, out: "w-x\n", err: expect.stringMatching(nextRun) })
    expect(requestOf(api)["cronJobs"]).toEqual([
      { schedule: "0 3 * * *", action: "start" },
      { schedule: "0 4 * * 1", action: "start" },
    ])
    const asJson = await berth(["run", "-o", "json", "--schedule", "0 3 * * *", "x"])
    expect(JSON.parse(asJson.out)).toEqual({ workloadId: "w-x", nextRun: schedule.next })
    expect((await berth(["ps"])).out).toMatch(nextRun)
    const told = (await berth(["why", "w-x"])).out
    expect(told).toMatch(nextRun)
    expect(told).toContain("last made  w-y, Succeeded")
    const refused = await berth(["run", "--schedule", "@daily", "x"])
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("five cron fields") })
  })

  it("asks for the folder where the server is another machine", async () => {
    const { code, err } = await berth(["run", "--server", "http://gpu.example:1", "x"])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("--cwd") })
  })

  it("says why pods that have their place do not begin", async () => {
    const placed = { dispatchCount: 1, pods: [pod(0)] }
    let finish = () => {}
    const routes = life([], {
      [logRoute(0)]: (call) => {
        finish = () => void sendLog(call, [], { exitCode: 0, cause: "succeeded" })
        return "written"
      },
      [`GET ${workloadsPath}/w-x`]: ({ before }) => {
        if (before < 2) return workload(placed)
        finish()
        finish = () => {}
        return workload({ ...placed, phase: "Succeeded", pods: [pod(0, 0)] })
      },
      "GET /berth/v1/explain/workload/w-x": () => ({
        body: { workspaceId: "default", reasons: [{ sentence: "No account." }], position: 0 },
      }),
    })
    await serve(routes)
    const { code, err } = await berth(["run", "x"])
    expect(code).toBe(0)
    expect(err).toContain("w-x waits: No account.")
  })

  it("says why it waits, once for each reason, then shows all ranks and the failed one's code", async () => {
    const gang = { phase: "Running", dispatchCount: 1, pods: [pod(1), pod(0)] }
    const looks = [{}, {}, gang, { ...gang, phase: "Failed", pods: [pod(0, 143), pod(1, 6)] }]
    await serve(
      life(looks, {
        [logRoute(0)]: (call) => sendLog(call, ["zero"], { exitCode: 143, cause: "stopped" }),
        [logRoute(1)]: (call) => sendLog(call, ["one", ""], { exitCode: 6, cause: "failed" }),
      }),
    )
    const { code, out, err } = await berth(["run", "-r", "2", "x"])
    expect(code).toBe(6)
    expect(out.split("\n").toSorted()).toEqual(["", "[1] ", "[1] one", "zero"])
    expect(err.match(/waits: 8 GPUs needed, 2 free. \(position 3 in default\)/g)).toHaveLength(1)
    expect(err).toContain("rank 1 ended with 6")
  })

  it("shows every attempt, also one that came and went between two looks", async () => {
    const looks = [
      { phase: "Pending", dispatchCount: 2, pods: [pod(0)] },
      { phase: "Failed", dispatchCount: 3, pods: [pod(0, 9)] },
    ]
    const asked: (string | null)[] = []
    await serve(
      life(looks, {
        [logRoute(0)]: (call) => {
          asked.push(call.query.get("run"))
          return sendLog(call, [`try ${call.query.get("run")}`], { exitCode: 9, cause: "failed" })
        },
      }),
    )
    const { code, out } = await berth(["run", "x"])
    expect({ code, out }).toEqual({ code: 9, out: "try 1\ntry 2\ntry 3\n" })
    expect(asked).toEqual(["1", "2", "3"])
  })

  it("waits for a log that comes late, and does without one that is not kept", async () => {
    const running = { phase: "Running", dispatchCount: 1, pods: [pod(0)] }
    await serve(
      life([running, running, done], {
        [logRoute(0)]: (call) =>
          call.before === 0
            ? { status: 404, body: { code: "not_found", message: "no" } }
            : sendLog(call, ["late"], { exitCode: 0, cause: null }),
      }),
    )
    expect(await berth(["run", "x"])).toMatchObject({ code: 0, out: "late\n" })
    await serve(life([done]))
    expect(await berth(["run", "x"])).toMatchObject({
      code: 0,
      out: "",
      err: expect.stringContaining("No log is kept of rank 0"),
    })
  })

  it("goes on through a server that is away for a moment", async () => {
    const running = { phase: "Running", dispatchCount: 1, pods: [pod(0)] }
    const routes = life([running, running, done], okLog)
    await serve({
      ...routes,
      [`GET ${workloadsPath}/w-x`]: (call) => {
        // the SDK's own two retries are used up too
        if (call.before < 3) return "cut"
        return routes[`GET ${workloadsPath}/w-x`]?.(call) ?? "cut"
      },
    })
    const { code, err } = await berth(["run", "x"])
    expect(code).toBe(0)
    expect(err.match(/The server does not answer/g)).toHaveLength(1)
  })

  it("leaves the work alone on Ctrl-C and says how to come back", async () => {
    const begun = Promise.withResolvers<void>()
    const api = await serve(
      life([{ phase: "Running", dispatchCount: 1, pods: [pod(0)] }], {
        [logRoute(0)]: (call) => {
          begun.resolve()
          return sendLog(call, ["busy"])
        },
      }),
    )
    const terminal = createTestTerminal({ env: { BERTH_SERVER: api.url } })
    const ended = runCli(["run", "x"], terminal)
    await begun.promise
    terminal.interrupt()
    expect(await ended).toBe(130)
    expect(terminal.stderr()).toContain("berth logs -f w-x")
    expect(terminal.stderr()).toContain("berth stop w-x")
    expect(api.calls.some(({ route }) => route.includes("/stop"))).toBe(false)
  })

  it("prints the id alone when detached, for scripts", async () => {
    await serve(life([done]))
    expect(await berth(["run", "-d", "x"])).toMatchObject({ code: 0, out: "w-x\n", err: "" })
    const json = await berth(["run", "-d", "-o", "json", "x"])
    expect(JSON.parse(json.out)).toEqual({ workloadId: "w-x" })
  })

  it("refuses a folder that the work could not enter", async () => {
    const api = await serve({
      ...life([done]),
      "GET /berth/v1/me": () => ({ body: { serverRole: null, workspaces: [] } }),
    })
    const { code, err } = await berth(["run", "x"], { cwd: "/nonexistent/folder" })
    expect(code).toBe(1)
    expect(err).toContain("could not start in this folder")
    expect(api.bodies(`POST ${workloadsPath}`)).toEqual([])
  })
})
