import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openPlatform, type Platform } from "../workspaces/platform-suite.ts"
import { isAllowed } from "./authorize.ts"
import { operations } from "./commands.ts"
import { rights } from "./rights.ts"
import type { ApiKey, Principal, Role } from "./types.ts"

let platform: Platform
beforeEach(async () => {
  platform = await openPlatform()
})
afterEach(() => platform.close())

const from = { address: null, requestId: null }
const refused = (code: string, facts: object = {}) => expect.objectContaining({ code, ...facts })
const newUser = (name: string) => ({ name, email: null, serverRole: null })
const newKey = (key: Partial<Pick<ApiKey, "name" | "role" | "workspaceId" | "expiresAtMs">> = {}) => ({
  name: "k",
  role: null,
  workspaceId: null,
  expiresAtMs: null,
  ...key,
})

describe("first start", () => {
  it("makes an owner whose key holds, once", async () => {
    expect(platform.owner.serverRole).toBe("owner")
    expect(platform.owner.userName).toBe("owner")
    expect(await platform.identity.bootstrap()).toBeUndefined()
    expect(platform.directory.users()).toHaveLength(1)
  })

  it("makes `local` only where it is asked for, keeps it at the next start, and beside an owner", async () => {
    expect(() => platform.directory.local(from)).toThrow(refused("unauthenticated"))
    const open = await openPlatform({ noAuth: true })
    try {
      const { userId } = open.directory.local(from)
      expect(
        open.directory
          .users()
          .map((user) => user.name)
          .toSorted(),
      ).toEqual(["local", "owner"])
      await open.identity.bootstrap()
      await open.reload()
      expect(open.directory.local(from).userId).toBe(userId)
    } finally {
      await open.close()
    }
  })

  it("survives a restart: everything is found again from the rows", async () => {
    const ann = await platform.person("ann")
    await platform.workspace("team")
    await platform.workspaces.setMember(platform.owner, "team", ann.userId, "editor")
    await platform.reload()
    expect(platform.principalOf(platform.ownerToken).serverRole).toBe("owner")
    expect(ann.roleIn("team")).toBe("editor")
  })
})

