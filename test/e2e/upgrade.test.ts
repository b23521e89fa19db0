import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { killPodProcesses } from "../support/belongings.ts"
import { type RealServer, startRealServer } from "../support/real-server.ts"
import { startCli } from "../support/run-cli.ts"

const fixtures = fileURLToPath(new URL("../fixtures/upgrade", import.meta.url))
const names = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)

interface Made extends Readonly<Record<string, string>> {
  readonly annToken: string
  readonly live: string
  readonly retried: string
}

let home: string | undefined
let server: RealServer | undefined
afterEach(async () => {
  await server?.close()
  if (home !== undefined) {
    killPodProcesses(join(home, "data"))
    rmSync(home, { recursive: true, force: true })
  }
  home = server = undefined
})

/** The fixture as it would lie on a disk of this machine, its running pods running again. */
async function unpack(name: string) {
  home = mkdtempSync(join(tmpdir(), "berth-upgrade-"))
  chmodSync(home, 0o711)
  const dataDir = join(home, "data")
  mkdirSync(dataDir, { mode: 0o711 })
  // with the times of now: retention must not take old logs for over-old ones
  const tar = ["-xzmf", join(fixtures, name, "data.tar.gz"), "-C", dataDir, "--no-same-owner"]
  expect(spawnSync("tar", tar).status).toBe(0)
  const { flags, ...made } = JSON.parse(readFileSync(join(fixtures, name, "made.json"), "utf8")) as Made & {
    readonly flags: readonly string[]
  }
  for (const path of readdirSync(dataDir, { recursive: true, encoding: "utf8" }))
    if (/\/(launch|entry)$|\.json$/.test(path))
      rewrite(join(dataDir, path), (text) => ownAccount(text.replaceAll("@DATA@", dataDir)))
  const db = new DatabaseSync(join(dataDir, "berth.db"))
  for (const { id, handle } of db.prepare("select id, handle from attempt where handle is not null").all())
    db.prepare("update attempt set handle = ? where id = ?").run(ownAccount(String(handle)), id ?? null)
  const live = db.prepare("select id from attempt where state = 'running'").all()
  if (made["gpuHeld"] !== undefined) moveToNow(db)
  db.close()
  for (const { id } of live) await beginAgain(dataDir, String(id))
  return { dataDir, flags, made: made as Made }
}

function rewrite(file: string, change: (text: string) => string) {
  writeFileSync(file, change(readFileSync(file, "utf8")))
}

/** Whoever runs the tests is the account that the server shared with its pods. */
const ownAccount = (text: string) =>
  text
    .replaceAll(/"uid":\d+/g, `"uid":${process.getuid?.() ?? 0}`)
    .replaceAll(/"gid":\d+/g, `"gid":${process.getgid?.() ?? 0}`)

/** What holds nodes goes on as if the server had been shut down just now: it is not to be over by the age of the fixture. */
function moveToNow(db: DatabaseSync): void {
  const { at } = db.prepare("select max(at_ms) as at from event").get() ?? {}
  const byMs = Date.now() - Number(at)
  db.prepare("update gpu_request set ends_at_ms = ends_at_ms + ? where state = 'provisioned'").run(byMs)
  db.prepare("update node_hold set until_ms = until_ms + ?").run(byMs)
}

/** Starts the pods of an attempt by the recorded wrapper and launch files, as the recorded server did. */
async function beginAgain(dataDir: string, attemptId: string): Promise<void> {
  const folder = join(dataDir, "pods", attemptId)
  for (const index of readdirSync(folder).filter((name) => /^\d+$/.test(name))) {
    const pod = join(folder, index)
    for (const name of ["lock", "pid", "exit.new", "log", "log.index"])
      rmSync(join(pod, name), { recursive: true, force: true })
    writeFileSync(join(pod, "log"), "", { mode: 0o600 })
    const args = [join(dataDir, "local/wrapper.sh"), pod, "", "/bin/sh", join(pod, "launch")]
    const env = { PATH: "/usr/bin:/bin", LC_ALL: "C", BERTH_ATTEMPT: attemptId, BERTH_POD: index }
    const child: ChildProcess = spawn("/bin/sh", args, { cwd: "/", detached: true, stdio: "ignore", env })
    child.unref()
    for (const deadline = performance.now() + 30_000; !existsSync(join(pod, "pid")); await pause(10))
      if (performance.now() > deadline) throw new Error(`${pod} does not begin.`)
  }
}

