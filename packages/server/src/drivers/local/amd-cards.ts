import { findGpuModel, gpuModelName } from "../../domain/inventory/index.ts"
import type { GpuLook, SeenGpu } from "./gpu-look.ts"

/** KFD id of a GPU → processes that have memory on it. */
export type KfdProcesses = () => Promise<ReadonlyMap<number, readonly number[]>>

/** A GPU with what the kernel driver knows it by; null where the tool does not say. */
export interface AmdGpu {
  readonly gpu: SeenGpu
  /** Its processes are kept under this id. */
  readonly kfdId: number | null
}

/** A GPU whose place among the others is not known yet. */
export interface AmdCard extends AmdGpu {
  /** The number that the tool gives it. */
  readonly card: number
  /** Its node in the kernel's topology, by which the runtime orders GPUs. */
  readonly nodeId: number | null
}

/** Numbers cards as the runtime does: by their topology nodes where all are known, else as the tool numbers them. */
export function inRuntimeOrder(cards: readonly AmdCard[]): readonly AmdGpu[] {
  const nodes = new Set(cards.map(({ nodeId }) => nodeId))
  const isKnown = nodes.size === cards.length && !nodes.has(null)
  const order = ({ card, nodeId }: AmdCard) => (isKnown ? nodeId : null) ?? card
  return cards
    .toSorted((a, b) => order(a) - order(b))
    .map(({ gpu, kfdId }, index) => ({ gpu: { ...gpu, index }, kfdId }))
}

/** Gives each GPU the processes that the kernel knows on it. */
export function withProcesses(
  gpus: readonly AmdGpu[],
  processes: ReadonlyMap<number, readonly number[]>,
): GpuLook {
  const seen = gpus.map(({ gpu, kfdId }) => ({
    ...gpu,
    pids: (kfdId === null ? undefined : processes.get(kfdId)) ?? [],
  }))
  return { ok: true, gpus: seen, broken: [] }
}

/** Whether a tool says that there is no AMD GPU to look at: some images have the tools always. */
export function saysNoGpu(said: string): boolean {
  return /not initialized|not found in modules|no amd gpus?|no json data|unable to detect/i.test(said)
}

/** The form that the runtime takes in ROCR_VISIBLE_DEVICES; cards without an id of their own go by their place. */
export function amdUuid(uniqueId: string, bus: string, card: number): string {
  const id = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(uniqueId)?.[1]
  if (id !== undefined && !/^0+$/.test(id)) return `GPU-${id.toLowerCase().padStart(16, "0")}`
  return bus === "" ? `card${card}` : `PCI-${bus.toLowerCase()}`
}

/**
 * The model of what a tool calls a card, the best name first: `AMD INSTINCT MI250 (MCM) OAM AC MBA` is an
 * `AMD-Instinct-MI250X`. Numbers of the PCI registry come last.
 */
export function amdModel(names: readonly string[]): string {
  const said = names.filter((name) => name !== "")
  const best = said.find((name) => !/^0x[0-9a-f]+$/i.test(name)) ?? said[0] ?? "GPU"
  for (const word of best.split(/[\s_/()]+/)) {
    const known = /^MI\d/i.test(word) ? findGpuModel(word) : undefined
    if (known) return known.name
  }
  const plain = best.replaceAll(/[^A-Za-z0-9.+-]+/g, "-").replaceAll(/^-+|-+$/g, "")
  // The inventory tells makers apart by the name.
  return gpuModelName(/^(AMD|Radeon)/i.test(plain) ? plain : `AMD-${plain}`)
}

/** A value of a tool's JSON that has members. */
export type JsonRecord = Readonly<Record<string, unknown>>

export function isJsonRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** The JSON in an answer, which may have warnings around it; undefined without. */
export function jsonIn(stdout: string): unknown {
  const from = stdout.search(/[[{]/)
  const to = Math.max(stdout.lastIndexOf("}"), stdout.lastIndexOf("]"))
  if (from < 0 || to < from) return undefined
  try {
    return JSON.parse(stdout.slice(from, to + 1)) as unknown
  } catch {
    return undefined
  }
}
