import type { RunCommand, RunResult } from "./hardware-run.ts"
import { nvidiaFields } from "./nvidia.ts"

/** What makers' tools write, in the formats that they document. For tests. */

export const ended = (stdout: string, exitCode = 0, stderr = ""): RunResult & { readonly kind: "ended" } => ({
  kind: "ended",
  exitCode,
  stdout,
  stderr,
})

/** What is answered to whom: by the tool's name and, where that is not enough, by its first argument. */
export type Answers = Readonly<Record<string, RunResult | undefined>>

/**
 * Plays what was recorded; tools without an answer are not installed. `apps` and `rows` are `nvidia-smi`'s further
 * questions, `nvidia-smi` alone is its list of GPUs.
 */
export function recorded(answers: Answers | (() => Answers)): RunCommand & { readonly calls: string[][] } {
  const calls: string[][] = []
  const run: RunCommand = async (command, args) => {
    calls.push([command, ...args])
    const all = typeof answers === "function" ? answers() : answers
    const first = args[0] ?? ""
    const key = first.startsWith("--query-compute-apps")
      ? "apps"
      : first.startsWith("--query-remapped-rows")
        ? "rows"
        : command
    if (key !== command) return all[key] ?? ended("")
    return all[`${command} ${first}`] ?? all[command] ?? { kind: "missing" }
  }
  return Object.assign(run, { calls })
}

/** Lines of `nvidia-smi --query-gpu` as a driver writes them that knows all fields. */
const lines = (rows: readonly (readonly string[])[]) => rows.map((row) => `${row.join(", ")}\n`).join("")

type Cells = Partial<Readonly<Record<(typeof nvidiaFields)[number], string>>>

/** A line of a well H100, but for what is given. */
export function h100Row(at: number, cells: Cells = {}): readonly string[] {
  const bus = ["19", "3B", "4C", "5D", "9B", "BB", "CB", "DB"][at] ?? "FF"
  const row: Cells = {
    name: "NVIDIA H100 80GB HBM3",
    uuid: `GPU-aaaaaaaa-0000-0000-0000-00000000000${at}`,
    "pci.bus_id": `00000000:${bus}:00.0`,
    "memory.total": "81559",
    "memory.used": "4",
    "temperature.gpu": "34",
    "power.draw": "71.52",
    "power.limit": "700.00",
    "utilization.gpu": "0",
    "ecc.errors.uncorrected.volatile.total": "0",
    "retired_pages.pending": "[N/A]",
    gpu_recovery_action: "None",
    "mig.mode.current": "Disabled",
    ...cells,
  }
  return nvidiaFields.map((field) => row[field] ?? "[N/A]")
}

/** Eight H100, some of them not as they should be. */
export function h100s(cells: Readonly<Record<number, Cells>> = {}, count = 8): string {
  return lines(Array.from({ length: count }, (_, at) => h100Row(at, cells[at])))
}

/** A cell that a broken device shows everywhere. */
export function brokenH100(text: string, bus: string): readonly string[] {
  return nvidiaFields.map((field) => (field === "pci.bus_id" ? bus : text))
}

/** The same H100s, one of which answers with `text` to every question. */
export function h100sWithBroken(at: number, text: string): string {
  const rows = Array.from({ length: 8 }, (_, index) => h100Row(index))
  const bus = rows[at]?.[nvidiaFields.indexOf("pci.bus_id")] ?? ""
  return lines(rows.with(at, brokenH100(text, bus)))
}

export const nvidia = {
  t4: lines([
    [
      "Tesla T4",
      "GPU-bbbbbbbb-0000-0000-0000-000000000001",
      "00000000:00:04.0",
      ..."15360,0,38,9.12,70.00,0,0,No,[N/A],[N/A]".split(","),
    ],
  ]),
  /** A driver that knows neither recovery actions nor MIG. */
  oldT4:
    "Tesla T4, GPU-bbbbbbbb-0000-0000-0000-000000000001, 00000000:00:04.0, 15360, 0, 38, 9.12, 70.00, 0, 2, No\n",
  /** Four whole ones, four split, of one machine. */
  a100Mig: lines(
    Array.from({ length: 8 }, (_, at) =>
      h100Row(at, {
        name: "NVIDIA A100-SXM4-80GB",
        "memory.total": "81920",
        "power.limit": "400.00",
        "utilization.gpu": at < 4 ? "12" : "[N/A]",
        "mig.mode.current": at < 4 ? "Disabled" : "Enabled",
      }),
    ),
  ),
  /** WSL2 on a laptop. */
  wsl: lines([
    [
      "NVIDIA GeForce RTX 4070 Laptop GPU",
      "GPU-cccccccc-0000-0000-0000-000000000001",
      "00000000:01:00.0",
      ..."8188,1203,45,[N/A],[Unknown Error],[Not Supported],[N/A],[N/A],None,[N/A]".split(","),
    ],
  ]),
  /** CPU and GPU share memory. */
  gb10: lines([
    [
      "NVIDIA GB10",
      "GPU-dddddddd-0000-0000-0000-000000000001",
      "0000000F:01:00.0",
      ..."[N/A],[N/A],41,4.62,[N/A],0,[N/A],[N/A],None,[N/A]".split(","),
    ],
  ]),
  noDriver:
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n",
  mismatch: "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 560.35\n",
  lost: "Unable to determine the device handle for GPU0000:19:00.0: GPU is lost.  Reboot the system to recover this GPU\n",
  infoRom: "WARNING: infoROM is corrupted at gpu 0000:3B:00.0\n",
} as const

