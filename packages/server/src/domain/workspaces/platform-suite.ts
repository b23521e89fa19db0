import { createHash } from "node:crypto"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { fastDirectory, newDatabase } from "../../../../../test/support/new-database.ts"
import { openStore } from "../../store/index.ts"
import { createVirtualClock } from "../../kit/clock.ts"
import { createIds } from "../../kit/ids.ts"
import { createPasswordHasher, type PasswordHasher } from "../../kit/password.ts"
import { silentLog } from "../../kit/log.ts"
import { createDirectory, createIdentity, type Principal, type UserId } from "../identity/index.ts"
import { createInventory, nodeChanged, noReadings, type Node, type NodeFacts } from "../inventory/index.ts"
import { createWorkspaceIndex, createWorkspaces, type Workspace } from "./index.ts"

const from = { address: "127.0.0.1", requestId: "req-1" }

/** Different at every call, the same in every run. */
function countedBytes() {
  let calls = 0
  return (size: number) => createHash("sha512").update(`bytes ${calls++}`).digest().subarray(0, size)
}

/**
 * Identity, workspaces and inventory wired as the server wires them, on a real database of their own, for
 * tests. `live` is what the workspaces are told about live work.
 */
export async function openPlatform(
  options: { readonly noAuth?: boolean; readonly passwords?: PasswordHasher } = {},
) {
  const dir = fastDirectory("berth-platform-")
  const clock = createVirtualClock()
  let commits = 0
  const onCommit = () => void commits++
  const store = openStore({ path: newDatabase(join(dir, "berth.db")), clock, log: silentLog, onCommit })
  const ids = createIds(clock.nowMs, () => 0.5)
  const live = new Map<string, number>()
  const index = createWorkspaceIndex()
  const directory = createDirectory({ clock, ...index })
  const inventory = createInventory({
    store,
    rows: store.inventory,
    clock,
    ids,
    clusters: [
      { id: "local", driver: "local" },
      { id: "lab", driver: "fake" },
    ],
    hasWorkspace: async (reads, id) => (await store.workspaces.byId(reads, id))?.state === "active",
  })
  const identity = createIdentity({
    store,
    rows: store.identity,
    directory,
    clock,
    ids,
    randomBytes: countedBytes(),
    passwords: options.passwords ?? createPasswordHasher({ cost: 16 }),
    noAuth: options.noAuth ?? false,
  })
  const workspaces = createWorkspaces({
    store,
    rows: store.workspaces,
    identityRows: store.identity,
    inventoryRows: store.inventory,
    index,
    directory,
    clock,
    ids,
    clusters: ["local", "lab"],
    liveWork: async (_reads, id) => live.get(id) ?? 0,
    clearStep: () => Promise.resolve(0),
  })
  const nodeNotices: Node[] = []
  store.subscribe(nodeChanged, (node) => nodeNotices.push(node))
  index.follow(store)
  directory.follow(store)
  inventory.follow(store)

  const principalOf = (token: string): Principal => {
    const principal = directory.authenticate(token, from)
    if (!principal) throw new Error("The token does not hold.")
    return principal
  }
  const first = await identity.bootstrap()
  const ownerToken = first?.token ?? ""
  const owner = principalOf(ownerToken)
  await workspaces.bootstrap(["local", "lab"])

  return {
    clock,
    store,
    live,
    index,
    directory,
    inventory,
    identity,
    workspaces,
    nodeNotices,
    commits: () => commits,
    owner,
    ownerToken,
    principalOf,
    /** A new user with an unlimited key. */
    async person(name: string, serverRole: "owner" | "viewer" | null = null): Promise<Principal> {
      const user = await identity.createUser(owner, { name, email: null, serverRole })
      return principalOf((await this.keyOf(user.id)).token)
    },
    keyOf: (userId: UserId, limits: Partial<Parameters<typeof identity.createKey>[1]> = {}) =>
      identity.createKey(owner, {
        name: "k",
        userId,
        role: null,
        workspaceId: null,
        expiresAtMs: null,
        ...limits,
      }),
    workspace: (id: string): Promise<Workspace> =>
      workspaces.create(owner, { id, description: "", clusters: null, policy: {} }),
    /** Types of all events so far, oldest first. */
    async events(): Promise<readonly string[]> {
      const filter = { workspaces: null }
      const events = await store.journal.eventsAfter(store.committed, null, filter, 1_000)
      return events.map((event) => event.type)
    },
    /** All that the journal keeps, newest audit record first. */
    async journal() {
      const filter = { workspaces: null }
      const events = await store.journal.eventsAfter(store.committed, null, filter, 1_000)
      const audit = (await store.journal.auditPage(store.committed, filter, 1_000, null)).items
      return { events, audit }
    },
    /** What a restart would find: everything in memory is read anew from the rows. */
    async reload() {
      index.load(await store.workspaces.workspaces(store.committed))
      directory.load(
        await store.identity.users(store.committed),
        await store.identity.keys(store.committed),
        await store.identity.memberships(store.committed),
      )
      inventory.load(await store.inventory.nodes(store.committed))
    },
    async close() {
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
export type Platform = Awaited<ReturnType<typeof openPlatform>>

/** A healthy machine with two GPUs. */
export function aMachine(name: string, facts: Partial<NodeFacts> = {}): NodeFacts {
  const amounts = { cpuMilli: 16_000, memoryBytes: 64 * 2 ** 30, gpus: 2, ephemeralBytes: 2 ** 40 }
  const gpu = (index: number) => ({
    index,
    uuid: `GPU-${name}-${index}`,
    memoryBytes: 80 * 2 ** 30,
    usedOutside: false,
    ...noReadings,
    temperatureC: 40,
    powerW: 100,
    utilisationPercent: 0,
  })
  return {
    name,
    hostIp: "127.0.0.1",
    instanceType: "h100-2",
    gpuModel: "NVIDIA-H100-80GB-HBM3",
    gpus: [gpu(0), gpu(1)],
    physical: amounts,
    capacity: amounts,
    labels: { zone: "a", rack: "1" },
    taints: [],
    simulated: false,
    bootId: "boot-1",
    healthy: true,
    healthMessage: "",
    ...facts,
  }
}
