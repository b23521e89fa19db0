import { findGpuModel, noReadings, type Gpu, type NodeFacts } from "../../domain/inventory/index.ts"
import type { Log } from "../../kit/log.ts"
import { lookAtAmd } from "./amd.ts"
import type { KfdProcesses } from "./amd-cards.ts"
import { chooseMaker, type Maker } from "./choose-maker.ts"
import { healthMessage, judge, type Fault, type GpuHealth } from "./gpu-health.ts"
import type { GpuLook, ReadingName, SeenGpu, Trouble } from "./gpu-look.ts"
import type { RunCommand } from "./hardware-run.ts"
import { lookAtNvidia } from "./nvidia.ts"

/** The GPUs of this machine that can be given away, as the last look found them. */
export interface LocalGpus {
  readonly gpus: readonly Gpu[]
  /** The model that the node shows; null without GPUs. */
  readonly model: string | null
  /** Why the node gets no new pods, sentences that name GPU and fault; "" when it may. */
  readonly fault: string
}

export interface LocalGpusOptions {
  readonly clusterId: string
  readonly run: RunCommand
  readonly log: Log
  readonly isOurs: (pid: number) => boolean
  readonly kfdProcesses: KfdProcesses
}

/**
 * One look; never throws, and must not be called again before the last call has settled.
 * @param before what an earlier server found here; asked only where the tool does not work at the first look
 */
export type LookAtGpus = (
  signal: AbortSignal,
  before: () => Pick<NodeFacts, "gpus" | "gpuModel"> | undefined,
) => Promise<LocalGpus>

/** The subject of faults that are no GPU's. */
const tool = "the tool"
/** Conditions that are logged; more are not told. */
const mostSaid = 100

/**
 * Looks at the machine's GPUs: NVIDIA's where there are some, else AMD's; the maker of more GPUs where there are both.
 * Remembered from look to look are the GPUs seen before, so that one that disappears is missed, and their health.
 * One that is gone when the server starts, while the tool works, was taken out.
 */
export function createLocalGpus(options: LocalGpusOptions): LookAtGpus {
  const { clusterId, run, log, isOurs } = options
  const said = new Set<string>()
  /** Of each GPU, the readings that it gave some time: others are not missed. */
  const gave = new Map<string, Set<ReadingName>>()
  let maker: Maker | undefined
  let known: readonly SeenGpu[] = []
  let health: GpuHealth | undefined

  /** A standing condition is logged once, not at every look. */
  function sayOnce(message: string) {
    if (said.has(message) || said.size >= mostSaid) return
    said.add(message)
    log.warn({ clusterId, reason: message }, "GPU cannot be used")
  }

  /** Once GPUs of one maker were found, only that one's tool is asked: a look at each takes about a second. */
  async function look(signal: AbortSignal): Promise<GpuLook> {
    if (maker === "nvidia") return lookAtNvidia(run, signal)
    if (maker === "amd") return lookAtAmd(run, signal, options.kfdProcesses)
    const chosen = chooseMaker(
      ...(await Promise.all([lookAtNvidia(run, signal), lookAtAmd(run, signal, options.kfdProcesses)])),
    )
    maker = chosen.maker
    if (chosen.warning !== "") sayOnce(chosen.warning)
    return chosen.look
  }

  /** The GPUs to show, and what is wrong with those and others. */
  function compare(
    found: GpuLook,
    before: Parameters<LookAtGpus>[1],
  ): { readonly gpus: readonly SeenGpu[]; readonly faults: readonly Fault[] } {
    if (!found.ok) {
      // A driver that broke in an update must not take GPUs out of the inventory: they are there, and cannot be used.
      if (health === undefined) known = asSeen(before())
      // A tool that never worked is no loss: the machine may well have no GPU.
      sayOnce(found.trouble.what)
      return { gpus: known.map(withoutReadings), faults: known.length > 0 ? [toolFault(found)] : [] }
    }
    const faults: Fault[] = found.broken.map(({ index, sentence }) => {
      sayOnce(sentence)
      return { subject: index === null ? sentence : subjectOf(index), sentence, isHard: true }
    })
    const offered = oneModel(found.gpus, sayOnce).map((gpu) => withLastPids(gpu, known))
    for (const gpu of offered) faults.push(...faultsOf(gpu, gave))
    const missing = known.filter(({ uuid }) => !offered.some((gpu) => gpu.uuid === uuid))
    if (missing.length === 0) known = offered
    else
      faults.push(...missing.filter((gpu) => !isExplained(gpu, faults)).map((gpu) => missed(gpu, found.gpus)))
    const gpus = known.map((gpu) => offered.find(({ uuid }) => uuid === gpu.uuid) ?? withoutReadings(gpu))
    return { gpus, faults }
  }

  return async (signal, before) => {
    const found = await look(signal)
    const { gpus, faults } = compare(found, before)
    health = judge(health, faults, found.ok)
    return {
      gpus: gpus.map((gpu) => toGpu(gpu, faults, isOurs)),
      model: gpus[0]?.model ?? null,
      fault: healthMessage(health),
    }
  }
}

