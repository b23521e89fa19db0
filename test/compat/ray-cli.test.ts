import { describe, expect, it } from "vitest"
import { useRayCli } from "./ray-cli.ts"

const cli = useRayCli()

describe("logs and addresses of a cluster", () => {
  it("are its head's, and Berth's", async () => {
    await cli.cluster("demo")
    expect(await cli.berth(["ray", "logs", "demo"])).toMatchObject({ code: 0 })
    const { out } = await cli.berth(["ray", "dashboard", "demo"])
    expect(out).toContain(
      `RAY_JOB_HEADERS='{"Authorization": "Bearer '$BERTH_TOKEN'"}' ray job submit --address`,
    )
    expect(out).toContain(`${cli.server.url}/berth/v1/ray/clusters/default/demo/dashboard/`)
    expect(out).not.toContain(cli.server.token)
  })
})

describe("config maps and secrets", () => {
  it("are made from files and read again; a secret's values come from nowhere else and are never shown", async () => {
    const file = cli.written("sample.py", "print('hi')\n")
    const put = await cli.berth([
      "configmaps",
      "put",
      "code",
      "--from-file",
      file,
      "--from-literal",
      "MODE=fast",
    ])
    expect(put, put.err).toMatchObject({ out: "The config map code of default has MODE, sample.py.\n" })
    expect((await cli.berth(["configmaps", "get", "code"])).out).toMatch(/^MODE +fast$/m)
    expect((await cli.berth(["configmaps"])).out).toMatch(/^code +default +MODE, sample.py +\d+s ago$/m)
    const secret = await cli.berth(["secrets", "put", "hub", "--from-file", "token=-"], { input: "s3cret" })
    expect(secret, secret.err).toMatchObject({ code: 0, out: "The secret hub of default has token.\n" })
    const shown = await cli.berth(["secrets", "get", "hub"])
    expect(shown.out).toBe("token  (not shown)\n")
    expect((await cli.berth(["secrets", "get", "hub", "-o", "json"])).out).not.toContain("s3cret")
    expect(await cli.berth(["secrets", "put", "hub", "--from-literal", "a=b"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("unknown option '--from-literal'"),
    })
    expect((await cli.berth(["secrets", "rm", "hub"])).out).toBe("The secret hub of default is deleted.\n")
    expect((await cli.berth(["configmaps", "rm", "code"])).code).toBe(0)
    expect(await cli.berth(["secrets", "get", "hub"])).toMatchObject({ code: 1 })
  })
})

describe("rights", () => {
  it("a viewer looks and changes nothing", async () => {
    await cli.cluster("demo")
    const token = await cli.server.member("vera", { default: "viewer" })
    await cli.berth(["workspace", "set", "default", "--no-open-to-all"])
    expect((await cli.berth(["ray", "ls"], { token })).out).toMatch(/^cluster +demo +default +ready/m)
    const refused = await cli.berth(["ray", "rm", "demo"], { token })
    expect(refused.code).toBe(1)
    expect((await cli.berth(["ray", "ls", "-A", "-o", "json"], { token })).out).toContain('"demo"')
    expect((await cli.berth(["ray", "up", "mine"], { token })).code).toBe(1)
  })
})
