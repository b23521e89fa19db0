import type { GpuReadings } from "../../domain/inventory/index.ts"

/** Readings that a tool may fail to tell. */
export type ReadingName = Exclude<keyof GpuReadings, "fault">

/** One GPU as a maker's tool shows it. */
export interface SeenGpu {
  /** The number that the maker's runtime gives it. */
  readonly index: number
  /** What the maker's runtime takes for it, where it has such an id. */
  readonly uuid: string
  /** The long form: `NVIDIA-H100-80GB-HBM3`. */
  readonly model: string
  /** 0 where the tool does not know. */
  readonly memoryBytes: number
  readonly readings: Omit<GpuReadings, "fault">
  /** Readings that show an error in place of a value. */
  readonly unreadable: readonly ReadingName[]
  /** What is wrong with it, as what a sentence says of it: `has uncorrected memory errors; …`. */
  readonly troubles: readonly Trouble[]
  /** Split into MIG devices: not usable as a whole. */
  readonly isSplit: boolean
  /** Processes that compute on it; null where the tool did not tell this time. */
  readonly pids: readonly number[] | null
}

export interface Trouble {
  readonly what: string
  /** It does not pass by itself: one look is enough. */
  readonly isHard: boolean
}

/** A device that could not be read. */
export interface BrokenGpu {
  /** null where not even its address is known. */
  readonly index: number | null
  /** `GPU 3 at 0000:0f:00.0 answers "[Unknown Error]".` */
  readonly sentence: string
}

/** What a maker's tool says of the whole machine. */
export type GpuLook =
  /** `gpus` may be empty: a machine without. */
  | { readonly ok: true; readonly gpus: readonly SeenGpu[]; readonly broken: readonly BrokenGpu[] }
  /** The tool is there but does not work. */
  | { readonly ok: false; readonly trouble: Trouble }

export const noGpus: GpuLook = { ok: true, gpus: [], broken: [] }

/** A tool that does not work; what it says decides whether that may pass. */
export function toolFailed(sentence: string): GpuLook {
  return { ok: false, trouble: { what: sentence, isHard: isLost(sentence) } }
}

/** Whether a tool says of a GPU that only a reset or a reboot can bring it back. */
export function isLost(text: string): boolean {
  return /\blost\b|fallen off|fell off|requires? reset|reboot/i.test(text)
}

/** The first line with something in it, at most 300 characters. */
export function firstLine(text: string): string {
  return (text.split("\n").find((line) => line.trim() !== "") ?? "").trim().slice(0, 300)
}
