import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { runCli } from "../../packages/server/src/cli/program.ts"
import { createTestTerminal, type TestTerminal } from "../../packages/server/src/cli/test-terminal.ts"
import type { FakeRayJob } from "../../packages/server/src/drivers/fake/fake-ray-job.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

let server: BerthServer
let folder: string
beforeAll(async () => {
  server = await startBerthServer()
  folder = mkdtempSync(join(tmpdir(), "berth-ray-cli-"))
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server?.close()
})
/** What jobs do; a head keeps the script that it began with. */
let job: FakeRayJob = {}
const usual = { job: () => job }
beforeEach(() => server.ray.use(usual))

function terminalOf(options: { readonly token?: string; readonly input?: string } = {}): TestTerminal {
  const env = { BERTH_SERVER: server.url, BERTH_TOKEN: options.token ?? server.token }
  return createTestTerminal({ env, cwd: folder, nowMs: server.clock.nowMs(), input: options.input ?? "" })
}

interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command while time passes. */
async function berth(
  argv: readonly string[],
  options: { token?: string; input?: string } = {},
): Promise<Outcome> {
  const terminal = terminalOf(options)
  return ended(terminal, runCli(argv, terminal))
}

async function ended(terminal: TestTerminal, run: Promise<number>): Promise<Outcome> {
  let code: number | undefined
  void run.then((ended) => (code = ended))
  const found = await until(() => code, terminal)
  return { code: found, out: terminal.stdout(), err: terminal.stderr() }
}

const patienceMs = 20_000
/** The command's own clock is the real one: the server's runs so much faster, and not faster than it can answer. */
const haste = 10

/** Lets time pass until there is something. */
async function until<T>(
  what: () => Promise<T | undefined> | T | undefined,
  terminal?: TestTerminal,
): Promise<T> {
  const startedAt = performance.now()
  for (let passedMs = 0; performance.now() - startedAt < patienceMs;) {
    const found = await what()
    if (found !== undefined) return found
    const dueMs = Math.floor((performance.now() - startedAt) * haste)
    await server.clock.advance(dueMs - passedMs)
    terminal?.advance(dueMs - passedMs)
    passedMs = dueMs
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error("It did not come true.")
}

const jsonOf = (outcome: Outcome) => JSON.parse(outcome.out) as never
const written = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return name
}

