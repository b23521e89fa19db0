/**
 * The register of services over real sockets, 32 connections, with a key: creates, GET of one and PUT on a server
 * without records and on one that has many, and lists of it by filter and sort, alone and asked by all at once.
 * BERTH_DATABASE names an empty PostgreSQL database to do it on. Ends by itself.
 * Usage: node bench/services.ts [http|lists|all] [rows=250000] [seconds=5] [list, a part of its query]
 *   [directory to keep the rows in]
 */
import { randomUUID } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import autocannon from "autocannon"
import type { UserId } from "../packages/server/src/domain/identity/index.ts"
import type { JsonText, ServiceId, ServiceRecord } from "../packages/server/src/domain/services/index.ts"
import { sampleRecord } from "../packages/server/src/store/service-samples.ts"
import {
  type BenchServer,
  machine,
  openBenchStore,
  percentile,
  stallOf,
  startBenchServer,
} from "./support.ts"

const [part = "all", rowsText = "250000", secondsText = "5", only = "", kept] = process.argv.slice(2)
const rows = Number(rowsText)
const seconds = Number(secondsText)
const hardLimitMs = 40 * 60_000
const path = "/api/v1/services"
const json = { "content-type": "application/json" }
const say = (name: string, figures: object) => console.log(JSON.stringify({ name, ...figures }))

/** As ZenML's client registers a served model: some 900 bytes. */
function bodyOf(n: number, project: string): string {
  return JSON.stringify({
    project,
    name: `zenml-churn-${n % 5000}`,
    service_type: { type: "model-serving", flavor: "mlflow", name: "MLflow", description: "", logo_url: "" },
    ...partsOf(n),
  })
}

function partsOf(n: number) {
  return {
    service_source: "zenml.integrations.mlflow.services.MLFlowDeploymentService",
    admin_state: "active",
    config: {
      type: "zenml.integrations.mlflow.services.MLFlowDeploymentConfig",
      name: `zenml-churn-${n % 5000}`,
      description: "",
      pipeline_name: `train-${n % 500}`,
      pipeline_step_name: "deployer",
      model_name: "churn",
      model_version: String(n),
      model_uri: `s3://models/${randomUUID()}/model`,
      workers: 1,
      timeout: 300.0,
      mlserver: false,
    },
    labels: { team: `team-${n % 40}`, tier: "gold" },
    status: {
      type: "zenml.services.ServiceStatus",
      state: "active",
      last_state: "pending_startup",
      last_error: "",
    },
    endpoint: {
      type: "zenml.services.LocalDaemonServiceEndpoint",
      status: { protocol: "http", port: 8000 + (n % 1000) },
    },
    prediction_url: `http://models.internal:${8000 + (n % 1000)}/invocations`,
    health_check_url: `http://models.internal:${8000 + (n % 1000)}/health`,
  }
}

let made = 0
async function load(
  server: BenchServer,
  target: string,
  request?: (n: number) => [method: string, body: string],
) {
  await stallOf(server)
  const cpuBefore = cpuSecondsOf(server.pid)
  const result = await autocannon({
    url: server.url + target,
    connections: 32,
    duration: seconds,
    headers: { authorization: `Bearer ${server.token}`, ...json },
    ...(request && {
      requests: [
        {
          method: request(0)[0],
          path: target,
          headers: { authorization: `Bearer ${server.token}`, ...json },
          setupRequest: (one: object) => ({ ...one, body: request(++made)[1] }),
        },
      ],
    }),
  })
  const stall = await stallOf(server)
  return {
    perSecond: Math.round(result.requests.average),
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: result.non2xx + result.errors,
    stallMs: Math.round(stall.maxMs),
    // what does not change with what else the machine does
    cpuUsEach: Math.round(((cpuSecondsOf(server.pid) - cpuBefore) * 1e6) / result.requests.total),
  }
}

