import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, expect, it } from "vitest"
import type { Node } from "@berth/contract/berth"
import { amd, h100s } from "../../packages/server/src/drivers/local/gpu-recordings.ts"
import { type RealServer, startRealServer } from "../support/real-server.ts"
import { runCli } from "../support/run-cli.ts"

let server: RealServer | undefined
let tools = ""
afterEach(async () => {
  await server?.close()
  server = undefined
  rmSync(tools, { recursive: true, force: true })
})

/** A server on a machine whose tools are scripts that write what was recorded. */
async function startWith(tool: string, recorded: string): Promise<RealServer> {
  tools = mkdtempSync(join(tmpdir(), "berth-tools-"))
  writeFileSync(join(tools, "recorded"), recorded)
  const script = `#!/bin/sh\ncase "$1" in --query-compute-apps*|--query-remapped-rows*) ;; *) /bin/cat '${tools}/recorded' ;; esac\n`
  writeFileSync(join(tools, tool), script)
  chmodSync(join(tools, tool), 0o755)
  const flags = ["--local-gpu-tool-path", tools, "--local-label", "topology.kubernetes.io/region=lab"]
  server = await startRealServer({ flags })
  return server
}

const berth = (on: RealServer, ...args: readonly string[]) =>
  runCli([...args, "--data", on.dataDir], { cwd: on.home })
const run = (on: RealServer, ...args: readonly string[]) =>
  runCli(["run", "--data", on.dataDir, ...args], { cwd: on.home })
const nodesOf = async (on: RealServer) => JSON.parse((await berth(on, "nodes", "-o", "json")).out) as Node[]
const visible = 'echo "$CUDA_VISIBLE_DEVICES|$HIP_VISIBLE_DEVICES|$ROCR_VISIBLE_DEVICES"'

it("gives real GPUs of NVIDIA to jobs, and shows how they are", async () => {
  const on = await startWith("nvidia-smi", h100s({ 1: { "utilization.gpu": "98", "power.draw": "655.10" } }))
  const [node] = await nodesOf(on)
  expect(node).toMatchObject({ gpuModel: "NVIDIA-H100-80GB-HBM3", healthy: true, simulated: false })
  expect(node?.labels).toMatchObject({
    "topology.kubernetes.io/region": "lab",
    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
  })
  expect(node?.gpus).toHaveLength(8)
  expect(node?.gpus[1]).toMatchObject({ utilisationPercent: 98, powerW: 655.1, powerLimitW: 700, fault: "" })
  expect((await berth(on, "nodes", "show", node?.name ?? "")).out).toContain(
    "well, 34 °C, 655 of 700 W, 98 % busy",
  )
  const metrics = await on.call("GET", "/metrics")
  expect(metrics.text).toContain(`berth_gpu_power_watts{cluster="local",node="${node?.name}",gpu="1"} 655.1`)
  const { code, out } = await run(on, "--gpus", "2", "--", "sh", "-c", visible)
  expect([code, out]).toEqual([0, "0,1|0,1|0,1\n"])
})

it("gives real GPUs of AMD to jobs, counted for HIP among those that ROCR leaves", async () => {
  const on = await startWith("rocm-smi", amd.mi300x)
  expect(await nodesOf(on)).toMatchObject([
    { gpuModel: "AMD-Instinct-MI300X-OAM", gpus: [{ powerW: 191 }, { utilisationPercent: 17 }] },
  ])
  const first = run(on, "--gpus", "1", "--detach", "--", "sleep", "600")
  expect((await first).code).toBe(0)
  const { code, out } = await run(on, "--gpus", "1", "--", "sh", "-c", visible)
  expect([code, out]).toEqual([0, "0|0|1\n"])
})
