import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { createVirtualClock, systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { RunCommand, RunResult } from "./hardware-run.ts"
import { createRunCommand } from "./hardware-run.ts"
import type { LocalNodesOptions, MachineFacts } from "./hardware.ts"
import { createLocalNodes, nodeName } from "./hardware.ts"
import { lookAtNvidia, parseApps, parseGpus } from "./nvidia.ts"
import { parseSimulate } from "./simulate.ts"

const never = new AbortController().signal
const gib = 1024 ** 3
const ended = (stdout: string, exitCode = 0, stderr = ""): RunResult => ({
  kind: "ended",
  exitCode,
  stdout,
  stderr,
})

const h100s = `NVIDIA H100 80GB HBM3, GPU-aaaaaaaa-0000-0000-0000-000000000001, 00000000:19:00.0, 81559, 34, 71.52, 0, Disabled
NVIDIA H100 80GB HBM3, GPU-aaaaaaaa-0000-0000-0000-000000000002, 00000000:3B:00.0, 81559, 61, 655.10, 98, Disabled
`
const t4 = "Tesla T4, GPU-bbbbbbbb-0000-0000-0000-000000000001, 00000000:00:04.0, 15360, 38, 9.12, 0, [N/A]\n"
/** WSL2 and laptops know less. */
const laptop =
  "NVIDIA GeForce RTX 4070 Laptop GPU, GPU-cccccccc-0000-0000-0000-000000000001, 00000000:01:00.0, 8188, 45, [N/A], [Not Supported], [N/A]\n"
/** CPU and GPU share memory. */
const spark =
  "NVIDIA GB10, GPU-dddddddd-0000-0000-0000-000000000001, 0000000F:01:00.0, [N/A], 41, 4.62, 0, [N/A]\n"

/** Plays what was recorded: by whether GPUs or processes are asked for. */
function recorded(gpus: RunResult, apps: RunResult = ended("")): RunCommand & { calls: string[][] } {
  const calls: string[][] = []
  const run = async (_command: string, args: readonly string[]) => {
    calls.push([...args])
    return args[0]?.startsWith("--query-gpu") ? gpus : apps
  }
  return Object.assign(run, { calls })
}

describe("what nvidia-smi says", () => {
  it("reads models, memory and readings, and turns blanks into dashes", async () => {
    const look = await lookAtNvidia(recorded(ended(h100s)), never)
    expect(look).toMatchObject({ ok: true, broken: [] })
    expect(look.ok && look.gpus[1]).toEqual({
      index: 1,
      uuid: "GPU-aaaaaaaa-0000-0000-0000-000000000002",
      model: "NVIDIA-H100-80GB-HBM3",
      memoryBytes: 81559 * 1024 * 1024,
      temperatureC: 61,
      powerW: 655.1,
      utilisationPercent: 98,
      isSplit: false,
      pids: [],
    })
    expect(parseGpus(t4).gpus[0]?.model).toBe("Tesla-T4")
  })

  it("gives null for readings that a device does not have", () => {
    expect(parseGpus(laptop).gpus[0]).toMatchObject({
      model: "NVIDIA-GeForce-RTX-4070-Laptop-GPU",
      powerW: null,
      utilisationPercent: null,
      temperatureC: 45,
    })
    expect(parseGpus(spark).gpus[0]).toMatchObject({ model: "NVIDIA-GB10", memoryBytes: 0 })
  })

  it("numbers by PCI address, not by the order of the lines", () => {
    const lines = h100s.trim().split("\n").reverse().join("\n")
    expect(parseGpus(lines).gpus.map(({ index, uuid }) => [index, uuid.at(-1)])).toEqual([
      [0, "1"],
      [1, "2"],
    ])
  })

  it("keeps the numbers of the others when one is broken, and names it", () => {
    const broken = `NVIDIA A100-SXM4-80GB, GPU-1, 00000000:07:00.0, 81920, 30, 60, 0, Disabled
[Unknown Error], [Unknown Error], 00000000:0F:00.0, [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error]
NVIDIA A100-SXM4-80GB, GPU-3, 00000000:47:00.0, 81920, 31, 61, 0, Disabled
Unable to determine the device handle for GPU 0000:4E:00.0: Unknown Error
`
    const { gpus, broken: said } = parseGpus(broken)
    expect(gpus.map(({ index }) => index)).toEqual([0, 2])
    expect(said).toHaveLength(2)
    expect(said.join()).toContain("0000:0f:00.0: [Unknown Error]")
  })

  it.each([
    ["no such command", { kind: "missing" } as const],
    ["no devices", ended("No devices were found\n", 6)],
    ["an empty answer", ended("")],
  ])("is a machine without GPUs: %s", async (_name, result) => {
    expect(await lookAtNvidia(recorded(result), never)).toEqual({ ok: true, gpus: [], broken: [] })
  })

  it.each([
    [
      "the driver is not loaded",
      ended(
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n",
        9,
      ),
      "couldn't communicate with the NVIDIA driver",
    ],
    [
      "versions differ",
      ended("Failed to initialize NVML: Driver/library version mismatch\n", 18),
      "version mismatch",
    ],
    ["it hangs", { kind: "hung" } as const, "does not answer"],
    ["it is killed", { kind: "ended", exitCode: null, stdout: "", stderr: "" } as const, "said nothing"],
  ])("says in a sentence that it does not work: %s", async (_name, result, part) => {
    expect(await lookAtNvidia(recorded(result), never)).toMatchObject({
      ok: false,
      message: expect.stringContaining(part),
    })
  })

  it("asks again without MIG where the driver does not know it", async () => {
    const calls: string[] = []
    const run: RunCommand = async (_command, args) => {
      calls.push(args[0] ?? "")
      if (args[0]?.includes("mig.mode"))
        return ended('Field "mig.mode.current" is not a valid field to query.\n\n', 2)
      return args[0]?.startsWith("--query-gpu") ? ended(t4.replace(", [N/A]\n", "\n")) : ended("")
    }
    expect(await lookAtNvidia(run, never)).toMatchObject({
      ok: true,
      gpus: [{ model: "Tesla-T4", isSplit: false }],
    })
    expect(calls).toHaveLength(3)
  })

  it("reads processes, also those it cannot name", () => {
    const apps = "GPU-1, 4242\nGPU-1, 17\nGPU-2, [Not Found]\nNo running processes found\n\n"
    expect([...parseApps(apps)]).toEqual([
      ["GPU-1", [4242, 17]],
      ["GPU-2", [0]],
    ])
  })
})

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
      run: recorded({ kind: "missing" }),
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

  it("never overcommits GPUs and tells those that others compute on", async () => {
    const apps = ended(
      "GPU-aaaaaaaa-0000-0000-0000-000000000001, 100\nGPU-aaaaaaaa-0000-0000-0000-000000000002, 200\n",
    )
    const [node] = await make({
      run: recorded(ended(h100s), apps),
      isOurs: (pid) => pid === 100,
    }).fingerprint(never)
    expect(node?.gpuModel).toBe("NVIDIA-H100-80GB-HBM3")
    expect(node?.capacity.gpus).toBe(2)
    expect(node?.gpus.map(({ usedOutside }) => usedOutside)).toEqual([false, true])
    expect(node?.labels["nvidia.com/gpu.product"]).toBe("NVIDIA-H100-80GB-HBM3")
  })

  it("hides the real GPUs where nodes are simulated, and keeps the machine for work without GPUs", async () => {
    const run = recorded(ended(h100s))
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

  it("leaves out GPUs that are split, and those of a model there are fewer of", async () => {
    const mixed = `NVIDIA A100-SXM4-80GB, GPU-1, 00000000:07:00.0, 81920, 30, 60, 0, Enabled
NVIDIA A100-SXM4-80GB, GPU-2, 00000000:0F:00.0, 81920, 30, 60, 0, Disabled
NVIDIA A100-SXM4-80GB, GPU-3, 00000000:47:00.0, 81920, 30, 60, 0, Disabled
Quadro P400, GPU-4, 00000000:90:00.0, 2048, 30, [N/A], 0, [N/A]
`
    const [node] = await make({ run: recorded(ended(mixed)) }).fingerprint(never)
    expect(node?.gpus.map(({ index }) => index)).toEqual([1, 2])
    expect(node?.capacity.gpus).toBe(2)
    expect(node?.healthy).toBe(true)
  })

  it("takes the memory from the table of models where the device does not say", async () => {
    const [gh] = await make({
      run: recorded(ended(spark.replace("NVIDIA GB10", "NVIDIA GH200 480GB"))),
    }).fingerprint(never)
    expect(gh?.gpus[0]?.memoryBytes).toBe(97871 * 1024 ** 2)
  })

  it("stays healthy without GPUs where the tool never worked", async () => {
    const [node] = await make({ run: recorded({ kind: "hung" }) }).fingerprint(never)
    expect(node).toMatchObject({ healthy: true, healthMessage: "", gpus: [] })
  })

  it.each([
    [
      "the tool fails later",
      ended("Unable to determine the device handle for GPU0000:19:00.0: GPU is lost.\n", 15),
      "lost",
    ],
    ["the tool hangs later", { kind: "hung" } as const, "does not answer"],
    [
      "one disappears",
      ended(`${h100s.split("\n")[0]}\n`),
      "GPU 1 (GPU-aaaaaaaa-0000-0000-0000-000000000002)",
    ],
    ["all disappear", ended("No devices were found\n", 6), "no longer there"],
  ])("is unhealthy and still shows what it had when %s, until they are back", async (_name, later, part) => {
    let answer: RunResult = ended(h100s)
    const run: RunCommand = async (_command, args) =>
      args[0]?.startsWith("--query-gpu") ? answer : ended("")
    const nodes = make({ run })
    await nodes.fingerprint(never)
    answer = later
    const [sick] = await nodes.fingerprint(never)
    expect(sick).toMatchObject({ healthy: false, healthMessage: expect.stringContaining(part) })
    expect(sick?.gpus).toHaveLength(2)
    answer = ended(h100s)
    const [well] = await nodes.fingerprint(never)
    expect(well).toMatchObject({ healthy: true, healthMessage: "" })
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
    const run = createRunCommand(systemClock, 10_000)
    expect(await run(await script('echo "out $1"; echo err >&2; exit 9'), ["x"], never)).toEqual(
      ended("out x\n", 9, "err\n"),
    )
    expect(await run("berth-has-no-such-tool", [], never)).toEqual({ kind: "missing" })
  })

  it("gives a hanging command up at the deadline, kills it, and works again afterwards", async () => {
    const clock = createVirtualClock()
    const run = createRunCommand(clock, 10_000)
    const tool = await script("exec sleep 1000")
    const first = run(tool, [], never)
    await clock.advance(9_999)
    const second = run(tool, [], never)
    await clock.advance(1)
    expect(await first).toEqual({ kind: "hung" })
    await writeFile(tool, "#!/bin/sh\necho well\n")
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
    const run = createRunCommand(systemClock, 60_000)
    const hanging = run(await script("exec sleep 1000"), [], abort.signal)
    abort.abort()
    expect(await hanging).toEqual({ kind: "hung" })
  })
})
