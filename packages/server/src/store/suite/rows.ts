import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type UserId, keyChanged, membershipChanged, userChanged } from "../../domain/identity/index.ts"
import {
  type NodeId,
  noAmounts,
  nodeChanged,
  noReadings,
  unconstrained,
} from "../../domain/inventory/index.ts"
import { type Tx, type Topic } from "../../domain/journal/index.ts"
import { claimChanged, queueControlChanged } from "../../domain/queue/index.ts"
import { workspaceChanged } from "../../domain/workspaces/index.ts"
import {
  sampleAttempt,
  sampleClaim,
  sampleKey,
  sampleNode,
  sampleSigningKey,
  sampleUser,
  sampleWorkload,
  sampleWorkspace,
} from "../samples.ts"
import { type OpenHarness, type StoreHarness, failure } from "./harness.ts"

/** Rows of the slices: what goes in comes out, versions guard, topics tell. */
export function rowCases(open: OpenHarness): void {
  let harness: StoreHarness
  beforeEach(async () => {
    harness = await open()
  })
  afterEach(() => harness.dispose())

  function told<T>(of: Topic<T>): T[] {
    const values: T[] = []
    harness.store.subscribe(of, (value) => values.push(value))
    return values
  }
  const write = (closure: (tx: Tx) => Promise<void>) => harness.store.tx(closure)

  describe("identity", () => {
    it("keeps users, guards their versions and tells each change", async () => {
      const { identity, committed } = harness.store
      const seen = told(userChanged)
      const user = sampleUser(1, { email: "a@b.c", serverRole: "owner" })
      await write((tx) => identity.insertUser(tx, user))
      await write((tx) => identity.updateUser(tx, { ...user, email: null, serverRole: null, frozen: true }))
      const after = { ...user, email: null, serverRole: null, frozen: true, version: 2 }
      expect(await identity.users(committed)).toEqual([after])
      expect(seen).toEqual([user, after])
      const again = write((tx) => identity.updateUser(tx, user))
      await expect(again).rejects.toMatchObject({ ...failure("stale"), resource: "user", subject: "user-1" })
    })

    it("refuses a second user of a name and a second key of a token", async () => {
      const { identity } = harness.store
      await write((tx) => identity.insertUser(tx, sampleUser(1)))
      await write((tx) => identity.insertKey(tx, sampleKey(1)))
      const user = write((tx) => identity.insertUser(tx, sampleUser(2, { name: "user-1" })))
      await expect(user).rejects.toMatchObject(failure("already_exists"))
      const key = write((tx) => identity.insertKey(tx, sampleKey(2, { hash: "hash-1" })))
      await expect(key).rejects.toMatchObject(failure("already_exists"))
    })

    it("refuses a key or a membership of nobody", async () => {
      const { identity, committed } = harness.store
      await expect(write((tx) => identity.insertKey(tx, sampleKey(1)))).rejects.toMatchObject(
        failure("internal"),
      )
      const userId = "usr_none" as UserId
      const membership = { workspaceId: "a", userId, role: "owner" } as const
      await expect(write((tx) => identity.putMembership(tx, membership))).rejects.toMatchObject(
        failure("internal"),
      )
      expect(await identity.keys(committed)).toEqual([])
    })

    it("revokes a key once, for good, and says when there is none", async () => {
      const { identity, committed } = harness.store
      const seen = told(keyChanged)
      const key = sampleKey(1, { role: "viewer", workspaceId: "a", expiresAtMs: 9 })
      await write((tx) => identity.insertUser(tx, sampleUser(1)))
      await write((tx) => identity.insertKey(tx, key))
      await write((tx) => identity.revokeKey(tx, key.id, 50))
      await write((tx) => identity.revokeKey(tx, key.id, 60))
      const after = { ...key, revokedAtMs: 50 }
      expect(await identity.keys(committed)).toEqual([after])
      expect(seen).toEqual([key, after])
      const unknown = write((tx) => identity.revokeKey(tx, sampleKey(2).id, 50))
      await expect(unknown).rejects.toMatchObject(failure("not_found"))
    })

    it("keeps what a key is for and its generation", async () => {
      const { identity, committed } = harness.store
      const key = sampleKey(1, { description: "the nightly jobs", generation: 3 })
      await write((tx) => identity.insertUser(tx, sampleUser(1)))
      await write((tx) => identity.insertKey(tx, key))
      expect(await identity.keys(committed)).toEqual([key])
    })

    it("keeps the keys that sign, oldest first, and drops them", async () => {
      const { signingKeys, committed } = harness.store
      const [older, newer] = [sampleSigningKey(2, 10), sampleSigningKey(1, 20)]
      await write((tx) => signingKeys.insertSigningKey(tx, newer))
      await write((tx) => signingKeys.insertSigningKey(tx, older))
      expect(await signingKeys.signingKeys(committed)).toEqual([older, newer])
      const again = write((tx) => signingKeys.insertSigningKey(tx, { ...older, createdAtMs: 30 }))
      await expect(again).rejects.toMatchObject(failure("already_exists"))
      await write((tx) => signingKeys.deleteSigningKey(tx, older.publicJwk.kid))
      await write((tx) => signingKeys.deleteSigningKey(tx, older.publicJwk.kid))
      expect(await signingKeys.signingKeys(committed)).toEqual([newer])
    })

    it("moves a key's last use forwards only", async () => {
      const { identity, committed } = harness.store
      const { id } = sampleKey(1)
      await write((tx) => identity.insertUser(tx, sampleUser(1)))
      await write((tx) => identity.insertKey(tx, sampleKey(1)))
      const seen = told(keyChanged)
      await write((tx) =>
        identity.touchKeys(tx, [
          { id, atMs: 20 },
          { id, atMs: 10 },
        ]),
      )
      expect((await identity.keys(committed))[0]?.lastUsedAtMs).toBe(20)
      expect(seen.map((key) => key.lastUsedAtMs)).toEqual([20])
    })

    it("sets, changes and takes back a role, and takes all of a workspace's with it", async () => {
      const { identity, workspaces, committed } = harness.store
      const users = [sampleUser(1), sampleUser(2)]
      await write(async (tx) => {
        for (const user of users) await identity.insertUser(tx, user)
        await workspaces.insert(tx, sampleWorkspace("a"))
      })
      const seen = told(membershipChanged)
      const [ada, bob] = users.map((user) => user.id) as [UserId, UserId]
      await write((tx) => identity.putMembership(tx, { workspaceId: "a", userId: ada, role: "viewer" }))
      await write((tx) => identity.putMembership(tx, { workspaceId: "a", userId: ada, role: "owner" }))
      await write((tx) => identity.putMembership(tx, { workspaceId: "a", userId: bob, role: "editor" }))
      await write((tx) => identity.deleteMembership(tx, "a", bob))
      await write((tx) => identity.deleteMembership(tx, "a", bob))
      expect(await identity.memberships(committed)).toEqual([
        { workspaceId: "a", userId: ada, role: "owner" },
      ])
      await write((tx) => workspaces.delete(tx, "a"))
      expect(await identity.memberships(committed)).toEqual([])
      expect(seen.map((one) => [one.userId, one.role])).toEqual([
        [ada, "viewer"],
        [ada, "owner"],
        [bob, "editor"],
        [bob, null],
        [ada, null],
      ])
    })
  })

  describe("workspaces", () => {
    it("come back whole, guard their versions and say when they are gone", async () => {
      const { workspaces, committed } = harness.store
      const seen = told(workspaceChanged)
      const workspace = sampleWorkspace("a", {
        clusters: ["two", "one"],
        namespaces: ["a-dev", "a-prod"],
        contact: { name: "Ada", email: "ada@example.org" },
      })
      await write((tx) => workspaces.insert(tx, workspace))
      const changed = { ...workspace, description: 'it\'s "new" %_', queuePaused: true, namespaces: ["b"] }
      await write((tx) => workspaces.update(tx, changed))
      const after = { ...changed, version: 2 }
      expect(await workspaces.byId(committed, "a")).toEqual(after)
      await expect(write((tx) => workspaces.update(tx, changed))).rejects.toMatchObject(failure("stale"))
      await write((tx) => workspaces.delete(tx, "a"))
      expect(await workspaces.byId(committed, "a")).toBeUndefined()
      await expect(write((tx) => workspaces.delete(tx, "a"))).rejects.toMatchObject(failure("not_found"))
      expect(seen).toEqual([
        { workspace, gone: false },
        { workspace: after, gone: false },
        { workspace: after, gone: true },
      ])
    })
  })

  describe("inventory", () => {
    it("keeps a node with all that was found out about it, and guards its version", async () => {
      const { inventory, committed } = harness.store
      const seen = told(nodeChanged)
      const gpu = {
        index: 0,
        uuid: "GPU-1",
        memoryBytes: 80 * 2 ** 30,
        usedOutside: false,
        ...noReadings,
        powerW: 300,
        utilisationPercent: 12,
      }
      const node = sampleNode(1, { gpus: [gpu], workspaceId: "a", stuck: true })
      await write((tx) => inventory.insertNode(tx, node))
      await write((tx) => inventory.updateNode(tx, { ...node, healthy: false, cordoned: true }))
      const after = { ...node, healthy: false, cordoned: true, version: 2 }
      expect(await inventory.nodes(committed)).toEqual([after])
      expect(seen).toEqual([node, after])
      await expect(write((tx) => inventory.updateNode(tx, node))).rejects.toMatchObject(failure("stale"))
    })

    it("lets a name come back once its node was removed, and not before", async () => {
      const { inventory, committed } = harness.store
      const node = sampleNode(1)
      const successor = sampleNode(1, { id: "nod_next" as NodeId })
      await write((tx) => inventory.insertNode(tx, node))
      const early = write((tx) => inventory.insertNode(tx, successor))
      await expect(early).rejects.toMatchObject(failure("already_exists"))
      await write((tx) => inventory.updateNode(tx, { ...node, removedAtMs: 5 }))
      await write((tx) => inventory.insertNode(tx, successor))
      expect(await inventory.nodes(committed)).toEqual([successor])
    })
  })

  describe("claims", () => {
    it("come back whole and leave the live ones when they are gone", async () => {
      const { claims, committed } = harness.store
      const seen = told(claimChanged)
      const claim = sampleClaim(1, {
        runsForMs: 90_000,
        gates: [
          { kind: "time", untilMs: 5 },
          { kind: "dependency", on: ["train-x"] },
        ],
        constraints: { labels: { a: "b" }, nodeNames: ["n"], tolerateAll: true, gpuModel: "T4" },
        beside: [{ pods: 2, size: noAmounts, constraints: unconstrained }],
      })
      await write((tx) => claims.insert(tx, claim))
      const placements = [{ pod: 0, nodeId: "nod_1" as NodeId, gpuIndexes: [0, 1] }]
      const bound = {
        ...claim,
        state: "bound",
        placements,
        boundAtMs: 7,
        gates: [],
        beside: [],
        runsForMs: null,
      } as const
      await write((tx) => claims.update(tx, bound, "wanted"))
      expect(await claims.live(committed)).toEqual([{ ...bound, version: 2 }])
      const gone = { ...bound, state: "gone", version: 2 } as const
      await write((tx) => claims.update(tx, gone, "bound"))
      expect(await claims.live(committed)).toEqual([])
      expect(await claims.byId(committed, claim.id)).toEqual({ ...gone, version: 3 })
      expect(seen.map((one) => [one.state, one.version])).toEqual([
        ["wanted", 1],
        ["bound", 2],
        ["gone", 3],
      ])
    })

    it("are moved only from the version and the state that the mover saw", async () => {
      const { claims, committed } = harness.store
      const claim = sampleClaim(1)
      await write((tx) => claims.insert(tx, claim))
      const wrongState = write((tx) => claims.update(tx, { ...claim, state: "releasing" }, "bound"))
      await expect(wrongState).rejects.toMatchObject(failure("stale"))
      const wrongVersion = write((tx) => claims.update(tx, { ...claim, version: 2 }, "wanted"))
      await expect(wrongVersion).rejects.toMatchObject(failure("stale"))
      const races = [1, 2].map((n) => write((tx) => claims.update(tx, { ...claim, priority: n }, "wanted")))
      const settled = await Promise.allSettled(races)
      expect(settled.map((one) => one.status)).toEqual(["fulfilled", "rejected"])
      expect(await claims.byId(committed, claim.id)).toEqual({ ...claim, priority: 1, version: 2 })
    })

    it("have one switch for all queues, off at first", async () => {
      const { claims, committed } = harness.store
      const seen = told(queueControlChanged)
      const off = { paused: false, pausedBy: null, sinceMs: null, restoredFromMs: null }
      expect(await claims.control(committed)).toEqual(off)
      const paused = { paused: true, pausedBy: "ada", sinceMs: 5, restoredFromMs: 3 }
      await write((tx) => claims.setControl(tx, paused))
      expect(await claims.control(committed)).toEqual(paused)
      await write((tx) => claims.setControl(tx, off))
      expect(await claims.control(committed)).toEqual(off)
      expect(seen).toEqual([paused, off])
    })
  })

  describe("attempts", () => {
    it("come back whole, oldest first, and leave the live ones when they are gone", async () => {
      const { workloads, committed } = harness.store
      const { key } = sampleWorkload(1)
      const first = sampleAttempt(1, { handle: { dir: "/x", pid: 7 }, stopMessage: "'quoted'" })
      const second = sampleAttempt(2, { workloadKey: key, run: 2 })
      await write(async (tx) => {
        await workloads.insert(tx, sampleWorkload(1))
        await workloads.insertAttempt(tx, second)
        await workloads.insertAttempt(tx, first)
      })
      expect(await workloads.attempts(committed, key)).toEqual([first, second])
      await write((tx) => workloads.updateAttempt(tx, { ...first, state: "gone", goneAtMs: 9 }))
      expect(await workloads.liveAttempts(committed)).toEqual([second])
      const gone = { ...first, state: "gone", goneAtMs: 9, version: 2 }
      expect(await workloads.attempt(committed, first.id)).toEqual(gone)
      const late = write((tx) => workloads.updateAttempt(tx, first))
      await expect(late).rejects.toMatchObject(failure("stale"))
    })
  })
}
