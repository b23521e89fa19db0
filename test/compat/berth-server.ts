import { createBackups } from "../../packages/server/src/backups/create-backups.ts"
import { rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { createControlPlane, type ControlPlane } from "../../packages/server/src/control-plane.ts"
import type { Role } from "../../packages/server/src/domain/identity/index.ts"
import { noReadings, type NodeFacts } from "../../packages/server/src/domain/inventory/index.ts"
import type { RayBackend } from "../../packages/server/src/domain/ray/index.ts"
import { createFakeDriver } from "../../packages/server/src/drivers/fake/fake-driver.ts"
import { createFakeNetwork, type FakeNetwork } from "../../packages/server/src/drivers/fake/fake-network.ts"
import { createFakeRay } from "../../packages/server/src/drivers/fake/fake-ray.ts"
import {
  createFakeRayWorld,
  type FakeRayWorld,
} from "../../packages/server/src/drivers/fake/fake-ray-world.ts"
import { createFakeWorld, type FakeWorld } from "../../packages/server/src/drivers/fake/fake-world.ts"
import { createApp } from "../../packages/server/src/http/app.ts"
import { createStreams, type Streams } from "../../packages/server/src/http/plugins/streams.ts"
import type { EgsOptions } from "../../packages/server/src/http/egs/handlers.ts"
import { publishedFamilies } from "../../packages/server/src/http/published-families.ts"
import type { Services } from "../../packages/server/src/http/services.ts"
import { checkExchange } from "../../packages/server/src/http/test-exchange.ts"
import { createVirtualClock, type VirtualClock } from "../../packages/server/src/kit/clock.ts"
import { createIds } from "../../packages/server/src/kit/ids.ts"
import type { RateLimit } from "../../packages/server/src/kit/rate-limiter.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import { openStore, type OpenStore } from "../../packages/server/src/store/index.ts"
import { createTelemetry } from "../../packages/server/src/telemetry/telemetry.ts"
import { fastDirectory, newDatabase } from "../support/new-database.ts"

const gib = 2 ** 30
const patienceMs = 20_000
/** Time stands still while a test asks for everything without a token. */
const asManyAsItTakes: RateLimit = { perSecond: 1, burst: 1_000_000 }

function gpuNode(name: string): NodeFacts {
  const amounts = { cpuMilli: 64_000, memoryBytes: 512 * gib, gpus: 8, ephemeralBytes: 1000 * gib }
  return {
    name,
    hostIp: "10.0.0.1",
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
    simulated: true,
    bootId: "boot-1",
    healthy: true,
    healthMessage: "",
  }
}

/** An answer with its body as text, and as JSON where it is. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into any shape
  readonly json: any
}

/** The whole server with both families; processes and time are the test's. */
export interface BerthServer {
  readonly url: string
  readonly port: number
  readonly clock: VirtualClock
  readonly world: FakeWorld
  readonly network: FakeNetwork
  /** The machine on which Ray runs: the first cluster's. */
  readonly ray: FakeRayWorld
  readonly plane: ControlPlane
  /** What the families are given. */
  readonly services: Services
  readonly store: OpenStore
  readonly streams: Streams
  /** The owner's token. */
  readonly token: string
  readonly stops: { readonly pods: boolean }[]
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  /** A token of a new user with these roles. */
  member(name: string, roles: Readonly<Record<string, Role>>): Promise<string>
  /** Submits a job of one pod; its id. */
  submit(body?: Readonly<Record<string, unknown>>): Promise<string>
  /** Lets time pass until the condition holds. */
  until<T>(what: () => Promise<T | undefined> | T | undefined): Promise<T>
  closeApp(): Promise<void>
  close(): Promise<void>
}

export interface CallOptions {
  /** "" = none. Default: the owner's. */
  readonly token?: string
  readonly json?: unknown
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
}

export async function startBerthServer(
  options: {
    readonly noAuth?: boolean
    readonly mostStreams?: number
    readonly openMetrics?: boolean
    readonly failureLimit?: RateLimit
    readonly keyLimit?: RateLimit
    /** Names of clusters; the first has the nodes, the others none. */
    readonly clusters?: readonly [string, ...string[]]
    /** Default: `node-a` and `node-b` with 8 H100 each. */
    readonly nodes?: readonly NodeFacts[]
    readonly egs?: EgsOptions
    /** Default true. */
    readonly hasRay?: boolean
    /** What runs Ray, made of the fake. */
    readonly rayBackend?: (fake: RayBackend) => RayBackend
    /** Instead of the plane's own. */
    readonly services?: Partial<Services>
  } = {},
): Promise<BerthServer> {
  const { noAuth = false, mostStreams = 256, openMetrics = false, clusters = ["local"] } = options
  const directory = fastDirectory("berth-http-")
  const clock = createVirtualClock()
  const world = createFakeWorld({ clock, nodes: options.nodes ?? [gpuNode("node-a"), gpuNode("node-b")] })
  const noWorld = createFakeWorld({ clock, nodes: [] })
  const drivers = clusters.map((clusterId, at) =>
    createFakeDriver({ clusterId, clock, world: at === 0 ? world : noWorld }),
  )
  const network = createFakeNetwork()
  const ray = createFakeRayWorld({ clock })
  const fakeRay = createFakeRay({ clusterId: clusters[0], clock, world: ray })
  const rayBackend = options.rayBackend?.(fakeRay) ?? fakeRay
  const store = openStore({ path: newDatabase(join(directory, "berth.db")), clock, log: silentLog })
  const ids = createIds(() => clock.nowMs())
  const plane = await createControlPlane({
    store,
    rows: store,
    clock,
    ids,
    log: silentLog,
    clusters: clusters.map((id) => ({ id, driver: "fake" })),
    drivers,
    networks: new Map([[clusters[0], network]]),
    sources: drivers,
    rayBackends: [rayBackend],
    noAuth,
    passwordCost: 2 ** 10,
  })
  const token = (await plane.identity.bootstrap())?.token ?? ""
  await plane.start()
  const telemetry = createTelemetry()
  const streams = createStreams({ clock, most: mostStreams, onCount: telemetry.streamsOpen })
  const stops: { pods: boolean }[] = []
  const { ray: rayObjects, ...others } = plane
  const services: Services = {
    ...others,
    ...(options.hasRay === false ? {} : { ray: rayObjects }),
    clock,
    ids,
    journal: store.journal,
    store,
    shutdown(how) {
      stops.push(how)
      return Promise.resolve({ podsLeft: 3 })
    },
    backups: createBackups({ store, clock, serverVersion: "0.0.0-test", accountsFile: "" }),
    version: "0.0.0-test",
    ...options.services,
  }
  const app = await createApp({
    services,
    log: silentLog,
    config: {
      noAuth,
      allowedHosts: ["berth.test"],
      behindProxy: false,
      openMetrics,
      listenIsLoopback: true,
      failureLimit: options.failureLimit ?? asManyAsItTakes,
      keyLimit: options.keyLimit ?? null,
    },
    families: publishedFamilies(
      {
        streams,
        noAuth,
        openDocuments: openMetrics,
        startedAtMs: clock.nowMs(),
        warnings: () => ["Not root."],
      },
      options.egs,
    ),
    streams,
    meter: telemetry,
    metrics: telemetry,
    onRefused: (refusal) => plane.refusals.note(refusal, clock.nowMs()),
  })
  await app.listen({ host: "127.0.0.1", port: 0 })
  const { port } = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const owner = plane.directory.authenticate(token, { address: null, requestId: null })
  if (!owner) throw new Error("The owner's token does not hold.")

  async function call(method: string, path: string, given: CallOptions = {}): Promise<Answer> {
    const { token: sent = noAuth ? "" : token, json, raw, headers = {} } = given
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
    const answer = await fetch(url + path, {
      method,
      headers: { ...(sent === "" ? {} : { authorization: `Bearer ${sent}` }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.text()
    const { status } = answer
    const contentType = answer.headers.get("content-type") ?? ""
    checkExchange({ method, url: path, asked: headers, status, contentType, text })
    const isJson = answer.headers.get("content-type")?.includes("application/json") ?? false
    return {
      status,
      headers: answer.headers,
      text,
      json: isJson && text !== "" ? JSON.parse(text) : undefined,
    }
  }
  const closeApp = async () => {
    await app.close()
  }
  return {
    url,
    port,
    clock,
    world,
    network,
    ray,
    plane,
    services,
    store,
    streams,
    token,
    stops,
    call,
    async member(name, roles) {
      const user = await plane.identity.createUser(owner, { name, email: null, serverRole: null })
      for (const [workspace, role] of Object.entries(roles))
        await plane.workspaces.setMember(owner, workspace, user.id, role)
      const key = { name, userId: user.id, role: null, workspaceId: null, expiresAtMs: null }
      return (await plane.identity.createKey(owner, key)).token
    },
    async submit(body = {}) {
      const answer = await call("POST", "/api/v1/workloads", { json: { ...job, ...body } })
      if (answer.status !== 200) throw new Error(`submit: ${answer.status} ${answer.text}`)
      return answer.json.workloadId
    },
    async until(what) {
      // Real time bounds it: sockets and the store's reader threads do not follow the virtual clock.
      const deadline = performance.now() + patienceMs
      while (performance.now() < deadline) {
        const found = await what()
        if (found !== undefined) return found
        await clock.advance(10)
      }
      throw new Error("It did not come true.")
    },
    closeApp,
    async close() {
      await closeApp()
      await plane.stop()
      for (const driver of [...drivers, rayBackend]) await driver.close()
      await store.close()
      telemetry.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const job = {
  displayName: "train",
  workspaceId: "default",
  resource: { replica: 1, cpu: "4", gpu: "8", memory: "16Gi" },
  image: "image",
  entryPoint: Buffer.from("true").toString("base64"),
  groupVersionKind: { kind: "PyTorchJob", version: "v1" },
}