describe("users", () => {
  it.each(["", "a b", "x".repeat(65), "ann/..", ".", "..", "local", "änne", "ann\n"])(
    "cannot be called %j",
    async (name) => {
      const events = await platform.events()
      await expect(platform.identity.createUser(platform.owner, newUser(name))).rejects.toThrow(
        refused("invalid"),
      )
      expect(await platform.events()).toEqual(events)
    },
  )

  it("are refused with every fault at once", async () => {
    const user = { name: "a b", email: "nobody", serverRole: "king" as "owner" }
    const paths = [["name"], ["email"], ["serverRole"]].map((path) => expect.objectContaining({ path }))
    await expect(platform.identity.createUser(platform.owner, user)).rejects.toThrow(
      refused("invalid", { issues: paths }),
    )
  })

  it("have a name of their own, also when two are made in the same instant", async () => {
    const made = await Promise.allSettled([
      platform.identity.createUser(platform.owner, newUser("ann")),
      platform.identity.createUser(platform.owner, newUser("ann")),
    ])
    expect(made.map((one) => one.status)).toEqual(["fulfilled", "rejected"])
    expect(made[1]).toMatchObject({ reason: { code: "already_exists", subject: "ann" } })
    expect(platform.directory.users().filter((user) => user.name === "ann")).toHaveLength(1)
  })

  it("are made, changed and listed by server Owners; listed by server Viewers; else by nobody", async () => {
    const [viewer, ann] = [await platform.person("vera", "viewer"), await platform.person("ann")]
    const { identity } = platform
    expect((await identity.users(viewer)).map((user) => user.name)).toEqual(["ann", "owner", "vera"])
    await expect(identity.users(ann)).rejects.toThrow(refused("forbidden"))
    for (const somebody of [viewer, ann]) {
      await expect(identity.createUser(somebody, newUser("bob"))).rejects.toThrow(refused("forbidden"))
      const promote = identity.updateUser(somebody, somebody.userId, { serverRole: "owner" })
      await expect(promote).rejects.toThrow(refused("forbidden"))
    }
  })

  it("are frozen and thawed at once", async () => {
    const ann = await platform.person("ann")
    const { token } = await platform.keyOf(ann.userId)
    await platform.identity.updateUser(platform.owner, ann.userId, { frozen: true })
    expect(() => platform.directory.authenticate(token, from)).toThrow(refused("forbidden"))
    expect(ann.roleIn("default")).toBeNull()
    await platform.identity.updateUser(platform.owner, ann.userId, { frozen: false })
    expect(platform.directory.authenticate(token, from)?.roleIn("default")).toBe("editor")
  })

  it("that do not change are not written", async () => {
    const ann = await platform.person("ann")
    const before = await platform.events()
    const user = await platform.identity.updateUser(platform.owner, ann.userId, {
      email: null,
      frozen: false,
    })
    expect(user.version).toBe(1)
    expect(await platform.events()).toEqual(before)
  })

  it("that are not there are not found", async () => {
    const change = platform.identity.updateUser(platform.owner, "usr_x" as typeof platform.owner.userId, {})
    await expect(change).rejects.toThrow(refused("not_found", { resource: "user" }))
  })

  it.each([{ serverRole: null }, { serverRole: "viewer" as const }, { frozen: true }])(
    "keep a last Owner of the server: %j",
    async (change) => {
      const { identity, owner } = platform
      await expect(identity.updateUser(owner, owner.userId, change)).rejects.toThrow(
        refused("conflict", { detail: "last_owner" }),
      )
      const second = await platform.person("olga", "owner")
      await identity.updateUser(owner, owner.userId, change)
      await expect(identity.updateUser(second, second.userId, change)).rejects.toThrow(refused("conflict"))
    },
  )

  it("keep one of two Owners who demote each other in the same instant", async () => {
    const { identity, owner } = platform
    const second = await platform.person("olga", "owner")
    const both = await Promise.allSettled([
      identity.updateUser(owner, second.userId, { serverRole: null }),
      identity.updateUser(second, owner.userId, { serverRole: null }),
    ])
    expect(both.map((one) => one.status)).toEqual(["fulfilled", "rejected"])
    expect(owner.serverRole).toBe("owner")
  })
})

