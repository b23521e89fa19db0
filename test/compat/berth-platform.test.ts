import { describe, expect, it } from "vitest"
import { server, editor, stranger, expectOk, expectError, useBerth } from "./berth-calls.ts"

useBerth()

describe("the server", () => {
  it("says who the caller is and what it may do", async () => {
    const { json: owner } = await expectOk("me", "/berth/v1/me")
    expect(owner.serverRole).toBe("owner")
    expect(owner.operations).toContain("server.stop")
    expect(owner.workspaces.map((w: { id: string }) => w.id)).toEqual(["default", "team"])
    const { json: ed } = await expectOk("me", "/berth/v1/me", { token: editor })
    expect(ed.serverRole).toBeNull()
    expect(ed.operations).not.toContain("server.stop")
    expect(ed.workspaces.find((w: { id: string }) => w.id === "team").role).toBe("editor")
  })

  it("shows its state with warnings", async () => {
    const { json } = await expectOk("status", "/berth/v1/status")
    expect(json).toMatchObject({ version: "0.0.0-test", ready: true, noAuth: false, warnings: ["Not root."] })
    expect(json.counts).toMatchObject({
      nodes: 2,
      healthyNodes: 2,
      gpus: 16,
      workspaces: 2,
      streamsMost: 256,
    })
    expect(json.clusters[0]).toMatchObject({ id: "local", driver: "fake", nodes: 2 })
  })

  it("counts an application once, however many replicas it has", async () => {
    const kind = { groupVersionKind: { kind: "Deployment", version: "v1" } }
    const resource = { replica: 3, cpu: "1", memory: "1Gi", ephemeralStorage: "1Gi" }
    const id = await server.submit({ ...kind, resource })
    await server.clock.advance(5000)
    const { json } = await expectOk("status", "/berth/v1/status")
    expect(json.counts).toMatchObject({ workloadsRunning: 1, workloadsQueued: 0 })
    await server.call("DELETE", `/api/v1/workloads/${id}`)
    await server.clock.advance(60_000)
    const after = await expectOk("status", "/berth/v1/status")
    expect(after.json.counts.workloadsRunning).toBe(0)
  })

  it("stops for an owner only, and says how many pods stay", async () => {
    await expectError("POST", "/berth/v1/server/stop", 403, { token: editor, json: { pods: true } })
    expect(server.stops).toEqual([])
    const { json } = await expectOk("stopServer", "/berth/v1/server/stop", { json: { pods: true } })
    expect(json).toEqual({ podsLeft: 3 })
    await expectOk("stopServer", "/berth/v1/server/stop")
    expect(server.stops).toEqual([{ pods: true }, { pods: false }])
  })

  it("gives metrics to who may read them, with the workspace's queue", async () => {
    const { status, text } = await server.call("GET", "/metrics")
    expect(status).toBe(200)
    expect(text).toContain(
      'berth_http_request_duration_seconds_count{family="berth",operation="me.get",status="200"}',
    )
    await expectError("GET", "/metrics", 401, { token: "" })
    await expectError("GET", "/metrics", 403, { token: stranger })
  })

  it("answers the probes without a token", async () => {
    for (const path of ["/healthz", "/readyz"]) {
      const answer = await server.call("GET", path, { token: "" })
      expect([answer.status, answer.json.status]).toEqual([200, "ok"])
      expect((await server.call("HEAD", path, { token: "" })).status).toBe(200)
    }
  })
})

