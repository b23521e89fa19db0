import { performance } from "node:perf_hooks"
import { aRayTemplate, call, rayCluster, say } from "./ray-support.ts"
import { percentile, stallOf, startBenchServer, type BenchServer } from "./support.ts"

const path = "/apis/v1/namespaces/default"
const listed = 1000
const mib = 2 ** 20

/** A server that makes and keeps clusters, and starts none. */
async function startPaused(): Promise<BenchServer> {
  const server = await startBenchServer(["--simulate", "64x8xH100"])
  await call(server, "POST", "/berth/v1/queue/pause", { workspace: null })
  await call(server, "POST", `${path}/compute_templates`, aRayTemplate)
  return server
}

const make = (server: BenchServer, name: string) => call(server, "POST", `${path}/clusters`, rayCluster(name))

/** So many callers take turns at all of it; how long each call took. */
async function timed(callers: number, count: number, one: (at: number) => Promise<unknown>) {
  const times: number[] = []
  let next = 0
  const began = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let at = next++; at < count; at = next++) {
        const from = performance.now()
        await one(at)
        times.push(performance.now() - from)
      }
    }),
  )
  const seconds = (performance.now() - began) / 1000
  return {
    perSecond: Math.round((count / seconds) * 10) / 10,
    p50Ms: round(percentile(times, 0.5)),
    p99Ms: round(percentile(times, 0.99)),
  }
}
const round = (ms: number) => Math.round(ms * 10) / 10

export async function createsAndLists(): Promise<void> {
  const server = await startPaused()
  say("create a cluster, 1 caller", await timed(1, 200, (at) => make(server, `one-${at}`)))
  say("create a cluster, 8 callers", await timed(8, 400, (at) => make(server, `eight-${at}`)))
  say("create a cluster, 32 callers", await timed(32, listed - 600, (at) => make(server, `many-${at}`)))
  const get = () => call(server, "GET", `${path}/clusters/one-0`)
  say("get a cluster, 1 caller", await timed(1, 500, get))
  const list = () => call(server, "GET", `${path}/clusters`)
  say(`list of ${listed} clusters, 1 caller`, await timed(1, 40, list))
  say(`list of ${listed} clusters, 8 callers`, await timed(8, 40, list))
  const page = () => call(server, "GET", `${path}/clusters?limit=100`)
  say("list of the first 100, 1 caller", await timed(1, 100, page))
  say("event loop meanwhile", { ...(await stallOf(server)) })
  await server.stop()
}

/** What the server keeps of clusters that wait: rows, claims, places in the queue. */
export async function memoryOfClusters(): Promise<void> {
  const server = await startPaused()
  await timed(32, 500, (at) => make(server, `warm-${at}`))
  await settled(server)
  const before = server.rssBytes()
  const count = 4000
  await timed(32, count, (at) => make(server, `kept-${at}`))
  await settled(server)
  const grown = server.rssBytes() - before
  say("memory of waiting clusters, whole server", {
    clusters: count,
    kibEach: Math.round(grown / 1024 / count),
    mib: Math.round(server.rssBytes() / mib),
  })
  await server.stop()
}

/** The collector needs some quiet. */
async function settled(server: BenchServer): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    await call(server, "GET", "/readyz")
  }
}