const mi300x = (at: number, nodeId: number) => ({
  "Device Name": "AMD Instinct MI300X OAM",
  "Device ID": "0x74a1",
  GUID: String(20_000 + nodeId),
  "Unique ID": `0x3d4595974090853${at}`,
  "Temperature (Sensor junction) (C)": "43.0",
  "Temperature (Sensor memory) (C)": "38.0",
  "Max Graphics Package Power (W)": "750.0",
  "Current Socket Graphics Package Power (W)": "191.0",
  "GPU use (%)": "17",
  "PCI Bus": `0000:${at}5:00.0`,
  "VRAM Total Memory (B)": "206141652992",
  "VRAM Total Used Memory (B)": "297955328",
  "Card Series": "AMD Instinct MI300X OAM",
  "Card Model": "0x74a1",
  "Card Vendor": "Advanced Micro Devices, Inc. [AMD/ATI]",
  "Card SKU": "M3000100",
  "Node ID": String(nodeId),
  "GFX Version": "gfx942",
})

/** ROCm 5 on a module of two dies: other spellings, no topology, and power told by one die for both. */
const mi250x = (at: number) => ({
  "GPU ID": "0x7408",
  "Unique ID": `0xc5b23a6f8d7e110${at}`,
  "Temperature (Sensor edge) (C)": "39.0",
  "Temperature (Sensor junction) (C)": "41.0",
  "Max Graphics Package Power (W)": at % 2 === 0 ? "560.0" : "0.0",
  "Average Graphics Package Power (W)": at % 2 === 0 ? "128.0" : "N/A (Secondary die)",
  "GPU use (%)": "100",
  "VRAM Total Memory (B)": "68702699520",
  "VRAM Total Used Memory (B)": "10997760",
  "PCI Bus": `0000:C${at}:00.0`,
  "Card series": "AMD INSTINCT MI250 (MCM) OAM AC MBA",
  "Card model": "0x0b0c",
  "Card vendor": "Advanced Micro Devices, Inc. [AMD/ATI]",
  "Card SKU": "D65209",
})

const value = (amount: number, unit: string) => ({ value: amount, unit })

export const amd = {
  /** The tool numbers cards otherwise than the runtime. */
  mi300x: `WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status\n\n${JSON.stringify(
    { card0: mi300x(0, 3), card1: mi300x(1, 2), system: { "Driver version": "6.8.5" } },
  )}\n`,
  mi250x: `${JSON.stringify({ card0: mi250x(0), card1: mi250x(1) })}\n`,
  radeon: `${JSON.stringify({
    card0: {
      "Device Name": "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]",
      "Unique ID": "N/A",
      "Temperature (Sensor edge) (C)": "49.0",
      "Average Graphics Package Power (W)": "19.0",
      "GPU use (%)": "0",
      "PCI Bus": "0000:03:00.0",
      "VRAM Total Memory (B)": "25753026560",
      "VRAM Total Used Memory (B)": "27947008",
      "Card series": "0x744c",
    },
  })}\n`,
  noDriver:
    "cat: /sys/module/amdgpu/initstate: No such file or directory\nERROR:root:Driver not initialized (amdgpu not found in modules)\n",
  smiStatic: JSON.stringify({
    gpu_data: [
      {
        gpu: 0,
        asic: { market_name: "AMD Instinct MI300X", asic_serial: "0x3D45959740908530" },
        bus: { bdf: "0000:05:00.0" },
        vram: { type: "HBM3", size: value(196592, "MB") },
        limit: { max_power: value(750, "W") },
      },
      {
        gpu: 1,
        asic: { market_name: "AMD Instinct MI300X", asic_serial: "N/A" },
        bus: { bdf: "0000:15:00.0" },
        vram: { type: "HBM3", size: value(196592, "MB") },
        limit: { ppt0: { max_power_limit: value(750, "W") } },
      },
    ],
  }),
  smiList: JSON.stringify([
    { gpu: 0, bdf: "0000:05:00.0", kfd_id: 21947, node_id: 3 },
    { gpu: 1, bdf: "0000:15:00.0", kfd_id: 5656, node_id: 2 },
  ]),
  smiMetric: JSON.stringify([
    {
      gpu: 0,
      usage: { gfx_activity: value(42, "%"), umc_activity: value(1, "%") },
      power: { socket_power: value(191, "W") },
      temperature: { edge: "N/A", hotspot: value(43, "C"), mem: value(38, "C") },
      ecc: { total_correctable_count: 3, total_uncorrectable_count: 1 },
      mem_usage: { total_vram: value(196592, "MB"), used_vram: value(284, "MB") },
    },
    {
      gpu: 1,
      usage: "N/A",
      power: { socket_power: "N/A" },
      temperature: { edge: value(35, "C"), hotspot: "N/A" },
      ecc: { total_correctable_count: "N/A", total_uncorrectable_count: "N/A" },
    },
  ]),
} as const
