import { existsSync, mkdtempSync, readdirSync, rmSync, chmodSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import type {
  RayBackend,
  RayHeadAddress,
  RayPodId,
  RayPodLaunch,
  RayPodStarted,
  RayRuntime,
} from "../../packages/server/src/domain/ray/index.ts"
import { createLocalMachine } from "../../packages/server/src/drivers/local/local-machine.ts"
import { createLogFiles } from "../../packages/server/src/drivers/local/log-files.ts"
import { podMarkOf, scanProcesses } from "../../packages/server/src/drivers/local/processes.ts"
import { createLocalRay } from "../../packages/server/src/drivers/local/ray/local-ray.ts"
import { systemClock } from "../../packages/server/src/kit/clock.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import { testRay } from "../support/ray.ts"

const ray = testRay()
const never = new AbortController().signal
const program = "import ray; ray.init(); print('sites', ray.cluster_resources()['site'])"
const token = "0123456789abcdef0123456789abcdef"

/** A backend below a folder of its own; `close` ends every process that it started, whatever happened. */
function world(found: NonNullable<typeof ray>) {
  const root = mkdtempSync(join(tmpdir(), "berth-ray-"))
  chmodSync(root, 0o711)
  const dataDir = join(root, "data")
  const tempRoot = mkdtempSync(join(tmpdir(), "bt-"))
  chmodSync(tempRoot, 0o711)
  const ids = ["rpd_head", "rpd_worker"] as const
  let logs = newLogs()
  let backend = newBackend()

  function newLogs() {
    return createLogFiles({ clock: systemClock, log: silentLog })
  }
  function newBackend(): RayBackend {
    return createLocalRay({
      clusterId: "local",
      dataDir,
      clock: systemClock,
      log: silentLog,
      logs,
      machine: createLocalMachine({ dataDir, log: silentLog }),
      tempRoot,
      ports: [21_000, 21_999],
      searchPath: found.searchPath,
      slowLookMs: 200,
      runtimes: {
        home: found.home,
        environment: process.env,
        interpreters: {},
        allowInstall: () => true,
        allowUnauthenticated: () => false,
      },
    })
  }
  const marked = async () =>
    (await scanProcesses()).filter(({ pid }) => ids.some((id) => podMarkOf(pid)?.attemptId === id))
  return {
    tempRoot,
    marked,
    get backend() {
      return backend
    },
    async restart() {
      await backend.close()
      await logs.close()
      logs = newLogs()
      backend = newBackend()
    },
    async close() {
      await backend.close()
      await logs.close()
      for (let left = await marked(); left.length > 0; left = await marked())
        for (const { pid } of left)
          try {
            process.kill(pid, "SIGKILL")
          } catch {
            // it ended meanwhile
          }
      rmSync(root, { recursive: true, force: true })
      rmSync(tempRoot, { recursive: true, force: true })
    },
  }
}

/** As the samples of KubeRay have it; only root can mount it. */
const script = {
  name: "code",
  mountPath: "/home/ray/samples",
  type: "configMap",
  source: "scripts",
  hostPathType: "directory",
  readOnly: false,
  storageBytes: null,
  files: { "sites.py": program },
} as const

function podLaunch(runtime: RayRuntime, name: "head" | "worker", head: RayHeadAddress | null): RayPodLaunch {
  return {
    id: `rpd_${name}` as RayPodId,
    name: `c-${name}-abcde`,
    namespace: "default",
    rayCluster: "c",
    workspaceId: "ws_1",
    workspaceKey: "01K",
    asServerOwner: false,
    runtime,
    group: name,
    head,
    nodeName: "here",
    gpuIndexes: [],
    size: { cpuMilli: 1000, memoryBytes: 3 * 1024 ** 3, gpus: 0, ephemeralBytes: 0 },
    customResources: name === "worker" ? { site: 2 } : {},
    rayStartParams: { "dashboard-host": "0.0.0.0" },
    env: {},
    volumes: process.getuid?.() === 0 ? [script] : [],
    portBlock: name === "head" ? 0 : 1,
    token,
    serves: false,
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  await vi.waitUntil(holds, { timeout: 120_000, interval: 100 })
}

/** The processes that a node has for as long as it lives: others come and go. */
async function serversOf(place: ReturnType<typeof world>): Promise<readonly number[]> {
  const found = (await place.marked()).filter(({ name }) => name === "gcs_server" || name === "raylet")
  return found.map(({ pid }) => pid).sort((a, b) => a - b)
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false))
    socket.on("connect", () => socket.destroy())
  })
}

