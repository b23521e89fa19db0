import { describe, expect, it } from "vitest"
import { rebuild } from "../../packages/server/src/domain/queue/index.ts"
import { aNode, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const team = (p: TestPlane, id = "team") =>
  p.plane.workspaces.create(p.owner, { id, description: "", clusters: null, policy: {} })
const phase = async (p: TestPlane, id: string) => (await p.view(id)).workload.phase

describe("a workspace that is deleted", () => {
  it("is kept while work is live, and with force ends what queues, waits and runs, then goes", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: null, stopMs: 2000 }) } })
    await team(p)
    await p.plane.inventory.assign(p.owner, null, "n1", "team")
    const running = await p.submit({ workspaceId: "team", resource: { gpu: "8" } })
    const queued = await p.submit({ workspaceId: "team", resource: { gpu: "8" } })
    const waiting = await p.submit({ workspaceId: "team", dependencies: [running.id] })
    await p.reaches(running.id, "Running")
    await expect(p.plane.workspaces.remove(p.owner, "team", { force: false })).rejects.toMatchObject({
      code: "conflict",
      detail: "live_work",
    })
    await p.plane.workspaces.remove(p.owner, "team", { force: true })
    await p.settle()
    await expect(p.submit({ workspaceId: "team" })).rejects.toThrow(/.+/)
    for (const { id } of [running, queued])
      expect((await p.view(id)).workload).toMatchObject({ phase: "Stopped", cause: "stopped" })
    expect(["Stopped", "Failed"]).toContain(await phase(p, waiting.id))
    expect(p.plane.workspaces.find("team")?.state).toBe("deleting")
    await p.advance(5000)
    expect(p.plane.workspaces.find("team")).toBeUndefined()
    expect(p.world.live()).toEqual([])
    expect(p.plane.capacity.node("n1", "local")?.workspaceId).toBeNull()
  })

  it("goes on going after the server died over it", async () => {
    const p = await plane({ lends: true, script: { pod: () => ({ runMs: null, stopMs: 2000 }) } })
    await team(p)
    const { id } = await p.submit({ workspaceId: "team", resource: { gpu: "" } })
    await p.submit({ workspaceId: "team", resource: { gpu: "8" } })
    await p.reaches(id, "Running")
    await p.plane.workspaces.remove(p.owner, "team", { force: true })
    await p.restart()
    await p.advance(5000)
    expect(p.plane.workspaces.find("team")).toBeUndefined()
    expect(p.world.live()).toEqual([])
  })

  it("does not wait for ever when the store was full in the moment its last work went", async () => {
    let isFull = false
    const p = await plane({
      lends: true,
      refuse: () => isFull,
      script: { pod: () => ({ runMs: null, stopMs: 2000 }) },
    })
    await team(p)
    const { id } = await p.submit({ workspaceId: "team", resource: { gpu: "" } })
    await p.reaches(id, "Running")
    await p.plane.workspaces.remove(p.owner, "team", { force: true })
    await p.advance(2010)
    isFull = true
    await p.advance(30_000)
    isFull = false
    await p.advance(60_000)
    expect(p.plane.workspaces.find("team")).toBeUndefined()
  })
})

