import { spawnSync } from "node:child_process"
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, expect, it } from "vitest"
import { podProcesses } from "../support/belongings.ts"
import { isLeftOut, isRoot } from "../support/machine.ts"
import { jobRequest, podsGone, type RealServer, startRealServer } from "../support/real-server.ts"
import { databaseFaults, fileFaults } from "./database-checks.ts"

let folder: string | undefined
const canMount = isRoot && tryMount()
const leftOut = isLeftOut(canMount, "a full disk under a server", "no file system can be mounted here")

let server: RealServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
  if (folder === undefined) return
  spawnSync("umount", ["-l", join(folder, "disk")])
  rmSync(folder, { recursive: true, force: true })
  folder = undefined
})

it.skipIf(leftOut)("refuses writes on a full disk, goes on otherwise, and recovers by itself", async () => {
  expect(canMount, "the machine has to be able to mount a tmpfs").toBe(true)
  const disk = mountDisk("32m")
  server = await startRealServer({ dataDir: join(disk, "data"), flags: ["--stop-grace", "1"] })
  const quiet = await server.create({ script: "exec sleep 300" })
  await server.phase(quiet, "Running")
  const before = await server.until(() => {
    const seen = podProcesses(join(disk, "data"))
    return seen.some(({ command }) => command === "sleep 300") ? seen.map(({ pid }) => pid) : undefined
  }, "it sleeps")

  fill(join(disk, "filler"))
  const refused = await refusedWrite(server)
  expect(refused.status, refused.text).toBe(503)
  expect(refused.text).toMatch(/full|space/i)
  expect((await server.call("GET", "/api/v1/workloads")).status).toBe(200)
  expect(await server.workload(quiet)).toMatchObject({ phase: "Running" })
  expect((await server.call("GET", "/healthz")).status).toBe(200)
  expect(podProcesses(server.dataDir).map(({ pid }) => pid)).toEqual(before)

  rmSync(join(disk, "filler"))
  const id = await server.until(
    () => server?.create({ script: "echo back" }).catch(() => undefined),
    "it writes",
  )
  expect(await server.phase(id, "Succeeded")).toMatchObject({ dispatchCount: 1 })
  expect(podProcesses(server.dataDir).map(({ pid }) => pid)).toEqual(before)
  await server.client.workloads.stop(quiet)
  await podsGone(server)
  await server.stop({ pods: true })
  expect(await databaseFaults(server)).toEqual([])
  expect(await fileFaults(server)).toEqual([])
})

/** What fits goes through: the write-ahead log may have room left over from before. */
function refusedWrite(server: RealServer) {
  return server.until(async () => {
    const later = [{ schedule: new Date(Date.now() + 86_400_000).toISOString() }]
    const json = jobRequest({ env: { LARGE: "x".repeat(16_384) }, cronJobs: later })
    const answer = await server.call("POST", "/api/v1/workloads", { json })
    return answer.status === 200 ? undefined : answer
  }, "a write is refused")
}

function mountDisk(size: string): string {
  folder = mkdtempSync(join(tmpdir(), "berth-disk-"))
  const disk = join(folder, "disk")
  mkdirSync(disk)
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=711`, "tmpfs", disk])
  if (status !== 0) throw new Error(stderr.toString())
  return disk
}

/** Whether a file system can be mounted: leaves none. */
function tryMount(): boolean {
  try {
    spawnSync("umount", ["-l", mountDisk("1m")])
    return true
  } catch {
    return false
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    folder = undefined
  }
}

function fill(path: string): void {
  const file = openSync(path, "w")
  try {
    for (const size of [1024 * 1024, 4096, 1]) {
      const chunk = Buffer.alloc(size)
      while (written(file, chunk)) continue
    }
  } finally {
    closeSync(file)
  }
}

function written(file: number, chunk: Buffer): boolean {
  try {
    return writeSync(file, chunk) === chunk.length
  } catch {
    return false
  }
}
