import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import { isLeftOut } from "../support/machine.ts"
import { startBerthServer } from "./berth-server.ts"
import { listenOn } from "./extra-listeners.ts"

/* Calls by another implementation of gRPC and of protobuf, from the published .proto files. */

const run = promisify(execFile)
const version = "1.76.0"
const installDeadlineMs = 300_000
const runDeadlineMs = 120_000
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// A program from a registry: not for every run.
const isSkipped = isLeftOut(false, "the KubeRay API over gRPC with a Python client", "CI_FULL=1 is not set")

it.skipIf(isSkipped)(
  "serves a client made from the .proto files by another implementation",
  { timeout: 2 * installDeadlineMs + runDeadlineMs },
  async ({ skip }) => {
    const python = await install().catch((error: unknown) => {
      const [reason = ""] = String(error).split("\n")
      // A package of a foreign registry: that it cannot be had says nothing about this server.
      console.warn(`left out: gRPC with a Python client, because grpcio could not be installed: ${reason}`)
      return undefined
    })
    if (python === undefined) return skip("grpcio could not be installed")
    const berth = await startBerthServer()
    const listeners = await listenOn(berth, { grpcListen: "127.0.0.1:0" })
    const folder = mkdtempSync(join(tmpdir(), "berth-grpc-"))
    try {
      const proto = at("../../packages/contract/src/kuberay/proto")
      const args = [
        at("kuberay-grpc-client.py"),
        proto,
        folder,
        listeners.others[0]?.address ?? "",
        berth.token,
      ]
      const { stdout } = await run(python, args, { timeout: runDeadlineMs, killSignal: "SIGKILL" })
      expect(JSON.parse(stdout)).toEqual({
        created: ["Gi", { "example.com/x": 3 }],
        listed: ["python"],
        cluster: [2, true],
        privileged: true,
        missing: 5,
        unauthenticated: 16,
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
      await listeners.close()
      await berth.close()
    }
  },
)

/** A Python that has the libraries, kept between runs. */
async function install(): Promise<string> {
  const home = at(`../../node_modules/.cache/grpcio-${version}`)
  const python = join(home, "bin/python")
  if (existsSync(python)) return python
  mkdirSync(home, { recursive: true })
  const limits = { timeout: installDeadlineMs, killSignal: "SIGKILL" } as const
  try {
    await run("python3", ["-m", "venv", home], limits)
    await run(join(home, "bin/pip"), ["install", "--quiet", `grpcio-tools==${version}`], limits)
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    throw error
  }
  return python
}
