/**
 * Lists of 100 at 250,000 stored workloads: every filter, sort and combination, alone and asked by 32 clients
 * at once, and how long the event loop was held up meanwhile. Ends by itself; a case takes a few seconds.
 * Usage: node bench/lists.ts [rows=250000] [seconds=3] [case=all, a part of its name] [directory to keep the rows in]
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import autocannon from "autocannon"
import { listSortFields as sorts } from "@berth/contract/workloads"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"
import { openStore } from "../packages/server/src/store/index.ts"
import { sampleSpec, sampleWorkload } from "../packages/server/src/store/samples.ts"
import { type BenchServer, machine, percentile, startBenchServer, stallOf } from "./support.ts"

const rows = Number(process.argv[2] ?? 250_000)
const seconds = Number(process.argv[3] ?? 3)
const only = process.argv[4] ?? ""
const kept = process.argv[5]
const hardLimitMs = 30 * 60_000

const spaces = 50
const users = 40
const kinds = ["PyTorchJob", "PyTorchJob", "PyTorchJob", "Authoring"] as const
const phases = ["Succeeded", "Succeeded", "Succeeded", "Failed", "Stopped"] as const
const firstMs = Date.now() - 30 * 86_400_000

/** Workspace 0 has a quarter of all rows, the rest share what is left. */
const workspaceOf = (n: number) => `ws-${n % 4 === 0 ? 0 : n % spaces}`

/** One row of a month of work: all ended, so that the server has nothing to do with them but show them. */
function row(n: number) {
  const phase = phases[(n * 7) % phases.length] ?? "Succeeded"
  const createdAtMs = firstMs + Math.floor((n * 30 * 86_400_000) / rows)
  const startedAtMs = n % 11 === 0 ? null : createdAtMs + (n % 600) * 1000
  const endedAtMs = createdAtMs + 600_000 + ((n * 37) % 7200) * 1000
  return sampleWorkload(n, {
    id: `train-${(n * 2_654_435_761).toString(36).slice(-5)}-${n.toString(36)}`,
    workspaceId: workspaceOf(n),
    kind: kinds[n % kinds.length] ?? "PyTorchJob",
    displayName: `run ${(n * 7919) % rows}`,
    description: n % 3 === 0 ? "" : `sweep ${n % 1000}: 100% of the data_set "a" for the ${n % 17}th time`,
    userId: `usr_${(n * 13) % users}`,
    userName: `user-${(n * 13) % users}`,
    priority: n % 3,
    phase,
    cause: phase === "Failed" ? "failed" : phase === "Stopped" ? "stopped" : "succeeded",
    dispatchCount: 1 + (n % 3),
    createdAtMs,
    startedAtMs,
    endedAtMs,
    deletedAtMs: endedAtMs,
    conditions: [],
    spec: sampleSpec({
      image: `registry/pytorch:${n % 20}`,
      entryPoint: Buffer.from(`python train.py --seed ${n}`).toString("base64"),
      maxRetry: n % 5,
      timeout: n % 4 === 0 ? null : 3600 + (n % 100),
    }),
  })
}

async function fill(path: string): Promise<void> {
  const store = openStore({ path, clock: systemClock, log: silentLog })
  const startedMs = performance.now()
  for (let from = 0; from < rows; from += 5000)
    await Promise.all(
      Array.from({ length: 10 }, (_, part) =>
        store.tx(async (tx) => {
          for (let n = from + part * 500; n < Math.min(rows, from + (part + 1) * 500); n++)
            await store.workloads.insert(tx, row(n))
        }),
      ),
    )
  const filledMs = performance.now() - startedMs
  await store.close()
  console.log(JSON.stringify({ rows, insertsPerSecond: Math.round((rows / filledMs) * 1000) }))
}

const day = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 19)

