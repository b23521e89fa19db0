/**
 * A server in whose one queue many workloads wait for the same GPU: how long it takes to submit one more, to list,
 * explain, reprioritise and cancel, and how long the event loop is held up. Gives up after 15 minutes.
 * Usage: node bench/queue.ts [queued=15000] [rounds=100]
 */
import { machine, percentile, stallOf, startBenchServer, workloadBody } from "./support.ts"

const queued = Number(process.argv[2] ?? 15_000)
const rounds = Number(process.argv[3] ?? 100)
const resource = { replica: 1, cpu: "1m", memory: "1Mi", gpu: "1" }

setTimeout(() => {
  console.error("The bench took too long.")
  process.exit(1)
}, 15 * 60_000).unref()

console.log(machine())
const server = await startBenchServer(["--simulate", "1x1xT4"])
try {
  await fill()
  for (const policy of ["fifo", "balance"]) {
    await ask("PATCH", "/berth/v1/workspaces/default", { policy: { queuePolicy: policy } })
    await measure(policy)
  }
} finally {
  await server.stop()
}

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await server.request(method, path, body)
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer.body
}

async function submit(): Promise<string> {
  const answer = await ask("POST", "/api/v1/workloads", workloadBody("sleep 3600", { resource }))
  return (answer as { workloadId: string }).workloadId
}

async function fill(): Promise<void> {
  await submit()
  await stallOf(server)
  const startedMs = performance.now()
  for (let n = 0; n < queued; n += 50) await Promise.all(Array.from({ length: 50 }, submit))
  const { maxMs } = await stallOf(server)
  const perSecond = Math.round((queued / (performance.now() - startedMs)) * 1000)
  console.log(JSON.stringify({ what: "filled", queued, perSecond, stallMs: Math.round(maxMs) }))
}

async function measure(policy: string): Promise<void> {
  const ids: string[] = []
  let changes = 0
  const last = async () => ids.at(-1) ?? (await submit())
  const steps: Readonly<Record<string, () => Promise<unknown>>> = {
    submit: async () => ids.push(await submit()),
    "list, first page": () => ask("GET", "/berth/v1/queue?limit=100"),
    "list, last page": () => ask("GET", `/berth/v1/queue?limit=100&cursor=${lastPage}`),
    "explain the last": async () => ask("GET", `/berth/v1/explain/workload/${await last()}`),
    "change its priority": async () =>
      ask("PATCH", `/api/v1/workloads/${await last()}`, { priority: ++changes % 3 }),
    cancel: async () => ask("POST", `/api/v1/workloads/${ids.pop() ?? (await submit())}/stop`),
  }
  const lastPage = Buffer.from(`default\0${queued - 50}\0none`).toString("base64url")
  for (const [name, step] of Object.entries(steps)) {
    await stallOf(server)
    const times: number[] = []
    for (let n = 0; n < rounds; n++) {
      const startedMs = performance.now()
      await step()
      times.push(performance.now() - startedMs)
    }
    const { maxMs } = await stallOf(server)
    console.log(
      JSON.stringify({
        what: `${policy}: ${name}`,
        p50Ms: Math.round(percentile(times, 0.5) * 10) / 10,
        p99Ms: Math.round(percentile(times, 0.99) * 10) / 10,
        stallMs: Math.round(maxMs),
      }),
    )
  }
}
