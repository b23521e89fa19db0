/**
 * Figures of GPU requests on a whole server, over HTTP, with real processes on simulated nodes.
 *
 *     node bench/gpu-server.ts [creates|starts|handover|memory|tokens ...]   (default: all of them)
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import autocannon from "autocannon"
import { machine, percentile, startBenchServer, workloadBody, type BenchServer } from "./support.ts"

const mib = 2 ** 20
const seconds = 5
const rounds = 100
const json = { "content-type": "application/json" }
const say = (name: string, figures: Readonly<Record<string, number | string>>) =>
  console.log(JSON.stringify({ name, ...figures }))

type Sent = NonNullable<Parameters<typeof autocannon>[0]["requests"]>[number]

interface Shown {
  readonly id: string
  readonly state: string
  readonly startedAt: string | null
}

/** 32 connections, each sending all of them in turn. */
async function load(server: BenchServer, requests: readonly Sent[], token = server.token) {
  const headers = { ...json, authorization: `Bearer ${token}` }
  const result = await autocannon({
    url: server.url,
    connections: 32,
    duration: seconds,
    requests: requests.map((request) => ({ ...request, headers })),
  })
  const failures = result.non2xx + result.errors
  if (failures > 0) throw new Error(`${failures} requests failed: what was measured is something else.`)
  const { average: perSecond } = result.requests
  return { perSecond: Math.round(perSecond), p50Ms: result.latency.p50, p99Ms: result.latency.p99 }
}

async function call<T>(server: BenchServer, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await server.request(method, path, body)
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer.body as T
}

/** With any number of provisioned requests each, and nothing that is filed by itself. */
async function makeWorkspaces(server: BenchServer, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `team-${n}`)
  for (const id of ids)
    await call(server, "POST", "/berth/v1/workspaces", { id, policy: { mostGpuRequests: null } })
  return ids
}

const pause = (server: BenchServer) => call(server, "POST", "/berth/v1/queue/pause", { workspace: null })

const ask = (server: BenchServer, workspaceId: string, more: Readonly<Record<string, unknown>> = {}) =>
  call<Shown>(server, "POST", "/berth/v1/gpu-requests", {
    name: "bench",
    workspaceId,
    gpusPerNode: 8,
    nodes: 1,
    durationSeconds: 3600,
    ...more,
  })

const egsWish = {
  gprName: "bench",
  clusterName: "local",
  numberOfGPUs: 8,
  numberOfGPUNodes: 1,
  priority: 101,
  exitDuration: "1h",
  instanceType: "h100-8g",
  gpuShape: "H100",
}

/** A workspace has a hundred in its queue at most: many take turns. */
async function creates(): Promise<void> {
  for (const isPlanned of [false, true])
    for (const family of ["egs", "berth"] as const) {
      const server = await startBenchServer(["--simulate", "64x8xH100"])
      if (!isPlanned) await pause(server)
      const ids = await makeWorkspaces(server, 1000)
      const berthWish = { name: "bench", gpusPerNode: 8, nodes: 1, durationSeconds: 3600 }
      const requests = ids.map((id) =>
        family === "egs"
          ? { method: "POST", path: "/api/v1/gpr", body: JSON.stringify({ ...egsWish, sliceName: id }) }
          : {
              method: "POST",
              path: "/berth/v1/gpu-requests",
              body: JSON.stringify({ ...berthWish, workspaceId: id }),
            },
      )
      const how = isPlanned ? "planned on 64 nodes" : "queue paused"
      say(`durable creates, ${family}, ${how}`, await load(server, requests))
      if (isPlanned && family === "egs") await listing(server, ids[0] ?? "")
      await server.stop()
    }
}

/** The queue of one workspace, as long as it may be. */
async function listing(server: BenchServer, workspaceId: string): Promise<void> {
  const path = `/api/v1/gpr/list?sliceName=${workspaceId}`
  const listed = async () =>
    (await call<{ data: { items: readonly unknown[] } }>(server, "GET", path)).data.items.length
  for (let made = await listed(); made < 100; made++) await ask(server, workspaceId)
  const figures = await load(server, [{ method: "GET", path }])
  say("list of a workspace's requests, egs", { ...figures, listed: await listed() })
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const startedMs = performance.now()
  while (performance.now() - startedMs < 60_000) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error("It did not come about in a minute.")
}

const untilProvisioned = (server: BenchServer, id: string) =>
  until(async () => {
    const shown = await call<Shown>(server, "GET", `/berth/v1/gpu-requests/${id}`)
    return shown.state === "provisioned" ? shown : undefined
  })

/** From sending the request to having read that it has its nodes, asked for again and again. */
async function starts(): Promise<void> {
  const server = await startBenchServer(["--simulate", "8x8xH100"])
  const [id = ""] = await makeWorkspaces(server, 1)
  const tookMs: number[] = []
  for (let n = 0; n < rounds * 3; n++) {
    const startedMs = performance.now()
    const made = await ask(server, id)
    await untilProvisioned(server, made.id)
    tookMs.push(performance.now() - startedMs)
    await call(server, "POST", `/berth/v1/gpu-requests/${made.id}/release`)
  }
  say("create to provisioned, over HTTP", timesOf(tookMs))
  await server.stop()
}

