import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { isLeftOut, isRoot } from "../support/machine.ts"
import { type RealServer, startRealServer } from "../support/real-server.ts"
import { runCli } from "../support/run-cli.ts"

const notRoot = isLeftOut(isRoot, "a start under another account", "the tests do not run as root")

let home: string
let data: string
const servers: RealServer[] = []
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-start-"))
  data = join(home, "data")
})
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
  rmSync(home, { recursive: true, force: true })
})

const up = (flags: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
  runCli(["up", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "silent", ...flags], {
    cwd: home,
    env,
  })

async function startHere(): Promise<RealServer> {
  const server = await startRealServer({ dataDir: data })
  servers.push(server)
  return server
}

/** Sentences for people: no stack, no name of an internal error. */
function expectSentence(err: string, pattern: RegExp): void {
  expect(err).toMatch(pattern)
  expect(err).not.toMatch(/^\s+at |AppError|SqliteError|ERR_/m)
}

describe("berth up does not start and says why", () => {
  it("when the port is in use, and leaves the directory free", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await once(other, "listening")
    const { port } = other.address() as AddressInfo
    const { code, err } = await up(["--listen", `127.0.0.1:${port}`])
    other.close()
    expect(code).toBe(4)
    expectSentence(err, new RegExp(`Another program listens on 127\\.0\\.0\\.1:${port}`))
    expect(existsSync(join(data, "run.json"))).toBe(false)
    await startHere()
  })

  it("when the key of a second address is not there, and leaves the directory free", async () => {
    const { code, err } = await up(["--kuberay-listen", "127.0.0.1:0,as=ray"])
    expect(code).toBe(4)
    expectSentence(err, /There is no API key "ray" that holds\.[\s\S]*berth keys create/)
    expect(existsSync(join(data, "run.json"))).toBe(false)
    await startHere()
  })

  it("when a file is in the directory's way", async () => {
    writeFileSync(data, "not a directory")
    const { code, err } = await up()
    expect(code).toBe(4)
    expectSentence(err, /data/)
    expect(readFileSync(data, "utf8")).toBe("not a directory")
  })

  it.skipIf(notRoot)("when the account may not write to the directory", async () => {
    expect(isRoot, "needs root to become another account").toBe(true)
    mkdirSync(data, { mode: 0o755 })
    chmodSync(home, 0o755)
    const script = `process.setgid(60777); process.setuid(60777); process.argv.splice(1, 1); await import(process.argv[1])`
    const cli = new URL("../../packages/server/src/cli/berth.ts", import.meta.url).pathname
    const args = ["up", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "silent"]
    const child = spawn(
      process.execPath,
      ["--input-type=module", "--disable-warning=ExperimentalWarning", "-e", script, "-", cli, ...args],
      { stdio: ["ignore", "pipe", "pipe"], cwd: home, env: { HOME: home, PATH: "/usr/bin:/bin" } },
    )
    const { code, err } = await outcome(child)
    expect([code, err]).toEqual([4, expect.stringMatching(/cannot be made or written/)])
  })

  it("when another server holds the directory, which goes on", async () => {
    const first = await startHere()
    const { code, err } = await up()
    expect(code).toBe(3)
    expectSentence(err, /berth down/)
    expect((await first.call("GET", "/readyz")).status).toBe(200)
    expect(JSON.parse(readFileSync(join(data, "run.json"), "utf8"))).toMatchObject({ pid: first.pid })
  })

  it("when the database is corrupt, and changes nothing", async () => {
    mkdirSync(data)
    const rubbish = Buffer.alloc(64 * 1024, "rubbish ")
    writeFileSync(join(data, "berth.db"), rubbish)
    const { code, err } = await up()
    expect(code).toBe(4)
    expectSentence(err, /corrupt|not a database|damaged/i)
    expect(readFileSync(join(data, "berth.db")).equals(rubbish)).toBe(true)
  })

  it("when pages in the middle of the database are damaged", async () => {
    const server = await startHere()
    for (let n = 0; n < 30; n++) await server.create({ description: "x".repeat(500), priority: 0 })
    await server.stop({ pods: true })
    const path = join(data, "berth.db")
    const bytes = readFileSync(path)
    for (let page = 2; page * 4096 < bytes.length; page++) bytes.fill(0xa5, page * 4096, page * 4096 + 4096)
    writeFileSync(path, bytes)
    const { code, err } = await up()
    expect(code).toBe(4)
    expectSentence(err, /corrupt|damaged|malformed/i)
  })

  it("when the database was made by a newer version, and changes nothing", async () => {
    const server = await startHere()
    await server.stop({ pods: true })
    const path = join(data, "berth.db")
    const db = new DatabaseSync(path)
    db.exec("insert into schema_version (version, name, applied_at_ms) values (9999, 'future', 1)")
    db.close()
    const before = readFileSync(path)
    const { code, err } = await up()
    expect(code).toBe(4)
    expectSentence(err, /newer/i)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it("when the database is new and the directory has the key of another one, which stays", async () => {
    const server = await startHere()
    await server.stop({ pods: true })
    const key = readFileSync(join(data, "owner.key"), "utf8")
    for (const name of ["berth.db", "berth.db-wal", "berth.db-shm"]) rmSync(join(data, name), { force: true })
    for (const attempt of ["first", "second"]) {
      const { code, err } = await up()
      expect([attempt, code]).toEqual([attempt, 4])
      expectSentence(err, /do not belong together[^]*BERTH_DATABASE/)
      expect(readFileSync(join(data, "owner.key"), "utf8")).toBe(key)
    }
    rmSync(join(data, "owner.key"))
    await startHere()
    expect(readFileSync(join(data, "owner.key"), "utf8")).not.toBe(key)
  })

  it("when settings are wrong: all of them at once", async () => {
    const file = join(home, "berth.yaml")
    writeFileSync(file, "nonsense: 1\nlocal:\n  logCapMiB: many\n")
    const { code, err } = await up(["--config", file, "--simulate", "2xH100"], {
      BERTH_STOP_GRACE_SECONDS: "-4",
      BERTH_CLUSTERS: "Not A Label",
    })
    expect(code).toBe(2)
    for (const fault of [/nonsense/, /logCapMiB/, /simulate/i, /stop.?grace/i, /BERTH_CLUSTERS/])
      expectSentence(err, fault)
    expect(existsSync(data)).toBe(false)
  })

  it.each([
    ["without authentication on an address that is not loopback", ["--no-auth", "--listen", "0.0.0.0:0"]],
    ["on an address that is not loopback without TLS", ["--listen", "0.0.0.0:0"]],
    ["with a certificate and no key", ["--tls-cert", "cert.pem"]],
  ])("%s", async (_, flags) => {
    const { code, err } = await up(flags)
    expect(code).toBe(2)
    expectSentence(err, /loopback|TLS|--tls-key/i)
    expect(existsSync(data)).toBe(false)
  })

  it("with a certificate that is not there", async () => {
    const { code, err } = await up(["--tls-cert", "none.pem", "--tls-key", "none.key"])
    expect([2, 4]).toContain(code)
    expectSentence(err, /none\.(pem|key)/)
  })
})

async function outcome(child: ChildProcess) {
  let err = ""
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")))
  const [code] = (await once(child, "close")) as [number | null]
  return { code, err }
}
