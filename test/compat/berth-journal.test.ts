import { berthRoutes } from "@berth/contract/berth"
import { Check } from "typebox/value"
import { describe, expect, it } from "vitest"
import { startBerthServer } from "./berth-server.ts"
import { server, editor, stranger, expectOk, expectError, useBerth } from "./berth-calls.ts"

useBerth()

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
