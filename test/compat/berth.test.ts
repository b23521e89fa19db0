import { berthRoutes, type BerthRoute } from "@berth/contract/berth"
import { Check, Errors } from "typebox/value"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBerthServer, type Answer, type BerthServer, type CallOptions } from "./berth-server.ts"

let server: BerthServer
let editor: string
let stranger: string

beforeAll(async () => {
  server = await startBerthServer()
  await expectOk("createWorkspace", "/berth/v1/workspaces", { json: { id: "team", description: "Ours" } })
  editor = await server.member("ed", { team: "editor" })
  stranger = await server.member("stranger", {})
})
afterAll(() => server.close())

/** Calls a route of the table; status and body must be what it promises. */
async function expectOk(
  name: keyof typeof berthRoutes,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const route: BerthRoute = berthRoutes[name]
  const answer = await server.call(route.method, path, options)
  expect(answer.text === "" ? answer.status : [answer.status, answer.json]).toEqual(
    answer.text === "" ? route.status : [route.status, answer.json],
  )
  if (route.answer && !Check(route.answer, answer.json))
    throw new Error(`${name}: ${JSON.stringify(Errors(route.answer, answer.json))} in ${answer.text}`)
  return answer
}

async function expectError(
  method: string,
  path: string,
  status: number,
  options: CallOptions = {},
): Promise<Answer> {
  const answer = await server.call(method, path, options)
  expect([answer.status, answer.json]).toEqual([status, answer.json])
  expect(Object.keys(answer.json)).toEqual(["code", "message", "details", "requestId"])
  expect(answer.json.requestId).toBe(answer.headers.get("x-request-id"))
  expect(answer.json.message).toMatch(/^[A-Z].{5,}/)
  return answer
}

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

describe("the queue", () => {
  it("lists what waits with reasons, explains it, pauses and resumes", async () => {
    const paused = await expectOk("pauseQueue", "/berth/v1/queue/pause", { json: { workspace: "default" } })
    expect(paused.json).toEqual({ workspace: "default", paused: true })
    const first = await server.submit()
    await server.clock.advance(1)
    const second = await server.submit()
    await server.clock.advance(100)
    const { json } = await expectOk("listQueue", "/berth/v1/queue?workspace=default&limit=1")
    expect(json.items[0]).toMatchObject({ workloadId: first, position: 1, size: { gpus: 8, cpuMilli: 4000 } })
    expect(json.items[0].sets).toMatchObject([{ pods: 1, size: { gpus: 8, cpuMilli: 4000 } }])
    expect(json.items[0].reasons[0].code).toBe("queue_paused")
    const rest = await expectOk("listQueue", `/berth/v1/queue?limit=1&cursor=${json.nextCursor}`)
    expect(rest.json.items[0]).toMatchObject({ workloadId: second, position: 2 })
    const why = await expectOk("explainWorkload", `/berth/v1/explain/workload/${second}`)
    expect(why.json).toMatchObject({
      id: second,
      state: "Pending",
      position: 2,
      ahead: { ids: [first], count: 1 },
    })
    expect(why.json.reasons[0].sentence).toMatch(/paused/i)
    expect(why.json.moves.at(-1).type).toBe("workload.created")
    for (const id of [first, second]) await server.call("DELETE", `/api/v1/workloads/${id}`)
    await expectOk("resumeQueue", "/berth/v1/queue/resume", { json: { workspace: "default" } })
    await expectOk("resumeQueue", "/berth/v1/queue/resume", { json: {} })
    await expectError("POST", "/berth/v1/queue/pause", 403, { token: editor, json: {} })
    await expectError("GET", "/berth/v1/queue?workspace=team", 404, { token: stranger })
    await expectError("GET", "/berth/v1/explain/workload/nothing-abcde", 404)
    await expectError("GET", "/berth/v1/explain/node/node-a", 404)
  })

  it("explains a schedule: what comes next, what was made last, and that by whom", async () => {
    const id = await server.submit({ cronJobs: [{ schedule: "* * * * *", action: "start" }] })
    const before = await expectOk("explainWorkload", `/berth/v1/explain/workload/${id}`)
    expect(before.json).toMatchObject({
      state: "Pending",
      position: 0,
      reasons: [{ code: "waiting_for_time", until: before.json.schedule.next }],
      schedule: { last: null, workload: null, phase: null },
      madeBy: null,
    })
    await server.clock.advance(60_000)
    const after = await expectOk("explainWorkload", `/berth/v1/explain/workload/${id}`)
    const { workload } = after.json.schedule
    expect(after.json.schedule).toMatchObject({ last: before.json.schedule.next, phase: expect.any(String) })
    expect(after.json.moves[0]).toMatchObject({ type: "schedule.fired", data: { workload } })
    const made = await expectOk("explainWorkload", `/berth/v1/explain/workload/${workload}`)
    expect(made.json).toMatchObject({ madeBy: id, schedule: null })
    await server.call("DELETE", `/api/v1/workloads/${id}`)
    await server.call("DELETE", `/api/v1/workloads/${workload}`)
  })

  it("shows who holds a node, and hides who the reader may not know", async () => {
    await server.call("PUT", "/berth/v1/nodes/node-b/workspace", { json: { workspaceId: "team" } })
    const id = await server.submit({ workspaceId: "team" })
    const held = await server.until(async () => {
      const { json } = await server.call("GET", "/berth/v1/nodes/node-b")
      return json.holders.length > 0 ? json : undefined
    })
    expect(held.holders[0]).toMatchObject({ workloadId: id, pods: 1, gpuIndexes: [0, 1, 2, 3, 4, 5, 6, 7] })
    expect(held.free.gpus).toBe(0)
    const hidden = await expectOk("getNode", "/berth/v1/nodes/node-b", { token: stranger })
    expect([hidden.json.holders, hidden.json.holdersHidden]).toEqual([[], 1])
  })
})

