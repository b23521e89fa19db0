import { rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { ControlPlane } from "../../packages/server/src/control-plane.ts"
import { createControlPlane } from "../../packages/server/src/control-plane.ts"
import type { Principal, Role } from "../../packages/server/src/domain/identity/index.ts"
import { noReadings, type NodeFacts } from "../../packages/server/src/domain/inventory/index.ts"
import { createFakeDriver } from "../../packages/server/src/drivers/fake/fake-driver.ts"
import type { FakeProgram } from "../../packages/server/src/drivers/fake/fake-pod.ts"
import type { FakeWorld } from "../../packages/server/src/drivers/fake/fake-world.ts"
import { createFakeWorld } from "../../packages/server/src/drivers/fake/fake-world.ts"
import { createApp } from "../../packages/server/src/http/app.ts"
import type { Family } from "../../packages/server/src/http/plugins/family.ts"
import { createStreams } from "../../packages/server/src/http/plugins/streams.ts"
import type { Services } from "../../packages/server/src/http/services.ts"
import { workloadsFamily } from "../../packages/server/src/http/workloads/routes.ts"
import type { RawAnswer, RawRequest } from "../../packages/server/src/http/test-server.ts"
import { sendRaw } from "../../packages/server/src/http/test-server.ts"
import type { VirtualClock } from "../../packages/server/src/kit/clock.ts"
import { createVirtualClock } from "../../packages/server/src/kit/clock.ts"
import { createIds } from "../../packages/server/src/kit/ids.ts"
import type { RateLimit } from "../../packages/server/src/kit/rate-limiter.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import { createBackups } from "../../packages/server/src/backups/create-backups.ts"
import { openStore } from "../../packages/server/src/store/index.ts"
import { fastDirectory, newDatabase } from "../support/new-database.ts"

const cluster = "local"
const gib = 2 ** 30

/** A machine with eight GPUs, 64 cores, 512 GiB. */
function gpuNode(name: string, hostIp: string): NodeFacts {
  const amounts = { cpuMilli: 64_000, memoryBytes: 512 * gib, gpus: 8, ephemeralBytes: 1000 * gib }
  return {
    name,
    hostIp,
    instanceType: "gpu-8",
    gpuModel: "NVIDIA-H100-80GB-HBM3",
    gpus: Array.from({ length: 8 }, (_, index) => ({
      index,
      uuid: `GPU-${name}-${index}`,
      memoryBytes: 80 * gib,
      usedOutside: false,
      ...noReadings,
    })),
    physical: amounts,
    capacity: amounts,
    labels: { zone: name },
    taints: [],
    simulated: false,
    bootId: "boot-1",
    healthy: true,
    healthMessage: "",
  }
}

/** A request with what matters to a client: method, path below `/api/v1/workloads`, a body as a value or as text. */
interface Call {
  readonly method?: string
  readonly path: string
  readonly json?: unknown
  readonly raw?: string
  readonly token?: string
}

/** The whole server but its local driver: real store, control plane and application; processes and time are ours. */
export interface FakePlane {
  readonly url: string
  readonly clock: VirtualClock
  readonly world: FakeWorld
  readonly plane: ControlPlane
  /** The owner's token. */
  readonly token: string
  /** What pods do whose workload's displayName is the key; others run until they are stopped. */
  readonly programs: Map<string, (index: number, run: number) => FakeProgram>
  send(call: Call): Promise<RawAnswer>
  /** Sends exactly this. */
  sendRaw(request: RawRequest): Promise<RawAnswer>
  /** Creates a workload that must be accepted; its id. */
  create(body: Readonly<Record<string, unknown>>, token?: string): Promise<string>
  /** The detail of a workload that must be there. */
  get(id: string, token?: string): Promise<Readonly<Record<string, unknown>>>
  /** Lets time pass in small steps until the workload is in the phase, at most a virtual minute. */
  until(id: string, phase: string): Promise<Readonly<Record<string, unknown>>>
  /** A token of a new user with these roles. */
  member(name: string, roles: Readonly<Record<string, Role>>): Promise<string>
  close(): Promise<void>
}

const base = "/api/v1/workloads"
const stepMs = 50
const mostSteps = 1200

/** Starts it on a temporary data directory, with the workspace `team` and its two GPU nodes. */
export async function startFakePlane(options: {
  readonly noAuth: boolean
  /** Beside the Workload API. */
  readonly families?: readonly Family[]
  readonly failureLimit?: RateLimit
}): Promise<FakePlane> {
  const directory = fastDirectory("berth-compat-")
  const clock = createVirtualClock()
  const programs: FakePlane["programs"] = new Map()
  const nodes = [gpuNode("node-a", "10.0.0.1"), gpuNode("node-b", "10.0.0.2")]
  const world = createFakeWorld({
    clock,
    nodes,
    script: {
      pod: (launch, pod) =>
        programs.get(launch.workloadId.replace(/-[^-]+$/, ""))?.(pod.index, launch.run) ?? {},
    },
  })
  const driver = createFakeDriver({ clusterId: cluster, clock, world })
  const store = openStore({ path: newDatabase(join(directory, "berth.db")), clock, log: silentLog })
  const ids = createIds(() => clock.nowMs())
  const plane = await createControlPlane({
    store,
    rows: store,
    clock,
    ids,
    log: silentLog,
    clusters: [{ id: cluster, driver: "fake" }],
    drivers: [driver],
    sources: [driver],
    noAuth: options.noAuth,
    passwordCost: 2 ** 10,
  })
  const token = (await plane.identity.bootstrap())?.token ?? ""
  await plane.start()
  const owner = principalOf(plane, token)
  await plane.workspaces.create(owner, { id: "team", description: "", clusters: null, policy: {} })
  for (const node of nodes) await plane.inventory.assign(owner, cluster, node.name, "team")
  const app = await createApp({
    services: servicesOf(plane, store, { clock, ids }),
    log: silentLog,
    config: {
      noAuth: options.noAuth,
      allowedHosts: [],
      behindProxy: false,
      openMetrics: false,
      listenIsLoopback: true,
      // time stands still while a test asks
      failureLimit: options.failureLimit ?? { perSecond: 1, burst: 1_000_000 },
    },
    families: [workloadsFamily, ...(options.families ?? [])],
    streams: createStreams({ clock, most: 1 }),
    meter: { requestDone: () => {} },
    metrics: { contentType: "text/plain", text: () => Promise.resolve("") },
  })
  await app.listen({ host: "127.0.0.1", port: 0 })
  const { port } = app.server.address() as AddressInfo

  const send = (call: Call): Promise<RawAnswer> => {
    const { method = "GET", path, json, raw, token: given = options.noAuth ? "" : token } = call
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
    const headers = {
      authorization: given === "" ? "" : `Bearer ${given}`,
      "content-type": "application/json",
    }
    return sendRaw(port, { method, path: base + path, headers, ...(body !== undefined && { body }) })
  }
  const get = async (id: string, given?: string) => {
    const answer = await send({ path: `/${id}`, ...(given !== undefined && { token: given }) })
    if (answer.status !== 200) throw new Error(`GET ${id}: ${answer.status} ${answer.text}`)
    return answer.json as Readonly<Record<string, unknown>>
  }
  return {
    url: `http://127.0.0.1:${port}`,
    clock,
    world,
    plane,
    token,
    programs,
    send,
    sendRaw: (request) => sendRaw(port, request),
    get,
    async create(body, given) {
      const json = { ...trainingJob, ...body }
      const answer = await send({
        method: "POST",
        path: "",
        json,
        ...(given !== undefined && { token: given }),
      })
      if (answer.status !== 200) throw new Error(`create: ${answer.status} ${answer.text}`)
      return (answer.json as { workloadId: string }).workloadId
    },
    async until(id, phase) {
      for (let step = 0; step < mostSteps; step++) {
        const workload = await get(id)
        if (workload["phase"] === phase) return workload
        await clock.advance(stepMs)
      }
      throw new Error(`${id} never was ${phase}: ${JSON.stringify(await get(id))}`)
    },
    async member(name, roles) {
      const user = await plane.identity.createUser(owner, { name, email: null, serverRole: null })
      for (const [workspace, role] of Object.entries(roles))
        await plane.workspaces.setMember(owner, workspace, user.id, role)
      const key = { name, userId: user.id, role: null, workspaceId: null, expiresAtMs: null }
      return (await plane.identity.createKey(owner, key)).token
    },
    async close() {
      await app.close()
      await plane.stop()
      await driver.close()
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function principalOf(plane: ControlPlane, token: string): Principal {
  const principal = plane.directory.authenticate(token, { address: null, requestId: null })
  if (!principal) throw new Error("The owner's token does not hold.")
  return principal
}

function servicesOf(
  plane: ControlPlane,
  store: ReturnType<typeof openStore>,
  kit: Pick<Services, "clock" | "ids">,
): Services {
  return {
    ...kit,
    directory: plane.directory,
    identity: plane.identity,
    tokens: plane.tokens,
    inventory: plane.inventory,
    workspaces: plane.workspaces,
    gpuRequests: plane.gpuRequests,
    gpuSettings: plane.gpuSettings,
    gpuReading: plane.gpuReading,
    queue: plane.queue,
    capacity: plane.capacity,
    workloads: plane.workloads,
    endpoints: plane.endpoints,
    idempotency: plane.idempotency,
    serviceRecords: plane.serviceRecords,
    serviceRegisters: plane.serviceRegisters,
    serviceEntries: plane.serviceEntries,
    serviceWatches: plane.serviceWatches,
    serviceJoins: plane.serviceJoins,
    journal: store.journal,
    store,
    readiness: plane.readiness,
    shutdown: () => Promise.resolve({ podsLeft: 0 }),
    backups: createBackups({ store, clock: kit.clock, serverVersion: "test", accountsFile: "" }),
    version: "test",
  }
}

/** A valid create request: two ranks with a node's GPUs each. */
export const trainingJob = {
  displayName: "train",
  description: "a training job",
  workspaceId: "team",
  resource: { replica: 2, cpu: "8", gpu: "8", memory: "64Gi", ephemeralStorage: "20Gi" },
  image: "docker.io/your-group/xxx",
  entryPoint: Buffer.from("python train.py").toString("base64"),
  isSupervised: false,
  priority: 0,
  timeout: 0,
  maxRetry: 0,
  ttlSecondsAfterFinished: 60,
  env: { MODEL: "tiny" },
  groupVersionKind: { version: "v1", kind: "PyTorchJob" },
  isTolerateAll: false,
} as const
