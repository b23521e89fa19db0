import type { WorkloadDetail } from "@berth/contract/workloads"
import { afterEach, describe, expect, it } from "vitest"
import { gpuCommands, gpuGroups } from "./gpu-commands.ts"
import { runCli } from "./program.ts"
import { platformGroups } from "./platform-commands.ts"
import { rayGroup } from "./ray-commands.ts"
import { servicesGroup } from "./service-record-commands.ts"
import { entryGroups } from "./ray-template-commands.ts"
import { serverCommands } from "./server-commands.ts"
import type { TestApi, TestCall, TestRoutes } from "./test-api.ts"
import { sendLog, startTestApi } from "./test-api.ts"
import type { TestTerminal, TestTerminalOptions } from "./test-terminal.ts"
import { createTestTerminal } from "./test-terminal.ts"
import { workCommands } from "./work-commands.ts"

let api: TestApi | undefined
afterEach(async () => {
  await api?.close()
  api = undefined
})

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly terminal: TestTerminal
}

async function berth(argv: readonly string[], options: TestTerminalOptions = {}): Promise<Outcome> {
  const env = { ...(api ? { BERTH_SERVER: api.url } : {}), ...options.env }
  const terminal = createTestTerminal({ ...options, env })
  const code = await runCli(argv, terminal)
  return { code, out: terminal.stdout(), err: terminal.stderr(), terminal }
}

const pod = (rank: number, exitCode?: number) => ({
  podId: `w-x-${rank}`,
  rank: String(rank),
  containers: exitCode === undefined ? [] : [{ name: "pytorch", exitCode }],
})

