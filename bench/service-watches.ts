/**
 * Watched records on one server process that asks a local target over real sockets: whether probes keep to the asked
 * interval, what the event loop notices, memory, and what it takes when every target fails at once.
 * Usage: node bench/service-watches.ts [records] [interval in seconds]   (default: 10,000, 30)
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as pause } from "node:timers/promises"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"
import { openStore } from "../packages/server/src/store/index.ts"
import { sampleRecord, sampleWatch } from "../packages/server/src/store/service-samples.ts"
import { type BenchServer, cpuMsOf, machine, stallOf, startBenchServer } from "./support.ts"

const count = Number(process.argv[2] ?? 10_000)
const intervalSeconds = Number(process.argv[3] ?? 30)
const perStep = 1000
const mib = 2 ** 20
const say = (name: string, figures: Readonly<Record<string, number | string>>) =>
  console.log(JSON.stringify({ name, ...figures }))

/** Counts what it is asked, and answers as it is told to: a status, or 0 = never. */
const targetProgram = `
import { createServer } from "node:http"
let asked = 0
let status = 200
const server = createServer((_, reply) => {
  asked++
  if (status > 0) reply.writeHead(status).end()
})
process.on("message", (message) => {
  status = message.status ?? status
  process.send({ asked })
})
process.once("disconnect", () => process.exit())
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => process.send({ port: server.address().port }))
`

async function startTarget(dir: string) {
  const file = join(dir, "target.mjs")
  writeFileSync(file, targetProgram)
  const child: ChildProcess = fork(file)
  const [{ port }] = (await once(child, "message")) as [{ readonly port: number }]
  async function tell(message: { readonly status?: number }): Promise<number> {
    const answer = once(child, "message")
    child.send(message)
    return ((await answer)[0] as { readonly asked: number }).asked
  }
  return { port, tell, stop: () => child.kill() }
}
type Target = Awaited<ReturnType<typeof startTarget>>

/** Records with a watch each, as a server of before has left them. */
async function storeWatched(path: string, port: number): Promise<void> {
  const store = openStore({ path, clock: systemClock, log: silentLog })
  for (let from = 0; from < count; from += perStep)
    await store.tx(async (tx) => {
      for (let n = from; n < Math.min(count, from + perStep); n++) {
        const healthCheckUrl = `http://127.0.0.1:${port}/health/${n}`
        const record = sampleRecord(n, { workspaceId: "default", healthCheckUrl })
        await store.services.records.insert(tx, record)
        await store.services.watches.insert(tx, {
          ...sampleWatch(record),
          intervalSeconds,
          failureThreshold: 1,
        })
      }
    })
  await store.close()
}

/** What probes do in so many seconds in which nothing changes. */
async function atRest(server: BenchServer, target: Target, label: string, seconds = intervalSeconds * 2) {
  const asked = await target.tell({})
  const cpuMs = cpuMsOf(server.pid)
  await stallOf(server)
  const beganMs = performance.now()
  await pause(seconds * 1000)
  const tookS = (performance.now() - beganMs) / 1000
  const stall = await stallOf(server)
  say(label, {
    probesPerSecond: Math.round(((await target.tell({})) - asked) / tookS),
    wantedPerSecond: Math.round(count / intervalSeconds),
    stallMs: Math.round(stall.maxMs),
    stallP99Ms: Math.round(stall.p99Ms),
    cpuPercent: Math.round((cpuMsOf(server.pid) - cpuMs) / tookS / 10),
    mib: Math.round(server.rssBytes() / mib),
  })
}

/** Every target changes what it answers at once. */
async function allTurn(
  server: BenchServer,
  target: Target,
  turn: { readonly label: string; readonly status: number },
) {
  const db = new DatabaseSync(join(server.dataDir, "berth.db"), { readOnly: true })
  const others = db.prepare("select count(*) as n from service_record where state is null or state <> ?")
  const state = turn.status === 200 ? "active" : "error"
  const cpuMs = cpuMsOf(server.pid)
  await stallOf(server)
  const beganMs = performance.now()
  await target.tell({ status: turn.status })
  while (Number(others.get(state)?.["n"]) > 0) await pause(200)
  db.close()
  const tookS = (performance.now() - beganMs) / 1000
  const stall = await stallOf(server)
  say(turn.label, {
    seconds: Math.round(tookS * 10) / 10,
    stallMs: Math.round(stall.maxMs),
    stallP99Ms: Math.round(stall.p99Ms),
    cpuPercent: Math.round((cpuMsOf(server.pid) - cpuMs) / tookS / 10),
    mib: Math.round(server.rssBytes() / mib),
  })
}

async function main(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "berth-bench-watches-"))
  chmodSync(dir, 0o711)
  const target = await startTarget(dir)
  let server: BenchServer | undefined
  try {
    const data = join(dir, "data")
    const flags = ["--services-probe-allow", "127.0.0.0/8"]
    const empty = await startBenchServer(flags, data)
    await pause(3000)
    await stallOf(empty)
    await pause(20_000)
    const { maxMs } = await stallOf(empty)
    const before = { stallMs: Math.round(maxMs), mib: Math.round(empty.rssBytes() / mib) }
    say("without any", { readyMs: Math.round(empty.readyMs), ...before })
    await empty.stop()
    await storeWatched(join(data, "berth.db"), target.port)
    server = await startBenchServer(flags, data)
    say(`with ${count}`, { readyMs: Math.round(server.readyMs), mib: Math.round(server.rssBytes() / mib) })
    await allTurn(server, target, { label: "all become active", status: 200 })
    await atRest(server, target, "at rest")
    await allTurn(server, target, { label: "all fail at once", status: 503 })
    await allTurn(server, target, { label: "all answer again", status: 200 })
    await target.tell({ status: 0 })
    await atRest(server, target, "all hang")
    await allTurn(server, target, { label: "all answer after they hung", status: 200 })
  } finally {
    await server?.stop()
    target.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

// a bench that hangs ends, and its server with it
setTimeout(() => process.exit(1), 20 * 60_000).unref()
console.log(machine())
await main()
