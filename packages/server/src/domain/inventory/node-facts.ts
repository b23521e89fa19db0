import type { Json } from "../../kit/json.ts"
import { noReadings, type Gpu, type GpuReadings, type Node, type NodeFacts } from "./types.ts"

/** What changes at every look and decides nothing: kept in memory, never written. */
export interface Readings {
  readonly seenAtMs: number
  /** By uuid. */
  readonly gpus: ReadonlyMap<string, GpuReadings>
}

export function readingsOf(facts: NodeFacts, seenAtMs: number): Readings {
  return { seenAtMs, gpus: new Map(facts.gpus.map((gpu) => [gpu.uuid, readingsOfGpu(gpu)])) }
}

/** The facts as they are written: without the readings, and nothing else that a driver may have put there. */
export function stableFacts(facts: NodeFacts): NodeFacts {
  return {
    name: facts.name,
    hostIp: facts.hostIp,
    instanceType: facts.instanceType,
    gpuModel: facts.gpuModel,
    gpus: facts.gpus.map(withoutReadings),
    physical: facts.physical,
    capacity: facts.capacity,
    labels: facts.labels,
    taints: facts.taints,
    simulated: facts.simulated,
    bootId: facts.bootId,
    healthy: facts.healthy,
    healthMessage: facts.healthMessage,
  }
}

/** The node with the latest readings put back in. */
export function withReadings(node: Node, readings: Readings | undefined): Node {
  if (!readings) return node
  return {
    ...node,
    lastSeenAtMs: Math.max(node.lastSeenAtMs, readings.seenAtMs),
    gpus: node.gpus.map((gpu) => {
      const now = readings.gpus.get(gpu.uuid)
      return now ? { ...gpu, ...now } : gpu
    }),
  }
}

/** The names of the facts that differ, readings aside; the order of labels does not count. */
export function movedFacts(before: NodeFacts, after: NodeFacts): readonly (keyof NodeFacts)[] {
  const [was, is] = [stableFacts(before), stableFacts(after)]
  const names = Object.keys(is) as (keyof NodeFacts)[]
  return names.filter((name) => canonical(was[name]) !== canonical(is[name]))
}

function withoutReadings(gpu: Gpu): Gpu {
  const { index, uuid, memoryBytes, usedOutside } = gpu
  return { index, uuid, memoryBytes, usedOutside, ...noReadings }
}

function readingsOfGpu(gpu: Gpu): GpuReadings {
  const { temperatureC, powerW, powerLimitW, utilisationPercent, memoryUsedBytes, fault } = gpu
  return { temperatureC, powerW, powerLimitW, utilisationPercent, memoryUsedBytes, fault }
}

/** JSON with sorted member names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner: Json) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
