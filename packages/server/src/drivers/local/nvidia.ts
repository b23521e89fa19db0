import { gpuModelName } from "../../domain/inventory/index.ts"
import type { RunCommand, RunResult } from "./hardware-run.ts"
import {
  firstLine,
  isLost,
  noGpus,
  toolFailed,
  type BrokenGpu,
  type GpuLook,
  type ReadingName,
  type SeenGpu,
  type Trouble,
} from "./gpu-look.ts"

const mebibyte = 1024 * 1024
const csv = "--format=csv,noheader,nounits"
/** Known to every driver. */
const identity = ["name", "uuid", "pci.bus_id", "memory.total"] as const
/** Asked for as long as the driver knows them: MIG came with 450, what a GPU needs with 565. */
const details = [
  "memory.used",
  "temperature.gpu",
  "power.draw",
  "power.limit",
  "utilization.gpu",
  "ecc.errors.uncorrected.volatile.total",
  "retired_pages.pending",
  "gpu_recovery_action",
  "mig.mode.current",
] as const
type Field = (typeof identity)[number] | (typeof details)[number]
type Row = Partial<Readonly<Record<Field, string>>>

/** Every field that may be asked for, in the order asked for. */
export const nvidiaFields: readonly Field[] = [...identity, ...details]

/** Asks `nvidia-smi` for the machine's GPUs. Never throws. */
export async function lookAtNvidia(run: RunCommand, signal: AbortSignal): Promise<GpuLook> {
  const { fields, found } = await queryGpus(run, signal)
  if (found.kind === "missing") return noGpus
  if (found.kind === "hung") return toolFailed("nvidia-smi does not answer.")
  const { gpus, broken } = parseGpus(found.stdout, fields)
  if (gpus.length === 0) {
    const said = firstLine(`${found.stdout}\n${found.stderr}`)
    if (/no devices were found/i.test(said)) return noGpus
    if (found.exitCode !== 0) return toolFailed(`nvidia-smi failed: ${said || "it said nothing"}`)
    return { ok: true, gpus: [], broken }
  }
  const [apps, rows] = await Promise.all([
    run("nvidia-smi", ["--query-compute-apps=gpu_uuid,pid", csv], signal),
    queryRemappedRows(run, signal, gpus),
  ])
  const pids = apps.kind === "ended" && apps.exitCode === 0 ? parseApps(apps.stdout) : null
  const complete = gpus.map(({ gpu }) => ({
    ...gpu,
    pids: pids === null ? null : (pids.get(gpu.uuid) ?? []),
    troubles: [...gpu.troubles, ...(rows.get(gpu.uuid) ?? [])],
  }))
  return { ok: true, gpus: complete, broken }
}

/** Leaves out, one after the other, what this driver does not know. */
async function queryGpus(
  run: RunCommand,
  signal: AbortSignal,
): Promise<{ readonly fields: readonly Field[]; readonly found: RunResult }> {
  let fields = nvidiaFields
  for (;;) {
    const found = await run("nvidia-smi", [`--query-gpu=${fields.join(",")}`, csv], signal)
    const unknown = unknownField(found)
    const known = fields.filter((field) => field !== unknown)
    const isUseful = known.length < fields.length && known.length >= identity.length
    if (!isUseful) return { fields, found }
    fields = known
  }
}

function unknownField(found: RunResult): string | undefined {
  if (found.kind !== "ended") return undefined
  return /Field "([^"]+)" is not a valid field/i.exec(found.stdout + found.stderr)?.[1]
}

/** Cards with memory that corrects itself remap bad rows (Ampere and later); others and old drivers do not know it. */
async function queryRemappedRows(
  run: RunCommand,
  signal: AbortSignal,
  gpus: readonly { readonly hasEcc: boolean }[],
): Promise<ReadonlyMap<string, readonly Trouble[]>> {
  if (!gpus.some(({ hasEcc }) => hasEcc)) return new Map()
  const query = "--query-remapped-rows=gpu_uuid,remapped_rows.pending,remapped_rows.failure"
  const found = await run("nvidia-smi", [query, csv], signal)
  return found.kind === "ended" ? parseRemappedRows(found.stdout) : new Map()
}

/**
 * Reads the list of GPUs, numbered by PCI address. A device that fell off the bus shows as errors in place of values,
 * or as a line of text: it keeps its number where its address is known, since the numbers of the others depend on it.
 */