describe("keys", () => {
  it("hold at once and are shown once: neither token nor hash is in the journal", async () => {
    const { key, token } = await platform.identity.createKey(platform.owner, newKey({ name: " ci " }))
    expect(platform.directory.authenticate(token, from)?.keyId).toBe(key.id)
    expect(key.name).toBe("ci")
    const journal = JSON.stringify(await platform.journal())
    expect(journal).toContain(key.id)
    expect(journal).not.toContain(token.slice(12))
    expect(journal).not.toContain(key.hash)
  })

  it.each([
    [{ name: " " }, "name"],
    [{ name: "a\u0007" }, "name"],
    [{ name: "a\ud800" }, "name"],
    [{ name: "x".repeat(129) }, "name"],
    [{ role: "king" as Role }, "role"],
    [{ expiresAtMs: 0 }, "expiresAtMs"],
    [{ expiresAtMs: 1.5 }, "expiresAtMs"],
    [{ expiresAtMs: Number.NaN }, "expiresAtMs"],
    [{ expiresAtMs: 2 ** 53 }, "expiresAtMs"],
    [{ expiresAtMs: Date.UTC(10_000, 0, 1) }, "expiresAtMs"],
  ])("are refused: %j", async (wrong, path) => {
    await expect(platform.identity.createKey(platform.owner, newKey(wrong))).rejects.toThrow(
      refused("invalid", { issues: [expect.objectContaining({ path: [path] })] }),
    )
  })

  it("are made for oneself; for others by server Owners only", async () => {
    const [ann, bob] = [await platform.person("ann"), await platform.person("bob")]
    const { identity } = platform
    const { token } = await identity.createKey(ann, newKey())
    expect(platform.principalOf(token).userId).toBe(ann.userId)
    const forBob = { ...newKey(), userId: bob.userId }
    await expect(identity.createKey(ann, forBob)).rejects.toThrow(refused("forbidden"))
    expect(platform.principalOf((await identity.createKey(platform.owner, forBob)).token).userId).toBe(
      bob.userId,
    )
  })

  it("for a workspace need a role there at least as high", async () => {
    await platform.workspace("team")
    const ann = await platform.person("ann")
    const { identity, workspaces, owner } = platform
    const wanted = newKey({ workspaceId: "team", role: "editor" })
    await expect(identity.createKey(ann, wanted)).rejects.toThrow(
      refused("not_found", { resource: "workspace" }),
    )
    await workspaces.setMember(owner, "team", ann.userId, "viewer")
    await expect(identity.createKey(ann, wanted)).rejects.toThrow(refused("forbidden"))
    await workspaces.setMember(owner, "team", ann.userId, "editor")
    const made = platform.principalOf((await identity.createKey(ann, wanted)).token)
    expect([made.roleIn("team"), made.roleIn("default")]).toEqual(["editor", null])
  })

  it("for nobody and for the frozen are not made", async () => {
    const ann = await platform.person("ann")
    await platform.identity.updateUser(platform.owner, ann.userId, { frozen: true })
    await expect(platform.keyOf(ann.userId)).rejects.toThrow(refused("conflict", { detail: "frozen" }))
    const nobody = "usr_x" as Principal["userId"]
    await expect(platform.keyOf(nobody)).rejects.toThrow(refused("not_found", { resource: "user" }))
  })

  it.each([
    [{ role: "viewer" }, { role: "viewer" }, true],
    [{ role: "viewer" }, { role: "editor" }, false],
    [{ role: "viewer" }, {}, false],
    [{ role: "owner" }, {}, true],
    [{ workspaceId: "default" }, {}, false],
    [{ workspaceId: "default" }, { workspaceId: "default" }, true],
    [{ expiresAtMs: 4e12 }, {}, false],
    [{ expiresAtMs: 4e12 }, { expiresAtMs: 4e12 + 1 }, false],
    [{ expiresAtMs: 4e12 }, { expiresAtMs: 4e12 }, true],
  ] as const)("made behind a key %j reach no further than it: %j %s", async (own, wanted, isAllowed) => {
    const behind = platform.principalOf(
      (await platform.identity.createKey(platform.owner, newKey(own))).token,
    )
    const making = platform.identity.createKey(behind, newKey(wanted))
    if (isAllowed) expect((await making).key).toMatchObject(wanted)
    else await expect(making).rejects.toThrow(refused("forbidden"))
  })

  it("are revoked at once, by their user or a server Owner, and a second time without a trace", async () => {
    const [ann, bob] = [await platform.person("ann"), await platform.person("bob")]
    const { key, token } = await platform.keyOf(ann.userId)
    await expect(platform.identity.revokeKey(bob, key.id)).rejects.toThrow(refused("not_found"))
    await platform.identity.revokeKey(ann, key.id)
    expect(platform.directory.authenticate(token, from)).toBeUndefined()
    const before = await platform.events()
    await platform.identity.revokeKey(platform.owner, key.id)
    expect(await platform.events()).toEqual(before)
  })

  it("of a workspace are seen and revoked by its Owner, those elsewhere are not", async () => {
    await platform.workspace("team")
    const [boss, ann] = [await platform.person("boss"), await platform.person("ann")]
    await platform.workspaces.setMember(platform.owner, "team", boss.userId, "owner")
    const there = await platform.keyOf(ann.userId, { workspaceId: "team" })
    const elsewhere = await platform.keyOf(ann.userId, { workspaceId: "default" })
    const seen = (await platform.identity.keys(boss, 100, null)).items.map((key) => key.id)
    expect(seen).toContain(there.key.id)
    expect(seen).not.toContain(elsewhere.key.id)
    await platform.identity.revokeKey(boss, there.key.id)
    await expect(platform.identity.revokeKey(boss, elsewhere.key.id)).rejects.toThrow(refused("not_found"))
  })

  it("behind a narrowed key: others of the same user are neither seen nor revoked, itself is", async () => {
    const narrow = await platform.identity.createKey(
      platform.owner,
      newKey({ role: "viewer", workspaceId: "default" }),
    )
    const wide = await platform.identity.createKey(platform.owner, newKey({ workspaceId: "default" }))
    const behind = platform.principalOf(narrow.token)
    expect((await platform.identity.keys(behind, 100, null)).items.map((key) => key.id)).toEqual([
      narrow.key.id,
    ])
    await expect(platform.identity.revokeKey(behind, wide.key.id)).rejects.toThrow(refused("not_found"))
    await platform.identity.revokeKey(behind, narrow.key.id)
    expect(platform.directory.authenticate(narrow.token, from)).toBeUndefined()
  })

  it("are listed newest first, page by page, each once", async () => {
    for (let n = 0; n < 5; n++) await platform.keyOf(platform.owner.userId, { name: `k${n}` })
    const names: string[] = []
    let cursor: string | null = null
    for (let page = 0; page < 10; page++) {
      const got: Awaited<ReturnType<typeof platform.identity.keys>> = await platform.identity.keys(
        platform.owner,
        2,
        cursor,
      )
      names.push(...got.items.map((key) => key.name))
      cursor = got.nextCursor
      if (cursor === null) break
    }
    expect(names).toEqual(["k4", "k3", "k2", "k1", "k0", "first key"])
    await expect(platform.identity.keys(platform.owner, 2, "nonsense")).rejects.toThrow(refused("invalid"))
  })

  it("say what they are for, in at most 1,024 characters, and begin at the first generation", async () => {
    const { key } = await platform.keyOf(platform.owner.userId, { description: " the nightly\njobs " })
    expect(key).toMatchObject({ description: "the nightly\njobs", generation: 1 })
    await platform.reload()
    expect(platform.directory.key(key.id)).toMatchObject({ description: "the nightly\njobs", generation: 1 })
    expect((await platform.keyOf(platform.owner.userId)).key.description).toBe("")
    for (const description of ["x".repeat(1025), "a\u0000b", "\u001b[31m", "\u009b31m"])
      await expect(platform.keyOf(platform.owner.userId, { description })).rejects.toThrow(
        refused("invalid", { issues: [expect.objectContaining({ path: ["description"] })] }),
      )
  })

  it("are found by the key itself, its id, and the beginning that only one has", async () => {
    const { key, token } = await platform.keyOf(platform.owner.userId)
    const find = (text: string, who = platform.owner) => platform.identity.findKey(who, text).id
    for (const text of [token, key.id, key.prefix]) expect(find(text)).toBe(key.id)
    const twin = { ...key, id: "key_twin" as ApiKey["id"], hash: "another" }
    platform.directory.applyKey(twin)
    expect(find(key.id)).toBe(key.id)
    for (const text of [
      key.prefix,
      "",
      "k",
      "key_",
      key.hash,
      key.prefix.slice(0, 8),
      `${token}x`,
      "__proto__",
    ])
      expect(() => find(text)).toThrow(refused("not_found", { resource: "key" }))
    platform.directory.applyKey({ ...twin, revokedAtMs: 1 })
    expect(find(key.prefix)).toBe(key.id)
    await platform.identity.revokeKey(platform.owner, key.id)
    for (const text of [token, key.id, key.prefix])
      expect(() => find(text)).toThrow(refused("not_found", { resource: "key" }))
  })

  it("are found by nobody who may not revoke them, and no refusal repeats a whole key", async () => {
    const [ann, bob] = [await platform.person("ann"), await platform.person("bob")]
    const { key, token } = await platform.keyOf(ann.userId)
    expect(platform.identity.findKey(ann, token).id).toBe(key.id)
    for (const text of [token, key.id, key.prefix])
      expect(() => platform.identity.findKey(bob, text)).toThrow(refused("not_found"))
    try {
      platform.identity.findKey(bob, token)
    } catch (error) {
      expect(JSON.stringify([String(error), error])).not.toContain(token)
    }
  })

  it("of the role Viewer without a workspace, made by a server Owner, read everything and change nothing", async () => {
    await platform.workspace("team")
    const { token } = await platform.keyOf(platform.owner.userId, { role: "viewer" })
    const viewer = platform.principalOf(token)
    expect([viewer.serverRole, viewer.workspaces(), viewer.roleIn("team")]).toEqual([
      "viewer",
      null,
      "viewer",
    ])
    for (const workspaceId of [null, "default", "team"])
      for (const operation of operations) {
        const target = { workspaceId, ownerId: "usr_other" }
        const isRead = /\.(list|get|logs|read|estimate|waittime|wait-time)$/.test(operation)
        const may = isAllowed(viewer, operation, target)
        const row = rights[operation].serverViewer === "all"
        expect([operation, may]).toEqual([
          operation,
          row || (workspaceId !== null && rights[operation].viewer === "all"),
        ])
        if (may) expect([operation, isRead]).toEqual([operation, true])
      }
    await expect(platform.keyOf(viewer.userId)).resolves.toBeDefined()
    await expect(platform.identity.createKey(viewer, newKey())).rejects.toThrow(refused("forbidden"))
    await expect(platform.identity.createUser(viewer, newUser("eve"))).rejects.toThrow(refused("forbidden"))
  })

  it("of the role Owner without a workspace are as good as the server Owner who made them", async () => {
    await platform.workspace("team")
    const { token } = await platform.keyOf(platform.owner.userId, { role: "owner" })
    const other = platform.principalOf(token)
    expect([other.serverRole, other.workspaces(), other.roleIn("team")]).toEqual(["owner", null, "owner"])
    await platform.keyOf(other.userId, { role: "editor", workspaceId: "team" })
    const { key } = await platform.identity.createKey(other, newKey({ role: "viewer", workspaceId: "team" }))
    await platform.identity.revokeKey(other, platform.identity.findKey(other, key.prefix).id)
  })

  it("are at most 1,000 live ones a user; revoked ones do not count", async () => {
    const key = platform.directory.keys()[0] as ApiKey
    for (let n = 0; n < 999; n++)
      platform.directory.applyKey({ ...key, id: `key_${n}` as ApiKey["id"], hash: `h${n}` })
    await expect(platform.keyOf(platform.owner.userId)).rejects.toThrow(refused("too_many"))
    platform.directory.applyKey({ ...key, id: "key_5" as ApiKey["id"], hash: "h5", revokedAtMs: 1 })
    await platform.keyOf(platform.owner.userId)
  })
})

it("every change has one event and one audit record by the same person with the request's id", async () => {
  const ann = await platform.person("ann")
  await platform.identity.updateUser(platform.owner, ann.userId, { serverRole: "viewer" })
  // A key of a workspace is the business of its Owner, not of all who may read its events.
  const { key } = await platform.keyOf(ann.userId, { workspaceId: "default" })
  await platform.identity.revokeKey(platform.owner, ann.keyId as ApiKey["id"])
  const { events, audit } = await platform.journal()
  const ofEvents = events.map((event) => [event.subject.id, event.actor.id, event.atMs])
  const ofAudit = audit.map((record) => [record.subject.id, record.actor.id, record.atMs]).toReversed()
  expect(ofEvents).toEqual(ofAudit)
  expect(audit.slice(0, 3).map((record) => [record.operation, record.workspace])).toEqual([
    ["key.revoke", null],
    ["key.create", "default"],
    ["user.update", null],
  ])
  expect(audit[1]?.subject.id).toBe(key.id)
  expect(audit[0]?.actor).toMatchObject({ name: "owner", address: "127.0.0.1", requestId: "req-1" })
  expect(events.every((event) => event.subject.kind === "workspace" || event.workspace === null)).toBe(true)
})
