import { spawn, type ChildProcess } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

import { databaseType } from "../packages/server/src/database-url.ts"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"
import { openDatabase } from "../packages/server/src/open-database.ts"
import type { OpenStore, StoreOptions } from "../packages/server/src/store/index.ts"

const cli = fileURLToPath(new URL("../packages/server/bin/berth.js", import.meta.url))
const startDeadlineMs = 60_000

/** A server process of its own on a data directory, as a person would start it. */
export interface BenchServer {
  readonly url: string
  readonly token: string
  readonly pid: number
  readonly dataDir: string
  /** From start of the process to `/readyz` 200. */
  readonly readyMs: number
  request(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }>
  rssBytes(): number
  hasEnded(): boolean
  /** Stops the pods too, and removes the directory unless it was given. */
  stop(): Promise<void>
}

export async function startBenchServer(flags: readonly string[] = [], given?: string): Promise<BenchServer> {
  const dataDir = given ?? mkdtempSync(join(tmpdir(), "berth-bench-"))
  const startedMs = performance.now()
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      "--max-semi-space-size=8",
      cli,
      "up",
      "--data",
      dataDir,
      "--listen",
      "127.0.0.1:0",
      "--log-level",
      "error",
      ...flags,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  )
  // a bench that breaks off leaves no server behind
  process.once("exit", () => child.kill("SIGINT"))
  const { url, readyMs } = await untilReady(child, dataDir, startedMs)
  const token = readFileSync(join(dataDir, "owner.key"), "utf8").trim()
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  async function request(method: string, path: string, body?: unknown) {
    const answer = await fetch(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await answer.text()
    return { status: answer.status, body: text === "" ? null : (JSON.parse(text) as unknown) }
  }
  return {
    url,
    token,
    dataDir,
    readyMs,
    pid: child.pid ?? 0,
    request,
    rssBytes: () => rssOf(child.pid ?? 0),
    hasEnded: () => child.exitCode !== null,
    async stop() {
      await request("POST", "/berth/v1/server/stop", { pods: true })
      await new Promise<void>((resolve) =>
        child.exitCode === null ? child.once("exit", () => resolve()) : resolve(),
      )
      if (given === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function untilReady(child: ChildProcess, dataDir: string, startedMs: number) {
  const runFile = join(dataDir, "run.json")
  while (performance.now() - startedMs < startDeadlineMs) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}.`)
    const url = urlIn(runFile, child.pid ?? 0)
    const isReady =
      url !== null &&
      (await fetch(`${url}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      ))
    if (isReady) return { url, readyMs: performance.now() - startedMs }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  child.kill("SIGKILL")
  throw new Error("The server did not get ready.")
}

function urlIn(path: string, pid: number): string | null {
  if (!existsSync(path)) return null
  try {
    const run = JSON.parse(readFileSync(path, "utf8")) as { url: string; pid: number }
    return run.pid === pid ? run.url : null
  } catch {
    return null
  }
}

export function rssOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))
  return Number(match?.[1] ?? 0) * 1024
}

/** Of all processors together, since its start. */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** What the server's own monitor saw of its event loop since the last time it was asked; milliseconds. */
export async function stallOf(
  server: BenchServer,
): Promise<{ readonly maxMs: number; readonly p99Ms: number }> {
  const answer = await fetch(`${server.url}/metrics`, {
    headers: { authorization: `Bearer ${server.token}` },
    signal: AbortSignal.timeout(60_000),
  })
  const text = await answer.text()
  const figure = (name: string) =>
    Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN) * 1000
  return {
    maxMs: figure("berth_event_loop_lag_max_seconds"),
    p99Ms: figure("berth_event_loop_lag_p99_seconds"),
  }
}

/** The store that is measured: BERTH_DATABASE where it is set (an empty database), else a file in the directory. */
export async function openBenchStore(
  dataDir: string,
  onCommit: NonNullable<StoreOptions["onCommit"]> = () => {},
): Promise<OpenStore> {
  const parsed = databaseType.parse(process.env["BERTH_DATABASE"] ?? null)
  if (!parsed.ok) throw new Error(`BERTH_DATABASE ${parsed.message}`)
  return openDatabase(
    { database: parsed.value },
    { dataDir, clock: systemClock, log: silentLog, onCommit, onSuperseded: () => {} },
  )
}

/** What a figure was taken on. */
export function machine(): string {
  return `${cpus().length} x ${cpus()[0]?.model.trim() ?? "CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, Node ${process.versions.node}`
}

export function workloadBody(script: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    displayName: "bench",
    workspaceId: "default",
    image: "none",
    entryPoint: Buffer.from(script).toString("base64"),
    resource: { replica: 1, cpu: "1m", memory: "1Mi" },
    ...more,
  }
}
