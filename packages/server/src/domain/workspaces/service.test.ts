import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { aMachine, openPlatform, type Platform } from "./platform-suite.ts"
import type { WorkspacePolicy } from "./types.ts"

let platform: Platform
beforeEach(async () => {
  platform = await openPlatform()
})
afterEach(() => platform.close())

const refused = (code: string, facts: object = {}) => expect.objectContaining({ code, ...facts })
const wish = (id: string, more: object = {}) => ({ id, description: "", clusters: null, policy: {}, ...more })

describe("the built-in workspace", () => {
  it("is made once, open to everybody, with all clusters", async () => {
    await platform.workspaces.bootstrap(["other"])
    const found = platform.workspaces.find("default")
    expect(found).toMatchObject({ clusters: ["local", "lab"], state: "active", version: 1 })
    expect(found?.policy.openToAll).toBe(true)
    expect((await platform.person("ann")).roleIn("default")).toBe("editor")
  })

  it("cannot be deleted, not even by force", async () => {
    for (const force of [false, true])
      await expect(platform.workspaces.remove(platform.owner, "default", { force })).rejects.toThrow(
        refused("conflict", { detail: "built_in" }),
      )
  })
})

describe("creation", () => {
  it.each(["", "Team", "-a", "a-", "a_b", "a.b", "a".repeat(64), "ray-system", "kube-system", "a\n", "../x"])(
    "refuses the name %j",
    async (id) => {
      await expect(platform.workspaces.create(platform.owner, wish(id))).rejects.toThrow(
        refused("invalid", { issues: [expect.objectContaining({ path: ["id"] })] }),
      )
    },
  )

  it.each(["a", "0", "a".repeat(63), "team-1"])("takes the name %j, with every cluster", async (id) => {
    const made = await platform.workspaces.create(platform.owner, wish(id))
    expect(made.clusters).toEqual(["local", "lab"])
    expect(made.policy).toEqual({
      queuePolicy: "fifo",
      enablePreempt: false,
      stopGraceSeconds: 30,
      openToAll: false,
      scopes: [],
      publishServices: false,
      mostGpuRequests: 1,
      autoGpuRequest: false,
      joinGpuRequests: true,
    })
    await platform.reload()
    expect(platform.workspaces.find(id)).toEqual(made)
  })

  it("refuses a name that is taken, also in the same instant, and one that is being deleted", async () => {
    const { workspaces, owner } = platform
    const made = await Promise.allSettled([
      workspaces.create(owner, wish("team")),
      workspaces.create(owner, wish("team")),
    ])
    expect(made.map((one) => one.status)).toEqual(["fulfilled", "rejected"])
    expect(made[1]).toMatchObject({ reason: { code: "already_exists", detail: "active" } })
    platform.live.set("team", 1)
    await workspaces.remove(owner, "team", { force: true })
    await expect(workspaces.create(owner, wish("team"))).rejects.toThrow(
      refused("already_exists", { detail: "deleting" }),
    )
    await expect(workspaces.create(owner, wish("default"))).rejects.toThrow(refused("already_exists"))
  })

  it.each([
    [[], [["clusters"]]],
    [["lab", "mars"], [["clusters", 1]]],
    [["lab", "lab"], [["clusters", 1]]],
  ])("refuses the clusters %j", async (clusters, paths) => {
    const issues = paths.map((path) => expect.objectContaining({ path }))
    await expect(platform.workspaces.create(platform.owner, wish("team", { clusters }))).rejects.toThrow(
      refused("invalid", { issues }),
    )
  })

  it.each([
    { queuePolicy: "lifo" },
    { stopGraceSeconds: -1 },
    { stopGraceSeconds: 601 },
    { stopGraceSeconds: 1.5 },
    { stopGraceSeconds: Number.NaN },
    { enablePreempt: "yes" },
    { openToAll: 1 },
    { scopes: ["Train", "Train"] },
    { scopes: ["Play"] },
    { scopes: "Train" },
  ])("refuses the policy %j", async (policy) => {
    const path = ["policy", Object.keys(policy)[0]]
    await expect(platform.workspaces.create(platform.owner, wish("team", { policy }))).rejects.toThrow(
      refused("invalid", { issues: [expect.objectContaining({ path })] }),
    )
  })

  it("keeps what is not of a policy out of it", async () => {
    const policy = { stopGraceSeconds: 600, extra: 1 } as Partial<WorkspacePolicy>
    const made = await platform.workspaces.create(platform.owner, wish("team", { policy }))
    expect(Object.keys(made.policy)).not.toContain("extra")
    expect(made.policy.stopGraceSeconds).toBe(600)
  })

  it("is the server Owner's", async () => {
    for (const somebody of [await platform.person("vera", "viewer"), await platform.person("ann")])
      await expect(platform.workspaces.create(somebody, wish("team"))).rejects.toThrow(refused("forbidden"))
  })
})