function workload(change: Partial<WorkloadDetail> = {}) {
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

const path = "/api/v1/workloads"

/** Routes of a workload that goes through these states, one a look. */
function life(looks: readonly Partial<WorkloadDetail>[], logs: TestRoutes = {}): TestRoutes {
  return {
    [`POST ${path}`]: () => ({ body: { workloadId: "w-x" } }),
    [`GET ${path}/w-x`]: ({ before }) => workload(looks[Math.min(before, looks.length - 1)]),
    "GET /berth/v1/me": () => ({ body: { serverRole: "owner", workspaces: [] } }),
    "GET /berth/v1/nodes": () => ({ body: { items: [], nextCursor: null } }),
    "GET /berth/v1/explain/workload/w-x": () => ({
      body: { workspaceId: "default", reasons: [{ sentence: "8 GPUs needed, 2 free." }], position: 3 },
    }),
    ...logs,
  }
}

const logRoute = (rank: number) => `GET /berth/v1/pods/w-x/w-x-${rank}/log`

describe("the command line", () => {
  it("shows help for nothing, as a usage fault, and for --help as asked for", async () => {
    const nothing = await berth([])
    expect(nothing).toMatchObject({ code: 2, out: expect.stringContaining("Begin with:") })
    expect(await berth(["--help"])).toMatchObject({ code: 0, out: nothing.out, err: "" })
    expect(await berth(["--version"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })

  const leaves = [
    ...[...workCommands, ...gpuCommands].map((spec) => [spec]),
    ...serverCommands([]).map((spec) => [spec]),
    ...[...platformGroups, ...gpuGroups, rayGroup, servicesGroup, ...entryGroups].flatMap((group) => [
      ...group.commands.map((spec) => [{ usage: group.name }, spec]),
      ...(group.groups ?? []).flatMap((inner) =>
        inner.commands.map((spec) => [{ usage: group.name }, { usage: inner.name }, spec]),
      ),
    ]),
  ].map((specs) => specs.map((spec) => spec.usage.split(" ")[0] ?? ""))

  it.each(leaves.map((words) => [words.join(" "), words] as const))(
    "explains `%s` with examples",
    async (_name, words) => {
      const { code, out } = await berth([...words, "--help"])
      expect(code).toBe(0)
      expect(out).toContain(`Usage: berth ${words.join(" ")}`)
      expect(out).toMatch(/\nExamples:\n {2}\S/)
    },
  )

  it("lists every setting in the help of `up`, and nowhere else", async () => {
    const { out } = await berth(["up", "--help"])
    for (const flag of ["--config", "--simulate", "--no-auth", "--local-run-as", "BERTH_LOCAL_PATH"])
      expect(out).toContain(flag)
    expect((await berth(["ps", "--help"])).out).not.toContain("--local")
  })

  it.each([
    [["nope"], "unknown command 'nope'"],
    [["ray", "nope"], "unknown command or argument 'nope'"],
    [["ray", "up"], "Give it a name."],
    [["ray", "up", "A_b"], '"A_b" is no name here'],
    [["ray", "templates", "create", "A"], '"A" is no name here'],
    [["ray", "submit", "--name", "A", "x"], '"A" is no name here'],
    [["ray", "up", "a", "--version", "latest"], "--version takes a version of Ray such as 2."],
    [["ray", "up", "a", "--memory", "2"], "--memory takes a size such as 512Mi or 8Gi"],
    [["ray", "up", "a", "--worker-gpus", "1"], "There are no workers: say how many"],
    [["ray", "up", "a", "--template", "t", "--cpu", "1"], "--template says the size"],
    [["ray", "up", "a", "--environment", "HOME"], "--environment takes DEV, TESTING, STAGING, PRODUCTION"],
    [["ray", "submit", "--cluster", "a"], "There is no command to run."],
    [["ray", "submit", "--cluster", "a", "--cpu", "1", "x"], "--cluster names a cluster that is there"],
    [["ray", "submit", "--entrypoint-gpus", "x", "y"], "--entrypoint-gpus takes a number such as"],
    [["ray", "serve", "a"], "Say what to serve: -f serve.yaml."],
    [["ray", "status", "a", "--kind", "pod"], "--kind takes cluster, job, service"],
    [["configmaps", "put", "a"], "There are no values."],
    [["configmaps", "put", "a", "--from-literal", "x"], "--from-literal takes KEY=VALUE"],
    [["secrets", "put", "a", "--from-file", "-"], "--from-file takes KEY=PATH"],
    [["ps", "--nope"], "unknown option '--nope'"],
    [["logs"], "missing required argument 'workload'"],
    [["nodes", "assign", "a"], "missing required argument 'workspace'"],
    [["nodes", "bogus"], "unknown command or argument 'bogus'"],
    [["queue", "ls", "a", "b"], "unknown command or argument 'a'"],
    [["run"], "There is no command to run."],
    [["run", "--", "-x"], '"-x" is not a command.'],
    [["run", "--gpus", "many", "x"], '--gpus takes a whole number from 0 to 1024, not "many".'],
    [["run", "--timeout", "soon", "x"], "--timeout takes a length of time"],
    [["run", "--priority", "urgent", "x"], "--priority takes low, normal or high"],
    [["run", "-e", "=x", "x"], '-e takes NAME=VALUE or NAME, not "=x".'],
    [["run", "-e", "UNSET_HERE", "x"], "there is no such variable here"],
    [["run", "--label", "x", "x"], "--label takes NAME=VALUE"],
    [["ps", "-o", "xml"], "-o takes table, json, yaml"],
    [["ps", "--limit", "0"], "--limit takes a whole number from 1 to 1000"],
    [
      ["ps", "--phase", "running,Gone"],
      "--phase takes Pending, Running, Updating, NotReady, Succeeded, Failed",
    ],
    [["queue", "pause"], "Say which queue to pause"],
    [["queue", "pause", "a", "--all"], "Say which queue to pause"],
    [["workspace", "set", "a"], "There is nothing to set."],
    [["workspace", "set", "a", "--policy", "random"], "--policy takes fifo, balance"],
    [["workspace", "members", "add", "a", "b", "--role", "god"], "The role takes owner, editor, viewer"],
    [["keys", "create", "k", "--expires", "0"], "--expires takes a length of time"],
    [["users", "set", "u", "--server-role", "king"], "--server-role takes owner, viewer or none"],
    [["logs", "w-x", "--since", "then"], "--since takes a length of time"],
    [["up", "--listen", "nowhere"], "--listen must be HOST:PORT"],
    [["up", "--config", "/nonexistent/x.yaml"], "The configuration file /nonexistent/x.yaml cannot be read"],
    [["config", "show", "--stop-grace", "x"], "--stop-grace must be a whole number"],
    [["ps", "--server", "ftp://x"], "must begin with http"],
  ])("refuses %j before anything is done, with exit code 2", async (argv, message) => {
    api = await startTestApi(life([{}]))
    const { code, err, out } = await berth(argv)
    expect({ code, out }).toEqual({ code: 2, out: "" })
    expect(err).toContain(message)
    expect(err).toMatch(/^error: /)
    expect(api.calls.filter(({ route }) => !route.startsWith("GET"))).toEqual([])
  })

  it("ends with 3 where no server answers, and says what to do", async () => {
    const { code, err } = await berth(["ps", "--server", "http://127.0.0.1:9"])
    expect(code).toBe(3)
    expect(err).toContain("--server URL or BERTH_SERVER")
  })

  it("words a refusal with what the server said, every place of it, and advice", async () => {
    api = await startTestApi({
      "POST /berth/v1/workspaces": () => ({
        status: 400,
        body: {
          code: "invalid",
          message: "The request is wrong.",
          details: [{ path: "id", message: "too long" }],
        },
      }),
      "GET /berth/v1/status": () => ({
        status: 401,
        body: { code: "unauthenticated", message: "No\u001b[31m key." },
      }),
      "GET /berth/v1/me": () => ({ status: 401, body: { code: "unauthenticated", message: "No key." } }),
      [`GET ${path}`]: () => ({
        status: 500,
        body: { errorCode: "Primus.00001", errorMessage: "Internal error." },
      }),
    })
    expect(await berth(["workspace", "create", "x"])).toMatchObject({
      code: 1,
      err: "error: The request is wrong.\n  id: too long\n",
    })
    const unknown = await berth(["status"])
    expect(unknown.err).toContain("BERTH_TOKEN")
    expect(unknown.err).not.toContain("\u001b")
    expect((await berth(["ps"])).code).toBe(1)
  })
})

describe("berth run", () => {
  const done: Partial<WorkloadDetail> = { phase: "Succeeded", dispatchCount: 1, pods: [pod(0, 0)] }
  const okLog = {
    [logRoute(0)]: (call: TestCall) => sendLog(call, ["hello"], { exitCode: 0, cause: "succeeded" }),
  }
  const requestOf = (from: TestApi) => from.bodies(`POST ${path}`)[0] as Record<string, unknown>
  const scriptOf = (from: TestApi) => Buffer.from(String(requestOf(from)["entryPoint"]), "base64").toString()

  it("submits the command as it was given and ends with its code", async () => {
    api = await startTestApi(life([done], okLog))
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
    api = await startTestApi(routes)
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
    api = await startTestApi(life([done], okLog))
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
    api = await startTestApi({
      ...life([]),
      "GET /berth/v1/explain/workload/w-x": () => ({ body: why }),
      [`GET ${path}`]: () => ({ body: { totalCount: 1, items: [item] } }),
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
      [`GET ${path}/w-x`]: ({ before }) => {
        if (before < 2) return workload(placed)
        finish()
        finish = () => {}
        return workload({ ...placed, phase: "Succeeded", pods: [pod(0, 0)] })
      },
      "GET /berth/v1/explain/workload/w-x": () => ({
        body: { workspaceId: "default", reasons: [{ sentence: "No account." }], position: 0 },
      }),
    })
    api = await startTestApi(routes)
    const { code, err } = await berth(["run", "x"])
    expect(code).toBe(0)
    expect(err).toContain("w-x waits: No account.")
  })

  it("says why it waits, once for each reason, then shows all ranks and the failed one's code", async () => {
    const gang = { phase: "Running", dispatchCount: 1, pods: [pod(1), pod(0)] }
    const looks = [{}, {}, gang, { ...gang, phase: "Failed", pods: [pod(0, 143), pod(1, 6)] }]
    api = await startTestApi(
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
    api = await startTestApi(
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
    api = await startTestApi(
      life([running, running, done], {
        [logRoute(0)]: (call) =>
          call.before === 0
            ? { status: 404, body: { code: "not_found", message: "no" } }
            : sendLog(call, ["late"], { exitCode: 0, cause: null }),
      }),
    )
    expect(await berth(["run", "x"])).toMatchObject({ code: 0, out: "late\n" })
    await api.close()
    api = await startTestApi(life([done]))
    expect(await berth(["run", "x"])).toMatchObject({
      code: 0,
      out: "",
      err: expect.stringContaining("No log is kept of rank 0"),
    })
  })

  it("goes on through a server that is away for a moment", async () => {
    const running = { phase: "Running", dispatchCount: 1, pods: [pod(0)] }
    const routes = life([running, running, done], okLog)
    api = await startTestApi({
      ...routes,
      [`GET ${path}/w-x`]: (call) => {
        // the SDK's own two retries are used up too
        if (call.before < 3) return "cut"
        return routes[`GET ${path}/w-x`]?.(call) ?? "cut"
      },
    })
    const { code, err } = await berth(["run", "x"])
    expect(code).toBe(0)
    expect(err.match(/The server does not answer/g)).toHaveLength(1)
  })

  it("leaves the work alone on Ctrl-C and says how to come back", async () => {
    const begun = Promise.withResolvers<void>()
    api = await startTestApi(
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
    api = await startTestApi(life([done]))
    expect(await berth(["run", "-d", "x"])).toMatchObject({ code: 0, out: "w-x\n", err: "" })
    const json = await berth(["run", "-d", "-o", "json", "x"])
    expect(JSON.parse(json.out)).toEqual({ workloadId: "w-x" })
  })

  it("refuses a folder that the work could not enter", async () => {
    api = await startTestApi({
      ...life([done]),
      "GET /berth/v1/me": () => ({ body: { serverRole: null, workspaces: [] } }),
    })
    const { code, err } = await berth(["run", "x"], { cwd: "/nonexistent/folder" })
    expect(code).toBe(1)
    expect(err).toContain("could not start in this folder")
    expect(api.bodies(`POST ${path}`)).toEqual([])
  })
})

describe("berth logs", () => {
  it("shows rank after rank without waiting, and counts on the exit code 0", async () => {
    const detail = { phase: "Failed", dispatchCount: 1, pods: [pod(1, 1), pod(0, 1)] }
    const log = (text: string) => (call: TestCall) =>
      sendLog(call, [`${text} ${call.query.get("follow")} ${call.query.get("tail")}`], {
        exitCode: null,
        cause: null,
      })
    api = await startTestApi(life([detail], { [logRoute(0)]: log("a"), [logRoute(1)]: log("b") }))
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

  it("says that there is none yet, and where to look", async () => {
    api = await startTestApi(life([{}]))
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
    api = await startTestApi(
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
    api = await startTestApi(
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
    api = await startTestApi(
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

describe("other commands", () => {
  it("stop says what it could not stop, and fails then", async () => {
    api = await startTestApi({
      [`GET ${path}/a`]: () => workload(),
      [`GET ${path}/b`]: () => workload(),
      [`POST ${path}/stop`]: () => ({
        body: { failed: [{ workloadId: "b", errorCode: "Primus.00003", errorMessage: "not yours" }] },
      }),
    })
    expect(await berth(["stop", "a", "b"])).toMatchObject({
      code: 1,
      out: "a stopping\n",
      err: "b: not yours\n",
    })
  })

  it("stop says what has ended already", async () => {
    api = await startTestApi({
      [`GET ${path}/w-x`]: () => workload({ phase: "Failed" }),
      [`POST ${path}/w-x/stop`]: () => ({}),
    })
    expect(await berth(["stop", "w-x"])).toMatchObject({ code: 0, out: "w-x has ended already\n" })
  })

  it("stop names an id that is unknown, though the API takes it for done", async () => {
    api = await startTestApi({ [`POST ${path}/nope/stop`]: () => ({}) })
    expect((await berth(["stop", "nope"])).code).toBe(1)
    expect(api.calls.map(({ route }) => route)).toEqual([`GET ${path}/nope`])
  })

  it("keys create writes the token to standard output and nothing else", async () => {
    api = await startTestApi({
      "POST /berth/v1/keys": () => ({
        status: 201,
        body: { key: { id: "key_1", userName: "ada" }, token: "berth_t" },
      }),
    })
    const { out, err } = await berth([
      "keys",
      "create",
      "ci",
      "--role",
      "viewer",
      "-w",
      "research",
      "--description",
      "the nightly jobs",
      "--expires",
      "90d",
    ])
    expect(out).toBe("berth_t\n")
    expect(err).not.toContain("berth_t")
    expect(api.bodies("POST /berth/v1/keys")).toEqual([
      {
        name: "ci",
        role: "viewer",
        workspaceId: "research",
        description: "the nightly jobs",
        expiresInSeconds: 7_776_000,
      },
    ])
  })

  it("keys revoke takes an id, or the name of one valid key", async () => {
    const key = (id: string, name: string, revokedAt: string | null = null) => ({
      id,
      name,
      userName: "ada",
      revokedAt,
      expiresAt: null,
    })
    const items = [key("key_1", "ci"), key("key_2", "ci", "2026-01-01T00:00:00Z"), key("key_3", "two")]
    api = await startTestApi({
      "GET /berth/v1/keys": () => ({ body: { items: [...items, key("key_4", "two")], nextCursor: null } }),
      "DELETE /berth/v1/keys/key_1": () => ({ status: 204 }),
      "DELETE /berth/v1/keys/key_4": () => ({ status: 204 }),
    })
    const revoke = (what: string) => berth(["keys", "revoke", what])
    expect((await revoke("ci")).out).toContain("key_1 is revoked")
    expect((await revoke("key_4")).out).toContain("key_4 is revoked")
    const several = await revoke("two")
    expect([several.code, several.err]).toEqual([1, expect.stringMatching(/key_3 of ada, key_4 of ada/)])
    expect((await revoke("none")).err).toContain("berth keys ls")
    expect(api.calls.filter(({ route }) => route.startsWith("DELETE"))).toHaveLength(2)
  })

  it("workspace rm and queue resume name the flag where the server says force", async () => {
    const message = "Workspace w has work: 1 workload is not over. Stop it, or use force."
    api = await startTestApi({
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

  it("queue ls names who is in the way, and sizes as people write them", async () => {
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
    api = await startTestApi({
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

  it("why says how an ended workload ended, also one that never started", async () => {
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
    api = await startTestApi({
      "GET /berth/v1/explain/workload/w-x": () => ({ body }),
      [`GET ${path}/w-x`]: ({ before }) =>
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

  it("ps shows where services answer, as a column and as members, and no column without one", async () => {
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
    api = await startTestApi({
      [`GET ${path}`]: () => ({ body: { items: ["web-a", "web-b", "job-c"].map(item), totalCount: 3 } }),
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

  it("why names the addresses of a service, its ready pods and what is wrong with it", async () => {
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
    api = await startTestApi({
      "GET /berth/v1/explain/workload/w-x": () => ({ body }),
      [`GET ${path}/w-x`]: () => workload({ phase: "Running" }),
      "GET /berth/v1/endpoints": () => ({ body: { items: [service], nextCursor: null } }),
    })
    expect((await berth(["why", "w-x"])).out).toContain(
      "  reached at 127.65.1.2:80 and 127.0.0.1:30080, 1 of 2 pods ready: 127.0.0.1:30080 is in use by another program.\n",
    )
    expect(api.calls.at(-1)?.query.get("workload")).toBe("w-x")
  })

  it("queue pause and resume switch one queue or, when told so, all", async () => {
    const paused = {
      "POST /berth/v1/queue/pause": (call: TestCall) => ({
        body: { ...(call.body as object), paused: true },
      }),
    }
    api = await startTestApi(paused)
    expect((await berth(["queue", "pause", "research"])).out).toContain("The queue of research is paused")
    expect((await berth(["queue", "pause", "--all"])).out).toContain("All queues are paused")
    expect(api.bodies("POST /berth/v1/queue/pause")).toEqual([{ workspace: "research" }, { workspace: null }])
  })

  it("workspace set sends only what was said", async () => {
    api = await startTestApi({
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

  it("events -o json -f writes one event a line and ends with Ctrl-C", async () => {
    const event = (id: string) => ({
      id,
      type: "workload.created",
      subject: "workload/a",
      time: "t",
      data: {},
      actorkind: "user",
      actorname: "ada",
    })
    const live = Promise.withResolvers<void>()
    api = await startTestApi({
      "GET /berth/v1/events": (call) => {
        if (call.request.headers.accept !== "text/event-stream")
          return { body: { items: [event("2"), event("1")], nextCursor: "1" } }
        expect(call.request.headers["last-event-id"]).toBe("2")
        call.response.writeHead(200, { "content-type": "text/event-stream" })
        call.response.write(`id: 3\nevent: message\ndata: ${JSON.stringify(event("3"))}\n\n`)
        return "written"
      },
    })
    const base = createTestTerminal({ env: { BERTH_SERVER: api.url } })
    const terminal: TestTerminal = {
      ...base,
      out(text) {
        base.out(text)
        if (text.includes('"3"')) live.resolve()
      },
    }
    const ended = runCli(["events", "-f", "-o", "json", "--last", "2"], terminal)
    await live.promise
    base.interrupt()
    expect(await ended).toBe(0)
    const lines = base
      .stdout()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { id: string })
    expect(lines.map((one) => one.id)).toEqual(["1", "2", "3"])
    expect(api.calls[0]?.query.toString()).toBe("limit=2&backwards=true")
  })

  it("down waits until nothing answers any more", async () => {
    api = await startTestApi({
      "POST /berth/v1/server/stop": () => ({ status: 202, body: { podsLeft: 2 } }),
      "GET /berth/v1/status": (call) => (call.before < 2 ? { body: {} } : "cut"),
    })
    expect(await berth(["down"])).toMatchObject({ code: 0, out: expect.stringContaining("2 pods go on") })
    expect(api.bodies("POST /berth/v1/server/stop")).toEqual([{ pods: false }])
    expect(api.calls.filter(({ route }) => route.endsWith("/status")).length).toBeGreaterThanOrEqual(3)
  })

  it("config show says of each setting where it is from, and starts nothing", async () => {
    const { code, out } = await berth(["config", "show", "--no-auth", "-o", "json"], {
      env: { BERTH_LOG_LEVEL: "warn" },
    })
    expect(code).toBe(0)
    const entries = JSON.parse(out) as { name: string }[]
    expect(entries).toContainEqual({ name: "noAuth", value: "true", origin: "flag", from: "--no-auth" })
    expect(entries).toContainEqual({
      name: "logLevel",
      value: "warn",
      origin: "environment",
      from: "BERTH_LOG_LEVEL",
    })
    expect(entries).toContainEqual({ name: "demo", value: "false", origin: "default", from: "" })
  })

  it("doctor looks at the machine, and takes no server for no fault", async () => {
    const { code, out } = await berth(["doctor", "--data", "/tmp"], { isRoot: true })
    expect(code).toBe(0)
    for (const name of ["node", "data", "disk", "account", "setpriv", "fallocate", "gpus", "server"])
      expect(out).toMatch(new RegExp(`^(ok|warn) +${name} `, "m"))
    const bad = await berth(["doctor", "--data", "/proc/1/status/x", "-o", "json"])
    expect(bad.code).toBe(1)
    expect(JSON.parse(bad.out)).toContainEqual(expect.objectContaining({ name: "data", level: "fail" }))
  })
})

describe("berth restore", () => {
  it("puts nothing beside a PostgreSQL database", async () => {
    const env = { BERTH_DATABASE: "postgres://berth:secret@db/berth" }
    const { code, err } = await berth(["restore", "backup.tar.gz", "--data", "/nowhere", "--force"], { env })
    expect(code).toBe(2)
    expect(err).toContain("pg_restore")
    expect(err).not.toContain("secret")
  })
})
