import { spawnSync } from "node:child_process"
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { isAlive, podProcesses } from "../support/belongings.ts"
import { isLeftOut, isRoot } from "../support/machine.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"
import { runCli } from "../support/run-cli.ts"

const flags = ["--simulate", "1x8xH100", "--stop-grace", "1"]
const servers: RealServer[] = []
let server: RealServer
let out: string

async function start(dataDir?: string): Promise<RealServer> {
  const started = await startRealServer(dataDir === undefined ? { flags } : { flags, dataDir })
  servers.push(started)
  return started
}

beforeAll(async () => {
  server = await start()
})
beforeEach(() => {
  out = mkdtempSync(join(server.home, "out-"))
})
afterAll(async () => {
  for (const one of servers.splice(0).toReversed()) await one.close()
})

const berth = (...args: readonly string[]) => runCli(args, { cwd: out })
const at = (of: RealServer) => ["--data", of.dataDir]
const gpus = (gpu: string) => ({ resource: { replica: 1, cpu: "10m", memory: "64Mi", gpu } })

/** What a person reads: no stack, no internal name. */
function expectSentence(err: string, pattern: RegExp): void {
  expect(err).toMatch(pattern)
  expect(err).not.toMatch(/^\s+at |AppError|SqliteError|ERR_/m)
}

/** The process of a pod that runs this. */
function pidOf(of: RealServer, command: string): Promise<number> {
  const find = () => podProcesses(of.dataDir).find((one) => one.command === command)?.pid
  return of.until(find, `${command} runs`)
}