describe("sight", () => {
  it("ends where there is no role: not listed, not found, not changed", async () => {
    await platform.workspace("team")
    const { workspaces } = platform
    const ann = await platform.person("ann")
    expect((await workspaces.list(ann)).map((one) => one.id)).toEqual(["default"])
    for (const act of [
      () => workspaces.get(ann, "team"),
      () => workspaces.members(ann, "team"),
      () => workspaces.update(ann, "team", {}),
      () => workspaces.remove(ann, "team", { force: true }),
      () => workspaces.setMember(ann, "team", ann.userId, "owner"),
    ])
      await expect(act()).rejects.toThrow(refused("not_found", { message: "Workspace team not found." }))
  })

  it("is the whole server for its Owner and its Viewer", async () => {
    await platform.workspace("team")
    for (const somebody of [platform.owner, await platform.person("vera", "viewer")])
      expect((await platform.workspaces.list(somebody)).map((one) => one.id)).toEqual(["default", "team"])
  })
})

describe("changes", () => {
  it("touch only what they name, and say from what to what", async () => {
    await platform.workspace("team")
    await platform.clock.advance(5)
    const change = { description: "ours", policy: { queuePolicy: "balance" as const } }
    const after = await platform.workspaces.update(platform.owner, "team", change)
    expect(after).toMatchObject({ description: "ours", version: 2, clusters: ["local", "lab"] })
    expect(after.policy).toMatchObject({ queuePolicy: "balance", stopGraceSeconds: 30 })
    expect(platform.workspaces.find("team")).toEqual(after)
    const { events } = await platform.journal()
    expect(events.at(-1)).toMatchObject({
      type: "workspace.updated",
      workspace: "team",
      data: { description: { from: "", to: "ours" }, queuePolicy: { from: "fifo", to: "balance" } },
    })
    expect(Object.keys(events.at(-1)?.data ?? {})).toHaveLength(2)
  })

  it("that change nothing are not written", async () => {
    const before = await platform.events()
    const after = await platform.workspaces.update(platform.owner, "default", {
      clusters: ["local", "lab"],
      policy: { openToAll: true, scopes: [] },
    })
    expect(after.version).toBe(1)
    expect(await platform.events()).toEqual(before)
  })

  it("of two in the same instant both count", async () => {
    const { workspaces, owner } = platform
    await Promise.all([
      workspaces.update(owner, "default", { description: "a" }),
      workspaces.update(owner, "default", { policy: { stopGraceSeconds: 0 } }),
    ])
    expect(workspaces.find("default")).toMatchObject({ description: "a", version: 3 })
    expect(workspaces.find("default")?.policy.stopGraceSeconds).toBe(0)
  })

  it("close a workspace to those who were there by its openness alone", async () => {
    const ann = await platform.person("ann")
    await platform.workspaces.update(platform.owner, "default", { policy: { openToAll: false } })
    expect(ann.roleIn("default")).toBeNull()
  })

  it("refuse a description of control characters or over 1,024", async () => {
    for (const description of ["a\u0000", "a\ud800", "x".repeat(1_025)])
      await expect(platform.workspaces.update(platform.owner, "default", { description })).rejects.toThrow(
        refused("invalid"),
      )
    await platform.workspaces.update(platform.owner, "default", { description: "two\nlines\t." })
  })
})

describe("members", () => {
  it("are set, changed and removed by the workspace's Owner, and see it at once", async () => {
    await platform.workspace("team")
    const { workspaces, owner } = platform
    const [boss, ann] = [await platform.person("boss"), await platform.person("ann")]
    await workspaces.setMember(owner, "team", boss.userId, "owner")
    await workspaces.setMember(boss, "team", ann.userId, "viewer")
    expect(ann.roleIn("team")).toBe("viewer")
    await workspaces.setMember(boss, "team", ann.userId, "editor")
    expect((await workspaces.members(ann, "team")).map(({ userId, role }) => [userId, role])).toEqual([
      [boss.userId, "owner"],
      [ann.userId, "editor"],
    ])
    await expect(workspaces.setMember(ann, "team", ann.userId, "owner")).rejects.toThrow(refused("forbidden"))
    await workspaces.setMember(boss, "team", ann.userId, null)
    expect(ann.roleIn("team")).toBeNull()
  })

  it("that stay as they are are not written, unknown people and roles are refused", async () => {
    await platform.workspace("team")
    const { workspaces, owner } = platform
    const ann = await platform.person("ann")
    await workspaces.setMember(owner, "team", ann.userId, "viewer")
    const before = await platform.events()
    await workspaces.setMember(owner, "team", ann.userId, "viewer")
    await workspaces.setMember(owner, "team", owner.userId, null)
    const nobody = "usr_x" as typeof ann.userId
    await expect(workspaces.setMember(owner, "team", nobody, "viewer")).rejects.toThrow(
      refused("not_found", { resource: "user" }),
    )
    await expect(workspaces.setMember(owner, "team", ann.userId, "king" as "owner")).rejects.toThrow(
      refused("invalid"),
    )
    expect(await platform.events()).toEqual(before)
  })
})

