import type { Amounts } from "../inventory/index.ts"
import type { Claim, PodSet } from "./types.ts"

type Sets = Pick<Claim, "pods" | "size" | "constraints" | "beside">

/**
 * Sets in the order in which a claim has them: the most demanding first, by GPUs, memory and CPU per pod. Sets
 * without pods are left out; equals keep their order. `claim.pods`, `size` and `constraints` are the first's,
 * `claim.beside` is the rest.
 */
export function orderedSets<T extends PodSet>(sets: readonly T[]): T[] {
  return sets.filter((set) => set.pods > 0).toSorted((a, b) => compareDemand(b.size, a.size))
}

function compareDemand(a: Amounts, b: Amounts): number {
  return a.gpus - b.gpus || a.memoryBytes - b.memoryBytes || a.cpuMilli - b.cpuMilli
}

/** All sets of a claim, its own first. */
export function podSetsOf(claim: Sets): readonly [PodSet, ...PodSet[]] {
  const { pods, size, constraints, beside } = claim
  return [{ pods, size, constraints }, ...beside]
}

/** How many pods it has in all. */
export function podsOf({ pods, beside }: Pick<Claim, "pods" | "beside">): number {
  return beside.reduce((sum, set) => sum + set.pods, pods)
}

/** The set that a pod belongs to, by the pod's index; the claim's own for one that it does not have. */
export function podSetOf(claim: Sets, pod: number): PodSet {
  let from = claim.pods
  if (pod >= from)
    for (const set of claim.beside) {
      if (pod < from + set.pods) return set
      from += set.pods
    }
  return claim
}

/** What one pod asks for. */
export function sizeOfPod(claim: Sets, pod: number): Amounts {
  return pod < claim.pods ? claim.size : podSetOf(claim, pod).size
}
