import type { Store } from "../journal/index.ts"
import { readingsOf, withReadings, type Readings } from "./node-facts.ts"
import type { Node, NodeFacts } from "./types.ts"
import { nodeChanged } from "./types.ts"

/** The nodes that are not removed, in memory, with their latest readings. */
export interface NodeIndex {
  /** Replaces everything: at boot, from the rows. */
  load(nodes: readonly Node[]): void
  /** Follows the store's topic from now on; returns how to stop. Subscribe before loading. */
  follow(store: Pick<Store, "subscribe">): () => void
  apply(node: Node): void
  /** Takes what a look read, for the nodes that are known by then. */
  read(clusterId: string, facts: readonly NodeFacts[], atMs: number): void
  byId(id: string): Node | undefined
  /** Those of this name: more than one when several clusters have it. */
  named(name: string): readonly Node[]
  /** Ordered by cluster, then name. */
  list(): readonly Node[]
  inCluster(clusterId: string): readonly Node[]
}

export function createNodeIndex(): NodeIndex {
  const nodes = new Map<string, Node>()
  const readings = new Map<string, Readings>()

  function apply(node: Node) {
    if (node.removedAtMs === null) nodes.set(node.id, node)
    else {
      nodes.delete(node.id)
      readings.delete(node.id)
    }
  }

  const present = (node: Node) => withReadings(node, readings.get(node.id))
  const where = (matches: (node: Node) => boolean) => [...nodes.values()].filter(matches).map(present)

  return {
    load(all) {
      nodes.clear()
      readings.clear()
      all.forEach(apply)
    },
    follow: (store) => store.subscribe(nodeChanged, apply),
    apply,
    read(clusterId, facts, atMs) {
      const byName = new Map(facts.map((fact) => [fact.name, fact]))
      for (const node of nodes.values()) {
        const fact = node.clusterId === clusterId ? byName.get(node.name) : undefined
        if (fact) readings.set(node.id, readingsOf(fact, atMs))
      }
    },
    byId: (id) => {
      const node = nodes.get(id)
      return node && present(node)
    },
    named: (name) => where((node) => node.name === name),
    list: () => where(() => true).toSorted(byClusterAndName),
    inCluster: (clusterId) => where((node) => node.clusterId === clusterId),
  }
}

function byClusterAndName(a: Node, b: Node): number {
  if (a.clusterId !== b.clusterId) return a.clusterId < b.clusterId ? -1 : 1
  return a.name < b.name ? -1 : 1
}