describe("rights", () => {
  it("let an editor run and stop its own work, and not that of others", async () => {
    const p = await plane()
    await team(p)
    const [ann, ben] = [await p.member("ann", { team: "editor" }), await p.member("ben", { team: "editor" })]
    const chief = await p.member("chief", { team: "owner" })
    const mine = await p.submit({ workspaceId: "team", resource: { gpu: "" } }, ann)
    const { workloads } = p.plane
    for (const refused of [
      () => workloads.stop(ben, mine.id),
      () => workloads.remove(ben, mine.id),
      () => workloads.patch(ben, mine.id, { priority: 1 }),
      () => p.submit({ workspaceId: "team", priority: 2, resource: { gpu: "" } }, ann),
      () => workloads.patch(ann, mine.id, { priority: 2 }),
    ])
      await expect(refused()).rejects.toMatchObject({ code: "forbidden" })
    await workloads.patch(chief, mine.id, { priority: 2 })
    await workloads.stop(ann, mine.id)
    expect((await p.view(mine.id, ben)).workload.conditions.at(-1)?.message).toBe(
      "the workload is stopped by ann",
    )
  })

  it("let a viewer read, without the environment's values, and write nothing", async () => {
    const p = await plane()
    await team(p)
    const [ann, vic] = [await p.member("ann", { team: "editor" }), await p.member("vic", { team: "viewer" })]
    const { id } = await p.submit(
      { workspaceId: "team", env: { TOKEN: "s3cret" }, resource: { gpu: "" } },
      ann,
    )
    expect((await p.view(id, vic)).mayReadEnv).toBe(false)
    expect((await p.view(id, ann)).mayReadEnv).toBe(true)
    const { workloads } = p.plane
    for (const refused of [
      () => p.submit({ workspaceId: "team", resource: { gpu: "" } }, vic),
      () => workloads.stop(vic, id),
      () => workloads.remove(vic, id),
      () => workloads.patch(vic, id, { description: "mine" }),
    ])
      await expect(refused()).rejects.toMatchObject({ code: "forbidden" })
    const clones = await workloads.cloneMany(vic, [id])
    expect(clones).toMatchObject({ done: [], failed: [{ error: { code: "forbidden" } }] })
    expect(JSON.stringify(await p.events(id))).not.toContain("s3cret")
  })

  it("make a foreign workspace and its work nothing that there is", async () => {
    const p = await plane()
    await team(p)
    await team(p, "other")
    const ann = await p.member("ann", { team: "editor" })
    const foreign = await p.submit({ workspaceId: "other", resource: { gpu: "" } })
    const { workloads } = p.plane
    for (const refused of [
      () => p.view(foreign.id, ann),
      () => workloads.stop(ann, foreign.id),
      () => workloads.patch(ann, foreign.id, { priority: 0 }),
      () => p.submit({ workspaceId: "other", resource: { gpu: "" } }, ann),
    ])
      await expect(refused()).rejects.toMatchObject({ code: "not_found" })
    expect((await workloads.cloneMany(ann, [foreign.id])).failed).toMatchObject([
      { error: { code: "not_found" } },
    ])
  })

  it("show who is in the way only to those that may see them", async () => {
    const p = await plane()
    await team(p)
    const ann = await p.member("ann", { team: "editor" })
    await p.plane.inventory.assign(p.owner, null, "n1", "team")
    const first = await p.submit({ workspaceId: "team", resource: { gpu: "8" } })
    await p.reaches(first.id, "Running")
    const { id } = await p.submit({ workspaceId: "team", resource: { gpu: "8" } }, ann)
    await p.settle()
    expect((await p.view(id, ann)).waitingFor).toEqual({ ids: [first.id], othersHidden: 0 })
  })
})

describe("in the long run", () => {
  it("a thousand short jobs all end and leave nothing behind", async () => {
    const p = await plane({
      nodes: [aNode("n1"), aNode("n2"), aNode("n3", 0)],
      script: {
        pod: ({ workloadId }) => ({
          runMs: 100 + (workloadId.length % 7) * 100,
          exitCode: workloadId.startsWith("bad") ? 1 : 0,
        }),
      },
    })
    await p.advance(1000)
    const timersAtRest = p.plane.timers.size
    const made = await Promise.all(
      Array.from({ length: 1000 }, (_, at) =>
        p.submit({
          displayName: at % 10 === 0 ? "bad" : "good",
          maxRetry: at % 3,
          ttlSecondsAfterFinished: at % 60,
          priority: at % 2,
          resource: { gpu: at % 4 === 0 ? "" : String(1 + (at % 3)), replica: 1 + (at % 2) },
        }),
      ),
    )
    const from = () => p.store.committed
    await p.until(async () => (await p.store.workloads.live(from())).length === 0, 3_600_000)
    const phases = new Map<string, number>()
    for (const { id, displayName } of made) {
      const ended = `${displayName} ${await phase(p, id)}`
      phases.set(ended, (phases.get(ended) ?? 0) + 1)
    }
    expect(Object.fromEntries(phases)).toEqual({ "good Succeeded": 900, "bad Failed": 100 })
    await p.advance(70_000)
    expect(p.world.live()).toEqual([])
    expect(await p.store.claims.live(from())).toEqual([])
    expect(p.plane.timers.size).toBe(timersAtRest)
    expect(p.plane.control.waiting).toBe(0)
    expect(p.plane.control.followed).toBe(0)
    expect(Object.values(p.plane.podsByPhase()).every((count) => count === 0)).toBe(true)
    const fresh = rebuild(
      [],
      await p.store.inventory.nodes(from()),
      await p.store.workspaces.workspaces(from()),
      await p.store.claims.control(from()),
    )
    expect(p.plane.capacity.fingerprint()).toBe(fresh.fingerprint())
    for (const node of p.plane.capacity.nodes()) expect(p.plane.capacity.free(node.id)).toEqual(node.capacity)
  })

  it("the whole life of a plain job costs seven transactions, and none while nothing happens to it", async () => {
    const p = await plane()
    await p.advance(1000)
    const before = p.life.transactions
    const { id } = await p.submit({ entryPoint: "sleep 100" })
    await p.reaches(id, "Running")
    const running = p.life.transactions
    await p.advance(90_000)
    expect(p.life.transactions).toBe(running)
    await p.reaches(id, (view) => view.workload.deletedAtMs !== null)
    await p.settle()
    expect(p.life.transactions - before).toBeLessThanOrEqual(7)
  })

  it("a server that stops in good order leaves the work running for the next one", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 30" })
    await p.reaches(id, "Running")
    await p.plane.stop()
    await p.restart()
    expect(p.plane.readiness().isReady).toBe(true)
    const { workload } = await p.reaches(id, "Succeeded")
    expect(workload).toMatchObject({ dispatchCount: 1, failures: 0 })
  })
})
