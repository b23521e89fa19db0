import { describe, expect, it } from "vitest"
import { noReadings, type NodeFacts } from "../../domain/inventory/index.ts"
import type { Log } from "../../kit/log.ts"
import { silentLog } from "../../kit/log.ts"
import { amd, ended, h100s, h100sWithBroken, nvidia, recorded, type Answers } from "./gpu-recordings.ts"
import type { RunResult } from "./hardware-run.ts"
import { createLocalGpus, type LocalGpus } from "./local-gpus.ts"

const never = new AbortController().signal
const uuid = (at: number) => `GPU-aaaaaaaa-0000-0000-0000-00000000000${at}`

function setUp(first: Answers, before?: Pick<NodeFacts, "gpus" | "gpuModel">) {
  let answers = first
  const said: string[] = []
  const log: Log = {
    ...silentLog,
    warn: (facts: unknown) => void said.push((facts as { reason: string }).reason),
  }
  const run = recorded(() => answers)
  const look = createLocalGpus({
    clusterId: "local",
    run,
    log,
    isOurs: (pid) => pid === 100,
    kfdProcesses: async () => new Map([[20_002, [300]]]),
  })
  const next = (now: Answers = answers): Promise<LocalGpus> => {
    answers = now
    return look(never, () => before)
  }
  return { next, said, calls: run.calls }
}
const smi = (stdout: string): Answers => ({ "nvidia-smi": ended(stdout) })

