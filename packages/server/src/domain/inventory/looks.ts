import type { Ids } from "../../kit/ids.ts"
import { systemActor } from "../journal/index.ts"
import type { InventoryService } from "./commands.ts"
import type { NodeIndex } from "./node-index.ts"
import { observe, observeNothing, type Observation } from "./observe.ts"
import type { InventoryOptions } from "./options.ts"
import { maxUtilisationPercent, type NodeReading } from "./gpu-nodes.ts"
import type { Node, NodeFacts, NodeId } from "./types.ts"
import { insertNode, updateNode } from "./write-node.ts"

const actor = systemActor("drivers")
const notLookedYet = "The machines were not looked at yet."
const longestMessage = 500

export interface Looks extends Pick<InventoryService, "seen" | "unseen"> {
  /** Why the last look at a cluster failed; "" when it did not. */
  driverMessage(clusterId: string): string
  /** Tells what each look reads, node by node; returns how to stop. A look that fails reads nothing. */
  onReadings(listener: (reading: NodeReading) => void): () => void
}

/** What drivers see: written where it differs from what is known, else kept in memory at most. */
export function createLooks(options: InventoryOptions, index: NodeIndex): Looks {
  const { store, rows, clock } = options
  const messages = new Map(options.clusters.map(({ id }) => [id, notLookedYet]))
  const listeners = new Set<(reading: NodeReading) => void>()

  /** Of the nodes that this look saw: of one that is missing nothing was read. */
  function tellReadings(clusterId: string, facts: readonly NodeFacts[], atMs: number) {
    if (listeners.size === 0) return
    const seen = new Map(facts.map((fact) => [fact.name, fact]))
    for (const { id, name } of index.inCluster(clusterId)) {
      const fact = seen.get(name)
      if (!fact) continue
      const reading = { nodeId: id, atMs, maxUtilisationPercent: maxUtilisationPercent(fact.gpus) }
      for (const listener of listeners) listener(reading)
    }
  }

  /** Most looks find nothing new: they cost no transaction. One that does decides again on the rows. */
  async function write(clusterId: string, look: (known: readonly Node[]) => readonly Observation[]) {
    if (look(index.inCluster(clusterId)).length === 0) return
    const atMs = clock.nowMs()
    await store.tx(async (tx) => {
      const known = (await rows.nodes(tx)).filter((node) => node.clusterId === clusterId)
      for (const { kind, node, event, data } of look(known)) {
        const change = { operation: "node.observe", event, actor, atMs, data } as const
        if (kind === "insert") await insertNode(rows, tx, node, change)
        else await updateNode(rows, tx, node, change)
      }
    })
  }

  return {
    async seen(clusterId, facts) {
      const atMs = clock.nowMs()
      const idFor = idsByName(options.ids)
      await write(clusterId, (known) => observe(known, facts, { clusterId, atMs, idFor }))
      index.read(clusterId, facts, atMs)
      messages.set(clusterId, "")
      tellReadings(clusterId, facts, atMs)
    },
    async unseen(clusterId, message) {
      const sentence = message.slice(0, longestMessage)
      messages.set(clusterId, sentence)
      await write(clusterId, (known) => observeNothing(known, sentence))
    },
    onReadings(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    driverMessage: (clusterId) => messages.get(clusterId) ?? "",
  }
}

/** One id a name, also when a transaction's closure runs twice. */
function idsByName(ids: Ids): (name: string) => NodeId {
  const made = new Map<string, NodeId>()
  return (name) => {
    const id = made.get(name) ?? (ids.next("nod") as NodeId)
    made.set(name, id)
    return id
  }
}
