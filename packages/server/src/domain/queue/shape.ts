import type { Amounts, Constraints, ResourceName } from "../inventory/index.ts"
import { amountOf, isConstrained, resourceNames } from "../inventory/index.ts"
import type { Claim, ClaimId } from "./types.ts"

/**
 * What a claim asks for, without who asks: entries of the same shape in the same workspace get the same
 * answer within a turn, so that one refusal serves them all.
 */
export interface Shape {
  readonly key: string
  /** What decides where it may go: the same for every priority. */
  readonly placeKey: string
  readonly pods: number
  readonly size: Amounts
  readonly constraints: Constraints
  readonly constraintsKey: string
  readonly isConstrained: boolean
  readonly priority: number
  /** The resources it asks for, as bits in the order of `resourceNames`. */
  readonly asks: number
  /** A preemptor with nominated nodes is a shape of its own: it alone may use them. */
  readonly nominee: ClaimId | null
}

/** The shape of a claim. Equal keys mean equal shapes. */
export function shapeOf(claim: Claim): Shape {
  const { size, pods, priority, constraints } = claim
  const constraintsKey = keyOfConstraints(constraints)
  const nominee = claim.nominated.length > 0 ? claim.id : null
  const amounts = `${size.gpus},${size.cpuMilli},${size.memoryBytes},${size.ephemeralBytes}`
  const placeKey = `${pods}x${amounts};${constraintsKey}`
  return {
    // how long it runs decides which GPU requests it may join
    key: `${priority};${nominee ?? ""};${size.gpus > 0 ? (claim.runsForMs ?? "") : ""};${placeKey}`,
    placeKey,
    pods,
    size,
    constraints,
    constraintsKey,
    isConstrained: isConstrained(constraints),
    priority,
    asks: maskOf(resourceNames.filter((resource) => amountOf(size, resource) > 0)),
    nominee,
  }
}

/** Bits for resources. */
export function maskOf(resources: readonly ResourceName[]): number {
  return resources.reduce((mask, resource) => mask | (1 << resourceNames.indexOf(resource)), 0)
}

function keyOfConstraints(constraints: Constraints): string {
  const labels = Object.entries(constraints.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const { nodeNames, gpuModel, tolerateAll } = constraints
  if (labels.length === 0 && nodeNames.length === 0 && gpuModel === null && !tolerateAll) return ""
  return JSON.stringify([labels, nodeNames, gpuModel?.toLowerCase() ?? null, tolerateAll])
}