describe("the GPUs of this machine", () => {
  it("are those of the model that there are most of, without split ones", async () => {
    const mixed = `${h100s({ 0: { "mig.mode.current": "Enabled" } }, 4)}${h100s(
      { 5: { name: "Quadro P400" } },
      6,
    )
      .split("\n")
      .slice(5)
      .join("\n")}`
    const { next, said } = setUp(smi(mixed))
    const { gpus, model, fault } = await next()
    expect([gpus.map(({ index }) => index), model, fault]).toEqual([[1, 2, 3], "NVIDIA-H100-80GB-HBM3", ""])
    await next()
    expect(said).toEqual([
      `GPU 0 (${uuid(0)}) is split into MIG devices.`,
      "1 GPUs of model Quadro-P400 are left out: a node offers one model.",
    ])
    const split = setUp(smi(nvidia.a100Mig))
    expect((await split.next()).gpus.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  })

  it("tell which have processes that are not ours", async () => {
    const apps = ended(`${uuid(0)}, 100\n${uuid(1)}, 200\n`)
    const { next } = setUp({ ...smi(h100s({}, 3)), apps })
    expect((await next()).gpus.map(({ usedOutside }) => usedOutside)).toEqual([false, true, false])
    const other = setUp({ "rocm-smi": ended(amd.mi300x) })
    expect((await other.next()).gpus.map(({ usedOutside }) => usedOutside)).toEqual([true, false])
  })

  it("are still used outside while the tool does not tell by whom", async () => {
    const { next } = setUp({ ...smi(h100s({}, 2)), apps: ended(`${uuid(1)}, 200\n`) })
    const used = async (apps?: RunResult) =>
      (await next({ ...smi(h100s({}, 2)), apps })).gpus.map(({ usedOutside }) => usedOutside)
    expect((await next()).gpus.map(({ usedOutside }) => usedOutside)).toEqual([false, true])
    expect(await used({ kind: "hung" })).toEqual([false, true])
    expect(await used(ended("Unknown Error\n", 255))).toEqual([false, true])
    expect(await used(ended(""))).toEqual([false, false])
  })

  it("have what the table of models knows where the tool does not say", async () => {
    const { next } = setUp(smi(nvidia.gb10.replace("NVIDIA GB10", "NVIDIA GH200 480GB")))
    expect((await next()).gpus[0]).toMatchObject({
      memoryBytes: 97_871 * 1024 ** 2,
      powerLimitW: 900,
      powerW: 4.62,
    })
  })

  it("are the maker's that has more, and only its tool is asked from then on", async () => {
    const { next, said, calls } = setUp({ ...smi(nvidia.t4), "rocm-smi": ended(amd.mi300x) })
    expect((await next()).model).toBe("AMD-Instinct-MI300X-OAM")
    expect(said).toEqual([
      "This machine has 1 NVIDIA and 2 AMD GPUs: a node offers those of one maker, and NVIDIA's are left out.",
    ])
    const before = calls.length
    await next()
    expect(calls.slice(before).map(([command]) => command)).toEqual(["rocm-smi"])
    const even = setUp({ ...smi(h100s({}, 2)), "rocm-smi": ended(amd.mi300x) })
    expect((await even.next()).model).toBe("NVIDIA-H100-80GB-HBM3")
  })

  it("are AMD's where NVIDIA's tool is installed but has no driver", async () => {
    const { next } = setUp({ "nvidia-smi": ended(nvidia.noDriver, 9), "rocm-smi": ended(amd.mi250x) })
    expect(await next()).toMatchObject({ model: "AMD-Instinct-MI250X", fault: "" })
  })

  it.each([
    ["hangs", { kind: "hung" } as const],
    ["has no driver", ended(nvidia.noDriver, 9)],
  ])("are none, and that is no fault, where the tool never worked: it %s", async (_name, result) => {
    const { next, said } = setUp({ "nvidia-smi": result })
    expect(await next()).toEqual({ gpus: [], model: null, fault: "" })
    expect(await next()).toEqual({ gpus: [], model: null, fault: "" })
    expect(said).toHaveLength(1)
  })
})

describe("GPUs that an earlier server found", () => {
  const gpu = { index: 0, uuid: "GPU-1", memoryBytes: 5, usedOutside: true, ...noReadings }
  const before = { gpuModel: "NVIDIA-H100-80GB-HBM3", gpus: [gpu] }

  it("are kept and cannot be used while the tool does not work, until it does", async () => {
    const { next } = setUp({ "nvidia-smi": ended(nvidia.mismatch, 18) }, before)
    const broken = {
      gpus: [{ uuid: "GPU-1", memoryBytes: 5, temperatureC: null }],
      model: before.gpuModel,
      fault: expect.stringContaining("version mismatch"),
    }
    expect(await next()).toMatchObject(broken)
    expect(await next()).toMatchObject(broken)
    await next(smi(h100s().replaceAll(uuid(0), "GPU-1")))
    const well = await next()
    expect([well.fault, well.gpus.length]).toEqual(["", 8])
  })

  it("were taken out where a working tool does not show them", async () => {
    expect(await setUp({}, before).next()).toEqual({ gpus: [], model: null, fault: "" })
    expect((await setUp(smi(h100s({}, 2)), before).next()).gpus).toHaveLength(2)
    expect(await setUp({ "nvidia-smi": { kind: "hung" } }, { gpuModel: null, gpus: [] }).next()).toEqual({
      gpus: [],
      model: null,
      fault: "",
    })
  })
})

describe("a fault of a GPU", () => {
  /** Looks one after the other: what is wrong with the node then, and how many GPUs it shows. */
  async function follow(answers: readonly (RunResult | string)[]) {
    const { next } = setUp({})
    const seen: (readonly [string, number])[] = []
    for (const answer of answers) {
      const now = await next({ "nvidia-smi": typeof answer === "string" ? ended(answer) : answer })
      seen.push([now.fault, now.gpus.length])
    }
    return seen
  }
  const well = h100s()
  const like = (fault: RegExp) => [expect.stringMatching(fault), 8]
  const fine = ["", 8]

  it.each([
    ["it is lost", ended(nvidia.lost, 15), /GPU is lost/],
    [
      "it answers with errors only",
      h100sWithBroken(3, "[Unknown Error]"),
      /^GPU 3 at .* "\[Unknown Error\]"\.$/,
    ],
    ["it disappears", h100s({}, 7), new RegExp(`^GPU 7 \\(${uuid(7)}\\) is no longer there`)],
    ["all disappear", ended("No devices were found\n", 6), /GPU 2 .*And 5 more\.$/],
    ["it must be reset", h100s({ 2: { gpu_recovery_action: "Reset" } }), /^GPU 2 \(.*needs "Reset"/],
  ])("takes the node out at once when %s, until it was well twice", async (_name, answer, fault) => {
    expect(await follow([well, answer, well, answer, well, well])).toEqual([
      fine,
      like(fault),
      like(fault),
      like(fault),
      like(fault),
      fine,
    ])
  })

  it.each([
    ["the tool hangs", { kind: "hung" } as const, /^nvidia-smi does not answer\.$/],
    ["versions differ", ended(nvidia.mismatch, 18), /version mismatch/],
    [
      "memory errors are not corrected",
      h100s({ 5: { "ecc.errors.uncorrected.volatile.total": "1", gpu_recovery_action: "[N/A]" } }),
      /^GPU 5 \(.*uncorrected memory errors/,
    ],
    [
      "a reading is an error",
      h100s({ 1: { "power.draw": "ERR!" } }),
      /^GPU 1 \(.*does not tell its power any more\.$/,
    ],
    ["it is split", h100s({ 4: { "mig.mode.current": "Enabled" } }), /^GPU 4 \(.*split into MIG/],
  ])("takes the node out when it was seen twice in a row: %s", async (_name, answer, fault) => {
    expect(await follow([well, answer, well, answer, answer, well, well])).toEqual([
      fine,
      fine,
      fine,
      fine,
      like(fault),
      like(fault),
      fine,
    ])
  })

  it("is shown with the GPU from the first look on, without readings that are not of now", async () => {
    const { next } = setUp(smi(h100s()))
    expect((await next()).gpus[3]).toMatchObject({ temperatureC: 34, fault: "" })
    const odd = await next(smi(h100s({ 3: { "temperature.gpu": "ERR!" } })))
    expect(odd.fault).toBe("")
    expect(odd.gpus[3]?.fault).toBe(`GPU 3 (${uuid(3)}) does not tell its temperature any more.`)
    expect(odd.gpus[2]?.fault).toBe("")
    const blind = await next({ "nvidia-smi": { kind: "hung" } })
    expect(blind.gpus[3]).toMatchObject({ temperatureC: null, utilisationPercent: null, powerW: null })
    const lost = await next(smi(h100sWithBroken(3, "[GPU is lost]")))
    expect(lost.gpus[3]).toMatchObject({
      uuid: uuid(3),
      temperatureC: null,
      fault: expect.stringContaining("lost"),
    })
    expect(lost.gpus[2]?.temperatureC).toBe(34)
  })

  it("is none when a reading is missing that was never there", async () => {
    const { next } = setUp(smi(nvidia.wsl))
    for (let at = 0; at < 3; at++)
      expect(await next()).toMatchObject({ fault: "", gpus: [{ powerW: null, fault: "" }] })
  })

  it("is none when there are more GPUs than before", async () => {
    expect(await follow([h100s({}, 4), well, h100s({}, 4)])).toEqual([["", 4], fine, like(/no longer there/)])
  })

  it("is not forgotten while the tool cannot tell, and one that stays down is told once more", async () => {
    expect(
      await follow([well, h100sWithBroken(0, "ERR!"), { kind: "hung" }, { kind: "hung" }, well, well]),
    ).toEqual([
      fine,
      like(/^GPU 0 at/),
      like(/^GPU 0 at/),
      like(/^GPU 0 at .* nvidia-smi does not answer\.$/),
      like(/^GPU 0 at .* nvidia-smi does not answer\.$/),
      fine,
    ])
  })
})
