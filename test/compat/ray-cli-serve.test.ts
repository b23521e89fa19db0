import { describe, expect, it } from "vitest"
import { jsonOf, useRayCli } from "./ray-cli.ts"

const cli = useRayCli()

describe("berth ray serve", () => {
  const config = (name: string, prefix = "/") =>
    `applications:\n  - name: ${name}\n    import_path: app:app\n    route_prefix: ${prefix}\n`

  it("makes a service, waits until it serves, and says where", async () => {
    const file = cli.written("serve.yaml", config("hello", "/hello"))
    const made = await cli.berth(["ray", "serve", "web", "-f", file])
    expect(made, made.err).toMatchObject({ code: 0 })
    expect(made.err).toContain("The Ray service web of default is made.\n")
    expect(made.err).toContain("web serves.\n")
    expect(made.out).toMatch(/^hello +http:\/\/127\.0\.0\.1:\d+\/hello$/m)
    expect(made.out).toMatch(/^try it +curl http:\/\/127\.0\.0\.1:\d+\/hello$/m)
    const status = await cli.berth(["ray", "status", "web"])
    expect(status.out).toMatch(/^state +RUNNING$/m)
    expect(status.out).toMatch(/^hello +RUNNING/m)
    expect((await cli.berth(["ray", "why", "web"])).out).toContain("Ray service default/web is serving")
  })

  it("gives it another configuration, on the cluster that serves", async () => {
    const clusterOf = async () =>
      (
        jsonOf(await cli.berth(["ray", "status", "web", "-o", "json"])) as {
          rayServiceStatus: { rayClusterName: string }
        }
      ).rayServiceStatus.rayClusterName
    await cli.berth(["ray", "serve", "web", "-f", cli.written("serve.yaml", config("hello", "/hello"))])
    const before = await clusterOf()
    const changed = await cli.berth(["ray", "serve", "web", "-f", cli.written("serve.yaml", config("bye"))])
    expect(changed, changed.err).toMatchObject({ code: 0 })
    expect(changed.err).toContain("The Ray service web of default is changed.\n")
    expect((await cli.berth(["ray", "status", "web"])).out).toMatch(/^bye +RUNNING/m)
    expect(await clusterOf()).toBe(before)
    const bigger = await cli.berth(["ray", "serve", "web", "-f", "serve.yaml", "--cpu", "3"])
    expect(bigger, bigger.err).toMatchObject({ code: 0 })
    expect(await clusterOf()).not.toBe(before)
  })

  it("serves on with what ran when it is given what cannot be deployed, and again when that is mended", async () => {
    const failing = (name: string) =>
      name === "broken" ? ({ status: "DEPLOY_FAILED", message: "no" } as const) : {}
    cli.server.ray.use({ ...cli.usual, application: failing })
    await cli.berth(["ray", "serve", "twice", "-f", cli.written("serve.yaml", config("fine"))])
    for (const again of ["once", "and once more, for nothing was mended"]) {
      const bad = await cli.berth(["ray", "serve", "twice", "-f", cli.written("bad.yaml", config("broken"))])
      expect(bad, again).toMatchObject({
        code: 1,
        err: expect.stringContaining("error: The application broken of twice cannot be deployed: no\n"),
      })
    }
    const mended = await cli.berth(["ray", "serve", "twice", "-f", "serve.yaml"])
    expect(mended, mended.err).toMatchObject({ code: 0 })
    await cli.berth(["ray", "rm", "twice"])
  })

  it("ends with 1 when an application cannot be deployed", async () => {
    cli.server.ray.use({
      ...cli.usual,
      application: () => ({ status: "DEPLOY_FAILED", message: "No module named app." }),
    })
    const failed = await cli.berth(["ray", "serve", "bad", "-f", cli.written("bad.yaml", config("bad"))])
    expect(failed.code).toBe(1)
    expect(failed.err).toContain(
      "error: The service bad cannot serve: The application bad cannot be deployed: No module named app.",
    )
    expect((await cli.berth(["ray", "status", "bad"])).out).toMatch(
      /^message +The service bad cannot serve: /m,
    )
    expect(await cli.berth(["ray", "serve", "bad", "-f", cli.written("none.yaml", "a: 1\n")])).toMatchObject({
      code: 2,
    })
    expect((await cli.berth(["ray", "rm", "bad"])).out).toContain("service bad is deleted")
  })
})
