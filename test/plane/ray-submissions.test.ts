import { describe, expect, it } from "vitest"
import type { RayEntrypoint } from "../../packages/server/src/domain/ray/index.ts"
import { aWantedCluster } from "../../packages/server/src/domain/ray/ray-suite.ts"
import type { TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"
import {
  clusterOf,
  clusterReaches,
  headAlone,
  makeCluster,
  type Programs,
  startRayPlane,
  theHead,
} from "../support/ray-jobs.ts"

const plane = usePlanes()
const shared = { namespace: "default", name: "shared" }

/** A plane with the cluster `shared`, ready. */
async function start(programs: Programs = {}): Promise<TestPlane> {
  const p = await startRayPlane(plane, programs)
  await makeCluster(p)
  await clusterReaches(p, "ready")
  return p
}

function entry(change: Partial<RayEntrypoint & { readonly submissionId: string }> = {}) {
  return {
    entrypoint: "count",
    submissionId: "",
    metadata: {},
    runtimeEnv: "",
    numCpus: 0,
    numGpus: 0,
    resources: "",
    ...change,
  }
}

const submit = (p: TestPlane, change: Parameters<typeof entry>[0] = {}) =>
  p.plane.ray.submissions.submit(p.owner, shared, entry(change))
const get = (p: TestPlane, id: string) => p.plane.ray.submissions.get(p.owner, shared, id)
const logOf = (p: TestPlane, id: string) => p.plane.ray.submissions.log(p.owner, shared, id)
const list = async (p: TestPlane) =>
  (await p.plane.ray.submissions.list(p.owner, shared)).map((info) => info.submissionId)

async function rowOf(p: TestPlane, id: string) {
  return p.store.ray.submissions.get(p.store.committed, (await clusterOf(p)).key, id)
}

/** As if somebody had sent it past the server. */
async function forget(p: TestPlane, id: string): Promise<void> {
  const { key } = await clusterOf(p)
  await p.store.tx((tx) => p.store.ray.submissions.delete(tx, key, id))
}

async function eventsOf(p: TestPlane, id: string) {
  const subject = { kind: "ray-submission", id: `default/${id}` } as const
  const events = await p.store.journal.latestEvents(p.store.committed, subject, 50)
  return events.toReversed().map(({ type, data }) => ({ type, data }))
}

describe("a submission", () => {
  it("runs on the cluster under an id as Ray's, is listed, and has its log", async () => {
    const p = await start({ count: { log: "1 2 3\n" } })
    const id = await submit(p, { metadata: { team: "x" }, runtimeEnv: "env_vars: {A: b}" })
    expect(id).toMatch(/^raysubmit_[A-Za-z0-9]{16}$/)
    expect(await list(p)).toEqual([id])
    expect(await get(p, id)).toMatchObject({
      status: "RUNNING",
      metadata: { team: "x" },
      runtimeEnv: { env_vars: { A: "b" } },
    })
    await p.until(async () => (await get(p, id)).status === "SUCCEEDED")
    expect(await logOf(p, id)).toBe("1 2 3\n")
    expect(await eventsOf(p, id)).toEqual([{ type: "ray-submission.created", data: { cluster: "shared" } }])
  })

  it("is kept with who sent it, how it ended and what it wrote", async () => {
    const p = await start({ count: { log: "1 2 3\n", outcome: "FAILED" } })
    const id = await submit(p)
    expect(await rowOf(p, id)).toMatchObject({ userId: p.owner.userId, jobKey: null, log: null })
    await p.advance(30_000)
    expect(await rowOf(p, id)).toMatchObject({ info: { status: "FAILED" }, log: "1 2 3\n" })
  })

  it.each([
    [{ runtimeEnv: "a: [b" }, /^yaml: line 1: /],
    [{ runtimeEnv: "just text" }, /^json: cannot unmarshal string into Go value/],
    [{ runtimeEnv: "a: &a [1]\nb: *c" }, /^yaml: /],
    [{ resources: '{"x":"a lot"}' }, /^The entry point's resources must be/],
    [{ resources: '{"x":-1}' }, /^The entry point's resources must be/],
    [{ numGpus: Number.NaN }, /must be numbers/],
    [{ submissionId: "x".repeat(254) }, /has at most 253 characters/],
  ])("that cannot be handed on is refused: %j", async (change, message) => {
    const p = await start()
    const refused = submit(p, change)
    await expect(refused).rejects.toMatchObject({ code: "invalid", detail: "entry_point" })
    await expect(refused).rejects.toThrow(message)
    expect(await list(p)).toEqual([])
  })

  it("takes resources as numbers and as texts", async () => {
    const p = await startRayPlane(plane)
    const sent: unknown[] = []
    p.ray.use({ job: ({ resources }) => (sent.push(resources), {}) })
    await makeCluster(p)
    await clusterReaches(p, "ready")
    await submit(p, { resources: '{"x":"0.5","y":2}' })
    await submit(p)
    expect(sent).toEqual([{ x: 0.5, y: 2 }, null])
  })

  it("is not sent twice under one id; what the first was stays", async () => {
    const p = await start({ count: { runMs: null } })
    await submit(p, { submissionId: "mine" })
    const again = submit(p, { submissionId: "mine", entrypoint: "other" })
    await expect(again).rejects.toMatchObject({ code: "already_exists" })
    expect((await rowOf(p, "mine"))?.info.entrypoint).toBe("count")
    expect(await eventsOf(p, "mine")).toHaveLength(1)
  })

  it("of two at once under one id, one is sent and written down", async () => {
    const p = await start({ count: { runMs: null } })
    const both = await Promise.allSettled([1, 2].map(() => submit(p, { submissionId: "mine" })))
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"])
    expect(await rowOf(p, "mine")).toMatchObject({ info: { status: "PENDING" } })
    expect(await eventsOf(p, "mine")).toHaveLength(1)
  })

  it("that Ray refuses leaves nothing", async () => {
    const p = await start({ count: { runMs: null } })
    await submit(p, { submissionId: "mine" })
    await forget(p, "mine")
    await expect(submit(p, { submissionId: "mine" })).rejects.toMatchObject({ code: "already_exists" })
    expect(await rowOf(p, "mine")).toBeUndefined()
  })

  it("is stopped, once; one that is not there cannot be", async () => {
    const p = await start({ count: { runMs: null } })
    const id = await submit(p)
    const stop = (which: string) => p.plane.ray.submissions.stop(p.owner, shared, which)
    await stop(id)
    await p.until(async () => (await get(p, id)).status === "STOPPED")
    await stop(id)
    expect((await eventsOf(p, id)).map(({ type }) => type)).toEqual([
      "ray-submission.created",
      "ray-submission.stopped",
    ])
    for (const asked of [stop("nobody"), get(p, "nobody"), logOf(p, "nobody")])
      await expect(asked).rejects.toMatchObject({ code: "not_found", resource: "ray-submission" })
  })

  it("that has ended is deleted at once; one that runs is stopped, and goes then", async () => {
    const p = await start({ count: { runMs: 1000 }, long: { runMs: null } })
    const remove = (id: string) => p.plane.ray.submissions.delete(p.owner, shared, id)
    const short = await submit(p)
    await p.until(async () => (await get(p, short)).status === "SUCCEEDED")
    await remove(short)
    const long = await submit(p, { entrypoint: "long" })
    await remove(long)
    expect((await get(p, long)).status).toBe("RUNNING")
    await p.advance(30_000)
    expect(await list(p)).toEqual([])
    for (const id of [short, long]) expect(await rowOf(p, id)).toBeUndefined()
    await remove("nobody")
    expect(await eventsOf(p, "nobody")).toEqual([])
  })

  it("and the removal of what runs goes on over a restart, of what others sent too", async () => {
    const p = await start({ count: { runMs: null } })
    const id = await submit(p)
    await forget(p, id)
    await p.plane.ray.submissions.delete(p.owner, shared, id)
    await p.restart()
    await p.advance(30_000)
    expect(await list(p)).toEqual([])
    expect(await rowOf(p, id)).toBeUndefined()
  })

  it("is told of when its head was lost: as failed, with its log where it had ended", async () => {
    const p = await start({ count: { log: "1 2 3\n" }, long: { runMs: null } })
    const [done, lost] = [await submit(p), await submit(p, { entrypoint: "long" })]
    await p.advance(30_000)
    p.ray.end(theHead(p).id, null)
    await p.until(async () => (await clusterOf(p)).state !== "ready")
    await clusterReaches(p, "ready")
    await p.advance(90_000)
    expect(await list(p)).toEqual([])
    expect(await logOf(p, done)).toBe("1 2 3\n")
    expect((await get(p, done)).status).toBe("SUCCEEDED")
    expect(await get(p, lost)).toMatchObject({ status: "FAILED", entrypoint: "long" })
    await expect(logOf(p, lost)).rejects.toMatchObject({ code: "not_found" })
    expect(await submit(p, { submissionId: done })).toBe(done)
    expect((await rowOf(p, done))?.log).toBeNull()
  })

  it("needs a cluster that is ready", async () => {
    const p = await startRayPlane(plane, {}, { ray: { pod: () => ({ upAfterMs: 60_000 }) } })
    await makeCluster(p)
    const { submissions } = p.plane.ray
    const notReady = { code: "conflict", resource: "ray-cluster", detail: "not_ready" }
    for (const asked of [
      submit(p),
      get(p, "x"),
      logOf(p, "x"),
      list(p),
      submissions.stop(p.owner, shared, "x"),
      submissions.delete(p.owner, shared, "x"),
    ])
      await expect(asked).rejects.toMatchObject(notReady)
  })

  it("says so when Ray does not answer", async () => {
    const p = await start()
    p.ray.setDashboard(theHead(p).id, "unreachable")
    await expect(submit(p)).rejects.toMatchObject({ code: "unavailable", detail: "unreachable" })
  })
})

describe("rights", () => {
  it("let a Viewer look, an Editor act, and show nothing to others", async () => {
    const p = await start({ count: { runMs: null } })
    await p.plane.workspaces.create(p.owner, { id: "red", description: "", clusters: null, policy: {} })
    const viewer = { ...p.owner, serverRole: null, roleIn: () => "viewer" as const }
    const stranger = { ...p.owner, serverRole: null, roleIn: () => null }
    const { submissions, forward } = p.plane.ray
    const id = await submit(p)
    expect((await submissions.get(viewer, shared, id)).status).toBe("RUNNING")
    expect(await submissions.list(viewer, shared)).toHaveLength(1)
    expect(await submissions.log(viewer, shared, id)).toBe("")
    const request = { path: "/api/version", headers: {}, body: null }
    const never = new AbortController().signal
    expect((await forward(viewer, shared, { ...request, method: "GET" }, never)).status).toBe(200)
    for (const asked of [
      submissions.submit(viewer, shared, entry()),
      submissions.stop(viewer, shared, id),
      submissions.delete(viewer, shared, id),
      forward(viewer, shared, { ...request, method: "POST" }, never),
    ])
      await expect(asked).rejects.toMatchObject({ code: "forbidden" })
    for (const asked of [submissions.get(stranger, shared, id), submissions.list(stranger, shared)])
      await expect(asked).rejects.toMatchObject({ code: "not_found", resource: "ray-cluster" })
    expect((await get(p, id)).status).toBe("RUNNING")
  })

  it("keep what an Editor sends off a server owner's cluster, which runs as the server's account", async () => {
    const p = await start({ count: { runMs: null } })
    const editor = await p.member("ed", { default: "editor" })
    const id = await submit(p)
    const { submissions, forward } = p.plane.ray
    const request = { method: "POST", path: "/api/jobs/", headers: {}, body: null }
    const never = new AbortController().signal
    for (const asked of [
      submissions.submit(editor, shared, entry()),
      forward(editor, shared, request, never),
    ])
      await expect(asked).rejects.toMatchObject({ code: "forbidden", resource: "ray-cluster" })
    expect(await list(p)).toEqual([id])
    await submissions.stop(editor, shared, id)
    const at = { namespace: "default", name: "theirs" }
    await p.plane.ray.clusters.create(editor, aWantedCluster({ ...at, spec: headAlone }))
    await clusterReaches(p, "ready", "theirs")
    await submissions.submit(editor, at, entry())
    await submissions.submit(p.owner, at, entry())
    expect(await submissions.list(editor, at)).toHaveLength(2)
  })

  it("of a server owner take no config map that somebody else wrote", async () => {
    const p = await start()
    const editor = await p.member("ed", { default: "editor" })
    const { configMaps, clusters } = p.plane.ray
    await configMaps.put(editor, { namespace: "default", name: "code" }, { path: "/tmp/evil.so" })
    const source = { source: "configMap", name: "code", key: "path" } as const
    const spec = {
      ...headAlone,
      head: { ...headAlone.head, environment: { values: {}, valuesFrom: { A: source } } },
    }
    await clusters.create(p.owner, aWantedCluster({ namespace: "default", name: "mine", spec }))
    await clusterReaches(p, "failed", "mine")
    const { cluster } = await clusters.get(p.owner, { namespace: "default", name: "mine" })
    expect(cluster.message).toContain("was not written by a server owner")
    await clusters.create(editor, aWantedCluster({ namespace: "default", name: "theirs", spec }))
    await clusterReaches(p, "ready", "theirs")
  })

  it("have what is sent through the proxy audited, without its query", async () => {
    const p = await start()
    const request = { method: "POST", path: "/api/jobs/?token=secret", headers: {}, body: null }
    await p.plane.ray.forward(p.owner, shared, request, new AbortController().signal)
    const audit = await p.store.journal.auditPage(p.store.committed, { workspaces: null }, 100, null)
    expect(JSON.stringify(audit)).toContain('"path":"/api/jobs/"')
    expect(JSON.stringify(audit)).not.toContain("secret")
  })
})