describe("clusters and nodes", () => {
  it("lists them in pages by name", async () => {
    await expectOk("listClusters", "/berth/v1/clusters")
    const first = await expectOk("listNodes", "/berth/v1/nodes?limit=1")
    expect(first.json.items.map((n: { name: string }) => n.name)).toEqual(["node-a"])
    const second = await expectOk("listNodes", `/berth/v1/nodes?limit=1&cursor=${first.json.nextCursor}`)
    expect(second.json.items.map((n: { name: string }) => n.name)).toEqual(["node-b"])
    expect(second.json.nextCursor).toBeNull()
  })

  it("cordons, uncordons and drains a node, for an owner only", async () => {
    const path = "/berth/v1/nodes/node-b"
    await expectError("POST", `${path}/cordon`, 403, { token: editor })
    expect((await expectOk("cordonNode", `${path}/cordon`)).json).toMatchObject({ cordoned: true })
    expect((await expectOk("uncordonNode", `${path}/uncordon?cluster=local`)).json).toMatchObject({
      cordoned: false,
    })
    expect((await expectOk("drainNode", `${path}/drain`)).json).toMatchObject({ cordoned: true })
    await expectOk("uncordonNode", `${path}/uncordon`)
    await expectError("POST", "/berth/v1/nodes/nobody/cordon", 404)
    await expectError("GET", `${path}?cluster=elsewhere`, 404)
  })

  it("assigns a node to a workspace, which strangers do not see", async () => {
    const path = "/berth/v1/nodes/node-b/workspace"
    const assigned = await expectOk("assignNode", path, { json: { workspaceId: "team" } })
    expect(assigned.json.workspaceId).toBe("team")
    const seen = await expectOk("getNode", "/berth/v1/nodes/node-b", { token: editor })
    expect(seen.json.workspaceId).toBe("team")
    const hidden = await expectOk("getNode", "/berth/v1/nodes/node-b", { token: stranger })
    expect(hidden.json.workspaceId).toBeNull()
    await expectError("PUT", path, 404, { json: { workspaceId: "nowhere" } })
    expect((await expectOk("unassignNode", path)).json.workspaceId).toBeNull()
  })
})

