import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { lookAtAmd } from "./amd.ts"
import { amdModel, amdUuid } from "./amd-cards.ts"
import { amd, ended, recorded, type Answers } from "./gpu-recordings.ts"
import type { RunCommand } from "./hardware-run.ts"
import { kfdProcesses } from "./kfd.ts"

const never = new AbortController().signal
const none = { ok: true, gpus: [], broken: [] }
const lookAt = (answers: Answers, processes: readonly (readonly [number, readonly number[]])[] = []) =>
  lookAtAmd(recorded(answers), never, async () => new Map(processes))
const rocm = (stdout: string) => ({ "rocm-smi": ended(stdout) })

describe("what rocm-smi says", () => {
  it("reads a new version's answer, warnings before it or not, in the runtime's order", async () => {
    const look = await lookAt(rocm(amd.mi300x), [[20_003, [77, 78]]])
    expect(look.ok && look.gpus).toHaveLength(2)
    expect(look.ok && look.gpus[1]).toEqual({
      index: 1,
      uuid: "GPU-3d45959740908530",
      model: "AMD-Instinct-MI300X-OAM",
      memoryBytes: 206_141_652_992,
      readings: {
        temperatureC: 43,
        powerW: 191,
        powerLimitW: 750,
        utilisationPercent: 17,
        memoryUsedBytes: 297_955_328,
      },
      unreadable: [],
      troubles: [],
      isSplit: false,
      pids: [77, 78],
    })
  })

  it("reads an old version's spellings; one die of a module tells the power of both", async () => {
    const look = await lookAt(rocm(amd.mi250x))
    expect(look).toMatchObject({
      gpus: [
        {
          index: 0,
          uuid: "GPU-c5b23a6f8d7e1100",
          model: "AMD-Instinct-MI250X",
          memoryBytes: 65_520 * 1024 ** 2,
          readings: { temperatureC: 41, powerW: 128, powerLimitW: 560, utilisationPercent: 100 },
        },
        { index: 1, readings: { powerW: null, utilisationPercent: 100 }, pids: [] },
      ],
    })
  })

  it("goes by the place of a card that has no id, and by its other name where the first is a number", async () => {
    const look = await lookAt(rocm(amd.radeon))
    expect(look).toMatchObject({
      gpus: [
        {
          uuid: "PCI-0000:03:00.0",
          model: expect.stringMatching(/^AMD-Navi-31-Radeon-RX-7900/) as string,
          readings: { temperatureC: 49, powerW: 19, utilisationPercent: 0 },
        },
      ],
    })
    expect([amdUuid("0x0", "", 4), amdUuid("3D4595974090853c", "x", 0)]).toEqual([
      "card4",
      "GPU-3d4595974090853c",
    ])
  })

  it("asks a version again without what it does not know", async () => {
    const asked: number[] = []
    const run: RunCommand = async (_command, args) => {
      asked.push(args.length)
      return args.includes("--showmaxpower")
        ? ended("", 2, "usage: rocm-smi\nrocm-smi: error: unrecognized arguments: --showmaxpower --showid\n")
        : ended(amd.mi300x)
    }
    const look = await lookAtAmd(run, never, async () => new Map())
    expect(look.ok && look.gpus).toHaveLength(2)
    expect(asked).toEqual([11, 9])
  })

  it.each([
    ["AMD INSTINCT MI200 (MCM) OAM LC MBA HPE C2", "AMD-Instinct-MI250X"],
    ["AMD Instinct MI300X VF", "AMD-Instinct-MI300X-OAM"],
    ["Instinct MI210", "AMD-Instinct-MI210"],
    ["Radeon RX 7900 XTX", "Radeon-RX-7900-XTX"],
    ["0x740c", "AMD-0x740c"],
  ])("names a card of the series %s %s", (said, model) => {
    expect(amdModel([said])).toBe(model)
  })

  it.each([
    ["neither tool is installed", {}],
    ["there is no driver", { "rocm-smi": ended(amd.noDriver, 1) }],
    ["there is no JSON", { "rocm-smi": ended("WARNING: No JSON data to report\n") }],
    ["there are no cards", rocm("{}")],
  ])("is a machine without AMD GPUs: %s", async (_name, answers) => {
    expect(await lookAt(answers)).toEqual(none)
  })

  it.each([
    ["it hangs", { "rocm-smi": { kind: "hung" } as const }, "rocm-smi does not answer."],
    ["it breaks off", rocm('{"card0": {"GPU use'), "rocm-smi failed: "],
    ["it fails", { "rocm-smi": ended("", 1, "ImportError: libdrm.so.2\n") }, "ImportError: libdrm.so.2"],
    ["the other one hangs", { "amd-smi": { kind: "hung" } as const }, "amd-smi does not answer."],
  ])("says in a sentence that it does not work: %s", async (_name, answers, part) => {
    expect(await lookAt(answers)).toEqual({
      ok: false,
      trouble: { what: expect.stringContaining(part), isHard: false },
    })
  })
})

describe("what amd-smi says where that is all there is", () => {
  const answers: Answers = {
    "amd-smi static": ended(amd.smiStatic),
    "amd-smi list": ended(amd.smiList),
    "amd-smi metric": ended(amd.smiMetric),
  }

  it("reads values with their units, in lists or in gpu_data, and memory errors", async () => {
    expect(await lookAt(answers, [[21_947, [9]]])).toMatchObject({
      gpus: [
        {
          index: 0,
          uuid: "PCI-0000:15:00.0",
          model: "AMD-Instinct-MI300X-OAM",
          readings: { temperatureC: 35, powerW: null, powerLimitW: 750, utilisationPercent: null },
          troubles: [],
          pids: [],
        },
        {
          index: 1,
          uuid: "GPU-3d45959740908530",
          memoryBytes: 206_141_652_992,
          readings: {
            temperatureC: 43,
            powerW: 191,
            powerLimitW: 750,
            utilisationPercent: 42,
            memoryUsedBytes: 284 * 1024 ** 2,
          },
          troubles: [{ what: expect.stringContaining("uncorrected memory errors") as string, isHard: false }],
          pids: [9],
        },
      ],
    })
  })

  it("still shows GPUs whose readings it does not get", async () => {
    const look = await lookAt({
      ...answers,
      "amd-smi metric": { kind: "hung" },
      "amd-smi list": ended("oops"),
    })
    expect(look).toMatchObject({
      gpus: [{ uuid: "GPU-3d45959740908530", readings: { utilisationPercent: null } }, { index: 1 }],
    })
  })
})

describe("the processes on AMD GPUs", () => {
  it("are those with memory there, as the kernel shows them", async () => {
    const root = await mkdtemp(join(tmpdir(), "berth-kfd-"))
    onTestFinished(() => rm(root, { recursive: true, force: true }))
    for (const [pid, id, bytes] of [
      ["12", "5656", "1048576"],
      ["12", "30617", "0"],
      ["40", "5656", "4096"],
      ["self", "5656", "1"],
    ] as const) {
      await mkdir(join(root, pid), { recursive: true })
      await writeFile(join(root, pid, `vram_${id}`), `${bytes}\n`)
      await writeFile(join(root, pid, "pasid"), "32770\n")
    }
    expect([...(await kfdProcesses(root))].map(([id, pids]) => [id, pids.toSorted((a, b) => a - b)])).toEqual(
      [[5656, [12, 40]]],
    )
    expect((await kfdProcesses(join(root, "none"))).size).toBe(0)
  })
})