const subjectOf = (index: number) => `GPU ${index}`
const nameOf = ({ index, uuid }: SeenGpu) => `${subjectOf(index)} (${uuid})`

function asSeen(node: Pick<NodeFacts, "gpus" | "gpuModel"> | undefined): readonly SeenGpu[] {
  const model = node?.gpuModel
  if (!model) return []
  return node.gpus.map(({ index, uuid, memoryBytes }) => ({
    index,
    uuid,
    model,
    memoryBytes,
    readings: noReadings,
    unreadable: [],
    troubles: [],
    isSplit: false,
    pids: [],
  }))
}

function withoutReadings(gpu: SeenGpu): SeenGpu {
  return { ...gpu, readings: noReadings, unreadable: [], troubles: [] }
}

/** Who computes on a GPU is no news when the tool did not tell: it would come and go as a change of the node. */
function withLastPids(gpu: SeenGpu, known: readonly SeenGpu[]): SeenGpu {
  return gpu.pids === null ? { ...gpu, pids: known.find(({ uuid }) => uuid === gpu.uuid)?.pids ?? null } : gpu
}

function toolFault({ trouble }: { readonly trouble: Trouble }): Fault {
  return { subject: tool, sentence: trouble.what, isHard: trouble.isHard }
}

const readingWords: Readonly<Record<ReadingName, string>> = {
  temperatureC: "temperature",
  powerW: "power",
  powerLimitW: "power limit",
  utilisationPercent: "utilisation",
  memoryUsedBytes: "memory in use",
}

/** What is wrong with a GPU that was read. Notes in `gave` which readings it has. */
function faultsOf(gpu: SeenGpu, gave: Map<string, Set<ReadingName>>): readonly Fault[] {
  const subject = subjectOf(gpu.index)
  const before = gave.get(gpu.uuid) ?? new Set<ReadingName>()
  // Laptops and virtual machines show an error in place of what they do not have: it was never there.
  const lost = gpu.unreadable.filter((name) => before.has(name)).map((name) => readingWords[name])
  for (const name of Object.keys(readingWords) as ReadingName[])
    if (gpu.readings[name] !== null) before.add(name)
  gave.set(gpu.uuid, before)
  const troubles: readonly Trouble[] = [
    ...gpu.troubles,
    ...(lost.length > 0 ? [{ what: `does not tell its ${lost.join(" and ")} any more`, isHard: false }] : []),
  ]
  return troubles.map(({ what, isHard }) => ({ subject, sentence: `${nameOf(gpu)} ${what}.`, isHard }))
}

/** Its device is among those that could not be read, or that may be it. */
function isExplained(gpu: SeenGpu, faults: readonly Fault[]): boolean {
  return faults.some(({ subject }) => subject === subjectOf(gpu.index) || !/^GPU \d+$/.test(subject))
}

function missed(gpu: SeenGpu, found: readonly SeenGpu[]): Fault {
  const isSplit = found.some(({ uuid, isSplit }) => isSplit && uuid === gpu.uuid)
  const sentence = isSplit
    ? `${nameOf(gpu)} was split into MIG devices; join it, or restart the server to leave it out.`
    : `${nameOf(gpu)} is no longer there; if it was taken out on purpose, restart the server.`
  return { subject: subjectOf(gpu.index), sentence, isHard: !isSplit }
}

/** The whole GPUs of the model that there are most of: a node shows one model. */
function oneModel(gpus: readonly SeenGpu[], say: (message: string) => void): readonly SeenGpu[] {
  const whole = gpus.filter((gpu) => !gpu.isSplit)
  for (const gpu of gpus) if (gpu.isSplit) say(`${nameOf(gpu)} is split into MIG devices.`)
  const byModel = Map.groupBy(whole, ({ model }) => model)
  let best: readonly SeenGpu[] = []
  for (const group of byModel.values()) if (isBetter(group, best)) best = group
  for (const [model, group] of byModel)
    if (group !== best) say(`${group.length} GPUs of model ${model} are left out: a node offers one model.`)
  return best
}

function isBetter(group: readonly SeenGpu[], than: readonly SeenGpu[]): boolean {
  if (group.length !== than.length) return group.length > than.length
  return (group[0]?.memoryBytes ?? 0) > (than[0]?.memoryBytes ?? 0)
}

function toGpu(gpu: SeenGpu, faults: readonly Fault[], isOurs: (pid: number) => boolean): Gpu {
  const known = findGpuModel(gpu.model)
  const own = faults.filter(({ subject }) => subject === subjectOf(gpu.index) || subject === tool)
  return {
    index: gpu.index,
    uuid: gpu.uuid,
    // Machines whose GPU shares the memory of the CPU do not say: the model's table does, where it knows it.
    memoryBytes: gpu.memoryBytes || (known?.memoryBytes ?? 0),
    usedOutside: (gpu.pids ?? []).some((pid) => !isOurs(pid)),
    ...gpu.readings,
    powerLimitW: gpu.readings.powerLimitW ?? known?.maxPowerW ?? null,
    fault: own.map(({ sentence }) => sentence).join(" "),
  }
}
