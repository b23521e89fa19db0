/**
 * Figures of a whole server, started as a person would start it and asked over HTTP.
 * Usage: node bench/server.ts [http|latency|memory|ready|stall|attach|backup ...]   (default: all of them)
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import autocannon from "autocannon"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"
import { openStore } from "../packages/server/src/store/index.ts"
import { sampleWorkload } from "../packages/server/src/store/samples.ts"
import { machine, percentile, stallOf, startBenchServer, workloadBody, type BenchServer } from "./support.ts"

const mib = 2 ** 20
const say = (name: string, figures: Readonly<Record<string, number | string>>) =>
  console.log(JSON.stringify({ name, ...figures }))

async function load(server: BenchServer, path: string, body?: unknown) {
  const result = await autocannon({
    url: server.url + path,
    connections: 32,
    duration: 10,
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return {
    perSecond: Math.round(result.requests.average),
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: result.non2xx + result.errors,
  }
}

async function submit(
  server: BenchServer,
  script: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const answer = await server.request("POST", "/api/v1/workloads", workloadBody(script, more))
  if (answer.status !== 200) throw new Error(JSON.stringify(answer))
  return (answer.body as { workloadId: string }).workloadId
}

async function untilEnded(server: BenchServer, id: string): Promise<void> {
  for (let look = 0; look < 3000; look++) {
    const { body } = await server.request("GET", `/api/v1/workloads/${id}`)
    if (["Succeeded", "Failed", "Stopped"].includes((body as { phase: string }).phase)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${id} did not end.`)
}

async function http(): Promise<void> {
  const server = await startBenchServer()
  await server.request("POST", "/berth/v1/queue/pause", { workspace: null })
  say("durable submits, 32 connections", await load(server, "/api/v1/workloads", workloadBody("sleep 1")))
  const id = await submit(server, "sleep 1")
  say("get one, 32 connections", await load(server, `/api/v1/workloads/${id}`))
  say("list of 100, 32 connections", await load(server, "/api/v1/workloads?limit=100"))
  await server.stop()
}

/** The pods write their own start and end with the machine's clock. */
async function latency(): Promise<void> {
  const server = await startBenchServer(["--simulate", "1x1xT4"])
  const dir = mkdtempSync(join(tmpdir(), "berth-bench-times-"))
  const read = (file: string) => readFileSync(join(dir, file), "utf8").trim().split(" ").map(Number)
  const script = (file: string) => `s=$(date +%s%3N); echo "$s $(date +%s%3N)" > ${join(dir, file)}`
  const starts: number[] = []
  for (let n = 0; n < 60; n++) {
    const sentMs = Date.now()
    await untilEnded(server, await submit(server, script(`start-${n}`)))
    starts.push((read(`start-${n}`)[0] ?? 0) - sentMs)
  }
  say("submit to started, idle machine", { p50Ms: percentile(starts, 0.5), p99Ms: percentile(starts, 0.99) })
  const gpu = { resource: { replica: 1, cpu: "1m", gpu: "1", memory: "1Mi" } }
  const ids: string[] = []
  for (let n = 0; n < 60; n++) ids.push(await submit(server, script(`chain-${n}`), gpu))
  for (const id of ids) await untilEnded(server, id)
  const times = ids.map((_, n) => read(`chain-${n}`)).toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
  const gaps = times.slice(1).map((time, n) => (time[0] ?? 0) - (times[n]?.[1] ?? 0))
  say("last exit to next started", { p50Ms: percentile(gaps, 0.5), p99Ms: percentile(gaps, 0.99) })
  await server.stop()
  rmSync(dir, { recursive: true, force: true })
}

async function memory(): Promise<void> {
  const server = await startBenchServer()
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const idle = server.rssBytes()
  say("memory, idle", { mib: Math.round(idle / mib) })
  const ids = await Promise.all(
    Array.from({ length: 10 }, () =>
      submit(server, "sleep 600", { resource: { replica: 20, cpu: "1m", memory: "1Mi" } }),
    ),
  )
  for (const id of ids)
    for (let look = 0; look < 1000; look++) {
      const { body } = await server.request("GET", `/api/v1/workloads/${id}`)
      if ((body as { phase: string }).phase === "Running") break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  const running = server.rssBytes()
  say("memory, 200 running pods", {
    mib: Math.round(running / mib),
    kibPerPod: Math.round((running - idle) / 1024 / 200),
  })
  await server.stop()
}

/** Puts so many ended workloads into a database. */
async function storeEnded(path: string, count: number): Promise<void> {
  const store = openStore({ path: path, clock: systemClock, log: silentLog })
  const endedAtMs = Date.now() - 3_600_000
  for (let from = 0; from < count; from += 1000)
    await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        store.tx((tx) =>
          store.workloads.insert(tx, {
            ...sampleWorkload(from + i),
            phase: "Succeeded",
            cause: "succeeded",
            claimId: null,
            startedAtMs: endedAtMs,
            endedAtMs,
            deletedAtMs: endedAtMs,
          }),
        ),
      ),
    )
  await store.close()
}