describe("events and audit", () => {
  it("pages through events in the order of their commits, each once", async () => {
    const seen: string[] = []
    let cursor = ""
    for (let page = 0; page < 200; page++) {
      const { json } = await expectOk("events", `/berth/v1/events?limit=3${cursor}`)
      seen.push(...json.items.map((event: { id: string }) => event.id))
      if (json.nextCursor === null) break
      cursor = `&cursor=${json.nextCursor}`
    }
    const { json: all } = await expectOk("events", "/berth/v1/events?limit=1000")
    expect(seen).toEqual(all.items.map((event: { id: string }) => event.id))
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.length).toBeGreaterThan(5)
  })

  it("goes back from the newest, in pages, within the reader's rights", async () => {
    const { json: all } = await expectOk("events", "/berth/v1/events?limit=1000")
    const ids = all.items.map((event: { id: string }) => event.id)
    const { json: last } = await expectOk("events", "/berth/v1/events?backwards=true&limit=3")
    expect(last.items.map((event: { id: string }) => event.id)).toEqual(ids.slice(-3).toReversed())
    const next = `/berth/v1/events?backwards=true&limit=1000&cursor=${last.nextCursor}`
    const { json: rest } = await expectOk("events", next)
    expect(rest.items.map((event: { id: string }) => event.id)).toEqual(ids.slice(0, -3).toReversed())
    expect(rest.nextCursor).toBeNull()
    const { json: others } = await expectOk("events", "/berth/v1/events?backwards=true", { token: stranger })
    for (const event of others.items) expect(event.workspace).toBe("default")
    await expectError("GET", "/berth/v1/events?backwards=true&workspace=team", 404, { token: stranger })
    await expectError("GET", "/berth/v1/events?backwards=maybe", 400)
    await expectError("GET", "/berth/v1/events?backwards=true&cursor=never-was", 400)
  })

  it("filters by workspace, subject and type, and by the reader's rights", async () => {
    const { json } = await expectOk(
      "events",
      "/berth/v1/events?workspace=team&type=workspace.created,member.set",
    )
    expect(json.items.length).toBeGreaterThan(0)
    for (const event of json.items) expect(event.workspace).toBe("team")
    const about = await expectOk("events", "/berth/v1/events?subject=workspace/team")
    for (const event of about.json.items) expect(event.subject).toBe("workspace/team")
    const others = await expectOk("events", "/berth/v1/events?limit=1000", { token: stranger })
    for (const event of others.json.items) expect(event.workspace).toBe("default")
    await expectError("GET", "/berth/v1/events?workspace=team", 404, { token: stranger })
    await expectError("GET", "/berth/v1/events?subject=workspace", 400)
    await expectError("GET", "/berth/v1/events?subject=planet/mars", 400)
    await expectError("GET", "/berth/v1/events?cursor=never-was", 400)
  })

  it("counts what was refused, by the minute and at the end, and keeps nothing that was sent", async () => {
    const own = await startBerthServer()
    try {
      const member = await own.member("ed", { default: "editor" })
      for (let n = 0; n < 3; n++)
        await own.call("POST", "/berth/v1/workspaces", { token: member, json: { id: "stolen-secret" } })
      for (let n = 0; n < 2; n++) await own.call("GET", "/berth/v1/me", { token: "berth_guessed-token" })
      await own.call("POST", "/berth/v1/workspaces", { json: { id: "default" } })
      // reads that find nothing and paths that do not exist are nobody's offence
      await own.call("GET", "/berth/v1/workspaces/none")
      await own.call("POST", "/berth/v1/nowhere", { json: {} })
      await own.clock.advance(61_000)
      const refused = () => own.call("GET", "/berth/v1/audit?outcome=refused")
      const { json, text } = await own.until(async () => {
        const answer = await refused()
        return answer.json.items.length > 0 ? answer : undefined
      })
      if (!Check(berthRoutes.listAudit.answer, json)) throw new Error(text)
      const seen = json.items.map(({ operation, actor, data }) => [operation, actor.kind, actor.name, data])
      expect(seen.toReversed()).toEqual([
        [
          "workspace.create",
          "key",
          "ed",
          expect.objectContaining({ count: 3, code: "forbidden", status: 403 }),
        ],
        ["me.get", "unknown", "unknown", expect.objectContaining({ count: 2, code: "unauthenticated" })],
        ["workspace.create", "key", "owner", expect.objectContaining({ count: 1, code: "already_exists" })],
      ])
      expect(text).not.toMatch(/stolen-secret|guessed-token/)
      expect((await own.call("GET", "/berth/v1/audit?outcome=ok&limit=1000")).text).not.toContain("refused")
      expect((await own.call("GET", "/berth/v1/audit?outcome=maybe")).status).toBe(400)

      await own.call("POST", "/berth/v1/nodes/none/cordon")
      await own.plane.stop()
      const filter = { workspaces: null, outcome: "refused" as const }
      const last = await own.store.journal.auditPage(own.store.committed, filter, 1, null)
      expect(last.items).toEqual([expect.objectContaining({ operation: "node.cordon" })])
    } finally {
      await own.close()
    }
  })

  it("keeps the audit trail for those who may read it, newest first, with the request's id", async () => {
    const headers = { "x-request-id": "my-own.request_1" }
    const answer = await server.call("POST", "/berth/v1/users", { json: { name: "audited" }, headers })
    expect(answer.headers.get("x-request-id")).toBe("my-own.request_1")
    const { json } = await expectOk("listAudit", "/berth/v1/audit?limit=1&actor=owner")
    expect(json.items[0]).toMatchObject({
      operation: "user.create",
      outcome: "ok",
      actor: { name: "owner", requestId: "my-own.request_1", address: "127.0.0.1" },
    })
    const next = await expectOk("listAudit", `/berth/v1/audit?limit=1&cursor=${json.nextCursor}`)
    expect(next.json.items[0].id).not.toBe(json.items[0].id)
    await expectError("GET", "/berth/v1/audit", 403, { token: stranger })
    await expectError("GET", "/berth/v1/audit?workspace=team", 404, { token: stranger })
  })
})

