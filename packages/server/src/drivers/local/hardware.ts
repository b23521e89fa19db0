import { readFile, statfs } from "node:fs/promises"
import { arch, availableParallelism, hostname, totalmem } from "node:os"
import type { Amounts, Gpu, NodeFacts, NodeSource } from "../../domain/inventory/index.ts"
import { gpuProductLabel } from "../../domain/inventory/index.ts"
import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import type { RunCommand } from "./hardware-run.ts"
import { createRunCommand } from "./hardware-run.ts"
import { kfdProcesses } from "./kfd.ts"
import { createLocalGpus, type LocalGpus } from "./local-gpus.ts"
import type { KfdProcesses } from "./amd-cards.ts"
import type { SimulatedNodes } from "./simulate.ts"
import { declareNodes } from "./simulate.ts"

/** This machine, without its GPUs. */
export interface MachineFacts {
  readonly hostname: string
  readonly cores: number
  /** What processes here may use: the machine's, or the container's where that is less. */
  readonly memoryBytes: number
  /** Size of the disk that the data directory is on. */
  readonly diskBytes: number
  readonly bootId: string
}

export interface LocalNodesOptions {
  readonly clusterId: string
  readonly clock: Clock
  readonly log: Log
  readonly dataDir: string
  /** Factors on the hardware; GPUs are never overcommitted. Default CPU 4, memory 2. */
  readonly overcommit?: { readonly cpu: number; readonly memory: number }
  /** Declared machines of this cluster. Where any cluster has some, the machine's real GPUs are hidden. */
  readonly simulate: readonly SimulatedNodes[]
  /** Whether the machine's real GPUs are offered. Default: nothing is simulated here. */
  readonly hasRealGpus?: boolean
  /** Whether the machine itself is a node; false for further local clusters, or it would count twice. Default true. */
  readonly hasMachine?: boolean
  /** Whether a process belongs to a pod. Default: none does. */
  readonly isOurs?: (pid: number) => boolean
  /** Further labels of the machine. Of its own they change the instance type only, which is `local` without. */
  readonly labels?: Readonly<Record<string, string>>
  /** Default: starts the command, from where makers put their tools. */
  readonly run?: RunCommand
  /** What an earlier server found of a node of this cluster. Default: nothing. */
  readonly before?: (nodeName: string) => Pick<NodeFacts, "gpus" | "gpuModel"> | undefined
  /** Default: what the kernel shows. */
  readonly kfdProcesses?: KfdProcesses
  /** Default: this machine. */
  readonly machine?: () => Promise<MachineFacts>
}

const instanceTypeLabel = "node.kubernetes.io/instance-type"
const noLocalGpus: LocalGpus = { gpus: [], model: null, fault: "" }

/**
 * The machines of a local cluster: this one, and those that are declared. Each look is whole; nothing is remembered
 * but the GPUs seen before, so that one that disappears is missed, and their health.
 */
export function createLocalNodes(options: LocalNodesOptions): NodeSource {
  const { clusterId, clock, log, simulate, hasMachine = true } = options
  const hasRealGpus = options.hasRealGpus ?? simulate.length === 0
  const overcommit = options.overcommit ?? { cpu: 4, memory: 2 }
  const machine = options.machine ?? (() => readMachine(options.dataDir))
  const lookAtGpus = createLocalGpus({
    clusterId,
    run: options.run ?? createRunCommand(clock),
    log,
    isOurs: options.isOurs ?? (() => false),
    kfdProcesses: options.kfdProcesses ?? (() => kfdProcesses()),
  })

  async function fingerprint(signal: AbortSignal): Promise<readonly NodeFacts[]> {
    const facts = await machine()
    const declared = declareNodes(simulate, facts.bootId)
    if (!hasMachine) return declared
    const { gpus, model, fault } = hasRealGpus
      ? await lookAtGpus(signal, () => options.before?.(nodeName(facts.hostname)))
      : noLocalGpus
    const node = machineNode(facts, gpus, { overcommit, labels: options.labels ?? {} })
    return [
      {
        ...node,
        gpuModel: model,
        labels: model ? { ...node.labels, [gpuProductLabel(model)]: model } : node.labels,
        healthy: fault === "",
        healthMessage: fault,
      },
      ...declared,
    ]
  }

  return { clusterId, fingerprint }
}

function machineNode(
  machine: MachineFacts,
  gpus: readonly Gpu[],
  { overcommit, labels }: Required<Pick<LocalNodesOptions, "overcommit" | "labels">>,
): Omit<NodeFacts, "gpuModel" | "healthy" | "healthMessage"> {
  const name = nodeName(machine.hostname)
  const instanceType = labels[instanceTypeLabel] || "local"
  const physical: Amounts = {
    cpuMilli: machine.cores * 1000,
    memoryBytes: machine.memoryBytes,
    gpus: gpus.length,
    ephemeralBytes: machine.diskBytes,
  }
  return {
    name,
    hostIp: "127.0.0.1",
    instanceType,
    gpus,
    physical,
    capacity: {
      ...physical,
      cpuMilli: Math.floor(physical.cpuMilli * overcommit.cpu),
      memoryBytes: Math.floor(physical.memoryBytes * overcommit.memory),
    },
    labels: {
      ...labels,
      "kubernetes.io/hostname": name,
      "kubernetes.io/os": "linux",
      "kubernetes.io/arch": arch() === "x64" ? "amd64" : arch(),
      [instanceTypeLabel]: instanceType,
    },
    taints: [],
    simulated: false,
    bootId: machine.bootId,
  }
}

/** A machine's name as a DNS-1123 label: its first part, what is not allowed as dashes; `node` where nothing is left. */
export function nodeName(hostname: string): string {
  const first = hostname.toLowerCase().split(".")[0] ?? ""
  const label = first
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "")
  return label === "" ? "node" : label
}

async function readMachine(dataDir: string): Promise<MachineFacts> {
  const disk = await statfs(dataDir)
  const limit = process.constrainedMemory()
  const total = totalmem()
  return {
    hostname: hostname(),
    cores: availableParallelism(),
    memoryBytes: limit > 0 && limit < total ? limit : total,
    diskBytes: disk.blocks * disk.bsize,
    bootId: (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim(),
  }
}
