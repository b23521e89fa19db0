import { amdModel, amdUuid, inRuntimeOrder, isJsonRecord, type AmdCard, type AmdGpu } from "./amd-cards.ts"
import type { JsonRecord } from "./amd-cards.ts"
import type { Trouble } from "./gpu-look.ts"

/** What `amd-smi` is asked for, a call each. */
export const amdSmiArguments = {
  list: ["list", "--json"],
  static: ["static", "--asic", "--bus", "--vram", "--limit", "--json"],
  metric: ["metric", "--usage", "--power", "--temperature", "--ecc", "--mem-usage", "--json"],
} as const

/**
 * Reads the answers of `amd-smi … --json`: a list with an entry per GPU, newer versions put it into `gpu_data`; values
 * are numbers, `N/A`, or `{"value": 191, "unit": "W"}`. Only `fixed` must have answered. Undefined: it has not.
 */
export function parseAmdSmi(answers: {
  readonly list: unknown
  readonly fixed: unknown
  readonly metric: unknown
}): readonly AmdGpu[] | undefined {
  const fixed = entriesOf(answers.fixed)
  if (!fixed) return undefined
  const listed = entriesOf(answers.list)
  const metrics = entriesOf(answers.metric)
  const cards = [...fixed].map(([card, entry]) =>
    readCard(card, { fixed: entry, listed: listed?.get(card) ?? {}, metric: metrics?.get(card) ?? {} }),
  )
  return inRuntimeOrder(cards)
}

function entriesOf(answer: unknown): ReadonlyMap<number, JsonRecord> | undefined {
  const list = isJsonRecord(answer) ? answer["gpu_data"] : answer
  if (!Array.isArray(list)) return undefined
  const entries = new Map<number, JsonRecord>()
  for (const entry of list as readonly unknown[])
    if (isJsonRecord(entry) && typeof entry["gpu"] === "number") entries.set(entry["gpu"], entry)
  return entries
}

interface Entries {
  readonly fixed: JsonRecord
  readonly listed: JsonRecord
  readonly metric: JsonRecord
}

function readCard(card: number, { fixed, listed, metric }: Entries): AmdCard {
  const limit = numberAt(fixed, "limit", "max_power") ?? numberAt(fixed, "limit", "ppt0", "max_power_limit")
  return {
    card,
    nodeId: numberAt(listed, "node_id"),
    kfdId: numberAt(listed, "kfd_id"),
    gpu: {
      index: card,
      uuid: amdUuid(
        textAt(fixed, "asic", "asic_serial"),
        textAt(fixed, "bus", "bdf") || textAt(listed, "bdf"),
        card,
      ),
      model: amdModel([textAt(fixed, "asic", "market_name"), textAt(fixed, "asic", "device_id")]),
      memoryBytes: bytesAt(fixed, "vram", "size") ?? 0,
      readings: {
        temperatureC: numberAt(metric, "temperature", "hotspot") ?? numberAt(metric, "temperature", "edge"),
        powerW: numberAt(metric, "power", "socket_power"),
        powerLimitW: limit,
        utilisationPercent: numberAt(metric, "usage", "gfx_activity"),
        memoryUsedBytes: bytesAt(metric, "mem_usage", "used_vram"),
      },
      unreadable: [],
      troubles: troublesOf(metric),
      isSplit: false,
      pids: [],
    },
  }
}

function troublesOf(metric: JsonRecord): readonly Trouble[] {
  const uncorrected = numberAt(metric, "ecc", "total_uncorrectable_count") ?? 0
  return uncorrected > 0
    ? [{ what: "has uncorrected memory errors; reset it or reboot the machine", isHard: false }]
    : []
}

function at(entry: JsonRecord, path: readonly string[]): unknown {
  let value: unknown = entry
  for (const key of path) value = isJsonRecord(value) ? value[key] : undefined
  return value
}

function textAt(entry: JsonRecord, ...path: string[]): string {
  const value = at(entry, path)
  return typeof value === "string" && !/^n\/a$/i.test(value) ? value.trim() : ""
}

function numberAt(entry: JsonRecord, ...path: string[]): number | null {
  const found = at(entry, path)
  const value = isJsonRecord(found) ? found["value"] : found
  if (typeof value === "number") return value >= 0 ? value : null
  return typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : null
}

const units: Readonly<Record<string, number>> = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 }

/** The tool writes MB and means MiB. */
function bytesAt(entry: JsonRecord, ...path: string[]): number | null {
  const value = numberAt(entry, ...path)
  const unit = textAt(entry, ...path, "unit").toUpperCase()
  return value === null ? null : Math.round(value * (units[unit] ?? 1024 ** 2))
}
