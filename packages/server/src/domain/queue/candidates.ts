import type { Node } from "../inventory/index.ts"
import { mismatch, unusable } from "../inventory/index.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { emptySlotsOf } from "./node-ledger.ts"
import type { Shape } from "./shape.ts"
import type { WorkspaceQueue, World } from "./world.ts"
import { hasGpus, isEligible } from "./world.ts"

/** Where a shape may go, leaving aside what is taken. */
export interface Candidates {
  /** Usable nodes by cluster, in the workspace's order; within one by preference, then by name. */
  readonly clusters: readonly { readonly clusterId: string; readonly tiers: readonly NodeLedger[][] }[]
  /** All usable nodes. */
  readonly usable: readonly NodeLedger[]
  /** Nodes that the workspace may use and that are what was asked for, but in a state that takes no pods. */
  readonly unusable: readonly Node[]
  /** Whether the workspace has any node for it at all, and any that matches its constraints. */
  readonly hasEligible: boolean
  readonly hasMatching: boolean
  /** Whether one cluster would hold all its pods with nothing else running: on all nodes, on the matching, on the usable. */
  readonly holds: { readonly eligible: boolean; readonly matching: boolean; readonly usable: boolean }
}

/** Distinct questions kept per workspace; more are answered anew. */
const candidatesKept = 512

/** The candidates for a shape, kept until a node or the workspace changes. */
export function candidatesFor(world: World, queue: WorkspaceQueue, shape: Shape): Candidates {
  if (queue.candidatesTopology !== world.topology || queue.candidates.size > candidatesKept) {
    queue.candidates.clear()
    queue.candidatesTopology = world.topology
  }
  const known = queue.candidates.get(shape.placeKey)
  if (known) return known
  const found = findCandidates(world, queue, shape)
  queue.candidates.set(shape.placeKey, found)
  return found
}

function findCandidates(world: World, queue: WorkspaceQueue, shape: Shape): Candidates {
  const clusters = (queue.workspace?.clusters ?? []).map((clusterId) =>
    clusterPart(world, queue, shape, clusterId),
  )
  const holds = (pick: (part: ClusterPart) => number) => clusters.some((part) => pick(part) >= shape.pods)
  return {
    clusters: clusters.filter((part) => part.usable.length > 0),
    usable: clusters.flatMap((part) => part.usable),
    unusable: clusters.flatMap((part) => part.unusable),
    hasEligible: clusters.some((part) => part.eligible > 0),
    hasMatching: clusters.some((part) => part.usable.length + part.unusable.length > 0),
    holds: {
      eligible: holds((part) => part.slots.eligible),
      matching: holds((part) => part.slots.matching),
      usable: holds((part) => part.slots.usable),
    },
  }
}

interface ClusterPart {
  readonly clusterId: string
  readonly tiers: NodeLedger[][]
  readonly usable: NodeLedger[]
  readonly unusable: Node[]
  readonly slots: { eligible: number; matching: number; usable: number }
  eligible: number
}

function clusterPart(world: World, queue: WorkspaceQueue, shape: Shape, clusterId: string): ClusterPart {
  const part: ClusterPart = {
    clusterId,
    tiers: [[], [], []],
    usable: [],
    unusable: [],
    slots: { eligible: 0, matching: 0, usable: 0 },
    eligible: 0,
  }
  const wantsGpus = shape.size.gpus > 0
  for (const ledger of world.clusters.get(clusterId) ?? []) {
    const { node } = ledger
    if (!node || !queue.workspace || !isEligible(node, queue.workspace, wantsGpus)) continue
    const slots = emptySlotsOf(node, shape.size, shape.pods)
    part.eligible++
    part.slots.eligible += slots
    if (mismatch(shape.constraints, node)) continue
    part.slots.matching += slots
    if (unusable(node)) {
      part.unusable.push(node)
      continue
    }
    part.slots.usable += slots
    part.usable.push(ledger)
    part.tiers[tierOf(node, wantsGpus)]?.push(ledger)
  }
  return part
}

/** Pods without GPUs: nodes without GPUs, then the workspace's own, then GPU nodes that nobody has. */
function tierOf(node: Node, wantsGpus: boolean): 0 | 1 | 2 {
  if (wantsGpus || !hasGpus(node)) return 0
  return node.workspaceId === null ? 2 : 1
}
