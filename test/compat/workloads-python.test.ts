import { execFile, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { FakePlane } from "./fake-plane.ts"
import { startFakePlane } from "./fake-plane.ts"

const hasPython = spawnSync("python3", ["--version"]).status === 0
if (!hasPython)
  console.log("skipped: the Workload API with a Python client, because python3 is not installed")

const script = fileURLToPath(new URL("workloads-client.py", import.meta.url))
const deadlineMs = 30_000

let server: FakePlane
beforeAll(async () => {
  server = await startFakePlane({ noAuth: false })
})
afterAll(() => server.close())

it.skipIf(!hasPython)("serves a client written in Python with nothing but its standard library", async () => {
  const args = [script, `${server.url}/api/v1`, server.token]
  const { stdout } = await promisify(execFile)("python3", args, {
    timeout: deadlineMs,
    killSignal: "SIGKILL",
  })
  expect(JSON.parse(stdout)).toEqual({
    created: true,
    listed: 1,
    phase: "Stopped",
    clones: 1,
    empty: ["", "", ""],
    refused: [400, "Primus.00002", "Bad request. the displayName is empty"],
    missing: [404, "Primus.01001"],
    unauthenticated: 401,
  })
})