describe("workspaces and members", () => {
  it("makes, changes and deletes one", async () => {
    const made = await expectOk("createWorkspace", "/berth/v1/workspaces", {
      json: { id: "short-lived", policy: { queuePolicy: "balance", stopGraceSeconds: 5 } },
    })
    expect(made.json).toMatchObject({
      role: "owner",
      policy: { queuePolicy: "balance", stopGraceSeconds: 5 },
    })
    expect(made.json.key).toMatch(/^ws_[0-9A-Z]{26}$/)
    await expectError("POST", "/berth/v1/workspaces", 409, { json: { id: "short-lived" } })
    const changed = await expectOk("updateWorkspace", "/berth/v1/workspaces/short-lived", {
      json: { description: "x", policy: { enablePreempt: true } },
    })
    expect(changed.json).toMatchObject({
      description: "x",
      policy: { queuePolicy: "balance", enablePreempt: true },
    })
    const newest = await expectOk("listWorkspaces", "/berth/v1/workspaces?limit=1")
    expect(newest.json.items[0].id).toBe("short-lived")
    await expectOk("deleteWorkspace", "/berth/v1/workspaces/short-lived")
    await server.until(async () => {
      const { status } = await server.call("GET", "/berth/v1/workspaces/short-lived")
      return status === 404 ? true : undefined
    })
    const rest = await expectOk("listWorkspaces", "/berth/v1/workspaces")
    expect(rest.json.items.map((w: { id: string }) => w.id)).toEqual(["team", "default"])
  })

  it("changes every member of a policy", async () => {
    await expectOk("createWorkspace", "/berth/v1/workspaces", { json: { id: "policy" } })
    const policy = {
      queuePolicy: "balance",
      enablePreempt: true,
      stopGraceSeconds: 7,
      openToAll: true,
      scopes: ["Train"],
      publishServices: true,
      mostGpuRequests: null,
      autoGpuRequest: true,
      joinGpuRequests: false,
    }
    const changed = await expectOk("updateWorkspace", "/berth/v1/workspaces/policy", { json: { policy } })
    expect(changed.json.policy).toEqual(policy)
    const seen = await expectOk("getWorkspace", "/berth/v1/workspaces/policy")
    expect(seen.json.policy).toEqual(policy)
    await expectOk("deleteWorkspace", "/berth/v1/workspaces/policy")
  })

  it("gives a namespace to one workspace", async () => {
    const contact = { name: "Ada", email: "ada@example.com" }
    const made = await expectOk("createWorkspace", "/berth/v1/workspaces", {
      json: { id: "spaces", namespaces: ["one", "two"], contact },
    })
    expect(made.json).toMatchObject({ namespaces: ["one", "two"], contact })
    const json = { id: "rival", namespaces: ["two"] }
    const refused = await expectError("POST", "/berth/v1/workspaces", 409, { json })
    expect(refused.json.message).toBe("Namespace two belongs to workspace spaces.")
    await expectError("POST", "/berth/v1/workspaces", 400, { json: { id: "x", namespaces: ["Not"] } })
    await expectError("POST", "/berth/v1/workspaces", 400, { json: { id: "x", namespaces: ["default"] } })
    const changed = await expectOk("updateWorkspace", "/berth/v1/workspaces/spaces", {
      json: { namespaces: [], contact: { name: "Grace" } },
    })
    expect(changed.json).toMatchObject({ namespaces: [], contact: { ...contact, name: "Grace" } })
    await expectOk("deleteWorkspace", "/berth/v1/workspaces/spaces")
  })

  it("lets nobody but a server owner publish services", async () => {
    const lead = await server.member("lead", { team: "owner" })
    const json = { policy: { publishServices: true } }
    await expectError("PATCH", "/berth/v1/workspaces/team", 403, { token: lead, json })
    const { json: team } = await expectOk("getWorkspace", "/berth/v1/workspaces/team", { token: lead })
    expect(team.policy.publishServices).toBe(false)
  })

  it("keeps a workspace from who has no role in it", async () => {
    await expectError("GET", "/berth/v1/workspaces/team", 404, { token: stranger })
    await expectError("GET", "/berth/v1/workspaces/team/members", 404, { token: stranger })
    await expectError("PATCH", "/berth/v1/workspaces/team", 404, { token: stranger, json: {} })
    const unknown = await expectError("GET", "/berth/v1/workspaces/nowhere", 404, { token: stranger })
    const foreign = await expectError("GET", "/berth/v1/workspaces/team", 404, { token: stranger })
    expect(foreign.json.message.replace("team", "nowhere")).toBe(unknown.json.message)
    const list = await expectOk("listWorkspaces", "/berth/v1/workspaces", { token: stranger })
    expect(list.json.items.map((w: { id: string }) => w.id)).toEqual(["default"])
  })

  it("gives and takes roles by name or id", async () => {
    const path = "/berth/v1/workspaces/team/members"
    const { json: member } = await expectOk("setMember", `${path}/stranger`, { json: { role: "viewer" } })
    await expectOk("getWorkspace", "/berth/v1/workspaces/team", { token: stranger })
    const { json: list } = await expectOk("listMembers", path)
    expect(list.items.map((m: { userName: string }) => m.userName)).toContain("stranger")
    await expectOk("removeMember", `${path}/${member.userId}`)
    await expectError("GET", "/berth/v1/workspaces/team", 404, { token: stranger })
    await expectError("PUT", `${path}/nobody`, 404, { json: { role: "viewer" } })
    // An editor learns nothing about which users there are.
    const known = await expectError("PUT", `${path}/stranger`, 403, {
      token: editor,
      json: { role: "viewer" },
    })
    const unknown = await expectError("PUT", `${path}/nobody`, 403, {
      token: editor,
      json: { role: "viewer" },
    })
    expect(known.json.message).toBe(unknown.json.message)
  })
})