describe.each(names)("the data directory that %s left", (name) => {
  it("is gone on with: everything is there, and its live pods are taken over", async () => {
    const { dataDir, flags, made } = await unpack(name)
    const pids = pidFiles(dataDir)
    server = await startRealServer({ dataDir, flags })
    const { berth } = server.client
    for (const id of [made.live, made.retried])
      expect(await server.workload(id)).toMatchObject({ phase: "Running" })
    expect(await server.workload(made.retried)).toMatchObject({ dispatchCount: 2 })
    for (const [what, pods] of Object.entries({ deployment: 2, statefulSet: 1 }).filter(([it]) => made[it])) {
      const seen = await server.workload(made[what] ?? "")
      expect([what, seen.phase, seen.pods.length]).toEqual([what, "Running", pods])
    }
    expect(pidFiles(dataDir)).toEqual(pids)

    const phases = { succeeded: "Succeeded", failed: "Failed", stopped: "Stopped", waiting: "Pending" }
    for (const [what, phase] of Object.entries(phases))
      expect([what, (await server.workload(made[what] ?? "")).phase]).toEqual([what, phase])
    const failed = await server.workload(made["failed"] ?? "")
    expect(failed.dispatchCount).toBe(2)
    expect(await server.podLog(failed.workloadId, `${failed.workloadId}-master-0`)).toEqual(["no luck"])
    expect((await berth.explainWorkload(made["dependent"] ?? "")).reasons[0]?.code).toBe("dependency")
    expect((await berth.explainWorkload(made["paused"] ?? "")).reasons[0]?.code).toBe("queue_paused")

    await expectGpuRequests(server, made)
    // what no row of before says is read from what does
    const { timeout } = await server.workload(made["waiting"] ?? "")
    const runsForMs = `select runs_for_ms from claim where state = 'wanted' and owner_shown_id = '${made["waiting"]}'`
    expect(value(join(dataDir, "berth.db"), runsForMs)).toBe(timeout === null ? null : timeout * 1000)
    expect((await berth.workspace("vision")).policy).toMatchObject({ queuePolicy: "balance" })
    expect((await berth.node(made["cordoned"] ?? "sim-h100-1")).cordoned).toBe(true)
    expect((await berth.users()).items.find(({ name }) => name === "bob")?.frozen).toBe(true)
    expect((await berth.keys()).items.find(({ name }) => name === "old")?.revokedAt).not.toBeNull()
    expect((await server.call("GET", "/berth/v1/me", { token: made.annToken })).json).toMatchObject({
      userName: "ann",
    })
    const audited = (await berth.audit({ limit: 200 })).items.map(({ operation }) => operation)
    for (const operation of ["node.cordon", "key.revoke", "queue.pause", "workload.stop"])
      expect(audited).toContain(operation)
    expect((await berth.events({ limit: 200, type: ["workload.created"] })).items.length).toBeGreaterThan(7)
    expect(server.errors()).toEqual([])
  })

  it("has its live pods end as they would have, and gives on what they held", async () => {
    const { dataDir, flags, made } = await unpack(name)
    const folders = liveFolders(dataDir)
    server = await startRealServer({ dataDir, flags })
    for (const folder of folders) writeFileSync(join(folder, "go"), "")
    for (const id of [made.live, made.retried]) {
      await server.phase(id, "Succeeded")
      const log = await server.podLog(id, `${id}-master-0`)
      expect(log.at(-1)).toBe("finished")
    }
    await server.phase(made["waiting"] ?? "", "Succeeded")
    await server.phase(made["dependent"] ?? "", "Succeeded")
    await server.client.berth.resumeQueue("vision")
    await server.phase(made["paused"] ?? "", "Succeeded")
    for (const id of [made["deployment"], made["statefulSet"]].filter((one) => one !== undefined)) {
      expect(await server.workload(id)).toMatchObject({ phase: "Running" })
      const [pod] = (await server.workload(id)).pods
      expect(await server.podLog(id, pod?.podId ?? "")).toEqual(["serving", "restarted"])
    }
  })
})

