/**
 * Followers of growing log files: how long a line takes from its write to its reader, and how long the event loop
 * stalls meanwhile. A child process writes, so that the loop measured is the server's alone.
 *
 *   node bench/log-follow.ts [followers=200] [lines per second and file=20] [seconds=10]
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { createLogFiles } from "../packages/server/src/drivers/local/log-files.ts"
import { systemClock } from "../packages/server/src/kit/clock.ts"
import { silentLog } from "../packages/server/src/kit/log.ts"

/** Writes lines that carry their time of writing; open append handles, as pods have. */
const writer = `
const { openSync, writeSync } = require("node:fs")
const [count, rate, seconds, ...paths] = process.argv.slice(1)
const files = paths.map((path) => openSync(path, "a"))
const startMs = performance.timeOrigin + performance.now()
let written = 0
const total = rate * seconds * files.length
const timer = setInterval(() => {
  const due = Math.min(total, ((performance.timeOrigin + performance.now() - startMs) / 1000) * rate * files.length)
  for (; written < due; written++)
    writeSync(files[written % files.length], (performance.timeOrigin + performance.now()).toFixed(3) + " " + "x".repeat(80) + "\\n")
  if (written >= total) clearInterval(timer)
}, 2)
`

function quantile(sorted: Float64Array, share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1)
}

async function measure(followers: number, rate: number, seconds: number) {
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-log-"))
  const files = createLogFiles({ clock: systemClock, log: silentLog })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const latencies: number[] = []
  let end: { exitCode: number; cause: "succeeded" } | null = null
  const enders = new Set<() => void>()
  const source = {
    ended: () => end,
    onEnded(listener: () => void) {
      enders.add(listener)
      return () => enders.delete(listener)
    },
  }
  const query = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 1024 * 1024 }
  try {
    const paths = Array.from({ length: followers }, (_, n) => join(folder, `log-${n}`))
    for (const path of paths) {
      await writeFile(path, "")
      files.track(path, path)
    }
    const readers = paths.map(async (path) => {
      for await (const item of files.follow(path, query, source, new AbortController().signal)) {
        if (item.kind === "end") continue
        const nowMs = performance.timeOrigin + performance.now()
        for (const line of item.chunk.lines) latencies.push(nowMs - Number(line.slice(0, line.indexOf(" "))))
      }
    })
    delay.enable()
    const startCpu = process.cpuUsage()
    const child = spawn(process.execPath, ["-e", writer, "x", `${rate}`, `${seconds}`, ...paths], {
      stdio: "inherit",
    })
    await once(child, "exit")
    const cpu = process.cpuUsage(startCpu)
    delay.disable()
    end = { exitCode: 0, cause: "succeeded" }
    for (const tell of enders) tell()
    await Promise.all(readers)
    const sorted = Float64Array.from(latencies).sort()
    console.log(
      [
        `${followers} followers x ${rate} lines/s for ${seconds} s:`,
        `${sorted.length} of ${followers * rate * seconds} lines,`,
        `delivery ms median ${quantile(sorted, 0.5)} p99 ${quantile(sorted, 0.99)} max ${quantile(sorted, 1)},`,
        `loop stall ms p99 ${(delay.percentile(99) / 1e6).toFixed(1)} max ${(delay.max / 1e6).toFixed(1)},`,
        `cpu ${((cpu.user + cpu.system) / 1e4 / seconds).toFixed(0)} %`,
      ].join(" "),
    )
  } finally {
    await files.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const [followers = 200, rate = 20, seconds = 10] = process.argv.slice(2).map(Number)
await measure(followers, rate, seconds)
