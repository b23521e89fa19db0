import type { Amounts, Constraints, ResourceName } from "../inventory/index.ts"
import { amountOf, isConstrained, resourceNames } from "../inventory/index.ts"
import { podSetsOf } from "./pod-sets.ts"
import type { Claim, ClaimId, PodSet } from "./types.ts"

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
  /** Of a claim with pods of several sizes each set as a shape, its own first; empty where all pods are alike. */
  readonly sets: readonly Shape[]
}

/** The shape of a claim. Equal keys mean equal shapes. */
export function shapeOf(claim: Claim): Shape {
  if (claim.beside.length === 0) return shapeOfSet(claim, claim)
  const sets = podSetsOf(claim).map((set) => shapeOfSet(claim, set))
  const placeKey = sets.map((set) => set.placeKey).join("+")
  return {
    ...shapeOfSet(claim, claim),
    key: keyOf(claim, placeKey),
    placeKey,
    isConstrained: sets.some((set) => set.isConstrained),
    asks: sets.reduce((mask, set) => mask | set.asks, 0),
    sets,
  }
}

function shapeOfSet(claim: Claim, { pods, size, constraints }: PodSet): Shape {
  const constraintsKey = keyOfConstraints(constraints)
  const amounts = `${size.gpus},${size.cpuMilli},${size.memoryBytes},${size.ephemeralBytes}`
  const placeKey = `${pods}x${amounts};${constraintsKey}`
  return {
    key: keyOf(claim, placeKey),
    placeKey,
    pods,
    size,
    constraints,
    constraintsKey,
    isConstrained: isConstrained(constraints),
    priority: claim.priority,
    asks: maskOf(resourceNames.filter((resource) => amountOf(size, resource) > 0)),
    nominee: nomineeOf(claim),
    sets: alike,
  }
}

const alike: readonly Shape[] = []

function nomineeOf(claim: Claim): ClaimId | null {
  return claim.nominated.length > 0 ? claim.id : null
}

function keyOf(claim: Claim, placeKey: string): string {
  // how long it runs decides which GPU requests it may join
  const runsFor = claim.size.gpus > 0 ? (claim.runsForMs ?? "") : ""
  return `${claim.priority};${nomineeOf(claim) ?? ""};${runsFor};${placeKey}`
}

/** How much of a resource all its pods ask for together. */
export function totalOf(shape: Shape, resource: ResourceName): number {
  if (shape.sets.length > 0) return shape.sets.reduce((sum, set) => sum + totalOf(set, resource), 0)
  return shape.pods * amountOf(shape.size, resource)
}

/** Bits for resources. */
export function maskOf(resources: readonly ResourceName[]): number {
  return resources.reduce((mask, resource) => mask | (1 << resourceNames.indexOf(resource)), 0)
}

function keyOfConstraints(constraints: Constraints): string {
  const labels = Object.entries(constraints.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const { nodeNames, gpuModel, tolerateAll, clusterId = "" } = constraints
  const isAny = labels.length === 0 && nodeNames.length === 0 && gpuModel === null && clusterId === ""
  if (isAny && !tolerateAll) return ""
  return JSON.stringify([labels, nodeNames, gpuModel?.toLowerCase() ?? null, tolerateAll, clusterId])
}
