import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { createDirectory, type LiveDirectory } from "./directory.ts"
import { hashToken, newToken, tokenPrefix } from "./token.ts"
import type { ApiKey, KeyId, Principal, Role, ServerRole, User, UserId } from "./types.ts"

const from = { address: "10.0.0.1", requestId: "req-7" }
const ann = "usr_ann" as UserId
const startMs = createVirtualClock().nowMs()

function setUp(workspaces: readonly string[] = ["default", "team"], open: readonly string[] = ["default"]) {
  const clock = createVirtualClock()
  const there = new Set(workspaces)
  const opened = new Set(open)
  const directory = createDirectory({
    clock,
    allWorkspaces: () => there,
    openWorkspaces: () => opened,
    isWorkspace: (id) => there.has(id),
    isOpenWorkspace: (id) => opened.has(id),
  })
  return { clock, directory, there, opened }
}

function aUser(user: Partial<User> = {}): User {
  const plain = { email: null, serverRole: null, frozen: false, createdAtMs: 0, version: 1 }
  return { id: ann, name: "ann", ...plain, ...user }
}

function token(name: string): string {
  return `berth_${name.padEnd(43, "_")}`
}

function aKey(key: Partial<ApiKey> = {}): ApiKey {
  return {
    id: "key_1" as KeyId,
    name: "laptop",
    description: "",
    userId: ann,
    prefix: "berth_one___",
    hash: hashToken(token("one")),
    role: null,
    generation: 1,
    workspaceId: null,
    expiresAtMs: null,
    revokedAtMs: null,
    createdAtMs: 0,
    lastUsedAtMs: null,
    isSession: false,
    ...key,
  }
}

function principal(directory: LiveDirectory, secret = token("one")): Principal {
  const found = directory.authenticate(secret, from)
  if (!found) throw new Error("The token does not hold.")
  return found
}

