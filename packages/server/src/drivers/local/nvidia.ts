import { gpuModelName } from "../../domain/inventory/index.ts"
import type { RunCommand, RunResult } from "./hardware-run.ts"

const mebibyte = 1024 * 1024
const fields = "name,uuid,pci.bus_id,memory.total,temperature.gpu,power.draw,utilization.gpu"
/** Drivers before 450 do not know it. */
const migField = "mig.mode.current"
const csv = "--format=csv,noheader,nounits"

/** One GPU as `nvidia-smi` shows it. */
export interface NvidiaGpu {
  /** The number CUDA gives it under CUDA_DEVICE_ORDER=PCI_BUS_ID. */
  readonly index: number
  readonly uuid: string
  /** The long form: `NVIDIA-H100-80GB-HBM3`. */
  readonly model: string
  /** 0 where the tool does not know. */
  readonly memoryBytes: number
  readonly temperatureC: number | null
  readonly powerW: number | null
  readonly utilisationPercent: number | null
  /** Split into MIG devices: not usable as a whole. */
  readonly isSplit: boolean
  /** Processes that compute on it. */
  readonly pids: readonly number[]
}

export type NvidiaLook =
  /** `gpus` may be empty: a machine without. `broken` are sentences about devices that could not be read. */
  | { readonly ok: true; readonly gpus: readonly NvidiaGpu[]; readonly broken: readonly string[] }
  /** The tool is there but does not work; a sentence. */
  | { readonly ok: false; readonly message: string }

/** Asks `nvidia-smi` for the machine's GPUs. Never throws. */
export async function lookAtNvidia(run: RunCommand, signal: AbortSignal): Promise<NvidiaLook> {
  let found = await run("nvidia-smi", [`--query-gpu=${fields},${migField}`, csv], signal)
  if (isUnknownField(found)) found = await run("nvidia-smi", [`--query-gpu=${fields}`, csv], signal)
  if (found.kind === "missing") return { ok: true, gpus: [], broken: [] }
  if (found.kind === "hung") return { ok: false, message: "nvidia-smi does not answer." }
  const { gpus, broken } = parseGpus(found.stdout)
  if (gpus.length === 0) {
    const said = firstLine(`${found.stdout}\n${found.stderr}`)
    if (/no devices were found/i.test(said)) return { ok: true, gpus: [], broken: [] }
    if (found.exitCode !== 0) return { ok: false, message: `nvidia-smi failed: ${said || "it said nothing"}` }
  }
  if (gpus.length === 0) return { ok: true, gpus, broken }
  const apps = await run("nvidia-smi", ["--query-compute-apps=gpu_uuid,pid", csv], signal)
  const pids = apps.kind === "ended" ? parseApps(apps.stdout) : new Map<string, number[]>()
  return { ok: true, gpus: gpus.map((gpu) => ({ ...gpu, pids: pids.get(gpu.uuid) ?? [] })), broken }
}

function isUnknownField(found: RunResult): boolean {
  return found.kind === "ended" && /not a valid field/i.test(found.stdout + found.stderr)
}

function firstLine(text: string): string {
  return (text.split("\n").find((line) => line.trim() !== "") ?? "").trim().slice(0, 300)
}

/**
 * Reads the list of GPUs, numbered by PCI address. A device that fell off the bus shows as errors in place of values,
 * or as a line of text: it keeps its number where its address is known, since the numbers of the others depend on it.
 */
export function parseGpus(stdout: string): { gpus: readonly NvidiaGpu[]; broken: readonly string[] } {
  const rows: { bus: string; columns: readonly string[] }[] = []
  const broken: string[] = []
  for (const line of stdout.split("\n")) {
    if (line.trim() === "" || /no devices were found/i.test(line)) continue
    const columns = line.split(",").map((column) => column.trim())
    const bus = columns[2] ?? ""
    if (columns.length >= 7 && /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$/i.test(bus))
      rows.push({ bus: bus.toLowerCase().padStart(16, "0"), columns })
    else broken.push(firstLine(line))
  }
  rows.sort((a, b) => (a.bus < b.bus ? -1 : a.bus > b.bus ? 1 : 0))
  const gpus: NvidiaGpu[] = []
  for (const [index, { bus, columns }] of rows.entries()) {
    const gpu = readGpu(index, columns)
    if (gpu) gpus.push(gpu)
    else broken.push(`GPU ${index} at ${bus.slice(-12)}: ${columns[0]}`)
  }
  return { gpus, broken }
}

function readGpu(index: number, columns: readonly string[]): NvidiaGpu | undefined {
  const [name = "", uuid = "", , memory = "", temperature = "", power = "", utilisation = "", mig = ""] =
    columns
  // What is wrong stands in brackets: [Unknown Error], [GPU requires reset], [Not Supported].
  if (name === "" || name.startsWith("[") || !/^GPU-/i.test(uuid)) return undefined
  return {
    index,
    uuid,
    model: gpuModelName(name.replaceAll(/\s+/g, "-")),
    memoryBytes: Math.round(numberOf(memory) ?? 0) * mebibyte,
    temperatureC: numberOf(temperature),
    powerW: numberOf(power),
    utilisationPercent: numberOf(utilisation),
    isSplit: mig === "Enabled",
    pids: [],
  }
}

/** null for `[N/A]` and its like. */
function numberOf(text: string): number | null {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null
}

/** GPU uuid → processes on it. A process that the tool cannot name (another pid namespace) counts as pid 0. */
export function parseApps(stdout: string): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const line of stdout.split("\n")) {
    const [uuid = "", pid = ""] = line.split(",").map((column) => column.trim())
    if (!/^GPU-/i.test(uuid)) continue
    const pids = found.get(uuid) ?? []
    pids.push(/^\d+$/.test(pid) ? Number(pid) : 0)
    found.set(uuid, pids)
  }
  return found
}