describe("berth ray up", () => {
  it("makes what it needs, tells what is done, and says where it is reached and what to do next", async () => {
    const made = await berth([
      "ray",
      "up",
      "demo",
      "--cpu",
      "2",
      "--memory",
      "4Gi",
      "--workers",
      "1",
      "-e",
      "A=b",
    ])
    expect(made, made.err).toMatchObject({ code: 0 })
    expect(made.err).toContain("The Ray cluster demo is made in default.\n")
    expect(made.err).toContain("demo: Ray 2.60.0 is being installed.\n")
    expect(made.err).toContain("demo is ready.\n")
    expect(made.out).toContain(`dashboard    ${server.url}/berth/v1/ray/clusters/default/demo/dashboard/\n`)
    expect(made.out).toContain("berth ray submit --cluster demo --follow --")
    const templates = await berth(["ray", "templates"])
    expect(templates.out).toMatch(/^berth-2cpu-4gi +default +2 +4Gi +0 +-$/m)
    const status = await berth(["ray", "status", "demo"])
    expect(status.out).toMatch(/^state +ready$/m)
    expect(status.out).toMatch(/^demo-head-\w{5} +head +running +node-\w +- /m)
    expect(status.out).toMatch(/^demo-workers-worker-\w{5} +workers +running /m)
    expect(status.out).toMatch(/Normal +CreatedHeadPod +Created head Pod default\/demo-head-/)
  })

  it("reuses the template of a size; a taken name is said, with what to do", async () => {
    const again = await berth(["ray", "up", "demo", "--cpu", "2", "--memory", "4Gi"])
    expect(again.code).toBe(1)
    expect(again.err).toContain("error: There is a Ray cluster demo in default already.\n")
    expect(again.err).toContain("berth ray rm demo")
    const other = await berth([
      "ray",
      "up",
      "other",
      "--cpu",
      "2",
      "--memory",
      "4Gi",
      "--detach",
      "-o",
      "json",
    ])
    expect(jsonOf(other)).toMatchObject({ name: "other", environment: "DEV" })
    expect(jsonOf(await berth(["ray", "templates", "-o", "json"]))).toHaveLength(1)
    expect((await berth(["ray", "rm", "other"])).out).toBe("The Ray cluster other is deleted.\n")
  })

  it("says why one that cannot start has failed, with exit code 1", async () => {
    server.ray.use({ install: () => ({ fails: { detail: "version", message: "There is no Ray 9.9.9." } }) })
    const failed = await berth(["ray", "up", "broken", "--version", "9.9.9"])
    expect(failed.code).toBe(1)
    expect(failed.err).toContain("error: The Ray cluster broken has failed: There is no Ray 9.9.9.\n")
    await berth(["ray", "rm", "broken"])
  })

  it("says why it waits, and goes on when it is left", async () => {
    await berth(["queue", "pause", "default"])
    const terminal = terminalOf()
    const run = runCli(["ray", "up", "waiting"], terminal)
    await until(() => (terminal.stderr().includes("waits:") ? true : undefined))
    expect(terminal.stderr()).toMatch(/^waiting waits: .*paused/m)
    const why = await berth(["ray", "why", "waiting"])
    expect(why.out).toMatch(/^Ray cluster default\/waiting is waiting, waiting for \d+s$/m)
    expect(why.out).toMatch(/because .*paused/)
    expect((await berth(["why", "ray/waiting"])).out).toContain("Ray cluster default/waiting is waiting")
    expect((await berth(["why", "default/waiting"])).out).toContain("Ray cluster default/waiting is waiting")
    expect((await berth(["ray", "status", "waiting"])).out).toMatch(/because .*paused/)
    expect((await berth(["ray", "ls"])).out).toMatch(/^cluster +waiting .* paused/m)
    terminal.interrupt()
    const left = await ended(terminal, run)
    expect(left).toMatchObject({ code: 130, err: expect.stringContaining("Detached: waiting goes on.") })
    await berth(["queue", "resume", "default"])
    await berth(["ray", "rm", "waiting"])
  })

  it("takes a cluster of the KubeRay API from a file", async () => {
    const file = written(
      "cluster.yaml",
      `name: from-file
user: ada
version: 2.60.0
environment: PRODUCTION
clusterSpec:
  headGroupSpec:
    computeTemplate: berth-2cpu-4gi
    rayStartParams: { dashboard-host: 0.0.0.0 }
`,
    )
    const made = await berth(["ray", "up", "-f", file, "-o", "json"])
    expect(made, made.err).toMatchObject({ code: 0 })
    expect(jsonOf(made)).toMatchObject({ name: "from-file", environment: "PRODUCTION", state: "ready" })
    await berth(["ray", "rm", "from-file"])
    const wrong = await berth(["ray", "up", "-f", written("wrong.yaml", "name: [1]\n")])
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining("is no cluster of the KubeRay API") })
    expect(await berth(["ray", "up", "-f", "nowhere.yaml"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("there is no such file"),
    })
  })
})