describe("deletion", () => {
  it("without work is over at once and takes members, keys and nodes along; a next of its name is another", async () => {
    const { workspaces, owner, inventory, directory } = platform
    const first = await platform.workspace("team")
    const ann = await platform.person("ann")
    await workspaces.setMember(owner, "team", ann.userId, "owner")
    const { key, token } = await platform.keyOf(ann.userId, { workspaceId: "team" })
    const other = await platform.keyOf(ann.userId, { workspaceId: "default" })
    await inventory.seen("local", [aMachine("n1"), aMachine("n2")])
    await inventory.assign(owner, null, "n1", "team")
    await inventory.assign(owner, null, "n2", "default")

    await workspaces.remove(owner, "team", { force: false })
    expect(workspaces.find("team")).toBeUndefined()
    expect(owner.roleIn("team")).toBeNull()
    expect(inventory.list().map((node) => node.workspaceId)).toEqual([null, "default"])
    expect(directory.key(key.id)?.revokedAtMs).toBe(platform.clock.nowMs())
    expect(directory.authenticate(token, { address: null, requestId: null })).toBeUndefined()
    expect(platform.principalOf(other.token).roleIn("default")).toBe("editor")

    const second = await platform.workspace("team")
    expect(second.key).not.toBe(first.key)
    await platform.reload()
    expect(ann.roleIn("team")).toBeNull()
    expect(directory.members("team")).toEqual([])
  })

  it("with work is refused, and by force waits for its end", async () => {
    const { workspaces, owner, live } = platform
    await platform.workspace("team")
    live.set("team", 2)
    await expect(workspaces.remove(owner, "team", { force: false })).rejects.toThrow(
      refused("conflict", { detail: "live_work", facts: { live: 2 } }),
    )
    expect(workspaces.find("team")?.state).toBe("active")
    await workspaces.remove(owner, "team", { force: true })
    expect(workspaces.find("team")?.state).toBe("deleting")
    expect(await workspaces.finishDeletion("team")).toBe(false)
    const before = await platform.events()
    await workspaces.remove(owner, "team", { force: false })
    expect(await platform.events()).toEqual(before)
    await expect(workspaces.update(owner, "team", { description: "x" })).rejects.toThrow(
      refused("conflict", { detail: "deleting" }),
    )
    live.set("team", 0)
    expect(await workspaces.finishDeletion("team")).toBe(true)
    expect(await workspaces.finishDeletion("team")).toBe(false)
    expect((await platform.events()).slice(-2)).toEqual(["workspace.deleting", "workspace.deleted"])
  })

  it("never finishes what is not being deleted", async () => {
    await platform.workspace("team")
    expect(await platform.workspaces.finishDeletion("team")).toBe(false)
    expect(await platform.workspaces.finishDeletion("nowhere")).toBe(false)
    expect(platform.workspaces.find("team")?.state).toBe("active")
  })

  it("in the same instant as a new member or an assigned node leaves neither behind", async () => {
    const { workspaces, owner, inventory } = platform
    await platform.workspace("team")
    const ann = await platform.person("ann")
    await inventory.seen("local", [aMachine("n1")])
    platform.live.set("team", 1)
    await workspaces.remove(owner, "team", { force: true })
    platform.live.set("team", 0)
    const [gone, ...others] = await Promise.allSettled([
      workspaces.finishDeletion("team"),
      workspaces.setMember(owner, "team", ann.userId, "owner"),
      inventory.assign(owner, null, "n1", "team"),
    ])
    expect(gone).toMatchObject({ value: true })
    // either in time to go with the workspace, or too late
    for (const other of others)
      if (other.status === "rejected") expect(other.reason).toMatchObject({ code: "not_found" })
    await platform.workspace("team")
    expect(ann.roleIn("team")).toBeNull()
    expect(inventory.list()[0]?.workspaceId).toBeNull()
  })

  it("is the server Owner's alone, and of what is not there not found", async () => {
    await platform.workspace("team")
    const boss = await platform.person("boss")
    await platform.workspaces.setMember(platform.owner, "team", boss.userId, "owner")
    await expect(platform.workspaces.remove(boss, "team", { force: true })).rejects.toThrow(
      refused("forbidden"),
    )
    await expect(platform.workspaces.remove(platform.owner, "nowhere", { force: true })).rejects.toThrow(
      refused("not_found"),
    )
  })
})