/** A fixture from before GPU requests has none. */
async function expectGpuRequests({ client: { berth } }: RealServer, made: Made): Promise<void> {
  const { gpuHeld, gpuQueued, gpuReleased } = made
  if (gpuHeld === undefined || gpuQueued === undefined || gpuReleased === undefined) return
  const held = await berth.gpuRequest(gpuHeld)
  expect(held).toMatchObject({ state: "provisioned", name: "day" })
  expect(held.heldNodes).toMatchObject([{ name: made["cordoned"] }])
  expect(await berth.gpuRequest(gpuQueued)).toMatchObject({ state: "queued", name: "all", priority: 1 })
  expect(await berth.gpuRequest(gpuReleased)).toMatchObject({ state: "early_released" })
  expect((await berth.gpuTemplates()).items).toMatchObject([{ name: "h100-day", gpusPerNode: 4 }])
  expect(await berth.gpuBinding("vision")).toMatchObject({ clusters: [{ defaultTemplate: "h100-day" }] })
  expect((await berth.prices()).items).toMatchObject([{ gpuModel: "H100", currency: "USD" }])
}

/** Every pod's account of who it is. */
function pidFiles(dataDir: string): readonly string[] {
  return readdirSync(dataDir, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("/pid"))
    .toSorted()
    .map((path) => readFileSync(join(dataDir, path), "utf8"))
}

/** The working folders of the pods that run. */
function liveFolders(dataDir: string): readonly string[] {
  const attempts = readdirSync(join(dataDir, "pods")).map((attempt) => join(dataDir, "pods", attempt))
  return attempts
    .filter((folder) => !existsSync(join(folder, "gone")))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => /^\d+$/.test(name))
        .map((name) => join(folder, name, "work")),
    )
}

/** The one value that a query gives. */
function value(path: string, sql: string): unknown {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return Object.values(db.prepare(sql).get() ?? {})[0]
  } finally {
    db.close()
  }
}

describe.each(names)("a backup of %s, an older release", (name) => {
  it("is brought up to date when it is restored, and comes up paused", async () => {
    const { dataDir } = await unpack(name)
    const cwd = home ?? ""
    const version = () => value(join(dataDir, "berth.db"), "select max(version) from schema_version")
    const before = version()
    const file = join(cwd, "old.tar.gz")
    const saved = startCli(["backup", "--offline", "--data", dataDir, file], { cwd })
    expect([await saved.ended(), saved.err()]).toEqual([0, ""])
    expect(saved.out()).toMatch(/1[0-9] workloads|[89] workloads/)
    const restored = startCli(["restore", file, "--data", join(cwd, "new")], { cwd })
    expect([await restored.ended(), restored.err()]).toEqual([0, ""])
    expect(version()).toBe(before)
    const now = (sql: string) => Number(value(join(cwd, "new", "berth.db"), sql))
    expect(now("select max(version) from schema_version")).toBeGreaterThan(Number(before))
    expect(now("select paused from queue_control where name = 'all'")).toBe(1)
    const foreign =
      "select count(*) from attempt where state <> 'gone' and handle not like '%\"isRestored\":true%'"
    expect(now(foreign)).toBe(0)
  })
})

describe("a database that is newer than the server", () => {
  it("is refused with both versions and what to do, and left as it is", async () => {
    const { dataDir } = await unpack(names[0] ?? "")
    const file = join(dataDir, "berth.db")
    const db = new DatabaseSync(file)
    db.exec("insert into schema_version (version, name, applied_at_ms) values (9999, 'tomorrow', 0)")
    db.close()
    const before = readFileSync(file)
    const up = startCli(["up", "--data", dataDir, "--listen", "127.0.0.1:0"], { cwd: home ?? "" })
    expect(await up.ended()).toBe(4)
    expect(up.err()).toMatch(/has schema version 9999, but this server knows versions up to \d+/)
    expect(up.err()).toMatch(/start .*the newer/i)
    expect(readFileSync(file).equals(before)).toBe(true)
  })
})
