import { readFileSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { podProcesses } from "../test/support/belongings.ts"
import { aRayTemplate, call, rayCluster, say } from "./ray-support.ts"
import { startBenchServer, type BenchServer } from "./support.ts"

const path = "/apis/v1/namespaces/default"
const rounds = 3
const mib = 2 ** 20

interface Seen {
  readonly state: string
  readonly message: string
}

/** @param python one that has Ray 2.60.0; undefined = the server installs it before anything is measured */
export async function realClusters(python: string | undefined): Promise<void> {
  const server = await startBenchServer(python === undefined ? [] : ["--ray-interpreter", `2.60.0=${python}`])
  try {
    await call(server, "POST", `${path}/compute_templates`, aRayTemplate)
    // the version, the disk's cache and the server's code are warm from then on
    await ready(server, "warm")
    await gone(server, "warm")
    for (let round = 1; round <= rounds; round++) await oneRound(server, `c${round}`)
  } finally {
    await server.stop()
  }
}

async function oneRound(server: BenchServer, name: string): Promise<void> {
  const readyMs = await ready(server, name)
  const memory = memoryOf(server)
  const runningMs = await running(server, name)
  const againMs = await running(server, name)
  const goneMs = await gone(server, name)
  say("a head and a worker", {
    readySeconds: seconds(readyMs),
    pssMiB: memory.pssMiB,
    processes: memory.processes,
    firstJobRunningSeconds: seconds(runningMs),
    nextJobRunningSeconds: seconds(againMs),
    goneSeconds: seconds(goneMs),
  })
}
const seconds = (ms: number) => Math.round(ms / 10) / 100

async function ready(server: BenchServer, name: string): Promise<number> {
  const from = performance.now()
  await call(server, "POST", `${path}/clusters`, rayCluster(name))
  await until(async () => {
    const now = await call<Seen>(server, "GET", `/berth/v1/ray/clusters/default/${name}`)
    if (now.state === "failed") throw new Error(now.message)
    return now.state === "ready"
  })
  return performance.now() - from
}

/** From the request to a job that runs. */
async function running(server: BenchServer, name: string): Promise<number> {
  const jobs = `${path}/jobsubmissions/${name}`
  const from = performance.now()
  const { submissionId } = await call<{ submissionId: string }>(server, "POST", jobs, {
    entrypoint: "sleep 2",
  })
  await until(async () => {
    const { status } = await call<{ status: string }>(server, "GET", `${jobs}/${submissionId}`)
    return status !== "PENDING"
  })
  return performance.now() - from
}

/** From the delete to the end of the last process. */
async function gone(server: BenchServer, name: string): Promise<number> {
  const from = performance.now()
  await call(server, "DELETE", `${path}/clusters/${name}`)
  await until(async () => memoryOf(server).processes === 0)
  return performance.now() - from
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const from = performance.now()
  while (!(await isSo())) {
    if (performance.now() - from > 300_000) throw new Error("It did not come about in five minutes.")
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Of all processes of its Ray nodes; shared pages are shared out. */
function memoryOf({ dataDir }: BenchServer): { readonly processes: number; readonly pssMiB: number } {
  const found = podProcesses(dataDir)
  const pss = found.map(({ pid }) =>
    Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0),
  )
  const sum = pss.reduce((total, kib) => total + kib * 1024, 0)
  return { processes: found.length, pssMiB: Math.round(sum / mib) }
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1")
  } catch {
    // it ended meanwhile
    return ""
  }
}
