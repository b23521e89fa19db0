import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { CliError } from "./cli-error.ts"
import { findAddress, findServer, isLoopbackUrl, readRunFile } from "./find-server.ts"
import { forgetLogin, keepLogin, type KeptLogin } from "./kept-logins.ts"
import { createTestTerminal } from "./test-terminal.ts"

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-find-"))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const terminal = (env: Record<string, string> = {}) => createTestTerminal({ env, homeDir: home })

/** A data directory as a running server has it. */
function dataDir(name: string, url = "http://127.0.0.1:8080", key = `key-of-${name}`): string {
  const dir = join(home, name)
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, "run.json"), JSON.stringify({ url, pid: 1, version: "1.2.3" }))
  writeFileSync(join(dir, "owner.key"), `${key}\n`, { mode: 0o600 })
  return dir
}

function clientConfig(text: string) {
  mkdirSync(join(home, ".config", "berth"), { recursive: true })
  writeFileSync(join(home, ".config", "berth", "config.yaml"), text)
}

const login = (server: string): KeptLogin => ({
  server,
  token: `token-of-${server}`,
  userName: "ann",
  kind: "session",
  expiresAt: "2030-01-01T12:00:00.000Z",
})

describe("the server", () => {
  it("is what a flag says, then a variable, then a file, then the login, then what runs here", async () => {
    const own = dataDir(".local/share/berth")
    const data = dataDir("data", "http://127.0.0.1:2")
    clientConfig("server: http://file:1\n")
    keepLogin(terminal(), login("https://login:1"))
    const env = { BERTH_SERVER: "http://env:1", BERTH_DATA: data }
    const find = async (options: object, variables: Record<string, string> = {}) => {
      const { url, from } = await findServer(terminal(variables), options)
      expect(await findAddress(terminal(variables), options)).toMatchObject({ url, from })
      return [url, from]
    }
    const there = ["http://127.0.0.1:2", join(data, "run.json")]
    expect(await find({ server: "http://flag:1", data }, env)).toEqual(["http://flag:1", "--server"])
    expect(await find({ data }, env)).toEqual(there)
    expect(await find({}, env)).toEqual(["http://env:1", "BERTH_SERVER"])
    expect(await find({}, { BERTH_DATA: data })).toEqual(there)
    expect(await find({})).toEqual(["http://file:1", join(home, ".config/berth/config.yaml")])
    clientConfig("workspace: research\n")
    expect(await find({})).toEqual(["https://login:1", join(home, ".config/berth/logins.json")])
    forgetLogin(terminal(), "https://login:1")
    expect(await find({})).toEqual(["http://127.0.0.1:8080", join(own, "run.json")])
    expect((await findServer(terminal(), {})).workspace).toBe("research")
  })

  it("of a data directory that is named is no other one, when none runs there", async () => {
    keepLogin(terminal(), login("https://login:1"))
    for (const [options, env] of [
      [{ data: join(home, "none") }, {}],
      [{}, { BERTH_DATA: join(home, "none") }],
    ] as const)
      await expect(findServer(terminal(env), options)).rejects.toMatchObject({ exitCode: 3 })
  })

  it("is looked for in the account's own data directory", async () => {
    const dir = dataDir(".local/share/berth")
    expect(await findServer(terminal(), {})).toMatchObject({ dataDir: dir, runFile: { version: "1.2.3" } })
    const other = dataDir("other", "http://127.0.0.1:9")
    expect(await findServer(terminal({ BERTH_DATA: other }), {})).toMatchObject({ url: "http://127.0.0.1:9" })
  })

  it("that is nowhere to be found is said so, with what to do, and exit code 3", async () => {
    const error = await findServer(terminal(), { data: join(home, "none") }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(CliError)
    expect(error).toMatchObject({ exitCode: 3, hint: expect.stringContaining("berth up") })
  })

  it.each(["", "{", "[]", "null", '{"url":5,"pid":1}', '{"url":"http://x"}'])(
    "is not taken from a run file that holds %j",
    (text) => {
      const file = join(home, "run.json")
      writeFileSync(file, text)
      expect(readRunFile(file)).toBeUndefined()
    },
  )
})

describe("the token", () => {
  it("is BERTH_TOKEN, then the login's, then the configuration file's tokenFile, then the owner's key", async () => {
    const data = dataDir("data")
    expect(await findServer(terminal({ BERTH_TOKEN: "t" }), { data })).toMatchObject({
      token: "t",
      tokenFrom: "BERTH_TOKEN",
    })
    expect(await findServer(terminal(), { data })).toMatchObject({ token: "key-of-data" })
    writeFileSync(join(home, "mine"), "from-file\n", { mode: 0o600 })
    clientConfig("tokenFile: ~/mine\n")
    expect(await findServer(terminal(), { data })).toMatchObject({ token: "from-file", login: null })
    const here = login("http://127.0.0.1:8080")
    keepLogin(terminal(), here)
    expect(await findServer(terminal(), { data })).toMatchObject({
      token: here.token,
      tokenFrom: join(home, ".config/berth/logins.json"),
      login: here,
    })
    expect(await findServer(terminal({ BERTH_TOKEN: "t" }), { data })).toMatchObject({
      token: "t",
      login: null,
    })
  })

  it("of a login goes to the server that gave it, and to no other", async () => {
    keepLogin(terminal(), login("https://gpu.example:8443/berth"))
    const tokenAt = async (server: string) => (await findServer(terminal(), { server })).token
    for (const server of ["https://gpu.example:8443/berth", "HTTPS://GPU.example:8443/berth/"])
      expect(await tokenAt(server)).toBe("token-of-https://gpu.example:8443/berth")
    for (const server of [
      "http://gpu.example:8443/berth",
      "https://gpu.example/berth",
      "https://gpu.example:8443",
      "https://gpu.example:8443/other",
      "https://other.example:8443/berth",
    ])
      expect(await tokenAt(server), server).toBeNull()
  })

  it("of the owner is never sent to another machine", async () => {
    const data = dataDir("data")
    for (const server of ["http://gpu.example:8080", "http://127.0.0.1.example:8080", "http://10.0.0.1:8080"])
      expect((await findServer(terminal(), { data, server })).token).toBeNull()
    expect((await findServer(terminal(), { data, server: "http://localhost:8080" })).token).toBe(
      "key-of-data",
    )
  })

  it("is not taken from a file that others may read", async () => {
    const data = dataDir("data")
    chmodSync(join(data, "owner.key"), 0o644)
    await expect(findServer(terminal(), { data })).rejects.toMatchObject({
      message: expect.stringContaining("Others may read"),
      hint: expect.stringContaining("chmod 600"),
    })
  })

  it("is asked for by name when the configuration names a file that is not there", async () => {
    clientConfig("tokenFile: /nonexistent/key\n")
    await expect(findServer(terminal(), { data: dataDir("data") })).rejects.toThrow("/nonexistent/key")
  })
})

it("takes only this machine's own addresses for its own", () => {
  for (const url of ["http://127.0.0.1:1", "http://127.3.2.1", "https://localhost:8", "http://[::1]:1"])
    expect(isLoopbackUrl(url)).toBe(true)
  for (const url of [
    "http://0.0.0.0:1",
    "http://127.0.0.1.example",
    "http://localhost.example",
    "nonsense",
    "",
  ])
    expect(isLoopbackUrl(url)).toBe(false)
})

it("says what is wrong with a configuration file that is not YAML", async () => {
  clientConfig("a: [")
  await expect(findServer(terminal(), { data: dataDir("data") })).rejects.toMatchObject({ exitCode: 2 })
})
