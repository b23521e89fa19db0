import type { JsonObject } from "../../kit/json.ts"
import { movedFacts, stableFacts } from "./node-facts.ts"
import type { Node, NodeFacts, NodeId } from "./types.ts"

/** What a look at a cluster makes of one node. */
export interface Observation {
  readonly kind: "insert" | "update"
  /** With the version that is in the store. */
  readonly node: Node
  /** Dotted and past tense: `node.unhealthy`. */
  readonly event: string
  readonly data: JsonObject
}

export interface Look {
  readonly clusterId: string
  readonly atMs: number
  /** The id for a node of this name, the same at every call. */
  readonly idFor: (name: string) => NodeId
}

const notSeen = "The driver does not see this machine any more."

/**
 * Compares what is written with what was seen, and gives what has to be written: nothing for a node that is
 * as it was. A node that is missing turns unhealthy and stays, for its machine may come back with running
 * pods; a simulated one is only a declaration, and goes when that goes. Pure.
 */
export function observe(
  known: readonly Node[],
  facts: readonly NodeFacts[],
  look: Look,
): readonly Observation[] {
  const seen = new Map(facts.map((fact) => [fact.name, fact]))
  const observations: Observation[] = []
  for (const node of known) {
    const fact = seen.get(node.name)
    const observation = fact ? observeSeen(node, fact, look) : observeMissing(node, look)
    if (observation) observations.push(observation)
    seen.delete(node.name)
  }
  for (const fact of seen.values()) observations.push(observeNew(fact, look))
  return observations
}

/** All nodes of a cluster whose driver could not look; those unhealthy already keep their reason. */
export function observeNothing(known: readonly Node[], message: string): readonly Observation[] {
  return known.filter((node) => node.healthy).map((node) => unhealthy(node, message))
}

function observeNew(fact: NodeFacts, { clusterId, atMs, idFor }: Look): Observation {
  const node: Node = {
    ...stableFacts(fact),
    id: idFor(fact.name),
    clusterId,
    cordoned: false,
    draining: false,
    workspaceId: null,
    stuck: false,
    firstSeenAtMs: atMs,
    lastSeenAtMs: atMs,
    removedAtMs: null,
    version: 1,
  }
  const { instanceType, gpuModel, gpus, simulated, healthy } = fact
  const data = { instanceType, gpuModel, gpus: gpus.length, simulated, healthy }
  return { kind: "insert", node, event: "node.added", data }
}

function observeSeen(node: Node, fact: NodeFacts, { atMs }: Look): Observation | undefined {
  const moved = movedFacts(node, fact)
  if (moved.length === 0) return undefined
  const after: Node = { ...node, ...stableFacts(fact), lastSeenAtMs: atMs }
  return { kind: "update", node: after, event: eventFor(node, after), data: dataFor(after, moved) }
}

function observeMissing(node: Node, { atMs }: Look): Observation | undefined {
  if (node.simulated)
    return { kind: "update", node: { ...node, removedAtMs: atMs }, event: "node.removed", data: {} }
  return node.healthy ? unhealthy(node, notSeen) : undefined
}

function unhealthy(node: Node, message: string): Observation {
  const after = { ...node, healthy: false, healthMessage: message }
  return { kind: "update", node: after, event: "node.unhealthy", data: { message } }
}

/** The most telling name for a change of facts. */
function eventFor(before: Node, after: Node): string {
  if (before.healthy !== after.healthy) return after.healthy ? "node.healthy" : "node.unhealthy"
  return before.bootId === after.bootId ? "node.changed" : "node.rebooted"
}

function dataFor(after: Node, moved: readonly string[]): JsonObject {
  return after.healthy ? { changed: moved } : { changed: moved, message: after.healthMessage }
}