describe("berth backup", () => {
  it("saves a server that is being written to, whole, and leaves it nothing to clean up", async () => {
    const writing = { isOn: true, made: 0 }
    const load = (async () => {
      while (writing.isOn) {
        await server.create({ script: "true", cronJobs: [{ schedule: inAnHour(), action: "start" }] })
        writing.made++
      }
    })()
    await server.until(() => (writing.made > 20 ? true : undefined), "it is written to")
    const file = join(out, "b.tar.gz")
    const { code, out: said, err } = await berth("backup", file, ...at(server))
    expect([code, err]).toEqual([0, ""])
    expect(said).toMatch(
      /b\.tar\.gz .* holds the database as of 20\S+Z: 1 workspace, \d+ users?, \d+ workloads/,
    )
    writing.isOn = false
    await load

    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(out)).toEqual(["b.tar.gz"])
    expect(readdirSync(server.dataDir).filter((name) => name.includes("backup"))).toEqual([])
    const listed = spawnSync("tar", ["-tzf", file], { encoding: "utf8" }).stdout.trim().split("\n")
    expect(listed).toEqual(["manifest.json", "berth.db"])
    expect(spawnSync("tar", ["-xzf", file, "-C", out]).status).toBe(0)
    const db = new DatabaseSync(join(out, "berth.db"))
    const row = db
      .prepare("select count(*) as n, (select sum(n) from workload_count) as counted from workload")
      .get()
    db.close()
    expect(row?.["n"]).toBeGreaterThan(20)
    expect(row?.["counted"]).toBe(row?.["n"])

    const events = await server.client.berth.events({ type: ["server.backed_up"] })
    expect(events.items).toEqual([
      expect.objectContaining({ actorname: "owner", subject: "server/database" }),
    ])
    const audit = await server.client.berth.audit({ operation: "server.backup" })
    expect(audit.items).toHaveLength(1)
  })

  it("takes no second one at the same time, and is for server owners", async () => {
    const token = await server.member("ann", { default: "owner" })
    const refused = await server.call("POST", "/berth/v1/backups", { token })
    expect(refused.status).toBe(403)
    const statuses = await Promise.all(
      [1, 2, 3].map(async () => {
        const headers = { authorization: `Bearer ${server.token}` }
        const answer = await fetch(`${server.url}/berth/v1/backups`, { method: "POST", headers })
        await answer.arrayBuffer()
        return answer.status
      }),
    )
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409, 409])
    expect((await berth("backup", out, ...at(server))).code).toBe(0)
  })

  it("is there again for the next one when a client went away in the middle", async () => {
    const gone = new AbortController()
    const headers = { authorization: `Bearer ${server.token}` }
    const answer = await fetch(`${server.url}/berth/v1/backups`, {
      method: "POST",
      headers,
      signal: gone.signal,
    })
    expect(answer.headers.get("content-type")).toBe("application/gzip")
    gone.abort()
    await server.until(
      async () => ((await berth("backup", out, ...at(server))).code === 0 ? true : undefined),
      "another backup is made",
    )
  })

  it("writes over nothing, and says what is in the way", async () => {
    writeFileSync(join(out, "taken"), "mine")
    const taken = await berth("backup", "taken", ...at(server))
    expect(taken.code).toBe(1)
    expectSentence(taken.err, /taken is there already/)
    expect(readFileSync(join(out, "taken"), "utf8")).toBe("mine")
    const nowhere = await berth("backup", "no/such/folder", ...at(server))
    expectSentence(nowhere.err, /is not a folder/)
    const missing = await berth("backup", "backups/", ...at(server))
    expectSentence(missing.err, /backups\/ is not a folder/)
    const forced = await berth("backup", "taken", "--force", ...at(server))
    expect(forced.code).toBe(0)
    expect(readdirSync(out)).toEqual(["taken"])
  })

  it("offline saves a directory without a server, and leaves one with a server alone", async () => {
    const running = await berth("backup", "--offline", out, ...at(server))
    expect(running.code).toBe(3)
    expectSentence(running.err, /leave --offline out/)
    await server.stop({ pods: true })
    const { code, err } = await berth("backup", "--offline", "--with-keys", "b.tar.gz", ...at(server))
    expect([code, err]).toEqual([0, ""])
    const listed = spawnSync("tar", ["-tzf", join(out, "b.tar.gz")], { encoding: "utf8" }).stdout.trim()
    expect(listed.split("\n")).toEqual(["manifest.json", "berth.db", "owner.key", "secret.key"])
    // a server that starts is not kept from it by anything that was left
    await server.restart()
    const none = await berth("backup", "--offline", "--data", join(out, "none"), "c.tar.gz")
    expectSentence(none.err, /There is no database in/)
  })

  it.skipIf(isLeftOut(isRoot, "a full disk below a database", "only root can mount one"))(
    "of a database on a full disk takes no room from it, and a restore there says so too",
    async () => {
      const file = join(out, "b.tar.gz")
      expect((await berth("backup", file, ...at(server))).code).toBe(0)
      const small = join(out, "small")
      mkdirSync(small)
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", small]).status).toBe(0)
      try {
        const restored = await berth("restore", file, "--data", small)
        expect(restored.code).toBe(1)
        expectSentence(restored.err, /The disk of .* has no room for the database/)
        expect(readdirSync(small)).toEqual(["lock"])
        const tiny = new DatabaseSync(join(small, "berth.db"))
        tiny.exec("create table schema_version (version integer) strict")
        tiny.close()
        const saved = await berth("backup", "--offline", "--data", small, join(out, "c.tar.gz"))
        expect(saved.code).toBe(1)
        expectSentence(saved.err, /has no room for a copy of the database: make room/)
        expect(readdirSync(small).toSorted()).toEqual(["berth.db", "lock"])
        expect(existsSync(join(out, "c.tar.gz"))).toBe(false)
      } finally {
        spawnSync("umount", [small])
      }
    },
  )

  it.skipIf(isLeftOut(isRoot, "a restore for another account", "the tests do not run as root"))(
    "by root is of the account that the directory is of, once it is restored",
    async () => {
      const file = join(out, "b.tar.gz")
      expect((await berth("backup", "--with-keys", file, ...at(server))).code).toBe(0)
      const dataDir = join(out, "theirs")
      mkdirSync(dataDir)
      chownSync(dataDir, 60_999, 60_999)
      expect((await berth("restore", file, "--data", dataDir)).code).toBe(0)
      for (const name of readdirSync(dataDir))
        expect([name, statSync(join(dataDir, name)).uid]).toEqual([name, 60_999])
    },
  )

  it.skipIf(isLeftOut(isRoot, "a full disk", "only root can mount one"))(
    "on a full disk leaves nothing and says so",
    async () => {
      const small = join(out, "small")
      mkdirSync(small)
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", small]).status).toBe(0)
      try {
        const { code, err } = await berth("backup", join(small, "b.tar.gz"), ...at(server))
        expect(code).toBe(1)
        expectSentence(err, /There is no room for .*b\.tar\.gz/)
        expect(readdirSync(small)).toEqual([])
      } finally {
        spawnSync("umount", [small])
      }
    },
  )
})

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