describe("users and keys", () => {
  it("makes a user, changes it, freezes it", async () => {
    const { json: user } = await expectOk("createUser", "/berth/v1/users", {
      json: { name: "new", email: "a@b.c" },
    })
    await expectError("POST", "/berth/v1/users", 409, { json: { name: "new" } })
    const { json: list } = await expectOk("listUsers", "/berth/v1/users?limit=1")
    expect(list.items[0].id).toBe(user.id)
    const { json: frozen } = await expectOk("updateUser", "/berth/v1/users/new", {
      json: { frozen: true, email: null },
    })
    expect(frozen).toMatchObject({ frozen: true, email: null })
    await expectError("PATCH", "/berth/v1/users/nobody", 404, { json: {} })
    await expectError("PATCH", "/berth/v1/users/nobody", 403, { json: {}, token: editor })
  })

  it("gives passwords: owners to anybody, everybody to themselves with the present one", async () => {
    const at = "/berth/v1/users/new/password"
    await expectOk("setPassword", at, { json: { password: "correct horse" } })
    const { text } = await expectOk("setPassword", at, { json: { password: null } })
    expect(text).toBe("")
    await expectError("PUT", at, 403, { json: { password: "correct horse" }, token: editor })
    await expectError("PUT", "/berth/v1/users/nobody/password", 403, {
      json: { password: null },
      token: editor,
    })
    await expectError("PUT", "/berth/v1/users/nobody/password", 404, { json: { password: null } })
    for (const password of ["short", "x".repeat(1025), 7])
      await expectError("PUT", at, 400, { json: { password } })
    await expectError("PUT", at, 400, { json: {} })
  })

  it("shows a token once and nowhere else, and the key works until it is revoked", async () => {
    const { json } = await expectOk("createKey", "/berth/v1/keys", {
      json: { name: "ci", expiresInSeconds: 60 },
    })
    expect(json.token).toMatch(/^berth_/)
    expect(JSON.stringify(json.key)).not.toContain(json.token)
    await expectOk("me", "/berth/v1/me", { token: json.token })
    const bare = await server.call("GET", "/berth/v1/me", {
      token: "",
      headers: { authorization: json.token },
    })
    expect(bare.status).toBe(200)
    for (const path of [
      "/berth/v1/keys",
      "/berth/v1/events?limit=1000",
      "/berth/v1/audit?limit=1000",
      "/metrics",
    ]) {
      const { text, status } = await server.call("GET", path)
      expect(status).toBe(200)
      expect(text).not.toContain(json.token)
      expect(text).not.toMatch(/[0-9a-f]{64}/)
    }
    await expectOk("revokeKey", `/berth/v1/keys/${json.key.id}`)
    await expectError("GET", "/berth/v1/me", 401, { token: json.token })
    await expectError("DELETE", "/berth/v1/keys/key_unknown", 404)
  })

  it("refuses an expired key", async () => {
    const { json } = await expectOk("createKey", "/berth/v1/keys", {
      json: { name: "brief", expiresInSeconds: 1 },
    })
    await server.clock.advance(1001)
    const answer = await expectError("GET", "/berth/v1/me", 401, { token: json.token })
    expect(answer.headers.get("www-authenticate")).toBe("Bearer")
  })

  it("refuses keys with contradictory, past or malformed ends, and for users one may not name", async () => {
    const post = (json: unknown, status: number, token = server.token) =>
      expectError("POST", "/berth/v1/keys", status, { json, token })
    await post({ name: "k", expiresAt: "2040-01-01T00:00:00.000Z", expiresInSeconds: 5 }, 400)
    await post({ name: "k", expiresAt: "2001-01-01T00:00:00.000Z" }, 400)
    await post({ name: "k", expiresAt: "tomorrow" }, 400)
    await post({ name: "k", user: "owner" }, 403, editor)
    await post({ name: "k", user: "nobody" }, 403, editor)
    await expectOk("createKey", "/berth/v1/keys", { json: { name: "own", user: "ed" }, token: editor })
    const { json } = await expectOk("listKeys", "/berth/v1/keys", { token: editor })
    expect(new Set(json.items.map((k: { userName: string }) => k.userName))).toEqual(new Set(["ed"]))
  })
})
