import { describe, expect, it } from "vitest"
import { gpuCommands, gpuGroups } from "./gpu-commands.ts"
import { loginCommands } from "./login-commands.ts"
import { platformGroups } from "./platform-commands.ts"
import { rayGroup } from "./ray-commands.ts"
import { servicesGroup } from "./service-record-commands.ts"
import { entryGroups } from "./ray-template-commands.ts"
import { serverCommands } from "./server-commands.ts"
import { workCommands } from "./work-commands.ts"
import { useTestCli } from "./test-cli.ts"
import { life, workloadsPath } from "./test-workload.ts"

const { berth, serve } = useTestCli()

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
    ...[...loginCommands, ...serverCommands([])].map((spec) => [spec]),
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

  it("shows what is below the flags as one paragraph", async () => {
    const { out } = await berth(["login", "--help"])
    expect(out).toMatch(/\n\nA session lasts .*\n.*that server only\.\n\nExamples:/)
  })

  it("says which workspace is meant where none was named", async () => {
    const message = "Workspace default not found."
    await serve({ "GET /berth/v1/workspaces/default": () => ({ status: 404, body: { message } }) })
    const { code, err } = await berth(["workspace", "show", "default"])
    expect([code, err]).toEqual([1, expect.stringContaining("name one with -w")])
  })

  it("lists every setting in the help of `up`, and nowhere else", async () => {
    const { out } = await berth(["up", "--help"])
    for (const flag of ["--config", "--simulate", "--no-auth", "--local-run-as", "BERTH_LOCAL_PATH"])
      expect(out).toContain(flag)
    expect((await berth(["ps", "--help"])).out).not.toContain("--local")
  })

  it.each([
    [["nope"], "unknown command 'nope'"],
    [["--server", "http://127.0.0.1:1", "ps"], "Options stand behind the command"],
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
    const api = await serve(life([{}]))
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
    await serve({
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
      [`GET ${workloadsPath}`]: () => ({
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
