import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { once } from "node:events"
import { delimiter, join } from "node:path"
import { tmpdir } from "node:os"
import { afterEach, expect, test, vi } from "vitest"
import type { RayPodId, RayPodLaunch } from "../../../domain/ray/index.ts"
import { killQuietly } from "../../../../../../test/support/belongings.ts"
import { systemClock } from "../../../kit/clock.ts"
import { silentLog } from "../../../kit/log.ts"
import { createLocalMachine } from "../local-machine.ts"
import { createLogFiles } from "../log-files.ts"
import { podMarkOf, scanProcesses } from "../processes.ts"
import { createLocalRay, type LocalRay } from "./local-ray.ts"

const python = (process.env["PATH"] ?? "")
  .split(delimiter)
  .concat("/usr/bin")
  .map((folder) => join(folder, "python3"))
  .find((path) => existsSync(path))
if (python === undefined) {
  if (process.env["CI_FULL"] === "1") throw new Error("Python 3 is required here.")
  process.emitWarning("left out: starts of Ray nodes, there is no Python 3")
}

const never = new AbortController().signal
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
let worlds = 0

/** A backend whose `ray` is a script. */
function world(script: string, ports: readonly [number, number] = [23_000, 23_599]) {
  const root = mkdtempSync(join(tmpdir(), "berth-lr-"))
  chmodSync(root, 0o711)
  const bin = join(root, "bin")
  const tempRoot = join(root, "t")
  for (const folder of [bin, tempRoot]) mkdirSync(folder)
  writeFileSync(join(bin, "ray"), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const id = `rpd_${process.pid}_${++worlds}` as RayPodId
  const dataDir = join(root, "data")
  const logs = createLogFiles({ clock: systemClock, log: silentLog })
  const newBackend = () =>
    createLocalRay({
      clusterId: "local",
      dataDir,
      clock: systemClock,
      log: silentLog,
      logs,
      machine: createLocalMachine({ dataDir, log: silentLog, shareAccount: true }),
      ports,
      tempRoot,
      searchPath: "/usr/bin:/bin",
      slowLookMs: 100,
      runtimes: {
        environment: {},
        interpreters: {},
        allowInstall: () => false,
        allowUnauthenticated: () => false,
      },
    })
  const backends = [newBackend()]
  const marked = async () => (await scanProcesses()).filter(({ pid }) => podMarkOf(pid)?.attemptId === id)
  ends.push(async () => {
    for (const each of backends) await each.close()
    await logs.close()
    for (const { pid } of await marked()) killQuietly(pid)
    rmSync(root, { recursive: true, force: true })
  })
  const details = { python: python ?? "", bin }
  const [backend] = backends as [LocalRay]
  return {
    backend,
    tempRoot,
    marked,
    launch: launchOf(id, details),
    podFolder: join(dataDir, "ray", "pods", id, "0"),
    /** The server ends, its pods are killed, and the next server comes. */
    async killedBetweenServers() {
      await backend.close()
      for (const { pid } of await marked()) killQuietly(pid)
      await until(async () => (await marked()).length === 0)
      const next = newBackend()
      backends.push(next)
      return next
    },
  }
}

function launchOf(id: RayPodId, details: { python: string; bin: string }): RayPodLaunch {
  return {
    id,
    name: "c-head-abcde",
    namespace: "default",
    rayCluster: "c",
    workspaceId: "ws_1",
    workspaceKey: "01K",
    asServerOwner: true,
    runtime: { version: "2.60.0", hasTokens: true, details },
    group: "head",
    head: null,
    nodeName: "here",
    gpuIndexes: [],
    size: { cpuMilli: 1000, memoryBytes: 0, gpus: 0, ephemeralBytes: 0 },
    customResources: {},
    rayStartParams: {},
    env: {},
    volumes: [],
    portBlock: 1,
    token: "sesame",
    serves: true,
  }
}

const until = (holds: () => Promise<boolean>) => vi.waitUntil(holds, { timeout: 40_000, interval: 20 })

/** Leader and child; who hears TERM says so. The child ignores nothing: a TERM to all would show. */
const family = `
sh -c 'trap "echo child heard; exit 1" TERM; echo child up; while :; do sleep 0.05; done' &
child=$!
trap 'echo leader heard; kill -9 $child; exit 7' TERM
while :; do sleep 0.05; done`

test.runIf(python !== undefined)(
  "TERM reaches Ray's leader alone, and its exit code is the node's",
  async () => {
    const { backend, launch, marked, tempRoot } = world(family)
    const { handle, address } = await backend.ensure(launch, never)
    expect(address).toMatchObject({
      gcs: "127.0.0.1:23300",
      endpoints: { dashboard: "23301", redis: "23300", serve: "23320" },
    })
    expect(readdirSync(tempRoot)).toHaveLength(1)
    const log = () => backend.readLog(launch.id, handle, 100_000)
    await until(async () => (await log()).includes("child up"))
    await backend.stop(launch.id, handle, { cause: "stopped", message: "enough" }, 30_000)
    await until(async () => (await backend.inspect(launch.id, handle)).isGone)
    expect(await backend.inspect(launch.id, handle)).toMatchObject({ state: "exited", exitCode: 7 })
    expect(await log()).toBe("child up\nleader heard\n")
    expect(await marked()).toEqual([])
    await backend.forget(launch.id, handle)
    expect(readdirSync(tempRoot)).toEqual([])
    await backend.forget(launch.id, handle)
  },
)

test.runIf(python !== undefined)("whatever Ray leaves behind in the pod's session is ended", async () => {
  const { backend, launch, marked } = world(`sleep 3600 & (setsid sleep 3600 &) ; exit 3`)
  const { handle } = await backend.ensure(launch, never)
  await until(async () => (await backend.inspect(launch.id, handle)).isGone)
  expect(await backend.inspect(launch.id, handle)).toMatchObject({ exitCode: 3 })
  expect(await marked()).toEqual([])
})

test.runIf(python !== undefined)("the token is in no argument", async () => {
  const { backend, launch } = world(`echo "args $*"; echo "token $RAY_AUTH_TOKEN"; exit 0`)
  const { handle } = await backend.ensure(launch, never)
  await until(async () => (await backend.inspect(launch.id, handle)).isGone)
  const log = await backend.readLog(launch.id, handle, 100_000)
  expect(log).toContain("token sesame")
  expect(log.split("\n")[0]).not.toContain("sesame")
})

test.runIf(python !== undefined)(
  "a second start starts nothing, though the first one has the ports",
  async () => {
    const { backend, launch, marked } = world(`exec "$PYTHON" -c '
import socket, time
taken = socket.create_server(("127.0.0.1", 23301))
print("up", flush=True)
time.sleep(3600)'`)
    const own = { ...launch, env: { PYTHON: python ?? "" } }
    const { handle } = await backend.ensure(own, never)
    await until(async () => (await backend.readLog(launch.id, handle, 1000)) === "up\n")
    const before = (await marked()).length
    expect((await backend.ensure(own, never)).handle).toEqual(handle)
    expect((await marked()).length).toBe(before)
  },
)

test("a port of the block that somebody has, on whatever address, keeps the node from being started", async () => {
  const server = createServer().listen(0, "127.0.0.2")
  await once(server, "listening")
  ends.push(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  const address = server.address()
  const port = typeof address === "object" && address ? address.port : 0
  const { backend, launch, tempRoot } = world("exit 0", [port - 310, port + 290])
  await expect(backend.ensure(launch, never)).rejects.toMatchObject({
    code: "unavailable",
    detail: "port_in_use",
    facts: { port },
  })
  expect(await backend.recover(launch.id, null)).toBeNull()
  expect(readdirSync(tempRoot)).toEqual([])
})

const volume = {
  name: "code",
  mountPath: `/home/berth-ray-${process.pid}/samples`,
  type: "configMap",
  source: "scripts",
  hostPathType: "directory",
  readOnly: false,
  storageBytes: null,
  files: { "job.py": "print(1)" },
} as const

test("a volume in the way of Berth's own is refused for good, before anything is made", async () => {
  const { backend, launch, tempRoot } = world("exit 0")
  const volumes = [{ ...volume, mountPath: tempRoot }]
  await expect(backend.ensure({ ...launch, volumes }, never)).rejects.toMatchObject({
    code: "invalid",
    detail: "volume",
  })
  expect(readdirSync(tempRoot)).toEqual([])
})

test.runIf(python !== undefined && process.getuid?.() === 0)(
  "a config map is seen by the node and not by the machine",
  async () => {
    const { backend, launch } = world(`cat ${volume.mountPath}/job.py; echo`)
    const { handle } = await backend.ensure({ ...launch, volumes: [volume] }, never)
    await until(async () => (await backend.inspect(launch.id, handle)).isGone)
    expect(await backend.readLog(launch.id, handle, 1000)).toBe("print(1)\n")
    expect(existsSync(volume.mountPath)).toBe(false)
  },
)

test.runIf(python !== undefined)(
  "a node that was killed between two servers before it had said who it is waits, and is started when asked for",
  async () => {
    const { backend, launch, podFolder, killedBetweenServers } = world(family)
    const { handle } = await backend.ensure(launch, never)
    await until(async () => (await backend.readLog(launch.id, handle, 100)).includes("child up"))
    const next = await killedBetweenServers()
    for (const name of ["lock", "pid", "pid.new", "exit.new"])
      rmSync(join(podFolder, name), { recursive: true, force: true })
    expect(await next.recover(launch.id, handle)).toEqual(handle)
    expect(await next.inspect(launch.id, handle)).toMatchObject({ state: "waiting", isGone: false })
    await next.ensure(launch, never)
    await until(async () => (await next.readLog(launch.id, handle, 1000)).split("child up").length === 3)
    expect(await next.inspect(launch.id, handle)).toMatchObject({ state: "running" })
    await next.stop(launch.id, handle, { cause: "stopped", message: "enough" }, 30_000)
    await until(async () => (await next.inspect(launch.id, handle)).isGone)
  },
)

test.runIf(python !== undefined)(
  "a node that was killed between two servers as it said who it is is lost, not waited for",
  async () => {
    const { backend, launch, podFolder, killedBetweenServers } = world(family)
    const { handle } = await backend.ensure(launch, never)
    await until(async () => (await backend.readLog(launch.id, handle, 100)).includes("child up"))
    const next = await killedBetweenServers()
    rmSync(join(podFolder, "pid"))
    expect(await next.recover(launch.id, handle)).toEqual(handle)
    await until(async () => (await next.inspect(launch.id, handle)).isGone)
    expect(await next.inspect(launch.id, handle)).toMatchObject({ state: "lost" })
  },
)

test.runIf(python !== undefined)(
  "a node of a backup is taken over where its folder is, and nowhere else",
  async () => {
    const { backend, launch } = world(family)
    const { handle } = await backend.ensure(launch, never)
    const restored = { ...handle, isRestored: true }
    const elsewhere = world(family).backend
    expect(await elsewhere.recover(launch.id, restored)).toBeNull()
    expect(await elsewhere.inspect(launch.id, restored)).toMatchObject({ state: "lost", isGone: true })
    expect(await backend.recover(launch.id, restored)).toEqual(handle)
    expect(await backend.inspect(launch.id, restored)).toMatchObject({ state: "running" })
    await backend.stop(launch.id, restored, { cause: "stopped", message: "enough" }, 30_000)
    await until(async () => (await backend.inspect(launch.id, restored)).isGone)
  },
)