test.runIf(ray !== undefined)(
  "a head and its worker run a job, survive the server, and leave nothing behind",
  { timeout: 300_000 },
  async () => {
    if (!ray) return
    const { version } = ray
    const place = world(ray)
    try {
      const asServerOwner = process.getuid?.() !== 0
      const runtime = await place.backend.prepare(
        { version, image: "", asServerOwner },
        () => undefined,
        never,
      )
      const headLaunch = { ...podLaunch(runtime, "head", null), asServerOwner }
      const head = await place.backend.ensure(headLaunch, never)
      if (!head.address) throw new Error("a head has an address")
      expect(head.ignoredParams).toEqual(["dashboard-host"])
      const address = head.address
      const dashboard = place.backend.dashboard(address, token)
      await until(async () => (await dashboard.health(never)).isReady)

      const workerLaunch = { ...podLaunch(runtime, "worker", address), asServerOwner }
      const worker = await place.backend.ensure(workerLaunch, never)
      expect(worker.address).toBeNull()
      const aliveNodes = async () =>
        (await dashboard.nodes(never)).flatMap(({ name, isAlive }) => (isAlive ? [name] : [])).sort()
      await until(async () => (await aliveNodes()).length === 2)
      expect(await aliveNodes()).toEqual(["c-head-abcde", "c-worker-abcde"])

      const stranger = place.backend.dashboard(address, null)
      await expect(stranger.jobs(never)).rejects.toMatchObject({ detail: "refused", facts: { status: 401 } })

      const isMounted = headLaunch.volumes.length > 0
      const entrypoint = isMounted ? "python /home/ray/samples/sites.py" : `python -c "${program}"`
      const job = { entrypoint, submissionId: "one", metadata: {}, runtimeEnv: null }
      const submit = { ...job, numCpus: 0, numGpus: 0, resources: null }
      expect(await dashboard.submit(submit, never)).toBe("one")
      await expect(dashboard.submit(submit, never)).rejects.toMatchObject({ code: "already_exists" })
      await until(async () => (await dashboard.job("one", never))?.endTimeMs !== null)
      expect(await dashboard.job("one", never)).toMatchObject({ status: "SUCCEEDED" })
      expect(await dashboard.log("one", never)).toContain("sites 2.0")

      // the next server takes over, and starting again starts nothing
      const before = await serversOf(place)
      await place.restart()
      const again = await place.backend.recover(headLaunch.id, null)
      expect(again).toEqual(head.handle)
      expect((await place.backend.ensure(headLaunch, never)).address).toEqual(address)
      expect(await place.backend.inspect(headLaunch.id, head.handle)).toMatchObject({ state: "running" })
      expect(before).toHaveLength(3)
      expect(await serversOf(place)).toEqual(before)

      // killed from outside: the node's end is seen
      const raylets = (await place.marked()).filter(
        ({ pid, name }) => name === "raylet" && podMarkOf(pid)?.attemptId === workerLaunch.id,
      )
      expect(raylets).toHaveLength(1)
      for (const { pid } of raylets) process.kill(pid, "SIGKILL")
      await untilGone(place.backend, workerLaunch.id, worker)
      expect(await place.backend.inspect(workerLaunch.id, worker.handle)).toMatchObject({ state: "exited" })

      const reason = { cause: "stopped", message: "enough" } as const
      await place.backend.stop(headLaunch.id, head.handle, reason, 10_000)
      await untilGone(place.backend, headLaunch.id, head)
      expect(await place.marked()).toEqual([])
      const ports = [address.dashboardUrl, address.agentUrl, `http://${address.gcs}`]
      for (const url of ports) expect(await isOpen(Number(new URL(url).port))).toBe(false)
      await place.backend.forget(headLaunch.id, head.handle)
      await place.backend.forget(workerLaunch.id, worker.handle)
      expect(readdirSync(place.tempRoot)).toEqual([])
    } finally {
      await place.close()
    }
    expect(existsSync(place.tempRoot)).toBe(false)
  },
)

async function untilGone(backend: RayBackend, id: RayPodId, { handle }: RayPodStarted): Promise<void> {
  await until(async () => (await backend.inspect(id, handle)).isGone)
}