/** What a process has used so far, all of its threads together. */
function cpuSecondsOf(pid: number): number {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")
  const [user = "0", system = "0"] = fields.split(" ").slice(11)
  return (Number(user) + Number(system)) / 100
}

async function http(server: BenchServer, when: string): Promise<void> {
  const project = ((await server.request("GET", "/api/v1/projects/default")).body as { id: string }).id
  say(`creates, ${when}`, await load(server, path, (n) => ["POST", bodyOf(n, project)]))
  const first = await server.request("GET", `${path}?size=1`)
  const id = (first.body as { items: { id: string }[] }).items[0]?.id ?? ""
  say(`get one, ${when}`, await load(server, `${path}/${id}`))
  const { status, endpoint } = partsOf(1)
  const body = JSON.stringify({ status, endpoint, admin_state: "active" })
  say(`PUT of one record by all, ${when}`, await load(server, `${path}/${id}`, () => ["PUT", body]))
}

const firstUs = (Date.now() - 30 * 86_400_000) * 1000
const flavors = ["mlflow", "mlflow", "vllm", "bentoml", "seldon", "huggingface"] as const

/** A month of records: four of five in the project that everybody asks for. */
function row(n: number): ServiceRecord {
  const { config, labels, status, endpoint, prediction_url, health_check_url } = partsOf(n)
  const createdAtUs = firstUs + Math.floor((n * 30 * 86_400_000_000) / rows)
  const hasPipeline = n % 5 !== 0
  return sampleRecord(n, {
    workspaceId: n % 5 === 4 ? `team-${n % 3}` : "default",
    userId: `usr_${(n * 13) % 40}` as UserId,
    name: `zenml-churn-${(n * 7919) % rows}`,
    type: {
      type: n % 50 === 0 ? "batch" : "model-serving",
      flavor: flavors[n % 6] ?? "mlflow",
      name: "MLflow",
      description: "",
      logoUrl: "",
    },
    source: "zenml.integrations.mlflow.services.MLFlowDeploymentService",
    config: JSON.stringify(config) as JsonText,
    pipelineName: hasPipeline ? `train-${n % 500}` : null,
    pipelineStepName: hasPipeline ? "deployer" : null,
    labels: JSON.stringify(labels) as JsonText,
    status: JSON.stringify(status) as JsonText,
    endpoint: JSON.stringify(endpoint) as JsonText,
    state: "active",
    predictionUrl: prediction_url,
    healthCheckUrl: health_check_url,
    // times and ids in another order than rows, as those of several servers are
    id: `${((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, "0")}-0000-4000-8000-${n.toString(16).padStart(12, "0")}` as ServiceId,
    createdAtUs,
    updatedAtUs: createdAtUs + ((n * 37) % 7200) * 1_000_000,
  })
}

async function fill(dir: string): Promise<void> {
  const store = await openBenchStore(dir)
  const startedMs = performance.now()
  for (let from = 0; from < rows; from += 5000)
    await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        store.tx(async (tx) => {
          for (let n = from + at * 500; n < Math.min(rows, from + (at + 1) * 500); n++)
            await store.services.records.insert(tx, row(n))
        }),
      ),
    )
  const ms = performance.now() - startedMs
  await store.close()
  say("rows put into the store", { rows, perSecond: Math.round((rows / ms) * 1000) })
}

const day = (daysAgo: number) =>
  encodeURIComponent(new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 19).replace("T", " "))
const deep = Math.floor((rows * 0.8) / 200)