async function ready(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "berth-bench-ready-"))
  const empty = await startBenchServer([], dir)
  const emptyMs = empty.readyMs
  await empty.stop()
  await storeEnded(join(dir, "berth.db"), 100_000)
  const full = await startBenchServer([], dir)
  say("time to ready", {
    emptyMs: Math.round(emptyMs),
    with100000StoredMs: Math.round(full.readyMs),
    mib: Math.round(full.rssBytes() / mib),
  })
  say("get one at 100,000 stored", await load(full, `/api/v1/workloads/${sampleWorkload(50_000).id}`))
  say("list of 100 at 100,000 stored", await load(full, "/api/v1/workloads?limit=100"))
  await full.stop()
  rmSync(dir, { recursive: true, force: true })
}

/** The longest stall that the server's own monitor saw while it was asked 1,000 times a second. */
async function stall(): Promise<void> {
  const server = await startBenchServer()
  const chatty = await submit(server, "while :; do echo line; sleep 0.2; done")
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const ending = new AbortController()
  const follow = () =>
    fetch(`${server.url}/berth/v1/pods/${chatty}/${chatty}-master-0/log?follow=true`, {
      headers: { authorization: `Bearer ${server.token}`, accept: "text/event-stream" },
      signal: ending.signal,
    }).then(async (answer) => {
      for await (const _ of answer.body ?? []) if (ending.signal.aborted) break
    })
  const followers = Array.from({ length: 200 }, () => follow().catch(() => undefined))
  // the figures of the lag are since the last look
  await stallOf(server)
  const result = await autocannon({
    url: `${server.url}/api/v1/workloads/${chatty}`,
    connections: 16,
    duration: 15,
    overallRate: 1000,
    headers: { authorization: `Bearer ${server.token}` },
  })
  const stall = await stallOf(server)
  say("1,000 requests/s beside 200 log streams", {
    p99Ms: result.latency.p99,
    stallMs: Math.round(stall.maxMs),
    stallP99Ms: Math.round(stall.p99Ms),
  })
  ending.abort()
  await Promise.all(followers)
  await server.stop()
}

/** Many open the same long log at once and read all of it. */
async function attach(): Promise<void> {
  const readers = 100
  const bytes = 40 * mib
  const server = await startBenchServer()
  const id = await submit(server, `yes "$(printf 'x%.0s' $(seq 100))" | head -c ${bytes}; sleep 600`)
  const url = `${server.url}/berth/v1/pods/${id}/${id}-master-0/log?follow=true`
  const headers = { authorization: `Bearer ${server.token}`, accept: "text/event-stream" }
  await until(async () => {
    const answer = await fetch(url.replace("follow=true", "follow=false"), {
      headers: { ...headers, accept: "*/*" },
    })
    return answer.ok && (await answer.arrayBuffer()).byteLength >= bytes * 0.99
  })
  await stallOf(server)
  const startedMs = performance.now()
  const read = async () => {
    const ending = new AbortController()
    const answer = await fetch(url, { headers, signal: ending.signal })
    let seen = 0
    for await (const piece of answer.body ?? []) {
      seen += (piece as Uint8Array).length
      if (seen >= bytes) break
    }
    ending.abort()
  }
  await Promise.all(Array.from({ length: readers }, read))
  const seconds = (performance.now() - startedMs) / 1000
  const stall = await stallOf(server)
  say(`${readers} readers of a log of ${bytes / mib} MiB at once`, {
    seconds: Math.round(seconds * 10) / 10,
    mibPerSecond: Math.round((readers * bytes) / mib / seconds),
    stallMs: Math.round(stall.maxMs),
    stallP99Ms: Math.round(stall.p99Ms),
  })
  await server.stop()
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 600; look++) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error("It did not come about in two minutes.")
}

/** A backup of a database that is being written to: how long, and what the writers and the event loop notice. */
async function backup(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "berth-bench-backup-"))
  await storeEnded(join(dir, "berth.db"), 100_000)
  const server = await startBenchServer([], dir)
  await server.request("POST", "/berth/v1/queue/pause", { workspace: null })
  const writes = (seconds: number) =>
    autocannon({
      url: `${server.url}/api/v1/workloads`,
      connections: 16,
      duration: seconds,
      overallRate: 500,
      method: "POST",
      headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
      body: JSON.stringify(workloadBody("sleep 1")),
    })
  const take = async () => {
    const startedMs = performance.now()
    const answer = await fetch(`${server.url}/berth/v1/backups`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.token}` },
    })
    const { byteLength } = await answer.arrayBuffer()
    return { ms: performance.now() - startedMs, bytes: byteLength }
  }
  for (const isBackedUp of [false, true]) {
    await stallOf(server)
    const [result, taken] = await Promise.all([writes(15), isBackedUp ? take() : undefined])
    const stall = await stallOf(server)
    say(isBackedUp ? "a backup of 100,000 workloads beside 500 submits/s" : "500 submits/s alone", {
      ...(taken ? { seconds: Math.round(taken.ms / 100) / 10, mib: Math.round(taken.bytes / mib) } : {}),
      databaseMib: Math.round(statSync(join(dir, "berth.db")).size / mib),
      failures: result.non2xx + result.errors,
      p99Ms: result.latency.p99,
      stallMs: Math.round(stall.maxMs),
      stallP99Ms: Math.round(stall.p99Ms),
    })
  }
  await server.stop()
  rmSync(dir, { recursive: true, force: true })
}

const all = { http, latency, memory, ready, stall, attach, backup }
const asked = process.argv.slice(2)
// a bench that hangs ends, and its server with it
setTimeout(() => process.exit(1), 15 * 60_000).unref()
console.log(machine())
for (const [name, run] of Object.entries(all)) if (asked.length === 0 || asked.includes(name)) await run()
