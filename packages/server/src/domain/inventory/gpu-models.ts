import type { Amounts } from "./types.ts"

/** What is known about one model of GPU: names, memory, and the share of a usual machine that goes with one. */
export interface GpuModel {
  /** As NVIDIA's and AMD's discovery label it; what the inventory shows. */
  readonly name: string
  /** Shorter names that stand for it, case ignored. The first is the one people say. */
  readonly aliases: readonly [string, ...string[]]
  /** As the maker's tool shows it: less than the round figure it is sold by. */
  readonly memoryBytes: number
  /** Watts that it may draw at most, as built. */
  readonly maxPowerW: number
  /** Per GPU, of the machines it is usually sold in: for declared nodes. */
  readonly share: { readonly cpuMilli: number; readonly memoryBytes: number; readonly ephemeralBytes: number }
}

const mib = 1024 ** 2
const gib = 1024 ** 3

function model(
  name: string,
  aliases: readonly [string, ...string[]],
  gpu: { readonly mib: number; readonly watts: number },
  share: { readonly cores: number; readonly ramGib: number; readonly diskGib: number },
): GpuModel {
  return {
    name,
    aliases,
    memoryBytes: gpu.mib * mib,
    maxPowerW: gpu.watts,
    share: {
      cpuMilli: share.cores * 1000,
      memoryBytes: share.ramGib * gib,
      ephemeralBytes: share.diskGib * gib,
    },
  }
}

/** The models that `--simulate` and requests may name shortly. */
export const gpuModels: readonly GpuModel[] = [
  model("Tesla-T4", ["T4", "NVIDIA-T4"], { mib: 15360, watts: 70 }, { cores: 12, ramGib: 48, diskGib: 225 }),
  model(
    "Tesla-P100-PCIE-16GB",
    ["P100"],
    { mib: 16384, watts: 250 },
    { cores: 12, ramGib: 64, diskGib: 200 },
  ),
  model(
    "Tesla-V100-SXM2-16GB",
    ["V100", "V100-16GB"],
    { mib: 16384, watts: 300 },
    { cores: 8, ramGib: 61, diskGib: 200 },
  ),
  model(
    "Tesla-V100-SXM2-32GB",
    ["V100-32GB"],
    { mib: 32768, watts: 300 },
    { cores: 12, ramGib: 96, diskGib: 225 },
  ),
  model("NVIDIA-A10", ["A10"], { mib: 23028, watts: 150 }, { cores: 18, ramGib: 220, diskGib: 700 }),
  model("NVIDIA-A10G", ["A10G"], { mib: 23028, watts: 300 }, { cores: 12, ramGib: 48, diskGib: 475 }),
  model("NVIDIA-A40", ["A40"], { mib: 46068, watts: 300 }, { cores: 16, ramGib: 128, diskGib: 400 }),
  model(
    "NVIDIA-A100-SXM4-80GB",
    ["A100", "A100-80GB"],
    { mib: 81920, watts: 400 },
    { cores: 12, ramGib: 144, diskGib: 1000 },
  ),
  model(
    "NVIDIA-A100-SXM4-40GB",
    ["A100-40GB"],
    { mib: 40960, watts: 400 },
    { cores: 12, ramGib: 144, diskGib: 1000 },
  ),
  model("NVIDIA-L4", ["L4"], { mib: 23034, watts: 72 }, { cores: 12, ramGib: 48, diskGib: 475 }),
  model("NVIDIA-L40", ["L40"], { mib: 46068, watts: 300 }, { cores: 16, ramGib: 128, diskGib: 475 }),
  model("NVIDIA-L40S", ["L40S"], { mib: 46068, watts: 350 }, { cores: 24, ramGib: 192, diskGib: 950 }),
  model(
    "NVIDIA-H100-80GB-HBM3",
    ["H100", "H100-80GB", "H100-SXM5"],
    { mib: 81559, watts: 700 },
    {
      cores: 24,
      ramGib: 256,
      diskGib: 3576,
    },
  ),
  model(
    "NVIDIA-H100-PCIe",
    ["H100-PCIE"],
    { mib: 81559, watts: 350 },
    { cores: 24, ramGib: 256, diskGib: 1000 },
  ),
  model(
    "NVIDIA-H100-NVL",
    ["H100-NVL"],
    { mib: 95830, watts: 400 },
    { cores: 24, ramGib: 256, diskGib: 1000 },
  ),
  model(
    "NVIDIA-H200",
    ["H200", "H200-SXM5"],
    { mib: 143771, watts: 700 },
    { cores: 24, ramGib: 256, diskGib: 3576 },
  ),
  model(
    "NVIDIA-GH200-480GB",
    ["GH200"],
    { mib: 97871, watts: 900 },
    { cores: 72, ramGib: 480, diskGib: 3576 },
  ),
  model("NVIDIA-B200", ["B200"], { mib: 183359, watts: 1000 }, { cores: 24, ramGib: 256, diskGib: 3576 }),
  model("NVIDIA-B300", ["B300"], { mib: 275040, watts: 1400 }, { cores: 24, ramGib: 512, diskGib: 3576 }),
  // two of these are on one module, and each is a GPU of its own; watts are the module's
  model(
    "AMD-Instinct-MI250X",
    ["MI250X", "MI250", "MI200"],
    { mib: 65520, watts: 560 },
    { cores: 16, ramGib: 128, diskGib: 1000 },
  ),
  model(
    "AMD-Instinct-MI300X-OAM",
    ["MI300X", "MI300"],
    { mib: 196592, watts: 750 },
    { cores: 12, ramGib: 231, diskGib: 3500 },
  ),
  model(
    "AMD-Instinct-MI325X-OAM",
    ["MI325X"],
    { mib: 262128, watts: 1000 },
    { cores: 16, ramGib: 288, diskGib: 3500 },
  ),
  model(
    "AMD-Instinct-MI355X-OAM",
    ["MI355X"],
    { mib: 294896, watts: 1400 },
    { cores: 16, ramGib: 288, diskGib: 3500 },
  ),
]