/** Query strings, of pages of 100. */
const lists: readonly string[] = [
  "",
  `page=${deep}`,
  `page=${deep * 2}`,
  "sort_by=desc:created",
  "project=team-1",
  "hydrate=true",
  // the last one of two counts
  "size=10000",
  "size=10000&hydrate=true",
  "name=zenml-churn-777",
  "name=startswith:zenml-churn-77",
  "name=startswith:zenml",
  `name=startswith:zenml&page=${deep}`,
  "name=contains:churn-7777",
  "name=contains:churn",
  "name=endswith:777",
  "name=notequals:a",
  'name=oneof:["zenml-churn-1","zenml-churn-2"]',
  "type=model-serving",
  `type=model-serving&page=${deep}`,
  "type=batch",
  "type=none",
  "flavor=vllm",
  `flavor=vllm&page=${Math.floor(deep / 6)}`,
  "flavor=contains:llm",
  "type=model-serving&flavor=mlflow&pipeline_name=train-7&pipeline_step_name=deployer&sort_by=desc:created",
  "pipeline_name=train-7",
  "pipeline_name=contains:train",
  "pipeline_name=isnull:",
  "pipeline_step_name=deployer",
  "user=usr-none",
  `created=gt:${day(1)}`,
  `created=in:${day(20)},${day(10)}`,
  `updated=gt:${day(1)}`,
  "id=startswith:00ab",
  "id=contains:00ab",
  "model_version_id=00000000-0000-0000-0000-000000000000",
  "logical_operator=or&id=startswith:00ab&name=startswith:00ab",
  ...["updated", "name", "id", "user", "type", "flavor", "pipeline_name", "model_version_id"].flatMap(
    (sort) => [`sort_by=asc:${sort}`, `sort_by=desc:${sort}`, `sort_by=desc:${sort}&page=${deep}`],
  ),
  "sort_by=desc:updated&type=model-serving",
  "sort_by=name&flavor=vllm",
]

async function measure(server: BenchServer, query: string): Promise<void> {
  const url = `${server.url}${path}?size=100${query && `&${query}`}`
  const headers = { authorization: `Bearer ${server.token}` }
  const alone: number[] = []
  let total = -1
  for (let n = 0; n < 5; n++) {
    const startedMs = performance.now()
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(30_000) })
    total = ((await answer.json()) as { total?: number }).total ?? -answer.status
    alone.push(performance.now() - startedMs)
  }
  await stallOf(server)
  const cpuBefore = cpuSecondsOf(server.pid)
  const many = await autocannon({ url, connections: 32, duration: seconds, headers })
  const stall = await stallOf(server)
  say(query || "(none)", {
    total,
    aloneMs: Math.round(percentile(alone, 0.5) * 10) / 10,
    perSecond: Math.round(many.requests.average),
    p50Ms: many.latency.p50,
    p99Ms: many.latency.p99,
    refused: many.non2xx + many.errors,
    stallMs: Math.round(stall.maxMs),
    rssMib: Math.round(server.rssBytes() / 2 ** 20),
    cpuMsEach: Math.round(((cpuSecondsOf(server.pid) - cpuBefore) * 10_000) / many.requests.total) / 10,
  })
}

async function large(dir: string): Promise<void> {
  // the server makes its directory; its owner's key belongs to the database
  if (!existsSync(join(dir, "berth.db"))) {
    const making = await startBenchServer([], dir)
    for (const id of ["team-0", "team-1", "team-2"])
      await making.request("POST", "/berth/v1/workspaces", { id })
    await making.stop()
    await fill(dir)
  }
  const server = await startBenchServer([], dir)
  try {
    for (const query of lists) if (query.includes(only)) await measure(server, query)
    if (only === "") await http(server, `${rows} stored`)
  } finally {
    await server.stop()
  }
}

setTimeout(() => {
  console.error("The bench took too long.")
  process.exit(1)
}, hardLimitMs).unref()
console.log(machine())
if (part !== "lists") {
  const server = await startBenchServer()
  try {
    await http(server, "none stored")
  } finally {
    await server.stop()
  }
}
if (part !== "http") {
  const dir = kept ?? mkdtempSync(join(tmpdir(), "berth-bench-services-"))
  try {
    await large(dir)
  } finally {
    if (kept === undefined) rmSync(dir, { recursive: true, force: true })
  }
}
