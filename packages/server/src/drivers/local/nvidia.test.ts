import { describe, expect, it } from "vitest"
import { ended, h100s, h100sWithBroken, nvidia, recorded } from "./gpu-recordings.ts"
import type { RunCommand } from "./hardware-run.ts"
import { lookAtNvidia, nvidiaFields, parseApps, parseGpus, parseRemappedRows } from "./nvidia.ts"

const never = new AbortController().signal
const mib = 1024 ** 2
const gpusIn = (stdout: string) => parseGpus(stdout, nvidiaFields).gpus.map(({ gpu }) => gpu)
const lookAt = (stdout: string, more = {}) =>
  lookAtNvidia(recorded({ "nvidia-smi": ended(stdout), ...more }), never)

describe("what nvidia-smi says", () => {
  it("reads models, memory and readings, and turns blanks into dashes", async () => {
    const busy = { 1: { "temperature.gpu": "61", "power.draw": "655.10", "utilization.gpu": "98" } }
    const look = await lookAt(h100s(busy))
    expect(look).toMatchObject({ ok: true, broken: [] })
    expect(look.ok && look.gpus).toHaveLength(8)
    expect(look.ok && look.gpus[1]).toEqual({
      index: 1,
      uuid: "GPU-aaaaaaaa-0000-0000-0000-000000000001",
      model: "NVIDIA-H100-80GB-HBM3",
      memoryBytes: 81559 * mib,
      readings: {
        temperatureC: 61,
        powerW: 655.1,
        powerLimitW: 700,
        utilisationPercent: 98,
        memoryUsedBytes: 4 * mib,
      },
      unreadable: [],
      troubles: [],
      isSplit: false,
      pids: [],
    })
    expect(gpusIn(nvidia.t4)).toMatchObject([{ model: "Tesla-T4", memoryBytes: 15360 * mib }])
  })

  it("gives null for readings that a device does not have, and tells those that show an error", () => {
    expect(gpusIn(nvidia.wsl)).toMatchObject([
      {
        model: "NVIDIA-GeForce-RTX-4070-Laptop-GPU",
        readings: { powerW: null, powerLimitW: null, utilisationPercent: null, temperatureC: 45 },
        unreadable: [],
        troubles: [],
      },
    ])
    expect(gpusIn(nvidia.gb10)).toMatchObject([{ model: "NVIDIA-GB10", memoryBytes: 0 }])
    const odd = gpusIn(h100s({ 2: { "power.draw": "ERR!", "utilization.gpu": "[Unknown Error]" } }))
    expect(odd[2]).toMatchObject({
      readings: { powerW: null, utilisationPercent: null, temperatureC: 34 },
      unreadable: ["powerW", "utilisationPercent"],
      troubles: [],
    })
  })

  it("numbers by PCI address, not by the order of the lines", () => {
    const backwards = h100s().trim().split("\n").toReversed().join("\n")
    expect(gpusIn(backwards).map(({ index, uuid }) => [index, uuid.at(-1)])).toEqual(
      Array.from({ length: 8 }, (_, at) => [at, String(at)]),
    )
  })

  it.each(["[Unknown Error]", "[GPU is lost]", "ERR!", "[GPU requires reset]"])(
    "keeps the numbers of the others when one answers only %s, and names it",
    (text) => {
      const { gpus, broken } = parseGpus(h100sWithBroken(3, text), nvidiaFields)
      expect(gpus.map(({ gpu }) => gpu.index)).toEqual([0, 1, 2, 4, 5, 6, 7])
      expect(broken).toEqual([{ index: 3, sentence: `GPU 3 at 0000:5d:00.0 answers "${text}".` }])
    },
  )

  it("takes a line that names a lost device for a broken one, and a warning for nothing", () => {
    const { gpus, broken } = parseGpus(`${h100s({}, 2)}${nvidia.lost}${nvidia.infoRom}\n`, nvidiaFields)
    expect(gpus).toHaveLength(2)
    expect(broken).toEqual([{ index: null, sentence: nvidia.lost.trim() }])
  })

  it("says of a GPU that must be reset so, whoever says it", () => {
    const troubles = (cells: object) => gpusIn(h100s({ 0: cells }))[0]?.troubles
    const ecc = { "ecc.errors.uncorrected.volatile.total": "2" }
    expect(troubles({ gpu_recovery_action: "Reset" })).toEqual([
      { what: 'needs "Reset", says its driver', isHard: true },
    ])
    expect(troubles({ gpu_recovery_action: "Drain and Reset", ...ecc })).toEqual([
      { what: 'needs "Drain and Reset", says its driver', isHard: false },
    ])
    expect(troubles({ "utilization.gpu": "[GPU requires reset]" })).toEqual([
      { what: 'answers "[GPU requires reset]"', isHard: true },
    ])
    // the driver knows better than the count, which stays
    expect(troubles({ gpu_recovery_action: "None", ...ecc })).toEqual([])
    for (const cells of [{ gpu_recovery_action: "[N/A]", ...ecc }, { "retired_pages.pending": "Yes" }])
      expect(troubles(cells)).toEqual([
        { what: expect.stringContaining("reset it or reboot"), isHard: false },
      ])
    expect(gpusIn(nvidia.a100Mig).map(({ isSplit }) => isSplit)).toEqual(
      Array.from({ length: 8 }, (_, at) => at >= 4),
    )
  })

  it("asks cards with memory that corrects itself for bad rows, and only those", async () => {
    const uuid = (at: number) => `GPU-aaaaaaaa-0000-0000-0000-00000000000${at}`
    const rows = ended(`${uuid(0)}, No, No\n${uuid(1)}, 1, 0\n${uuid(2)}, Yes, Yes\n`)
    const look = await lookAt(h100s({}, 3), { rows })
    expect(look.ok && look.gpus.map(({ troubles }) => troubles.map(({ isHard }) => isHard))).toEqual([
      [],
      [false],
      [true],
    ])
    const laptop = recorded({ "nvidia-smi": ended(nvidia.wsl) })
    await lookAtNvidia(laptop, never)
    expect(laptop.calls.flat().join(" ")).not.toContain("remapped")
    expect(parseRemappedRows('Field "remapped_rows.pending" is not a valid field to query.\n').size).toBe(0)
  })

  it.each([
    ["no such command", undefined],
    ["no devices", ended("No devices were found\n", 6)],
    ["an empty answer", ended("")],
  ])("is a machine without GPUs: %s", async (_name, result) => {
    expect(await lookAtNvidia(recorded({ "nvidia-smi": result }), never)).toEqual({
      ok: true,
      gpus: [],
      broken: [],
    })
  })

  it.each([
    [
      "the driver is not loaded",
      ended(nvidia.noDriver, 9),
      "couldn't communicate with the NVIDIA driver",
      false,
    ],
    ["versions differ", ended(nvidia.mismatch, 18), "version mismatch", false],
    ["a GPU is lost", ended(nvidia.lost, 15), "GPU is lost", true],
    ["it hangs", { kind: "hung" } as const, "does not answer", false],
    [
      "it is killed",
      { kind: "ended", exitCode: null, stdout: "", stderr: "" } as const,
      "said nothing",
      false,
    ],
  ])("says in a sentence that it does not work: %s", async (_name, result, part, isHard) => {
    expect(await lookAtNvidia(recorded({ "nvidia-smi": result }), never)).toEqual({
      ok: false,
      trouble: { what: expect.stringContaining(part), isHard },
    })
  })

  it("asks an old driver again without what it does not know, and gives up on one that knows nothing", async () => {
    const unknown = ["gpu_recovery_action", "mig.mode.current"]
    const asked: number[] = []
    const old: RunCommand = async (_command, args) => {
      const fields = args[0]?.replace("--query-gpu=", "").split(",") ?? []
      if (!args[0]?.startsWith("--query-gpu")) return ended("")
      asked.push(fields.length)
      const bad = fields.find((field) => unknown.includes(field))
      return bad ? ended(`Field "${bad}" is not a valid field to query.\n\n`, 2) : ended(nvidia.oldT4)
    }
    const look = await lookAtNvidia(old, never)
    expect(look.ok && look.gpus).toMatchObject([
      { model: "Tesla-T4", isSplit: false, troubles: [{ what: expect.stringContaining("uncorrected") }] },
    ])
    expect(asked).toEqual([nvidiaFields.length, nvidiaFields.length - 1, nvidiaFields.length - 2])
    const none = await lookAtNvidia(
      recorded({ "nvidia-smi": ended('Field "name" is not a valid field to query.\n', 2) }),
      never,
    )
    expect(none).toMatchObject({ ok: false, trouble: { what: expect.stringContaining("not a valid field") } })
  })

  it("reads processes, also those it cannot name", async () => {
    const apps = "GPU-1, 4242\nGPU-1, 17\nGPU-2, [Not Found]\nNo running processes found\n\n"
    expect([...parseApps(apps)]).toEqual([
      ["GPU-1", [4242, 17]],
      ["GPU-2", [0]],
    ])
    const look = await lookAt(nvidia.t4, { apps: ended("GPU-bbbbbbbb-0000-0000-0000-000000000001, 7\n") })
    expect(look.ok && look.gpus[0]?.pids).toEqual([7])
  })
})
