import type { NodeId } from "../inventory/index.ts"

/**
 * Nodes on which work is being placed, or whose hold is being ended because nothing works there, while that is written.
 * Both are decided from memory, which knows neither before it is committed; here each sees the other.
 */
export interface Crossings {
  readonly placed: Marks
  readonly ended: Marks
}

export interface Marks {
  has(nodeId: NodeId): boolean
  /** Marks the nodes until the work is settled. */
  while<T>(nodeIds: readonly NodeId[], work: () => Promise<T>): Promise<T>
}

export function createCrossings(): Crossings {
  return { placed: createMarks(), ended: createMarks() }
}

function createMarks(): Marks {
  const counts = new Map<NodeId, number>()
  function add(nodeId: NodeId, by: number): void {
    const count = (counts.get(nodeId) ?? 0) + by
    if (count > 0) counts.set(nodeId, count)
    else counts.delete(nodeId)
  }
  return {
    has: (nodeId) => counts.has(nodeId),
    async while(nodeIds, work) {
      for (const nodeId of nodeIds) add(nodeId, 1)
      try {
        return await work()
      } finally {
        for (const nodeId of nodeIds) add(nodeId, -1)
      }
    },
  }
}