/** The holder's job writes when it was told to go, as the last it does; the next request starts by the server's clock. */
async function handover(): Promise<void> {
  const server = await startBenchServer(["--simulate", "1x8xH100"])
  const [first = "", second = ""] = await makeWorkspaces(server, 2)
  const dir = mkdtempSync(join(tmpdir(), "berth-bench-times-"))
  const tookMs: number[] = []
  for (let n = 0; n < rounds; n++) {
    const holder = await ask(server, first)
    await untilProvisioned(server, holder.id)
    const file = join(dir, String(n))
    const script = `trap 'date +%s%3N > ${file}; exit' TERM; echo up > ${file}.up; while :; do sleep 0.02; done`
    const resource = { replica: 1, cpu: "1m", gpu: "8", memory: "1Mi" }
    const body = workloadBody(script, { workspaceId: first, resource })
    const { workloadId } = await call<{ workloadId: string }>(server, "POST", "/api/v1/workloads", body)
    await until(async () => readIfThere(`${file}.up`))
    const next = await ask(server, second)
    await call(server, "POST", `/berth/v1/gpu-requests/${holder.id}/release`)
    const { startedAt } = await untilProvisioned(server, next.id)
    tookMs.push(Date.parse(startedAt ?? "") - Number(readFileSync(file, "utf8")))
    await call(server, "DELETE", `/api/v1/workloads/${workloadId}`)
    await call(server, "POST", `/berth/v1/gpu-requests/${next.id}/release`)
  }
  say("last exit to next provisioned, real processes", timesOf(tookMs))
  await server.stop()
  rmSync(dir, { recursive: true, force: true })
}

async function readIfThere(path: string): Promise<string | undefined> {
  // a look takes no time worth mentioning: the event loop has its turn in between
  await new Promise((resolve) => setTimeout(resolve, 2))
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const timesOf = (tookMs: readonly number[]) => ({
  count: tookMs.length,
  p50Ms: Math.round(percentile(tookMs, 0.5)),
  p99Ms: Math.round(percentile(tookMs, 0.99)),
})

/** Of a server that was started on a database with so many; what others have left in its memory is not in it. */
async function memory(): Promise<void> {
  const count = 10_000
  const dir = mkdtempSync(join(tmpdir(), "berth-bench-"))
  const flags = ["--simulate", "64x8xH100"]
  const rss = async (act?: (server: BenchServer) => Promise<unknown>) => {
    const server = await startBenchServer(flags, dir)
    await new Promise((resolve) => setTimeout(resolve, 2000))
    const bytes = server.rssBytes()
    await act?.(server)
    const afterBytes = server.rssBytes()
    await server.stop()
    return { bytes, afterBytes }
  }
  await rss((server) => makeWorkspaces(server, 200))
  const made: string[] = []
  const empty = await rss(async (server) => {
    for (let from = 0; from < count; from += 100)
      for (const { id } of await Promise.all(
        Array.from({ length: 100 }, (_, n) => ask(server, `team-${(from + n) % 200}`)),
      ))
        made.push(id)
  })
  const queued = await rss(async (server) => {
    await pause(server)
    for (let from = 0; from < count; from += 100)
      await Promise.all(made.slice(from, from + 100).map((id) => endRequest(server, id)))
  })
  const ended = await rss()
  say(`memory of ${count} requests`, {
    emptyMib: Math.round(empty.bytes / mib),
    liveMib: Math.round(queued.bytes / mib),
    endedMib: Math.round(ended.bytes / mib),
    afterCreatingMib: Math.round(empty.afterBytes / mib),
    afterEndingMib: Math.round(queued.afterBytes / mib),
  })
  rmSync(dir, { recursive: true, force: true })
}

async function endRequest(server: BenchServer, id: string): Promise<void> {
  const { status } = await server.request("DELETE", `/berth/v1/gpu-requests/${id}`)
  if (status >= 400) await call(server, "POST", `/berth/v1/gpu-requests/${id}/release`)
}

async function tokens(): Promise<void> {
  const server = await startBenchServer()
  const body = JSON.stringify({ apiKey: server.token })
  say("exchanges of a key", await load(server, [{ method: "POST", path: "/api/v1/auth", body }]))
  const firstMs: number[] = []
  for (let n = 0; n < rounds; n++) {
    const { token } = await call<{ token: string }>(server, "POST", "/berth/v1/keys", { name: `key-${n}` })
    const startedMs = performance.now()
    await call(server, "POST", "/api/v1/auth", { apiKey: token })
    firstMs.push(performance.now() - startedMs)
  }
  say("first exchange of a key", timesOf(firstMs))
  const { data } = await call<{ data: { token: string } }>(server, "POST", "/api/v1/auth", {
    apiKey: server.token,
  })
  const path = "/api/v1/slice-workspace/list"
  say("a call with the key", await load(server, [{ method: "GET", path }]))
  say("a call with a token", await load(server, [{ method: "GET", path }], data.token))
  await server.stop()
}

const all = { creates, starts, handover, memory, tokens }
const asked = process.argv.slice(2)
// a bench that hangs ends, and its server with it
setTimeout(() => process.exit(1), 10 * 60_000).unref()
console.log(machine())
for (const [name, run] of Object.entries(all)) if (asked.length === 0 || asked.includes(name)) await run()