describe("bad requests", () => {
  it("names each fault of a body", async () => {
    const { json } = await expectError("POST", "/berth/v1/workspaces", 400, {
      json: {
        description: 7,
        policy: { queuePolicy: "lifo", stopGraceSeconds: 601, color: "red" },
        extra: 1,
      },
    })
    expect(json.details.map((d: { path: string }) => d.path).toSorted()).toEqual([
      "description",
      "extra",
      "id",
      "policy.color",
      "policy.queuePolicy",
      "policy.stopGraceSeconds",
    ])
    expect(json.details.find((d: { path: string }) => d.path === "policy.queuePolicy").message).toBe(
      "must be one of fifo, balance",
    )
  })

  it("does not coerce", async () => {
    expect.hasAssertions()
    for (const policy of [
      { stopGraceSeconds: "5" },
      { enablePreempt: 1 },
      { stopGraceSeconds: true },
      null,
      "x",
    ])
      await expectError("PATCH", "/berth/v1/workspaces/team", 400, { json: { policy } })
  })

  it("refuses bodies that are not JSON, not UTF-8, not objects, whatever they call themselves", async () => {
    expect.hasAssertions()
    for (const raw of ["{", "[]", "null", '"x"', "{} {}", '{"id":"a","__proto__":{}}', "\ufffe"])
      for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded", "???", ""])
        await expectError("POST", "/berth/v1/workspaces", 400, { raw, headers: { "content-type": type } })
  })

  it("refuses a body of null where an empty one would do", async () => {
    const stops = server.stops.length
    for (const path of ["/berth/v1/queue/pause", "/berth/v1/queue/resume", "/berth/v1/server/stop"])
      await expectError("POST", path, 400, { raw: "null" })
    expect(server.stops).toHaveLength(stops)
  })

  it("names what is missing when the body is empty", async () => {
    const { json } = await expectError("POST", "/berth/v1/users", 400)
    expect(json.details).toEqual([{ path: "name", message: "is required" }])
  })

  it("refuses a large body with 413", async () => {
    const raw = JSON.stringify({ id: "a", description: "x".repeat(70_000) })
    const { json } = await expectError("POST", "/berth/v1/workspaces", 413, { raw })
    expect(json.code).toBe("too_large")
  })

  it("refuses queries it does not know, twice-given and malformed ones", async () => {
    expect.hasAssertions()
    for (const query of [
      "limit=0",
      "limit=1001",
      "limit=ten",
      "limit=1e2",
      "limit=-5",
      "limit=5&limit=6",
      "lmit=5",
      "cursor=%00",
      "cursor=***",
      "__proto__=1",
    ])
      await expectError("GET", `/berth/v1/nodes?${query}`, 400)
    await expectError("DELETE", "/berth/v1/workspaces/team?force=maybe", 400)
  })

  it("finds nothing under ids with control characters, dots and slashes", async () => {
    for (const id of ["%00", "..%2f..%2fetc", "a%0d%0aX-Injected:%201", "%e2%80%ae", "x".repeat(3000)])
      for (const path of [
        `workspaces/${id}`,
        `explain/workload/${id}`,
        `pods/${id}/${id}/log`,
        `nodes/${id}`,
      ]) {
        const answer = await expectError("GET", `/berth/v1/${path}`, 404)
        expect(answer.headers.get("x-injected")).toBeNull()
      }
    await expectError("GET", "/berth/v1/workspaces/%zz", 400)
  })

  it("answers 405 with Allow for a wrong method, 404 for an unknown path", async () => {
    const answer = await expectError("DELETE", "/berth/v1/queue/pause", 405)
    expect(answer.headers.get("allow")).toBe("POST")
    await expectError("PUT", "/berth/v1/workspaces", 405)
    // Fastify wants a content type for it before it looks for a route.
    await expectError("QUERY", "/berth/v1/workspaces", 405)
    await expectError("GET", "/berth/v1/planets", 404)
    await expectError("POST", "/berth/v1/planets", 404, { raw: "{" })
    await expectError("GET", "/berth", 404)
    await expectError("GET", "/", 404)
  })

  it("words what is unknown below /api/v1 as the Workload API does", async () => {
    for (const [method, path] of [
      ["GET", "/api/v1/planets?x=1"],
      ["POST", "/api/v1"],
      ["DELETE", "/api/v1/workloads"],
    ] as const) {
      const answer = await server.call(method, path)
      expect([answer.status, answer.json]).toEqual([
        404,
        { errorCode: "Primus.00005", errorMessage: `${path} not found` },
      ])
    }
    const bad = await server.call("GET", "/api/v1/workloads/%zz")
    expect([bad.status, bad.json.errorCode]).toEqual([400, "Primus.00002"])
    const anonymous = await server.call("GET", "/api/v1/planets", { token: "" })
    expect([anonymous.status, anonymous.json.errorCode]).toEqual([401, "Primus.00009"])
    const large = await server.call("POST", "/api/v1/workloads", { raw: "x".repeat(2 * 1024 * 1024 + 1) })
    expect([large.status, large.json.errorCode]).toEqual([413, "Primus.00006"])
  })

  it("answers HEAD like GET without a body, but opens no stream for it", async () => {
    const head = await server.call("HEAD", "/berth/v1/nodes")
    expect([head.status, head.text]).toEqual([200, ""])
    expect((await server.call("HEAD", "/berth/v1/events")).status).toBe(405)
  })
})

it("every route of the table answers 401 without a token and with one that does not hold", async () => {
  expect.hasAssertions()
  for (const route of Object.values(berthRoutes)) {
    const path = route.path.replaceAll(/:\w+/g, "x")
    for (const token of ["", "berth_wrong", "x".repeat(5000)])
      await expectError(route.method, path, 401, { token })
    for (const authorization of ["Basic b3duZXI6eA==", "Bearer", "Bearer a b", "bearer "])
      await expectError(route.method, path, 401, { token: "", headers: { authorization } })
  }
})