/** Query strings; those marked `member:` are asked by somebody who sees only some workspaces. */
const cases: readonly string[] = [
  "",
  "order=asc",
  `offset=${Math.floor(rows / 2)}`,
  `offset=${rows - 100}`,
  "offset=100000000",
  "workspaceId=ws-0",
  "workspaceId=ws-1",
  `workspaceId=ws-0&offset=${Math.floor(rows / 8)}`,
  "workspaceId=none",
  "clusterId=local",
  "clusterId=other",
  "userId=usr_5",
  "userId=usr_none",
  "workspaceId=ws-0&userId=usr_4",
  "phase=Failed",
  "phase=Failed,Stopped",
  "phase=Succeeded,Failed,Stopped",
  "phase=Running,Pending",
  "phase=Nonsense",
  "workspaceId=ws-0&phase=Failed",
  "kind=Authoring",
  "kind=PyTorchJob,Authoring",
  "kind=Nonsense",
  "kind=Authoring&phase=Failed&userId=usr_5",
  `since=${day(1)}`,
  `until=${day(29)}`,
  `since=${day(20)}&until=${day(19)}`,
  `since=${day(20)}&until=${day(19)}&phase=Failed`,
  `userId=usr_5&since=${day(7)}`,
  "userName=user-5",
  "userName=nobody",
  "userName=user",
  "description=sweep%20999",
  "description=100%2525",
  "description=data%5Fset",
  "description=%22a%22",
  "description=nothing%20like%20that",
  `description=${"x".repeat(8_000)}`,
  "workloadId=train-",
  "workloadId=zzzzzz",
  "workspaceId=ws-1&description=sweep",
  "description=sweep%20999&userName=user-5&phase=Failed",
  "member:",
  `member:offset=${Math.floor(rows / 20)}`,
  "member:phase=Failed",
  "member:userId=usr_5",
  "member:kind=Authoring",
  "member:description=sweep%20999",
  "member:sortBy=displayName",
  "member:sortBy=endTime&phase=Failed",
  ...sorts.flatMap((sort) => [`sortBy=${sort}`, `sortBy=${sort}&order=asc`]),
  ...["startTime", "displayName", "priority", "entryPoint"].flatMap((sort) => [
    `sortBy=${sort}&offset=${Math.floor(rows / 2)}`,
    `sortBy=${sort}&workspaceId=ws-0`,
    `sortBy=${sort}&workspaceId=ws-1`,
    `sortBy=${sort}&phase=Failed`,
    `sortBy=${sort}&userId=usr_5`,
  ]),
]

async function memberToken(server: BenchServer): Promise<string> {
  const ask = async (method: string, path: string, body: unknown) => {
    const answer = await server.request(method, path, body)
    if (answer.status >= 400 && answer.status !== 409) throw new Error(JSON.stringify(answer))
    return answer.body as Readonly<Record<string, unknown>>
  }
  const name = `member-${Date.now()}`
  await ask("POST", "/berth/v1/users", { name })
  for (let n = 0; n <= 5; n++) {
    await ask("POST", "/berth/v1/workspaces", { id: `ws-${n}` })
    if (n > 0) await ask("PUT", `/berth/v1/workspaces/ws-${n}/members/${name}`, { role: "editor" })
  }
  const made = await ask("POST", "/berth/v1/keys", { name: `${name}-key`, user: name })
  return String(made["token"])
}

async function measure(server: BenchServer, tokens: { owner: string; member: string }, name: string) {
  const isMember = name.startsWith("member:")
  const query = name.replace(/^member:/, "")
  const url = `${server.url}/api/v1/workloads?limit=100${query && `&${query}`}`
  const headers = { authorization: `Bearer ${isMember ? tokens.member : tokens.owner}` }
  const alone: number[] = []
  let total = -1
  for (let n = 0; n < 5; n++) {
    const startedMs = performance.now()
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(30_000) })
    const body = (await answer.json()) as { totalCount?: number }
    total = body.totalCount ?? -answer.status
    alone.push(performance.now() - startedMs)
  }
  await stallOf(server)
  const many = await autocannon({ url, connections: 32, duration: seconds, headers })
  const stall = await stallOf(server)
  const shown = query.length > 60 ? `${query.slice(0, 57)}...` : query
  console.log(
    JSON.stringify({
      case: `${isMember ? "member:" : ""}${shown || "(none)"}`,
      total,
      aloneMs: Math.round(percentile(alone, 0.5) * 10) / 10,
      perSecond: Math.round(many.requests.average),
      p50Ms: many.latency.p50,
      p99Ms: many.latency.p99,
      refused: many.non2xx,
      errors: many.errors,
      stallMs: Math.round(stall.maxMs),
    }),
  )
}

const limit = setTimeout(() => {
  console.error("The bench took too long.")
  process.exit(1)
}, hardLimitMs)
limit.unref()
const dir = kept ?? mkdtempSync(join(tmpdir(), "berth-bench-lists-"))
console.log(machine())
if (!existsSync(join(dir, "berth.db"))) {
  // the server makes its directory; its owner's key belongs to the database
  await (await startBenchServer([], dir)).stop()
  await fill(join(dir, "berth.db"))
}
const server = await startBenchServer([], dir)
try {
  const tokens = { owner: server.token, member: await memberToken(server) }
  for (const name of cases) if (name.includes(only)) await measure(server, tokens, name)
} finally {
  await server.stop()
  if (kept === undefined) rmSync(dir, { recursive: true, force: true })
}