export function parseGpus(
  stdout: string,
  fields: readonly Field[],
): {
  readonly gpus: readonly { readonly gpu: SeenGpu; readonly hasEcc: boolean }[]
  readonly broken: readonly BrokenGpu[]
} {
  const rows: { readonly bus: string; readonly row: Row }[] = []
  const broken: BrokenGpu[] = []
  for (const line of stdout.split("\n")) {
    if (line.trim() === "" || /no devices were found/i.test(line)) continue
    const columns = line.split(",").map((column) => column.trim())
    const row: Row = Object.fromEntries(fields.map((field, at) => [field, columns[at] ?? ""]))
    const bus = row["pci.bus_id"] ?? ""
    if (columns.length >= fields.length && /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$/i.test(bus))
      rows.push({ bus: bus.toLowerCase().padStart(16, "0"), row })
    // warnings (`WARNING: infoROM is corrupted at gpu …`) are said of GPUs that work
    else if (/unable|error|fail|lost|reset/i.test(line))
      broken.push({ index: null, sentence: firstLine(line) })
  }
  rows.sort((a, b) => (a.bus < b.bus ? -1 : a.bus > b.bus ? 1 : 0))
  const gpus: { readonly gpu: SeenGpu; readonly hasEcc: boolean }[] = []
  for (const [index, { bus, row }] of rows.entries()) {
    const gpu = readGpu(index, row)
    if (gpu) gpus.push({ gpu, hasEcc: numberOf(row["ecc.errors.uncorrected.volatile.total"]) !== null })
    else broken.push({ index, sentence: `GPU ${index} at ${bus.slice(-12)} answers "${row.name}".` })
  }
  return { gpus, broken }
}

function readGpu(index: number, row: Row): SeenGpu | undefined {
  const { name = "", uuid = "" } = row
  // What is wrong stands in brackets: [Unknown Error], [GPU requires reset], [Not Supported].
  if (name === "" || name.startsWith("[") || isError(name) || !/^GPU-/i.test(uuid)) return undefined
  const used = numberOf(row["memory.used"])
  return {
    index,
    uuid,
    model: gpuModelName(name.replaceAll(/\s+/g, "-")),
    memoryBytes: Math.round(numberOf(row["memory.total"]) ?? 0) * mebibyte,
    readings: {
      temperatureC: numberOf(row["temperature.gpu"]),
      powerW: numberOf(row["power.draw"]),
      powerLimitW: numberOf(row["power.limit"]),
      utilisationPercent: numberOf(row["utilization.gpu"]),
      memoryUsedBytes: used === null ? null : Math.round(used) * mebibyte,
    },
    unreadable: readingFields.filter(([, field]) => isError(row[field] ?? "")).map(([name]) => name),
    troubles: troublesOf(row),
    isSplit: row["mig.mode.current"] === "Enabled",
    pids: [],
  }
}

const readingFields: readonly (readonly [ReadingName, Field])[] = [
  ["temperatureC", "temperature.gpu"],
  ["powerW", "power.draw"],
  ["utilisationPercent", "utilization.gpu"],
  ["memoryUsedBytes", "memory.used"],
]

function troublesOf(row: Row): readonly Trouble[] {
  const found: Trouble[] = []
  const lost = readingFields.map(([, field]) => row[field] ?? "").find(isLost)
  if (lost !== undefined) found.push({ what: `answers "${lost}"`, isHard: true })
  const action = row.gpu_recovery_action ?? ""
  const isJudged = /^(none|drain|reset|reboot)/i.test(action)
  if (isJudged && !/^none$/i.test(action))
    found.push({ what: `needs "${action}", says its driver`, isHard: /^(reset|reboot)/i.test(action) })
  // Newer cards go on after such errors, and their driver says whether they can; the count stays until a reset.
  if (!isJudged && (numberOf(row["ecc.errors.uncorrected.volatile.total"]) ?? 0) > 0)
    found.push({ what: "has uncorrected memory errors; reset it or reboot the machine", isHard: false })
  if (isYes(row["retired_pages.pending"]))
    found.push({ what: "has bad memory pages to retire; reset it or reboot the machine", isHard: false })
  return found
}

/** GPU uuid → what is wrong with the rows of its memory. */
export function parseRemappedRows(stdout: string): ReadonlyMap<string, readonly Trouble[]> {
  const found = new Map<string, readonly Trouble[]>()
  for (const line of stdout.split("\n")) {
    const [uuid = "", pending, failure] = line.split(",").map((column) => column.trim())
    if (!/^GPU-/i.test(uuid)) continue
    if (isYes(failure))
      found.set(uuid, [{ what: "has bad memory that cannot be replaced by spare rows", isHard: true }])
    else if (isYes(pending))
      found.set(uuid, [
        { what: "has bad memory rows to remap; reset it or reboot the machine", isHard: false },
      ])
  }
  return found
}

/** Some versions write a word, some a number. */
const isYes = (text: string | undefined) => /^(yes|true|[1-9]\d*)$/i.test(text ?? "")
/** Not what a device does not have (`[N/A]`, `[Not Supported]`), but what it fails to tell. */
const isError = (text: string) => /err!|error/i.test(text) || isLost(text)

/** null for `[N/A]` and its like. */
function numberOf(text: string | undefined): number | null {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : null
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
