import type { Gpu, GpuModel, NodeFacts } from "../../domain/inventory/index.ts"
import {
  declaredAmounts,
  declaredInstanceType,
  findGpuModel,
  gpuModels,
  gpuProductLabel,
  noReadings,
} from "../../domain/inventory/index.ts"

/** A group of equal machines that are declared, not real. */
export interface SimulatedNodes {
  readonly nodes: number
  readonly gpusPerNode: number
  readonly model: GpuModel
  readonly instanceType: string
  /** null = the first cluster. */
  readonly cluster: string | null
}

export type ParsedSimulate =
  | { readonly ok: true; readonly value: SimulatedNodes }
  | { readonly ok: false; readonly message: string }

const mostNodes = 10_000
const mostGpus = 64
const form = "NODESxGPUSxMODEL[@INSTANCE][,cluster=NAME], for example 2x8xH100"
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const instanceForm = /^[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$/

/** Reads one `--simulate` value; the message of a refusal is a sentence. */
export function parseSimulate(text: string): ParsedSimulate {
  const [machines = "", ...settings] = text.trim().split(",")
  const match = /^(\d{1,6})x(\d{1,6})x([^@]+)(?:@(.*))?$/i.exec(machines.trim())
  if (!match) return fault(text, `is not of the form ${form}.`)
  const [, nodesText, gpusText, modelText = "", instanceText] = match
  const nodes = Number(nodesText)
  const gpusPerNode = Number(gpusText)
  const model = findGpuModel(modelText)
  const excess = countFault(nodes, gpusPerNode)
  if (excess) return fault(text, excess)
  if (!model)
    return fault(text, `names the unknown GPU model ${modelText.trim()}; known are ${knownModels()}.`)
  const instanceType = instanceText?.trim() ?? declaredInstanceType(model, gpusPerNode)
  if (!instanceForm.test(instanceType))
    return fault(text, "has an instance type that is not letters, digits, dots, dashes and underscores.")
  const cluster = readCluster(settings)
  if (cluster === undefined)
    return fault(
      text,
      "may be followed only by ,cluster=NAME, where NAME is lower-case letters, digits and dashes.",
    )
  return { ok: true, value: { nodes, gpusPerNode, model, instanceType, cluster } }
}

function countFault(nodes: number, gpusPerNode: number): string | undefined {
  if (nodes < 1 || nodes > mostNodes) return `asks for ${nodes} nodes; 1 to ${mostNodes} can be declared.`
  if (gpusPerNode < 1 || gpusPerNode > mostGpus)
    return `asks for ${gpusPerNode} GPUs a node; 1 to ${mostGpus} can be declared.`
  return undefined
}

function fault(text: string, what: string): ParsedSimulate {
  return { ok: false, message: `"${text}" ${what}` }
}

const knownModels = () => gpuModels.map(({ aliases }) => aliases[0]).join(", ")

/** null = not given, undefined = wrong. */
function readCluster(settings: readonly string[]): string | null | undefined {
  if (settings.length === 0) return null
  const match = /^cluster=(.+)$/.exec(settings[0]?.trim() ?? "")
  const name = match?.[1]
  return settings.length === 1 && name !== undefined && label.test(name) ? name : undefined
}

/**
 * The declared machines of one cluster: `sim-h100-0`, `sim-h100-1`, … counted per model. They have what the model's
 * table says and nothing more; what runs on them runs on this machine, hence its boot id.
 */
export function declareNodes(groups: readonly SimulatedNodes[], bootId: string): readonly NodeFacts[] {
  const counts = new Map<string, number>()
  const facts: NodeFacts[] = []
  for (const group of groups)
    for (let at = 0; at < group.nodes; at++) {
      const short = group.model.aliases[0].toLowerCase()
      const count = counts.get(short) ?? 0
      counts.set(short, count + 1)
      facts.push(declareNode(group, `sim-${short}-${count}`, bootId))
    }
  return facts
}

function declareNode(
  { model, gpusPerNode, instanceType }: SimulatedNodes,
  name: string,
  bootId: string,
): NodeFacts {
  const amounts = declaredAmounts(model, gpusPerNode)
  return {
    name,
    hostIp: "127.0.0.1",
    instanceType,
    gpuModel: model.name,
    gpus: Array.from({ length: gpusPerNode }, (_, index) => declareGpu(model, name, index)),
    physical: amounts,
    capacity: amounts,
    labels: {
      "kubernetes.io/hostname": name,
      "node.kubernetes.io/instance-type": instanceType,
      [gpuProductLabel(model.name)]: model.name,
    },
    taints: [],
    simulated: true,
    bootId,
    healthy: true,
    healthMessage: "",
  }
}

function declareGpu(model: GpuModel, node: string, index: number): Gpu {
  return {
    index,
    uuid: `SIM-${node}-${index}`,
    memoryBytes: model.memoryBytes,
    usedOutside: false,
    ...noReadings,
  }
}