describe("tokens", () => {
  it("are berth_ and 43 characters that carry all 256 bits", () => {
    const made = newToken(() => new Uint8Array(32).fill(0xff))
    expect(made).toBe(`berth_${"_".repeat(42)}8`)
    expect(tokenPrefix(made)).toHaveLength(12)
  })

  it("are kept as their SHA-256 in hex", () => {
    expect(hashToken("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  })
})

describe("authentication", () => {
  it("finds user and key, and says from where the call came", () => {
    const { directory } = setUp()
    directory.load([aUser()], [aKey()], [])
    const found = principal(directory)
    expect(found.userId).toBe(ann)
    expect(found.actor).toEqual({ kind: "key", id: ann, name: "ann", keyId: "key_1", ...from })
  })

  it("refuses every other text, however long or strange", () => {
    const { directory } = setUp()
    directory.load([aUser()], [aKey()], [])
    const good = token("one")
    const others = ["", "berth_", `${good}_`, ` ${good}`, `${good}\n`, good.slice(0, -1), good.toUpperCase()]
    for (const text of [...others, token("two"), aKey().hash, "__proto__", "é".repeat(49), "x".repeat(1e6)])
      expect([text.slice(0, 60), directory.authenticate(text, from)]).toEqual([text.slice(0, 60), undefined])
  })

  it("ends at the instant a key expires, not before", async () => {
    const { clock, directory } = setUp()
    directory.load([aUser()], [aKey({ expiresAtMs: startMs + 1_000 })], [])
    await clock.advance(999)
    expect(directory.authenticate(token("one"), from)).toBeDefined()
    await clock.advance(1)
    expect(directory.authenticate(token("one"), from)).toBeUndefined()
  })

  it("ends when the key is revoked, the user frozen, or the user unknown; the other key goes on", () => {
    const { directory } = setUp()
    const other = aKey({ id: "key_2" as KeyId, hash: hashToken(token("two")) })
    directory.load([aUser()], [aKey(), other], [])
    directory.applyKey(aKey({ revokedAtMs: startMs }))
    expect(directory.authenticate(token("one"), from)).toBeUndefined()
    expect(directory.authenticate(token("two"), from)).toBeDefined()
    directory.applyUser(aUser({ frozen: true, version: 2 }))
    expect(() => directory.authenticate(token("two"), from)).toThrow("The user ann is frozen.")
    directory.load([], [other], [])
    expect(directory.authenticate(token("two"), from)).toBeUndefined()
  })

  it("does not let an older row of a user undo a newer one", () => {
    const { directory } = setUp()
    directory.load([aUser({ version: 3, frozen: true })], [aKey()], [])
    directory.applyUser(aUser({ version: 2, frozen: false }))
    expect(() => directory.authenticate(token("one"), from)).toThrow("The user ann is frozen.")
  })
})

describe("a principal that is kept", () => {
  it("loses its rights at once: role, membership, key, expiry, freezing, workspace", async () => {
    const { clock, directory, there } = setUp(["team"], [])
    const reset = () => {
      there.add("team")
      directory.load(
        [aUser({ serverRole: null })],
        [aKey({ expiresAtMs: clock.nowMs() + 60_000 })],
        [{ workspaceId: "team", userId: ann, role: "owner" }],
      )
      return principal(directory)
    }
    const losses: readonly [string, () => void | Promise<void>][] = [
      ["membership", () => directory.applyMembership({ workspaceId: "team", userId: ann, role: null })],
      ["key", () => directory.applyKey(aKey({ revokedAtMs: 1 }))],
      ["freezing", () => directory.applyUser(aUser({ frozen: true, version: 2 }))],
      ["workspace", () => void there.delete("team")],
      ["expiry", () => clock.advance(60_000)],
    ]
    for (const [what, lose] of losses) {
      const kept = reset()
      expect([what, kept.roleIn("team"), kept.workspaces()]).toEqual([what, "owner", ["team"]])
      await lose()
      expect([what, kept.roleIn("team"), kept.workspaces()]).toEqual([what, null, []])
    }
  })

  it("stops being a server Owner when the user is demoted", () => {
    const { directory } = setUp()
    directory.load([aUser({ serverRole: "owner" })], [aKey()], [])
    const kept = principal(directory)
    expect(kept.serverRole).toBe("owner")
    directory.applyUser(aUser({ serverRole: null, version: 2 }))
    expect([kept.serverRole, kept.roleIn("team"), kept.workspaces()]).toEqual([null, null, ["default"]])
  })
})

describe("rights", () => {
  it("make every user an Editor where the workspace is open, also one that is a Viewer there", () => {
    const { directory, opened } = setUp()
    directory.load([aUser()], [aKey()], [{ workspaceId: "default", userId: ann, role: "viewer" }])
    expect(principal(directory).roleIn("default")).toBe("editor")
    opened.delete("default")
    expect(principal(directory).roleIn("default")).toBe("viewer")
  })

  it("name each workspace once and only those that are there", () => {
    const { directory } = setUp(["default", "team", "other"])
    const memberships = ["default", "team", "gone"].map((workspaceId) => ({
      workspaceId,
      userId: ann,
      role: "editor" as const,
    }))
    directory.load([aUser()], [aKey()], memberships)
    expect(principal(directory).workspaces()?.toSorted()).toEqual(["default", "team"])
  })

  const cases: readonly [ServerRole | null, Role | null, string | null, ServerRole | null, string][] = [
    // user, key's role, key's workspace → server role, then roles in default, team, other
    ["owner", null, null, "owner", "owner owner owner"],
    ["owner", "owner", null, "owner", "owner owner owner"],
    ["owner", "editor", null, null, "editor editor editor"],
    ["owner", "viewer", null, "viewer", "viewer viewer viewer"],
    ["owner", null, "team", null, "null owner null"],
    ["owner", "viewer", "team", null, "null viewer null"],
    ["owner", null, "gone", null, "null null null"],
    ["viewer", null, null, "viewer", "editor owner viewer"],
    ["viewer", "editor", null, "viewer", "editor editor viewer"],
    ["viewer", "viewer", null, "viewer", "viewer viewer viewer"],
    ["viewer", "owner", "other", null, "null null viewer"],
    [null, null, null, null, "editor owner null"],
    [null, "owner", null, null, "editor owner null"],
    [null, "viewer", null, null, "viewer viewer null"],
    [null, "owner", "other", null, "null null null"],
    [null, "owner", "default", null, "editor null null"],
  ]
  it.each(cases)(
    "of a %s behind a key (%s, %s) are %s and %s",
    (serverRole, role, workspaceId, server, in3) => {
      const { directory } = setUp(["default", "team", "other"])
      directory.load(
        [aUser({ serverRole })],
        [aKey({ role, workspaceId })],
        [{ workspaceId: "team", userId: ann, role: "owner" }],
      )
      const found = principal(directory)
      expect(found.serverRole).toBe(server)
      expect(["default", "team", "other"].map((id) => String(found.roleIn(id))).join(" ")).toBe(in3)
      const named = found.workspaces()
      const seen = ["default", "team", "other"].filter((id) => found.roleIn(id) !== null)
      expect(named === null ? "all" : named.toSorted()).toEqual(server === null ? seen.toSorted() : "all")
    },
  )

  it("are never more behind a key than without one", () => {
    const role = fc.constantFrom<Role | null>("owner", "editor", "viewer", null)
    const rank = (value: Role | null) => ["viewer", "editor", "owner"].indexOf(value ?? "") + 1
    const place = fc.constantFrom("default", "team", "other", "gone")
    fc.assert(
      fc.property(
        fc.constantFrom<ServerRole | null>("owner", "viewer", null),
        fc.dictionary(place, fc.constantFrom<Role>("owner", "editor", "viewer")),
        role,
        fc.option(place),
        (serverRole, memberships, keyRole, workspaceId) => {
          const { directory } = setUp(["default", "team", "other"])
          const free = aKey({ id: "key_free" as KeyId, hash: hashToken(token("free")) })
          directory.load(
            [aUser({ serverRole })],
            [free, aKey({ role: keyRole, workspaceId })],
            Object.entries(memberships).map(([id, own]) => ({ workspaceId: id, userId: ann, role: own })),
          )
          const [bare, capped] = [principal(directory, token("free")), principal(directory)]
          for (const id of ["default", "team", "other", "gone"]) {
            const got = rank(capped.roleIn(id))
            expect(got).toBeLessThanOrEqual(rank(bare.roleIn(id)))
            if (keyRole !== null) expect(got).toBeLessThanOrEqual(rank(keyRole))
            if (workspaceId !== null && workspaceId !== id) expect(got).toBe(0)
          }
          const serverRank = (value: ServerRole | null) => ["viewer", "owner"].indexOf(value ?? "") + 1
          expect(serverRank(capped.serverRole)).toBeLessThanOrEqual(serverRank(bare.serverRole))
        },
      ),
    )
  })
})

describe("the local owner", () => {
  it("is the user of that name, without a key", () => {
    const { directory } = setUp()
    directory.load([aUser({ name: "local", serverRole: "owner" })], [], [])
    const local = directory.local(from)
    expect([local.serverRole, local.keyId, local.actor.kind]).toEqual(["owner", null, "user"])
  })

  it("is nobody when there is no such user or it is frozen", () => {
    const { directory } = setUp()
    expect(() => directory.local(from)).toThrow(expect.objectContaining({ code: "unauthenticated" }))
    directory.applyUser(aUser({ name: "local", serverRole: "owner", frozen: true }))
    expect(() => directory.local(from)).toThrow(expect.objectContaining({ code: "unauthenticated" }))
  })
})

describe("last uses", () => {
  it("are handed over once a key with the latest instant, and shown at once", async () => {
    const { clock, directory } = setUp()
    directory.load([aUser()], [aKey({ lastUsedAtMs: 5 })], [])
    expect(directory.key("key_1")?.lastUsedAtMs).toBe(5)
    expect(directory.drainTouches()).toEqual([])
    principal(directory)
    await clock.advance(10)
    principal(directory)
    const used = { id: "key_1", atMs: startMs + 10 }
    expect(directory.key("key_1")?.lastUsedAtMs).toBe(used.atMs)
    expect(directory.drainTouches()).toEqual([used])
    expect(directory.drainTouches()).toEqual([])
  })

  it("do not go back when a row with an older one comes in", () => {
    const { directory } = setUp()
    directory.load([aUser()], [aKey()], [])
    principal(directory)
    directory.applyKey(aKey({ lastUsedAtMs: 5 }))
    expect(directory.key("key_1")?.lastUsedAtMs).toBe(startMs)
  })

  it("do not count for a token that does not hold", () => {
    const { directory } = setUp()
    directory.load([aUser()], [aKey({ expiresAtMs: startMs })], [])
    directory.authenticate(token("one"), from)
    expect(directory.drainTouches()).toEqual([])
  })
})
