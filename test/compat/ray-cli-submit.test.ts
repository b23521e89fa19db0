import { beforeEach, describe, expect, it } from "vitest"
import { runCli } from "../../packages/server/src/cli/program.ts"
import { jsonOf, useRayCli } from "./ray-cli.ts"

const cli = useRayCli()

describe("berth ray submit", () => {
  beforeEach(() => cli.cluster("demo"))

  it("runs a command on a cluster and shows its log until its end", async () => {
    cli.script({ runMs: 2000, log: "hello\nworld\n" })
    const done = await cli.berth([
      "ray",
      "submit",
      "--cluster",
      "demo",
      "--follow",
      "--",
      "echo",
      "hello world",
    ])
    expect(done, done.err).toMatchObject({ code: 0, out: "hello\nworld\n" })
    expect(done.err).toMatch(/^Submitted demo\/\S+\.$/m)
    expect(done.err).toMatch(/^demo\/\S+ ended: SUCCEEDED/m)
  })

  it("ends with the command's own exit code", async () => {
    cli.script({
      outcome: "FAILED",
      message: "Job entrypoint command failed with exit code 3, last available logs:\nno",
    })
    const failed = await cli.berth(["ray", "submit", "--cluster", "demo", "-f", "--", "false"])
    expect(failed).toMatchObject({
      code: 3,
      err: expect.stringMatching(/ended: FAILED: Job entrypoint command failed with exit code 3\n$/),
    })
  })

  it("prints the id and how to go on; it is followed, stopped and read by that", async () => {
    cli.script({ runMs: null, log: "on and on\n" })
    const sent = await cli.berth([
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
      await cli.until(async () => {
        const { out } = await cli.berth(["ray", "logs", "demo/long"])
        return out === "" ? undefined : out
      }),
    ).toBe("on and on\n")
    expect((await cli.berth(["ray", "stop", "demo/long"])).out).toBe("demo/long is told to stop.\n")
    expect(await cli.berth(["ray", "logs", "-f", "demo/long"])).toMatchObject({
      code: 143,
      err: expect.stringContaining("ended: STOPPED"),
    })
  })

  it("makes a cluster for one job alone, which is ended with it, and the log stays", async () => {
    cli.script({ runMs: 1500, log: "alone\n" })
    const done = await cli.berth([
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
    await cli.until(async () => {
      const { out, err } = await cli.berth(["ray", "ls", "-o", "json"])
      expect(err).toBe("")
      const { clusters } = JSON.parse(out) as { clusters: { name: string }[] }
      return clusters.every(({ name }) => !name.startsWith("solo")) || undefined
    })
    expect((await cli.berth(["ray", "logs", "solo"])).out).toBe("alone\n")
    const status = await cli.berth(["ray", "status", "solo"])
    expect(status.out).toMatch(/^state +Complete \(SUCCEEDED\)$/m)
    expect(status.out).toMatch(/^command +python -c 'print\('"'"'alone|^command +python -c /m)
    expect((await cli.berth(["ray", "ls"])).out).toMatch(/^job +solo +default +Complete \(SUCCEEDED\)/m)
    await cli.berth(["ray", "rm", "solo"])
  })

  it("says what a job waits for, leaves it on Ctrl-C, and stops nothing that has not begun", async () => {
    await cli.berth(["queue", "pause", "default"])
    const terminal = cli.terminal()
    const run = runCli(["ray", "submit", "--follow", "--name", "patient", "--", "true"], terminal)
    await cli.until(() => (terminal.stderr().includes("waits:") ? true : undefined))
    expect(terminal.stderr()).toMatch(/^patient-\w{5} waits: .*paused/m)
    terminal.interrupt()
    const left = await cli.ended(terminal, run)
    expect(left.code).toBe(130)
    expect(left.err).toContain("Detached: patient goes on.\n  follow:     berth ray logs -f patient\n")
    expect((await cli.berth(["ray", "why", "patient"])).out).toMatch(/because .*paused/)
    expect(await cli.berth(["ray", "stop", "patient"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("The job patient has not begun."),
    })
    await cli.berth(["queue", "resume", "default"])
    expect((await cli.berth(["ray", "logs", "-f", "patient"])).code).toBe(0)
    await cli.berth(["ray", "rm", "patient"])
  })

  it("ends with 124 when the time of the job is over", async () => {
    cli.script({ runMs: null, log: "on and on\n" })
    const over = await cli.berth([
      "ray",
      "submit",
      "-f",
      "--timeout",
      "20s",
      "--name",
      "slow",
      "--",
      "sleep 600",
    ])
    expect(over, over.err).toMatchObject({ code: 124, out: "on and on\n" })
    await cli.berth(["ray", "rm", "slow"])
  })

  it("is shown, listed with its cluster, and taken away as CLUSTER/SUBMISSION", async () => {
    cli.script({ runMs: 500 })
    await cli.berth(["ray", "submit", "-f", "--cluster", "demo", "--name", "shown", "--", "echo", "a"])
    expect((await cli.berth(["ray", "status", "demo"])).out).toMatch(
      /^demo\/shown +SUCCEEDED +.* ago +echo a$/m,
    )
    const { out } = await cli.berth(["ray", "status", "demo/shown"])
    expect(out).toMatch(/^state +SUCCEEDED$/m)
    expect(out).toMatch(/^command +echo a$/m)
    expect(jsonOf(await cli.berth(["ray", "status", "demo/shown", "-o", "json"]))).toMatchObject({
      submissionId: "shown",
      status: "SUCCEEDED",
    })
    expect(await cli.berth(["ray", "why", "demo/shown"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("berth ray status demo/shown"),
    })
    expect(await cli.berth(["ray", "rm", "demo/shown", "demo/none"])).toMatchObject({ code: 1 })
    expect((await cli.berth(["ray", "rm", "demo/shown"])).out).toBe(
      "The Ray submission demo/shown is deleted.\n",
    )
    expect(await cli.berth(["ray", "status", "demo/shown"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("`berth ray status CLUSTER` lists what was sent to a cluster."),
    })
  })

  it("a name of two things has to be told apart", async () => {
    cli.script({ runMs: 500 })
    await cli.berth(["ray", "submit", "-f", "--name", "demo", "--", "true"])
    expect(await cli.berth(["ray", "status", "demo"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("demo is the name of a cluster and of a job."),
    })
    expect((await cli.berth(["ray", "status", "demo", "--kind", "job"])).out).toMatch(/^job +demo$/m)
    expect((await cli.berth(["ray", "rm", "demo", "--kind", "job"])).out).toBe(
      "The Ray job demo is deleted.\n",
    )
  })

  it("a name that is no name ends it at once", async () => {
    expect(await cli.berth(["ray", "logs", "-f", "demo/.."])).toMatchObject({ code: 2 })
    expect(await cli.berth(["ray", "stop", "demo"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("demo is a cluster: only jobs and submissions are stopped."),
    })
  })

  it("refuses a local folder and says who can send it", async () => {
    const file = cli.written("runtime.yaml", "working_dir: .\n")
    expect(
      await cli.berth(["ray", "submit", "--cluster", "demo", "--runtime-env", file, "--", "true"]),
    ).toMatchObject({
      code: 2,
      err: expect.stringContaining("`berth ray dashboard CLUSTER` prints"),
    })
  })

  it("names what is not there", async () => {
    const { code, err } = await cli.berth(["ray", "submit", "--cluster", "nope", "--", "true"])
    expect(code).toBe(1)
    expect(err).toBe("error: Cluster nope not found\n  `berth ray ls -A` lists the clusters there are.\n")
    expect((await cli.berth(["ray", "up", "a", "-w", "nowhere"])).err).toContain(
      "error: Namespace nowhere not found, or you have no role in its workspace.\n",
    )
    expect(await cli.berth(["ray", "logs", "nope"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("Nothing of Ray is called nope in default."),
    })
  })
})