const byName = new Map<string, GpuModel>()
for (const known of gpuModels)
  for (const name of [known.name, ...known.aliases]) byName.set(name.toLowerCase(), known)

/** The model that a long or short name stands for, case ignored, blanks as dashes; undefined when unknown. */
export function findGpuModel(name: string): GpuModel | undefined {
  return byName.get(plain(name))
}

/** The long name; a name that is not in the table stands for itself. */
export function gpuModelName(name: string): string {
  return findGpuModel(name)?.name ?? name.trim()
}

/** The node label that says which model a node has: the one of the maker's own discovery. */
export function gpuProductLabel(model: string): string {
  return isAmdModel(model) ? "amd.com/gpu.product-name" : "nvidia.com/gpu.product"
}

/** Makers are told apart by the long name. */
export function isAmdModel(model: string): boolean {
  return /^(AMD|Radeon)/i.test(gpuModelName(model))
}

/** Whether two names, long or short, mean the same model. */
export function isSameGpuModel(a: string, b: string): boolean {
  return plain(gpuModelName(a)) === plain(gpuModelName(b))
}

/** The amounts that a declared machine with `gpus` GPUs of a model has; at least one GPU's share. */
export function declaredAmounts(known: GpuModel, gpus: number): Amounts {
  const shares = Math.max(1, gpus)
  return {
    cpuMilli: known.share.cpuMilli * shares,
    memoryBytes: known.share.memoryBytes * shares,
    ephemeralBytes: known.share.ephemeralBytes * shares,
    gpus,
  }
}

/** The instance type of a declared machine when none is named: `h100-8g`. */
export function declaredInstanceType(known: GpuModel, gpus: number): string {
  return `${known.aliases[0].toLowerCase()}-${gpus}g`
}

function plain(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, "-")
}
