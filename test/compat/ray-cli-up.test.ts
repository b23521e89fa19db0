import { describe, expect, it } from "vitest"
import { runCli } from "../../packages/server/src/cli/program.ts"
import { jsonOf, useRayCli } from "./ray-cli.ts"

const cli = useRayCli()

describe("berth ray up", () => {
  it("makes what it needs, tells what is done, and says where it is reached and what to do next", async () => {
    const made = await cli.berth([
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
    expect(made.out).toContain(
      `dashboard    ${cli.server.url}/berth/v1/ray/clusters/default/demo/dashboard/\n`,
    )
    expect(made.out).toContain("berth ray submit --cluster demo --follow --")
    const templates = await cli.berth(["ray", "templates"])
    expect(templates.out).toMatch(/^berth-2cpu-4gi +default +2 +4Gi +0 +-$/m)
    const status = await cli.berth(["ray", "status", "demo"])
    expect(status.out).toMatch(/^state +ready$/m)
    expect(status.out).toMatch(/^demo-head-\w{5} +head +running +node-\w +- /m)
    expect(status.out).toMatch(/^demo-workers-worker-\w{5} +workers +running /m)
    expect(status.out).toMatch(/Normal +CreatedHeadPod +Created head Pod default\/demo-head-/)
  })

  it("reuses the template of a size; a taken name is said, with what to do", async () => {
    await cli.cluster("demo")
    const again = await cli.berth(["ray", "up", "demo", "--cpu", "2", "--memory", "4Gi"])
    expect(again.code).toBe(1)
    expect(again.err).toContain("error: There is a Ray cluster demo in default already.\n")
    expect(again.err).toContain("berth ray rm demo")
    const other = await cli.berth([
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
    expect(jsonOf(await cli.berth(["ray", "templates", "-o", "json"]))).toHaveLength(1)
    expect((await cli.berth(["ray", "rm", "other"])).out).toBe("The Ray cluster other is deleted.\n")
  })

  it("says why one that cannot start has failed, with exit code 1", async () => {
    cli.server.ray.use({
      install: () => ({ fails: { detail: "version", message: "There is no Ray 9.9.9." } }),
    })
    const failed = await cli.berth(["ray", "up", "broken", "--version", "9.9.9"])
    expect(failed.code).toBe(1)
    expect(failed.err).toContain("error: The Ray cluster broken has failed: There is no Ray 9.9.9.\n")
    await cli.berth(["ray", "rm", "broken"])
  })

  it("says why it waits, and goes on when it is left", async () => {
    await cli.berth(["queue", "pause", "default"])
    const terminal = cli.terminal()
    const run = runCli(["ray", "up", "waiting"], terminal)
    await cli.until(() => (terminal.stderr().includes("waits:") ? true : undefined))
    expect(terminal.stderr()).toMatch(/^waiting waits: .*paused/m)
    const why = await cli.berth(["ray", "why", "waiting"])
    expect(why.out).toMatch(/^Ray cluster default\/waiting is waiting, waiting for \d+s$/m)
    expect(why.out).toMatch(/because .*paused/)
    expect((await cli.berth(["why", "ray/waiting"])).out).toContain("Ray cluster default/waiting is waiting")
    expect((await cli.berth(["why", "default/waiting"])).out).toContain(
      "Ray cluster default/waiting is waiting",
    )
    expect((await cli.berth(["ray", "status", "waiting"])).out).toMatch(/because .*paused/)
    expect((await cli.berth(["ray", "ls"])).out).toMatch(/^cluster +waiting .* paused/m)
    terminal.interrupt()
    const left = await cli.ended(terminal, run)
    expect(left).toMatchObject({ code: 130, err: expect.stringContaining("Detached: waiting goes on.") })
    await cli.berth(["queue", "resume", "default"])
    await cli.berth(["ray", "rm", "waiting"])
  })

  it("takes a cluster of the KubeRay API from a file", async () => {
    await cli.berth(["ray", "templates", "create", "berth-2cpu-4gi", "--cpu", "2", "--memory", "4Gi"])
    const file = cli.written(
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
    const made = await cli.berth(["ray", "up", "-f", file, "-o", "json"])
    expect(made, made.err).toMatchObject({ code: 0 })
    expect(jsonOf(made)).toMatchObject({ name: "from-file", environment: "PRODUCTION", state: "ready" })
    await cli.berth(["ray", "rm", "from-file"])
    const wrong = await cli.berth(["ray", "up", "-f", cli.written("wrong.yaml", "name: [1]\n")])
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining("is no cluster of the KubeRay API") })
    expect(await cli.berth(["ray", "up", "-f", "nowhere.yaml"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("there is no such file"),
    })
  })
})
