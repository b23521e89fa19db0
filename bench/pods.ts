/**
 * A server that runs many real pods (`sleep`): memory per pod, how long the event loop is held up while they start,
 * while nothing happens, and while all of them are stopped, and how soon a restarted server has taken them over.
 * Ends its processes, also when it fails; gives up after 15 minutes.
 * Usage: node bench/pods.ts [pods=1000] [seconds of quiet=60]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type BenchServer, cpuMsOf, machine, stallOf, startBenchServer, workloadBody } from "./support.ts"

const pods = Number(process.argv[2] ?? 1000)
const quietSeconds = Number(process.argv[3] ?? 60)
const perWorkload = 20
const hardLimitMs = 15 * 60_000
const marker = `${3600 + (process.pid % 1000)}.${process.pid}`

const say = (what: string, figures: Readonly<Record<string, number | string>>) =>
  console.log(JSON.stringify({ what, ...figures }))
const seconds = (ms: number) => Math.round(ms / 100) / 10
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function totalOf(server: BenchServer, phase: string): Promise<number> {
  const { body } = await server.request("GET", `/api/v1/workloads?phase=${phase}&limit=1`)
  return (body as { totalCount: number }).totalCount
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<number> {
  const startedMs = performance.now()
  while (performance.now() - startedMs < 240_000) {
    if (await isSo()) return performance.now() - startedMs
    await pause(100)
  }
  throw new Error(`Not in four minutes: ${what}`)
}

/** The sleeps of this bench, told by their length. */
function sleeping(): number {
  let count = 0
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8") === `sleep\0${marker}\0`) count++
    } catch {
      // it has ended meanwhile
    }
  }
  return count
}

async function stalls(server: BenchServer) {
  const { maxMs, p99Ms } = await stallOf(server)
  return { stallMs: Math.round(maxMs), stallP99Ms: Math.round(p99Ms) }
}

async function measure(dir: string, begun: (server: BenchServer) => void): Promise<void> {
  let server = await startBenchServer([], dir)
  begun(server)
  await pause(3000)
  await stallOf(server)
  const before = server.rssBytes()
  const workloads = Math.ceil(pods / perWorkload)
  const resource = { replica: perWorkload, cpu: "1m", memory: "1Mi" }
  for (let n = 0; n < workloads; n++) {
    const answer = await server.request(
      "POST",
      "/api/v1/workloads",
      workloadBody(`exec sleep ${marker}`, { resource }),
    )
    if (answer.status !== 200) throw new Error(JSON.stringify(answer))
  }
  const startMs = await until("all run", async () => (await totalOf(server, "Running")) === workloads)
  say("started", { pods: workloads * perWorkload, seconds: seconds(startMs), ...(await stalls(server)) })

  const cpuBefore = cpuMsOf(server.pid)
  await pause(quietSeconds * 1000)
  const kibPerPod = (server.rssBytes() - before) / 1024 / (workloads * perWorkload)
  say("quiet", {
    seconds: quietSeconds,
    cpuPercent: Math.round((cpuMsOf(server.pid) - cpuBefore) / quietSeconds / 1) / 10,
    mibBefore: Math.round(before / 2 ** 20),
    mib: Math.round(server.rssBytes() / 2 ** 20),
    kibPerPod: Math.round(kibPerPod),
    sleeping: sleeping(),
    ...(await stalls(server)),
  })

  await server.request("POST", "/berth/v1/server/stop", { pods: false })
  await until("the server has ended", () => server.hasEnded())
  server = await startBenchServer([], dir)
  begun(server)
  say("restarted", {
    readyMs: Math.round(server.readyMs),
    running: await totalOf(server, "Running"),
    sleeping: sleeping(),
  })
  await stallOf(server)

  const { body } = await server.request("GET", `/api/v1/workloads?phase=Running&limit=1000`)
  const workloadIds = (body as { items: { workloadId: string }[] }).items.map((item) => item.workloadId)
  const stoppedAtMs = performance.now()
  await server.request("POST", "/api/v1/workloads/stop", { workloadIds })
  const answeredMs = performance.now() - stoppedAtMs
  const endMs = await until("no process is left", () => sleeping() === 0)
  say("stopped", { answeredMs: Math.round(answeredMs), seconds: seconds(endMs), ...(await stalls(server)) })
}

const dir = mkdtempSync(join(tmpdir(), "berth-bench-pods-"))
let current: BenchServer | undefined
const limit = setTimeout(() => {
  console.error("The bench took too long.")
  process.exitCode = 1
  void current?.stop().finally(() => process.exit())
}, hardLimitMs)
limit.unref()
console.log(machine())
try {
  await measure(dir, (server) => (current = server))
} finally {
  await current?.stop()
  rmSync(dir, { recursive: true, force: true })
}