describe("berth restore", () => {
  const save = async (...more: readonly string[]) => {
    const file = join(out, "b.tar.gz")
    const { code, err } = await berth("backup", "--force", file, ...more, ...at(server))
    expect([code, err]).toEqual([0, ""])
    return file
  }

  it("elsewhere comes up paused with everything there, and takes nobody's processes for its own", async () => {
    const done = await server.create({ displayName: "done", script: "echo over" })
    await server.phase(done, "Succeeded")
    const live = await server.create({
      displayName: "live",
      script: "exec sleep 7123",
      maxRetry: 1,
      ...gpus("8"),
    })
    await server.phase(live, "Running")
    const waiting = await server.create({ displayName: "waiting", ...gpus("8") })
    const pid = await pidOf(server, "sleep 7123")
    const file = await save()

    const dataDir = join(server.home, "second")
    const { code, out: said, err } = await berth("restore", file, "--data", dataDir)
    expect([code, err]).toEqual([0, ""])
    expect(said).toMatch(/all queues are paused/)
    expect(said).toMatch(/makes a new owner's key/)
    const second = await start(dataDir)
    expect(second.token).not.toBe(server.token)
    expect((await second.client.berth.me()).serverRole).toBe("owner")

    const { queues } = await second.client.berth.status()
    expect(queues).toMatchObject({ paused: true, restoredFrom: expect.stringMatching(/^20.*Z$/) as string })
    const paused = /restored from a backup made at 20\S+Z; `berth queue resume --all` goes on/
    expect((await berth("status", ...at(second))).out).toMatch(paused)
    expect((await berth("queue", "ls", ...at(second))).err).toMatch(paused)
    expect((await berth("why", waiting, ...at(second))).out).toMatch(paused)
    const events = await second.client.berth.events({ type: ["server.restored"] })
    expect(events.items).toHaveLength(1)
    expect((await second.workload(done)).phase).toBe("Succeeded")
    // its processes are another directory's: nothing of it runs here, and none of it was ended
    const requeued = await second.phase(live, "Pending")
    expect(requeued.dispatchCount).toBe(1)
    expect(isAlive(pid)).toBe(true)
    expect(await server.workload(live)).toMatchObject({ phase: "Running" })

    const strays = await second.until(
      async () =>
        (await second.client.berth.status()).warnings.find((text) =>
          text.includes("of another data directory"),
        ),
      "the processes of the other directory are named",
    )
    expect(strays).toMatch(/kill -- -\d+/)
    const refused = await berth("queue", "resume", "--all", ...at(second))
    expect(refused.code).toBe(1)
    expectSentence(refused.err, /of another data directory.*queue resume --all --force/s)
    expect((await berth("doctor", ...at(second))).out).toMatch(/warn.*of another data directory/)

    await server.client.workloads.stop(live)
    await podsGone(server)
    expect((await berth("queue", "resume", "--all", ...at(second))).code).toBe(0)
    expect((await second.client.berth.status()).queues).toEqual({
      paused: false,
      pausedBy: null,
      since: null,
      restoredFrom: null,
    })
    await second.phase(live, "Running")
  })

  it("in the same place takes over what still runs, and names what began later", async () => {
    const kept = await server.create({ displayName: "kept", script: "exec sleep 7124", ...gpus("4") })
    await server.phase(kept, "Running")
    const pid = await pidOf(server, "sleep 7124")
    const file = await save("--with-keys")
    const later = await server.create({ displayName: "later", script: "exec sleep 7125", ...gpus("4") })
    await server.phase(later, "Running")
    const stray = await pidOf(server, "sleep 7125")
    const token = server.token
    const secret = readFileSync(join(server.dataDir, "secret.key"), "utf8")
    await server.stop({ pods: false })
    writeFileSync(join(server.dataDir, "secret.key"), `${"x".repeat(43)}\n`)

    const taken = await berth("restore", file, ...at(server))
    expect(taken.code).toBe(1)
    expectSentence(taken.err, /is not empty/)
    const { code, out: said } = await berth("restore", "--force", file, ...at(server))
    expect(code).toBe(0)
    const aside = /What was there before is in (\S+)\./.exec(said)?.[1] ?? ""
    const old = new DatabaseSync(join(aside, "berth.db"), { readOnly: true })
    expect(old.prepare("select phase from workload where id = ?").get(later)).toEqual({ phase: "Running" })
    old.close()

    expect(readFileSync(join(aside, "secret.key"), "utf8")).toMatch(/^x{43}\n$/)
    expect(readFileSync(join(server.dataDir, "secret.key"), "utf8")).toBe(secret)
    await server.restart()
    expect(server.token).toBe(token)
    expect(await server.workload(kept)).toMatchObject({ phase: "Running", dispatchCount: 1 })
    expect([isAlive(pid), isAlive(stray)]).toEqual([true, true])
    expect((await server.call("GET", `/api/v1/workloads/${later}`)).status).toBe(404)
    const refused = await berth("queue", "resume", "--all", ...at(server))
    expectSentence(refused.err, /which this database does not have running/)
    expect(refused.err).not.toContain("of another data directory")
    const command = /`kill -- (-\d+)`/.exec(refused.err)?.[1] ?? ""
    process.kill(Number(command), "SIGTERM")
    await server.until(() => (isAlive(stray) ? undefined : true), "the stray has ended")
    expect((await berth("queue", "resume", "--all", ...at(server))).code).toBe(0)
    await server.client.workloads.stop(kept)
    await server.phase(kept, "Stopped")
    await server.until(() => (isAlive(pid) ? undefined : true), "what was taken over has ended")
  })

  it("refuses what is no whole backup, and a directory in use, and changes nothing", async () => {
    const file = await save()
    const bytes = readFileSync(file)
    const dataDir = join(out, "new")
    const refuse = async (name: string, content: Buffer | string, pattern: RegExp, exitCode = 1) => {
      const damaged = join(out, name)
      writeFileSync(damaged, content)
      const { code, err } = await berth("restore", damaged, "--data", dataDir)
      expect([name, code]).toEqual([name, exitCode])
      expectSentence(err, pattern)
      expect(existsSync(join(dataDir, "berth.db"))).toBe(false)
      expect(existsSync(join(dataDir, "restore.part"))).toBe(false)
    }
    await refuse("text", "hello", /no backup of Berth/)
    await refuse("empty", "", /damaged|no backup/)
    await refuse("short", bytes.subarray(0, bytes.length - 2000), /damaged: it ends too early/)
    const flipped = Buffer.from(bytes)
    flipped[bytes.length >> 1] = (flipped[bytes.length >> 1] ?? 0) ^ 0xff
    await refuse("flipped", flipped, /damaged/)
    const parts = join(out, "parts")
    mkdirSync(parts)
    spawnSync("tar", ["-xzf", file, "-C", parts])
    const repack = (name: string) => {
      spawnSync("tar", ["-czf", join(out, name), "-C", parts, "manifest.json", "berth.db"])
      return readFileSync(join(out, name))
    }
    const manifest = JSON.parse(readFileSync(join(parts, "manifest.json"), "utf8")) as Record<string, unknown>
    writeFileSync(
      join(parts, "manifest.json"),
      JSON.stringify({ ...manifest, formatVersion: 99, serverVersion: "9.9.9" }),
    )
    await refuse("newer", repack("newer"), /made by a newer Berth \(9\.9\.9\)/)
    writeFileSync(join(parts, "manifest.json"), JSON.stringify(manifest))
    truncateSync(join(parts, "berth.db"), 4096)
    await refuse("other", repack("other"), /not the one that was saved/)
    const missing = await berth("restore", join(out, "missing"), "--data", dataDir)
    expect(missing.code).toBe(2)
    expectSentence(missing.err, /cannot be read \(ENOENT\)/)
    const inUse = await berth("restore", "--force", file, ...at(server))
    expect(inUse.code).toBe(3)
    expectSentence(inUse.err, /Another server is running/)
    expect((await server.client.berth.me()).userName).toBe("owner")
  })
})
