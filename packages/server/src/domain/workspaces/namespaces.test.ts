import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Principal } from "../identity/index.ts"
import type { Workspace } from "./index.ts"
import { openPlatform, type Platform } from "./platform-suite.ts"

let platform: Platform
beforeEach(async () => {
  platform = await openPlatform()
})
afterEach(() => platform.close())

const refused = (code: string, facts: object = {}) => expect.objectContaining({ code, ...facts })
const nobody = { name: "", email: "" }

function make(id: string, namespaces: readonly string[] = [], who: Principal = platform.owner) {
  const wanted = { id, description: "", clusters: null, policy: {}, namespaces }
  return platform.workspaces.create(who, wanted)
}

const claim = (id: string, namespaces: readonly string[], who: Principal = platform.owner) =>
  platform.workspaces.update(who, id, { namespaces })

const taken = (namespace: string, holder: string) =>
  refused("conflict", { detail: "namespace_taken", facts: { namespace, holder } })

describe("namespaces of a workspace", () => {
  it("are those it asks for, in their order, and always the one of its own name", async () => {
    const made = await make("team", ["zeta", "alpha"])
    expect(made.namespaces).toEqual(["zeta", "alpha"])
    expect((await make("quiet")).namespaces).toEqual([])
    const { workspaces } = platform
    const owners = ["zeta", "alpha", "team", "quiet", "nowhere"].map((name) =>
      workspaces.namespaceOwner(name),
    )
    expect(owners).toEqual(["team", "team", "team", "quiet", undefined])
    await platform.reload()
    expect(workspaces.find("team")).toEqual(made)
    expect(workspaces.namespaceOwner("alpha")).toBe("team")
  })

  it("may list the one of its own name", async () => {
    expect((await make("team", ["team", "other"])).namespaces).toEqual(["team", "other"])
    expect((await claim("default", ["default"])).namespaces).toEqual(["default"])
  })

  it("of the built-in workspace are default and ray-system", () => {
    const owners = ["default", "ray-system"].map((name) => platform.workspaces.namespaceOwner(name))
    expect(owners).toEqual(["default", "default"])
  })

  it.each([
    [["ok", "Not"], 1],
    [["a_b"], 0],
    [["a".repeat(64)], 0],
    [[""], 0],
    [["a", "b", "a"], 2],
    [["default"], 0],
    [["ray-system"], 0],
    [["kube-system"], 0],
    [["kube-anything"], 0],
  ])("are refused where one is no good: %j", async (namespaces, at) => {
    const issues = [expect.objectContaining({ path: ["namespaces", at] })]
    await expect(make("team", namespaces)).rejects.toThrow(refused("invalid", { issues }))
    await make("team")
    await expect(claim("team", namespaces)).rejects.toThrow(refused("invalid", { issues }))
    expect(platform.workspaces.find("team")?.version).toBe(1)
  })

  it("are at most 64", async () => {
    const many = Array.from({ length: 65 }, (_, index) => `n-${index}`)
    await expect(make("team", many)).rejects.toThrow(refused("invalid"))
    expect((await make("team", many.slice(1))).namespaces).toHaveLength(64)
  })

  it("belong to one workspace each, on the whole server", async () => {
    await make("team", ["shared"])
    const before = await platform.events()
    await expect(make("rival", ["mine", "shared"])).rejects.toThrow(taken("shared", "team"))
    await expect(make("rival", ["team"])).rejects.toThrow(taken("team", "team"))
    await expect(make("shared")).rejects.toThrow(taken("shared", "team"))
    await expect(claim("default", ["shared"])).rejects.toThrow(taken("shared", "team"))
    expect(await platform.events()).toEqual(before)
    expect(platform.workspaces.namespaceOwner("mine")).toBeUndefined()
  })

  it("go to one of two that claim the same in the same instant", async () => {
    const [a, b] = await Promise.allSettled([make("team-a", ["prize"]), make("team-b", ["prize"])])
    expect([a?.status, b?.status]).toEqual(["fulfilled", "rejected"])
    expect(b).toMatchObject({ reason: { detail: "namespace_taken" } })
    expect(platform.workspaces.namespaceOwner("prize")).toBe("team-a")
  })

  it("are free again when given up, and when their workspace is gone, not while it is being deleted", async () => {
    await make("team", ["one", "two"])
    expect((await claim("team", ["two", "three"])).namespaces).toEqual(["two", "three"])
    await make("rival", ["one"])
    platform.live.set("team", 1)
    await platform.workspaces.remove(platform.owner, "team", { force: true })
    await expect(claim("rival", ["one", "two"])).rejects.toThrow(taken("two", "team"))
    platform.live.set("team", 0)
    await platform.workspaces.finishDeletion("team")
    expect(platform.workspaces.namespaceOwner("two")).toBeUndefined()
    expect((await claim("rival", ["one", "two", "team"])).namespaces).toHaveLength(3)
    expect(platform.workspaces.namespaceOwner("team")).toBe("rival")
  })

  it("are added by server Owners; the workspace's own may give them up", async () => {
    await make("team", ["one", "two"])
    const boss = await platform.person("boss")
    await platform.workspaces.setMember(platform.owner, "team", boss.userId, "owner")
    await expect(claim("team", ["one", "two", "three"], boss)).rejects.toThrow(refused("forbidden"))
    expect((await claim("team", ["two"], boss)).namespaces).toEqual(["two"])
  })

  it("are told of in the journal, from what to what", async () => {
    await make("team", ["one"])
    await claim("team", ["one", "two"])
    const { events, audit } = await platform.journal()
    expect(events.slice(-2).map((event) => event.data["namespaces"])).toEqual([
      ["one"],
      { from: ["one"], to: ["one", "two"] },
    ])
    expect(audit[0]).toMatchObject({ operation: "workspace.update", outcome: "ok" })
  })
})

describe("the contact of a workspace", () => {
  it("is free text that a change touches member by member", async () => {
    const contact: Workspace["contact"] = { name: "John Doe", email: "john.doe@example.com" }
    const wanted = { id: "team", description: "", clusters: null, policy: {}, contact }
    expect((await platform.workspaces.create(platform.owner, wanted)).contact).toEqual(contact)
    const after = await platform.workspaces.update(platform.owner, "team", { contact: { name: "Jane" } })
    expect(after.contact).toEqual({ name: "Jane", email: "john.doe@example.com" })
    await platform.reload()
    expect(platform.workspaces.find("team")?.contact).toEqual(after.contact)
    expect((await make("quiet")).contact).toEqual(nobody)
  })

  it.each([{ name: "a\u0000" }, { email: "x".repeat(257) }])("refuses %j", async (contact) => {
    await make("team")
    const issues = [expect.objectContaining({ path: ["contact", Object.keys(contact)[0]] })]
    await expect(platform.workspaces.update(platform.owner, "team", { contact })).rejects.toThrow(
      refused("invalid", { issues }),
    )
  })
})
