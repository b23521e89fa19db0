import { describe, expect, it } from "vitest"
import { anAskedSpec, aSize } from "../../packages/server/src/domain/ray/ray-suite.ts"
import type { ServiceId } from "../../packages/server/src/domain/services/index.ts"
import { statusOf } from "../../packages/server/src/domain/services/record-samples.ts"
import { serving } from "../support/applications.ts"
import { aNode, owner, type TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()
const service = { protocol: "TCP", port: 8000, targetPort: 8000, serviceType: "ClusterIP" }

async function joined(p: TestPlane): Promise<{ readonly workload: string; readonly id: ServiceId }> {
  const { id: workload } = await p.submit(serving("Deployment", 1, { service }))
  const { record } = await p.plane.serviceJoins.register(owner, {
    kind: "workload",
    name: workload,
    watch: {},
  })
  return { workload, id: record.id }
}
const recordOf = async (p: TestPlane, id: ServiceId) => (await p.plane.serviceRecords.get(owner, id)).record

describe("a record that follows a Deployment", () => {
  it("comes up with it, tells that a pod was killed, and is well again by itself", async () => {
    const p = await plane()
    const { workload, id } = await joined(p)
    await p.until(async () => (await recordOf(p, id)).state === "active")
    const { endpoint } = await p.plane.endpoints.get(owner, workload)
    expect(await recordOf(p, id)).toMatchObject({
      name: "serve",
      predictionUrl: `http://${endpoint.clusterIp}:8000`,
      healthCheckUrl: `http://${endpoint.clusterIp}:8000/`,
      status: '{"state": "active", "last_state": "pending_startup", "last_error": ""}',
    })
    await p.advance(1_000)
    const { attempts } = await p.view(workload)
    p.world.end(attempts[0]?.id ?? ("" as never), 137)
    await p.until(async () => (await recordOf(p, id)).state === "error", 5_000)
    await p.until(async () => (await recordOf(p, id)).state === "active", 60_000)
    await p.advance(1_000)
    const { history, lastProbe } = await p.plane.serviceWatches.get(owner, id)
    expect(history.map(({ verdict }) => verdict)).toEqual(["up", "down", "up"])
    expect(lastProbe).toMatchObject({ ok: true, detail: "Ready pods: 1." })
    expect(p.prober.asked(`http://${endpoint.clusterIp}:8000/`)).toBe(0)
  })

  it("is inactive when it is over, also when that was while the server was away", async () => {
    const p = await plane()
    const [one, two] = [await joined(p), await joined(p)]
    await p.until(async () => (await recordOf(p, two.id)).state === "active")
    await p.plane.workloads.stop(owner, one.workload)
    await p.until(async () => (await recordOf(p, one.id)).state === "inactive")
    expect(await recordOf(p, one.id)).toMatchObject({ endpoint: null, predictionUrl: null })
    await p.crash()
    await p.restart()
    await p.plane.workloads.stop(owner, two.workload)
    await p.until(async () => (await recordOf(p, two.id)).state === "inactive")
  })

  it.each([
    ["sleep 5", "inactive", "The workload succeeded.", ""],
    ["sleep 5; exit 1", "error", "The workload failed.", "The workload failed."],
  ])("tells how a job ended: %s", async (entryPoint, state, detail, lastError) => {
    const p = await plane()
    const { id: workload } = await p.submit({ entryPoint, service, ttlSecondsAfterFinished: 20 })
    const { record } = await p.plane.serviceJoins.register(owner, {
      kind: "workload",
      name: workload,
      watch: {},
    })
    const stateOf = async () => (await recordOf(p, record.id)).state
    await p.until(async () => (await stateOf()) === state, 30_000)
    const told = async () => {
      const { watch, history, lastProbe, nextProbeAtMs } = await p.plane.serviceWatches.get(owner, record.id)
      const [newest] = history
      return {
        verdict: watch.verdict,
        newest: `${newest?.verdict} ${newest?.detail}`,
        lastProbe,
        nextProbeAtMs,
      }
    }
    const asTold = {
      verdict: "over",
      newest: `over ${detail}`,
      lastProbe: { ok: false, detail },
      nextProbeAtMs: null,
    }
    expect(await told()).toMatchObject(asTold)
    expect(await recordOf(p, record.id)).toMatchObject({
      endpoint: null,
      predictionUrl: null,
      healthCheckUrl: null,
      status: `{"state": "${state}", "last_state": "active", "last_error": "${lastError}"}`,
    })
    // its live object goes with its TTL, the server comes back, and nothing is told twice
    await p.advance(60_000)
    await p.restart()
    await p.advance(60_000)
    expect(await told()).toMatchObject(asTold)
    expect(await stateOf()).toBe(state)
    const { length } = (await p.plane.serviceWatches.get(owner, record.id)).history
    // that somebody deleted it is worth another entry
    await p.plane.workloads.remove(owner, workload)
    await p.advance(1_000)
    expect(await stateOf()).toBe("inactive")
    expect((await told()).newest).toBe("over The workload was deleted.")
    expect((await p.plane.serviceWatches.get(owner, record.id)).history).toHaveLength(length + 1)
  })

  it("says that it was stopped, or deleted, and that also where it is watched afterwards only", async () => {
    const p = await plane()
    const [stopped, deleted] = [await joined(p), await joined(p)]
    await p.until(async () => (await recordOf(p, deleted.id)).state === "active")
    await p.plane.serviceWatches.delete(owner, stopped.id)
    await p.plane.workloads.stop(owner, stopped.workload)
    await p.plane.workloads.remove(owner, deleted.workload)
    await p.advance(1_000)
    await p.plane.serviceWatches.put(owner, stopped.id, {})
    await p.advance(1_000)
    const newest = async (id: ServiceId) => (await p.plane.serviceWatches.get(owner, id)).history[0]
    expect(await newest(stopped.id)).toMatchObject({ verdict: "over", detail: "The workload was stopped." })
    expect(await newest(deleted.id)).toMatchObject({ verdict: "over", detail: "The workload was deleted." })
    const subject = { kind: "service-record", id: stopped.id } as const
    const events = await p.store.journal.latestEvents(p.store.committed, subject, 10)
    const moved = events.find(({ type }) => type === "service-record.state_changed")
    expect(moved?.data).toMatchObject({ to: "inactive", detail: "The workload was stopped." })
  })

  it("is scaled to zero with it, which is no error, and comes up with it again, also after its owner's word", async () => {
    const p = await plane()
    const { workload, id } = await joined(p)
    const becomes = (state: string) => p.until(async () => (await recordOf(p, id)).state === state, 60_000)
    await becomes("active")
    await p.plane.workloads.patch(owner, workload, { replica: 0 })
    await becomes("scaled_to_zero")
    await p.restart()
    await p.plane.workloads.patch(owner, workload, { replica: 1 })
    await becomes("active")
    await p.plane.serviceRecords.update(owner, id, { status: statusOf("scaled_to_zero") })
    await p.advance(60_000)
    expect((await recordOf(p, id)).state).toBe("scaled_to_zero")
    await p.plane.serviceRecords.update(owner, id, { status: statusOf("pending_startup") })
    await becomes("active")
    const subject = { kind: "service-record", id } as const
    const events = await p.store.journal.latestEvents(p.store.committed, subject, 100)
    expect(events.map(({ data }) => (data as { readonly to?: unknown }).to)).not.toContain("error")
    const { history } = await p.plane.serviceWatches.get(owner, id)
    expect(history.map(({ verdict }) => verdict)).toEqual(["up"])
  })

  it("tells nothing of a server that was away while all went on", async () => {
    const p = await plane()
    const { id } = await joined(p)
    await p.until(async () => (await recordOf(p, id)).state === "active")
    await p.advance(5_000)
    const told = async () => {
      const events = await p.store.journal.latestEvents(
        p.store.committed,
        { kind: "service-record", id },
        100,
      )
      const { history } = await p.plane.serviceWatches.get(owner, id)
      return { history, events: events.length, record: await recordOf(p, id) }
    }
    const before = await told()
    for (let times = 0; times < 2; times++) {
      await p.restart()
      await p.advance(60_000)
    }
    expect(await told()).toEqual(before)
  })

  it("goes alone: the workload runs on, and knows", async () => {
    const p = await plane()
    const { workload, id } = await joined(p)
    await p.reaches(workload, "Running")
    await p.plane.serviceRecords.delete(owner, id)
    await p.advance(60_000)
    expect((await p.view(workload)).workload.phase).toBe("Running")
    expect((await p.events(workload)).map(({ type }) => type)).toContain("workload.unregistered")
  })

  it("is one, of something that can be followed", async () => {
    const p = await plane()
    const { workload } = await joined(p)
    const again = p.plane.serviceJoins.register(owner, { kind: "workload", name: workload, watch: null })
    await expect(again).rejects.toMatchObject({ code: "already_exists" })
    const { id: job } = await p.submit()
    const steering = {
      kind: "workload",
      name: workload,
      watch: null,
      recordName: "a\u001b[2J",
      labels: { a: "\u0000" },
    } as const
    await expect(p.plane.serviceJoins.register(owner, steering)).rejects.toMatchObject({
      code: "invalid",
      issues: [{ path: ["name"] }, { path: ["labels"] }],
    })
    const ofJob = p.plane.serviceJoins.register(owner, { kind: "workload", name: job, watch: null })
    await expect(ofJob).rejects.toMatchObject({ code: "conflict", detail: "no_service" })
    for (const kind of ["workload", "ray-service"] as const) {
      const none = p.plane.serviceJoins.register(owner, { kind, name: "default/none", watch: null })
      await expect(none).rejects.toMatchObject({ code: "not_found" })
    }
  })

  it("keeps its owner's word while it runs", async () => {
    const p = await plane()
    const { id, workload } = await joined(p)
    await p.until(async () => (await recordOf(p, id)).state === "active")
    await p.plane.serviceRecords.update(owner, id, { status: statusOf("pending_shutdown") })
    await p.advance(60_000)
    expect((await recordOf(p, id)).state).toBe("pending_shutdown")
    await p.plane.workloads.stop(owner, workload)
    await p.until(async () => (await recordOf(p, id)).state === "inactive")
  })
})

describe("a record that follows a Ray service", () => {
  const at = { namespace: "default", name: "fruit" }

  it("comes up with it, moves to the cluster that takes over, and is inactive when it is gone", async () => {
    const p = await plane({ nodes: [aNode("n1"), aNode("c1", 0)] })
    p.ray.use({})
    await p.plane.ray.templates.create(owner, { namespace: "default", name: "small", ...aSize, cpu: 1 })
    const wanted = {
      ...at,
      user: "ada",
      rayVersion: "2.60.0",
      serveConfig: "applications:\n- name: fruit\n  import_path: fruit:app\n",
      serviceUnhealthySeconds: 0,
      deploymentUnhealthySeconds: 0,
      spec: anAskedSpec(),
    }
    await p.plane.ray.services.create(owner, wanted)
    const register = () =>
      p.plane.serviceJoins.register(owner, {
        kind: "ray-service",
        name: "default/fruit",
        recordName: "churn",
        watch: {},
      })
    await p.plane.serviceRecords.delete(owner, (await register()).record.id)
    const subject = { kind: "ray-service", id: "default/fruit" } as const
    const [told] = await p.store.journal.latestEvents(p.store.committed, subject, 1)
    expect(told).toMatchObject({ type: "ray-service.unregistered", data: { name: "churn" } })
    const made = await register()
    const { id } = made.record
    expect(made.record).toMatchObject({ name: "churn", state: "pending_startup", endpoint: null })
    await p.until(async () => (await recordOf(p, id)).state === "active")
    const addressOf = async () => (await p.plane.ray.services.get(owner, at)).active?.address?.serveUrl
    const first = await addressOf()
    expect(await recordOf(p, id)).toMatchObject({
      predictionUrl: first,
      healthCheckUrl: `${first}/-/healthz`,
    })
    await p.plane.ray.services.update(owner, { ...wanted, rayVersion: "2.59.0" })
    await p.until(async () => ((await addressOf()) ?? first) !== first, 1_800_000)
    await p.settle()
    expect(await recordOf(p, id)).toMatchObject({ state: "active", predictionUrl: await addressOf() })
    await p.plane.ray.services.delete(owner, at)
    await p.until(async () => (await recordOf(p, id)).state === "inactive", 1_800_000)
    await p.settle()
    const { history } = await p.plane.serviceWatches.get(owner, id)
    expect(history.at(-1)).toMatchObject({ verdict: "up" })
    expect(history[0]).toMatchObject({ verdict: "over", detail: "The Ray service was deleted." })
  })
})