describe("berth ray submit", () => {
  const script = (program: FakeRayJob) => void (job = program)

  it("runs a command on a cluster and shows its log until its end", async () => {
    script({ runMs: 2000, log: "hello\nworld\n" })
    const done = await berth(["ray", "submit", "--cluster", "demo", "--follow", "--", "echo", "hello world"])
    expect(done, done.err).toMatchObject({ code: 0, out: "hello\nworld\n" })
    expect(done.err).toMatch(/^Submitted demo\/\S+\.$/m)
    expect(done.err).toMatch(/^demo\/\S+ ended: SUCCEEDED/m)
  })

  it("ends with the command's own exit code", async () => {
    script({
      outcome: "FAILED",
      message: "Job entrypoint command failed with exit code 3, last available logs:\nno",
    })
    const failed = await berth(["ray", "submit", "--cluster", "demo", "-f", "--", "false"])
    expect(failed).toMatchObject({
      code: 3,
      err: expect.stringMatching(/ended: FAILED: Job entrypoint command failed with exit code 3\n$/),
    })
  })

  it("prints the id and how to go on; it is followed, stopped and read by that", async () => {
    script({ runMs: null, log: "on and on\n" })
    const sent = await berth([
      "ray",
      "submit",
      "--cluster",
      "demo",
      "-e",
      "K=v",
      "--name",
      "long",
      "--",
      "sleep 600",
    ])
    expect(sent).toMatchObject({ code: 0, out: "demo/long\n" })
    expect(sent.err).toContain("berth ray logs -f demo/long\n")
    expect(
      await until(async () => {
        const { out } = await berth(["ray", "logs", "demo/long"])
        return out === "" ? undefined : out
      }),
    ).toBe("on and on\n")
    expect((await berth(["ray", "stop", "demo/long"])).out).toBe("demo/long is told to stop.\n")
    expect(await berth(["ray", "logs", "-f", "demo/long"])).toMatchObject({
      code: 143,
      err: expect.stringContaining("ended: STOPPED"),
    })
  })

  it("makes a cluster for one job alone, which is ended with it, and the log stays", async () => {
    script({ runMs: 1500, log: "alone\n" })
    const done = await berth([
      "ray",
      "submit",
      "--follow",
      "--name",
      "solo",
      "--",
      "python",
      "-c",
      "print('alone')",
    ])
    expect(done, done.err).toMatchObject({ code: 0, out: "alone\n" })
    await until(async () => {
      const { out, err } = await berth(["ray", "ls", "-o", "json"])
      expect(err).toBe("")
      const { clusters } = JSON.parse(out) as { clusters: { name: string }[] }
      return clusters.every(({ name }) => !name.startsWith("solo")) || undefined
    })
    expect((await berth(["ray", "logs", "solo"])).out).toBe("alone\n")
    const status = await berth(["ray", "status", "solo"])
    expect(status.out).toMatch(/^state +Complete \(SUCCEEDED\)$/m)
    expect(status.out).toMatch(/^command +python -c 'print\('"'"'alone|^command +python -c /m)
    expect((await berth(["ray", "ls"])).out).toMatch(/^job +solo +default +Complete \(SUCCEEDED\)/m)
    await berth(["ray", "rm", "solo"])
  })

  it("says what a job waits for, leaves it on Ctrl-C, and stops nothing that has not begun", async () => {
    await berth(["queue", "pause", "default"])
    const terminal = terminalOf()
    const run = runCli(["ray", "submit", "--follow", "--name", "patient", "--", "true"], terminal)
    await until(() => (terminal.stderr().includes("waits:") ? true : undefined))
    expect(terminal.stderr()).toMatch(/^patient-\w{5} waits: .*paused/m)
    terminal.interrupt()
    const left = await ended(terminal, run)
    expect(left.code).toBe(130)
    expect(left.err).toContain("Detached: patient goes on.\n  follow:     berth ray logs -f patient\n")
    expect((await berth(["ray", "why", "patient"])).out).toMatch(/because .*paused/)
    expect(await berth(["ray", "stop", "patient"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("The job patient has not begun."),
    })
    await berth(["queue", "resume", "default"])
    expect((await berth(["ray", "logs", "-f", "patient"])).code).toBe(0)
    await berth(["ray", "rm", "patient"])
  })

  it("ends with 124 when the time of the job is over", async () => {
    script({ runMs: null, log: "on and on\n" })
    const over = await berth(["ray", "submit", "-f", "--timeout", "20s", "--name", "slow", "--", "sleep 600"])
    expect(over, over.err).toMatchObject({ code: 124, out: "on and on\n" })
    await berth(["ray", "rm", "slow"])
  })

  it("is shown, listed with its cluster, and taken away as CLUSTER/SUBMISSION", async () => {
    script({ runMs: 500 })
    await berth(["ray", "submit", "-f", "--cluster", "demo", "--name", "shown", "--", "echo", "a"])
    expect((await berth(["ray", "status", "demo"])).out).toMatch(/^demo\/shown +SUCCEEDED +.* ago +echo a$/m)
    const { out } = await berth(["ray", "status", "demo/shown"])
    expect(out).toMatch(/^state +SUCCEEDED$/m)
    expect(out).toMatch(/^command +echo a$/m)
    expect(jsonOf(await berth(["ray", "status", "demo/shown", "-o", "json"]))).toMatchObject({
      submissionId: "shown",
      status: "SUCCEEDED",
    })
    expect(await berth(["ray", "why", "demo/shown"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("berth ray status demo/shown"),
    })
    expect(await berth(["ray", "rm", "demo/shown", "demo/none"])).toMatchObject({ code: 1 })
    expect((await berth(["ray", "rm", "demo/shown"])).out).toBe("The Ray submission demo/shown is deleted.\n")
    expect(await berth(["ray", "status", "demo/shown"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("`berth ray status CLUSTER` lists what was sent to a cluster."),
    })
  })

  it("a name of two things has to be told apart", async () => {
    script({ runMs: 500 })
    await berth(["ray", "submit", "-f", "--name", "demo", "--", "true"])
    expect(await berth(["ray", "status", "demo"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("demo is the name of a cluster and of a job."),
    })
    expect((await berth(["ray", "status", "demo", "--kind", "job"])).out).toMatch(/^job +demo$/m)
    expect((await berth(["ray", "rm", "demo", "--kind", "job"])).out).toBe("The Ray job demo is deleted.\n")
  })

  it("a name that is no name ends it at once", async () => {
    expect(await berth(["ray", "logs", "-f", "demo/.."])).toMatchObject({ code: 2 })
    expect(await berth(["ray", "stop", "demo"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("demo is a cluster: only jobs and submissions are stopped."),
    })
  })

  it("refuses a local folder and says who can send it", async () => {
    const file = written("runtime.yaml", "working_dir: .\n")
    expect(
      await berth(["ray", "submit", "--cluster", "demo", "--runtime-env", file, "--", "true"]),
    ).toMatchObject({
      code: 2,
      err: expect.stringContaining("`berth ray dashboard CLUSTER` prints"),
    })
  })

  it("names what is not there", async () => {
    const { code, err } = await berth(["ray", "submit", "--cluster", "nope", "--", "true"])
    expect(code).toBe(1)
    expect(err).toBe("error: Cluster nope not found\n  `berth ray ls -A` lists the clusters there are.\n")
    expect((await berth(["ray", "up", "a", "-w", "nowhere"])).err).toContain(
      "error: Namespace nowhere not found, or you have no role in its workspace.\n",
    )
    expect(await berth(["ray", "logs", "nope"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("Nothing of Ray is called nope in default."),
    })
  })
})

describe("logs and addresses of a cluster", () => {
  it("are its head's, and Berth's", async () => {
    expect(await berth(["ray", "logs", "demo"])).toMatchObject({ code: 0 })
    const { out } = await berth(["ray", "dashboard", "demo"])
    expect(out).toContain(
      `RAY_JOB_HEADERS='{"Authorization": "Bearer '$BERTH_TOKEN'"}' ray job submit --address`,
    )
    expect(out).toContain(`${server.url}/berth/v1/ray/clusters/default/demo/dashboard/`)
    expect(out).not.toContain(server.token)
  })
})

describe("berth ray serve", () => {
  const config = (name: string, prefix = "/") =>
    `applications:\n  - name: ${name}\n    import_path: app:app\n    route_prefix: ${prefix}\n`

  it("makes a service, waits until it serves, and says where", async () => {
    const file = written("serve.yaml", config("hello", "/hello"))
    const made = await berth(["ray", "serve", "web", "-f", file])
    expect(made, made.err).toMatchObject({ code: 0 })
    expect(made.err).toContain("The Ray service web of default is made.\n")
    expect(made.err).toContain("web serves.\n")
    expect(made.out).toMatch(/^hello +http:\/\/127\.0\.0\.1:\d+\/hello$/m)
    expect(made.out).toMatch(/^try it +curl http:\/\/127\.0\.0\.1:\d+\/hello$/m)
    const status = await berth(["ray", "status", "web"])
    expect(status.out).toMatch(/^state +RUNNING$/m)
    expect(status.out).toMatch(/^hello +RUNNING/m)
    expect((await berth(["ray", "why", "web"])).out).toContain("Ray service default/web is serving")
  })

  it("gives it another configuration, on the cluster that serves", async () => {
    const clusterOf = async () =>
      (
        jsonOf(await berth(["ray", "status", "web", "-o", "json"])) as {
          rayServiceStatus: { rayClusterName: string }
        }
      ).rayServiceStatus.rayClusterName
    const before = await clusterOf()
    const changed = await berth(["ray", "serve", "web", "-f", written("serve.yaml", config("bye"))])
    expect(changed, changed.err).toMatchObject({ code: 0 })
    expect(changed.err).toContain("The Ray service web of default is changed.\n")
    expect((await berth(["ray", "status", "web"])).out).toMatch(/^bye +RUNNING/m)
    expect(await clusterOf()).toBe(before)
    const bigger = await berth(["ray", "serve", "web", "-f", "serve.yaml", "--cpu", "3"])
    expect(bigger, bigger.err).toMatchObject({ code: 0 })
    expect(await clusterOf()).not.toBe(before)
  })

  it("serves on with what ran when it is given what cannot be deployed, and again when that is mended", async () => {
    const failing = (name: string) =>
      name === "broken" ? ({ status: "DEPLOY_FAILED", message: "no" } as const) : {}
    server.ray.use({ ...usual, application: failing })
    await berth(["ray", "serve", "twice", "-f", written("serve.yaml", config("fine"))])
    for (const again of ["once", "and once more, for nothing was mended"]) {
      const bad = await berth(["ray", "serve", "twice", "-f", written("bad.yaml", config("broken"))])
      expect(bad, again).toMatchObject({
        code: 1,
        err: expect.stringContaining("error: The application broken of twice cannot be deployed: no\n"),
      })
    }
    const mended = await berth(["ray", "serve", "twice", "-f", "serve.yaml"])
    expect(mended, mended.err).toMatchObject({ code: 0 })
    await berth(["ray", "rm", "twice"])
  })

  it("ends with 1 when an application cannot be deployed", async () => {
    server.ray.use({
      ...usual,
      application: () => ({ status: "DEPLOY_FAILED", message: "No module named app." }),
    })
    const failed = await berth(["ray", "serve", "bad", "-f", written("bad.yaml", config("bad"))])
    expect(failed.code).toBe(1)
    expect(failed.err).toContain(
      "error: The service bad cannot serve: The application bad cannot be deployed: No module named app.",
    )
    expect((await berth(["ray", "status", "bad"])).out).toMatch(/^message +The service bad cannot serve: /m)
    expect(await berth(["ray", "serve", "bad", "-f", written("none.yaml", "a: 1\n")])).toMatchObject({
      code: 2,
    })
    expect((await berth(["ray", "rm", "bad", "web"])).out).toMatch(
      /service bad is deleted[^]*service web is deleted/,
    )
  })
})

describe("config maps and secrets", () => {
  it("are made from files and read again; a secret's values come from nowhere else and are never shown", async () => {
    const file = written("sample.py", "print('hi')\n")
    const put = await berth(["configmaps", "put", "code", "--from-file", file, "--from-literal", "MODE=fast"])
    expect(put, put.err).toMatchObject({ out: "The config map code of default has MODE, sample.py.\n" })
    expect((await berth(["configmaps", "get", "code"])).out).toMatch(/^MODE +fast$/m)
    expect((await berth(["configmaps"])).out).toMatch(/^code +default +MODE, sample.py +\d+s ago$/m)
    const secret = await berth(["secrets", "put", "hub", "--from-file", "token=-"], { input: "s3cret" })
    expect(secret, secret.err).toMatchObject({ code: 0, out: "The secret hub of default has token.\n" })
    const shown = await berth(["secrets", "get", "hub"])
    expect(shown.out).toBe("token  (not shown)\n")
    expect((await berth(["secrets", "get", "hub", "-o", "json"])).out).not.toContain("s3cret")
    expect(await berth(["secrets", "put", "hub", "--from-literal", "a=b"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("unknown option '--from-literal'"),
    })
    expect((await berth(["secrets", "rm", "hub"])).out).toBe("The secret hub of default is deleted.\n")
    expect((await berth(["configmaps", "rm", "code"])).code).toBe(0)
    expect(await berth(["secrets", "get", "hub"])).toMatchObject({ code: 1 })
  })
})

describe("rights", () => {
  it("a viewer looks and changes nothing", async () => {
    const token = await server.member("vera", { default: "viewer" })
    await berth(["workspace", "set", "default", "--no-open-to-all"])
    expect((await berth(["ray", "ls"], { token })).out).toMatch(/^cluster +demo +default +ready/m)
    const refused = await berth(["ray", "rm", "demo"], { token })
    expect(refused.code).toBe(1)
    expect((await berth(["ray", "ls", "-A", "-o", "json"], { token })).out).toContain('"demo"')
    expect((await berth(["ray", "up", "mine"], { token })).code).toBe(1)
  })
})
