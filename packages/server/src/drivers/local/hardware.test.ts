import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { createVirtualClock, systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { RunResult } from "./hardware-run.ts"
import { createRunCommand } from "./hardware-run.ts"
import type { LocalNodesOptions, MachineFacts } from "./hardware.ts"
import { createLocalNodes, nodeName } from "./hardware.ts"
import { amd, ended, h100s, h100sWithBroken, recorded } from "./gpu-recordings.ts"
import { parseSimulate } from "./simulate.ts"

const never = new AbortController().signal
const gib = 1024 ** 3

describe("the nodes of a local cluster", () => {
  const machine: MachineFacts = {
    hostname: "GPU_Box-7.example.org",
    cores: 16,
    memoryBytes: 64 * gib,
    diskBytes: 500 * gib,
    bootId: "0b5e",
  }
  const make = (options: Partial<LocalNodesOptions> = {}) =>
    createLocalNodes({
      clusterId: "local",
      clock: createVirtualClock(),
      log: silentLog,
      dataDir: "/",
      simulate: [],
      machine: async () => machine,
      run: recorded({}),
      ...options,
    })
  const simulated = (text: string) => {
    const result = parseSimulate(text)
    return result.ok ? [result.value] : []
  }

  it("shows this machine with what may be given away of it", async () => {
    const [node, ...others] = await make({ overcommit: { cpu: 3, memory: 1.5 } }).fingerprint(never)
    expect(others).toEqual([])
    expect(node).toMatchObject({
      name: "gpu-box-7",
      hostIp: "127.0.0.1",
      gpuModel: null,
      gpus: [],
      physical: { cpuMilli: 16_000, memoryBytes: 64 * gib, gpus: 0, ephemeralBytes: 500 * gib },
      capacity: { cpuMilli: 48_000, memoryBytes: 96 * gib, gpus: 0, ephemeralBytes: 500 * gib },
      simulated: false,
      bootId: "0b5e",
      healthy: true,
    })
  })

  it("shows its GPUs, never overcommitted, and their model as the maker's discovery labels it", async () => {
    const [node] = await make({ run: recorded({ "nvidia-smi": ended(h100s()) }) }).fingerprint(never)
    expect(node).toMatchObject({ gpuModel: "NVIDIA-H100-80GB-HBM3", healthy: true, healthMessage: "" })
    expect([node?.capacity.gpus, node?.gpus.length]).toEqual([8, 8])
    expect(node?.labels["nvidia.com/gpu.product"]).toBe("NVIDIA-H100-80GB-HBM3")
    const [other] = await make({ run: recorded({ "rocm-smi": ended(amd.mi300x) }) }).fingerprint(never)
    expect(other?.labels["amd.com/gpu.product-name"]).toBe("AMD-Instinct-MI300X-OAM")
  })

  it("has the labels it is given, none of its own changed but the instance type", async () => {
    const labels = {
      "kubernetes.io/os": "plan9",
      "node.kubernetes.io/instance-type": "n1-standard-8",
      "topology.kubernetes.io/region": "eu-1",
    }
    const [node] = await make({ labels }).fingerprint(never)
    expect(node).toMatchObject({
      instanceType: "n1-standard-8",
      labels: { ...labels, "kubernetes.io/os": "linux", "kubernetes.io/hostname": "gpu-box-7" },
    })
  })

  it("is unhealthy with the sentence that names the GPU", async () => {
    const run = recorded({ "nvidia-smi": ended(h100sWithBroken(3, "[GPU is lost]")) })
    const [node] = await make({ run }).fingerprint(never)
    expect(node).toMatchObject({
      healthy: false,
      healthMessage: 'GPU 3 at 0000:5d:00.0 answers "[GPU is lost]".',
    })
  })

  it("hides the real GPUs where nodes are simulated, and keeps the machine for work without GPUs", async () => {
    const run = recorded({ "nvidia-smi": ended(h100s()) })
    const nodes = await make({ run, simulate: simulated("2x8xH100") }).fingerprint(never)
    expect(nodes.map(({ name, gpus }) => [name, gpus.length])).toEqual([
      ["gpu-box-7", 0],
      ["sim-h100-0", 8],
      ["sim-h100-1", 8],
    ])
    expect(run.calls).toEqual([])
    const second = await make({ run, hasMachine: false, simulate: simulated("1x1xT4") }).fingerprint(never)
    expect(second.map(({ name }) => name)).toEqual(["sim-t4-0"])
  })

  it.each([
    ["Box", "box"],
    ["a.b.c", "a"],
    ["-x_y-", "x-y"],
    ["日本", "node"],
    ["", "node"],
    ["n".repeat(80), "n".repeat(63)],
    [`${"n".repeat(62)}_x`, "n".repeat(62)],
  ])("names the node of host %j %j", (host, name) => {
    expect(nodeName(host)).toBe(name)
  })

  it("looks at the machine that this runs on", async () => {
    const nodes = createLocalNodes({
      clusterId: "local",
      clock: systemClock,
      log: silentLog,
      dataDir: tmpdir(),
      simulate: simulated("1x1xT4"),
    })
    const [machine, sim] = await nodes.fingerprint(never)
    expect(machine?.physical.cpuMilli).toBeGreaterThanOrEqual(1000)
    expect(machine?.physical.memoryBytes).toBeGreaterThan(2 ** 28)
    expect(machine?.physical.ephemeralBytes).toBeGreaterThan(2 ** 28)
    expect(machine?.bootId).toMatch(/^[0-9a-f-]{36}$/)
    expect(sim?.bootId).toBe(machine?.bootId)
  })
})

describe("running a vendor's tool", () => {
  async function script(body: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "berth-tool-"))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, "tool")
    await writeFile(path, `#!/bin/sh\n${body}\n`)
    await chmod(path, 0o755)
    return path
  }

  it("gives output and exit code, and knows a command that is not there", async () => {
    const run = createRunCommand(systemClock)
    expect(await run(await script('echo "out $1"; echo err >&2; exit 9'), ["x"], never)).toEqual(
      ended("out x\n", 9, "err\n"),
    )
    expect(await run("berth-has-no-such-tool", [], never)).toEqual({ kind: "missing" })
  })

  it("gives a hanging command up at the deadline, kills it, and works again afterwards", async () => {
    const clock = createVirtualClock()
    const run = createRunCommand(clock)
    const tool = await script("exec sleep 1000")
    const first = run(tool, [], never)
    await clock.advance(9_999)
    const second = run(tool, [], never)
    await clock.advance(1)
    expect(await first).toEqual({ kind: "hung" })
    // in one step: a shell that is still starting must not read half of it
    await rename(await script("echo well"), tool)
    await clock.advance(10_000)
    expect(await second).toEqual({ kind: "hung" })
    let last: RunResult = { kind: "hung" }
    for (let turn = 0; turn < 10_000 && last.kind === "hung"; turn++) {
      await new Promise(setImmediate)
      last = await run(tool, [], never)
    }
    expect(last).toEqual(ended("well\n"))
  })

  it("gives up with its signal", async () => {
    const abort = new AbortController()
    const run = createRunCommand(systemClock, { deadlineMs: 60_000 })
    const hanging = run(await script("exec sleep 1000"), [], abort.signal)
    abort.abort()
    expect(await hanging).toEqual({ kind: "hung" })
  })
})
