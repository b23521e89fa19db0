/**
 * What pods that others talk to cost the server: probes of many of them, and connections forwarded to them. The
 * programs that answer, and the clients, are processes of their own, so that the loop measured is the server's alone.
 *
 *   node bench/serving.ts [pods=1000] [period in seconds=3] [seconds=15]
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { AttemptId } from "../packages/server/src/domain/workloads/index.ts"
import { newPodRecord } from "../packages/server/src/drivers/local/attempt-record.ts"
import { createPodReadiness } from "../packages/server/src/drivers/local/pod-readiness.ts"
import { createLocalNetwork } from "../packages/server/src/drivers/local/service-network.ts"
import { createSlots } from "../packages/server/src/drivers/local/slots.ts"
import { sleep, systemClock } from "../packages/server/src/kit/clock.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"

/** Answers HTTP on all loopback addresses, as many pods would; counts what it is asked. */
const program = `
let asked = 0
const server = require("node:http").createServer((request, reply) => { asked++; reply.end("ok") })
server.listen(0, "0.0.0.0", () => process.send(server.address().port))
process.on("message", () => { process.send(asked); asked = 0 })
`

async function startProgram() {
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  process.once("exit", () => child.kill("SIGKILL"))
  const [port] = (await once(child, "message")) as [number]
  const asked = async () => {
    child.send("count")
    return ((await once(child, "message")) as [number])[0]
  }
  return { port, asked, end: () => child.kill("SIGKILL") }
}

/** Runs it and says what the loop had to bear meanwhile. */
async function measured(run: () => Promise<string>) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const cpu = process.cpuUsage()
  const began = performance.now()
  delay.enable()
  const found = await run()
  delay.disable()
  const used = process.cpuUsage(cpu)
  const seconds = (performance.now() - began) / 1000
  console.log(
    `${found}, loop stall ms p99 ${(delay.percentile(99) / 1e6).toFixed(1)} max ${(delay.max / 1e6).toFixed(1)},`,
    `cpu ${((used.user + used.system) / 1e4 / seconds).toFixed(0)} %`,
  )
}

async function probes(pods: number, periodSeconds: number, seconds: number) {
  const target = await startProgram()
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-serving-"))
  const probe = { path: "/", port: target.port, initialDelaySeconds: 0, periodSeconds, failureThreshold: 3 }
  let unhealthy = 0
  const readiness = createPodReadiness({
    clock: systemClock,
    log: silentLog,
    slots: createSlots(512),
    onChange: () => undefined,
    onUnhealthy: () => unhealthy++,
  })
  const stored = {
    format: 1,
    attemptId: "att_bench",
    workspaceId: "bench",
    uid: 0,
    gid: 0,
    sharesAccount: true,
    groups: [],
    groupRoot: null,
    masterPort: 0,
    pods: Array.from({ length: pods }, (_, index) => ({
      podId: `pod-${index}`,
      index,
      podIp: `127.64.${Math.floor(index / 250)}.${(index % 250) + 1}`,
      memoryBytes: 0,
      nice: 1,
      probes: { liveness: probe, readiness: probe },
    })),
  } as const
  const record = {
    id: stored.attemptId as AttemptId,
    stored,
    pods: stored.pods.map((pod) => newPodRecord(pod, stored.attemptId, folder)),
    stop: undefined,
    killAtMono: undefined,
    cancelKill: undefined,
    isGone: false,
  }
  try {
    for (const pod of record.pods) readiness.begin(record, pod)
    await sleep(systemClock, periodSeconds * 2000)
    await target.asked()
    await measured(async () => {
      await sleep(systemClock, seconds * 1000)
      const ready = record.pods.filter((pod) => pod.isReady).length
      const rate = Math.round((await target.asked()) / seconds)
      return `${pods} pods, both probes every ${periodSeconds} s: ${rate} probes/s, ${ready} ready, ${unhealthy} unhealthy`
    })
  } finally {
    readiness.close([record])
    target.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

const client = `
const [url, seconds, many] = process.argv.slice(1)
const http = require("node:http")
const agent = new http.Agent({ keepAlive: false })
const times = []
let failed = 0
const end = Date.now() + seconds * 1000
const ask = (then) => {
  const began = performance.now()
  http.get(url, { agent }, (reply) => { reply.resume(); reply.on("end", () => { times.push(performance.now() - began); then() }) })
    .on("error", () => { failed++; then() })
}
const loop = () => Date.now() < end ? ask(loop) : undefined
for (let at = 0; at < many; at++) loop()
process.on("exit", () => { times.sort((a, b) => a - b)
  const at = (share) => times[Math.floor(times.length * share)].toFixed(1)
  console.log(Math.round(times.length / seconds) + " requests/s, a connection each, p50 " + at(0.5) + " p99 " + at(0.99) + " ms, " + failed + " failed") })
`

async function forwarding(seconds: number) {
  const target = await startProgram()
  const network = createLocalNetwork({ clock: systemClock, log: silentLog })
  const [fault] = await network.open("svc", [{ host: "127.66.255.1", port: target.port + 1 }])
  if (fault) throw new Error(fault)
  const backends = ["127.64.0.1", "127.64.0.2"].map((ip) => ({ ip, port: target.port }))
  network.route("svc", backends)
  try {
    await measured(async () => {
      const url = `http://127.66.255.1:${target.port + 1}/`
      const child = spawn(process.execPath, ["-e", client, url, `${seconds}`, "32"], { stdio: "inherit" })
      await once(child, "exit")
      return `forwarded ${network.counts.accepted} connections, ${network.counts.unanswered} unanswered`
    })
  } finally {
    await network.closeAll()
    target.end()
  }
}

const [pods = 1000, periodSeconds = 3, seconds = 15] = process.argv.slice(2).map(Number)
await probes(pods, periodSeconds, seconds)
await forwarding(Math.min(5, seconds))
