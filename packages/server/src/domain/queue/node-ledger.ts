import type { NodeHold } from "../gpu-requests/index.ts"
import type { Amounts, Gpu, Node } from "../inventory/index.ts"
import { noAmounts, podsThatFit } from "../inventory/index.ts"
import type { ClaimId } from "./types.ts"

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What is taken of one node, kept as claims come and go. */
export interface NodeLedger {
  readonly nodeId: string
  /** Undefined while only claims name it: loaded before their node, or left on one that was removed. */
  node: Node | undefined
  readonly used: Mutable<Amounts>
  /** How many pods hold each GPU index: 1 but for faults, which must not free it early. */
  readonly gpuUse: Map<number, number>
  /** GPUs nobody holds, and how many of those no process from outside uses. */
  openGpus: number
  openCleanGpus: number
  /** Bound and releasing claims. */
  readonly holders: Set<ClaimId>
  /** Preemptors that wait for it: nobody else is placed here. */
  readonly nominees: Set<ClaimId>
  /** Who has its GPUs for a while; undefined = nobody. */
  hold: NodeHold | undefined
}

export function createNodeLedger(nodeId: string): NodeLedger {
  return {
    nodeId,
    node: undefined,
    used: { ...noAmounts },
    gpuUse: new Map(),
    openGpus: 0,
    openCleanGpus: 0,
    holders: new Set(),
    nominees: new Set(),
    hold: undefined,
  }
}

/** Takes over new facts of the node; undefined when it has left the inventory. */
export function setNode(ledger: NodeLedger, node: Node | undefined): void {
  ledger.node = node
  ledger.openGpus = 0
  ledger.openCleanGpus = 0
  for (const gpu of node?.gpus ?? []) countOpen(ledger, gpu, 1)
}

/** Takes a pod's amounts and GPUs. */
export function take(ledger: NodeLedger, size: Amounts, gpuIndexes: readonly number[]): void {
  addAmounts(ledger.used, size, 1)
  for (const index of gpuIndexes) {
    const before = ledger.gpuUse.get(index) ?? 0
    const gpu = before === 0 ? gpuAt(ledger, index) : undefined
    if (gpu) countOpen(ledger, gpu, -1)
    ledger.gpuUse.set(index, before + 1)
  }
}

/** Gives back what `take` took. */
export function give(ledger: NodeLedger, size: Amounts, gpuIndexes: readonly number[]): void {
  addAmounts(ledger.used, size, -1)
  for (const index of gpuIndexes) {
    const left = (ledger.gpuUse.get(index) ?? 1) - 1
    if (left > 0) {
      ledger.gpuUse.set(index, left)
      continue
    }
    ledger.gpuUse.delete(index)
    const gpu = gpuAt(ledger, index)
    if (gpu) countOpen(ledger, gpu, 1)
  }
}

/** What is left; negative where the node shrank below what runs on it. */
export function freeOf(ledger: NodeLedger, isCleanOnly = false): Amounts {
  const { node, used } = ledger
  if (!node) return noAmounts
  const { capacity } = node
  return {
    cpuMilli: capacity.cpuMilli - used.cpuMilli,
    memoryBytes: capacity.memoryBytes - used.memoryBytes,
    gpus: Math.min(capacity.gpus - used.gpus, isCleanOnly ? ledger.openCleanGpus : ledger.openGpus),
    ephemeralBytes: capacity.ephemeralBytes - used.ephemeralBytes,
  }
}

/** How many such pods it holds now, at most `limit`. */
export function slotsOf(ledger: NodeLedger, size: Amounts, limit: number, isCleanOnly = false): number {
  return ledger.node ? podsThatFit(size, freeOf(ledger, isCleanOnly), limit) : 0
}

/** How many such pods it would hold with nothing else on it. */
export function emptySlotsOf(node: Node, size: Amounts, limit: number): number {
  const gpus = Math.min(node.capacity.gpus, node.gpus.length)
  return podsThatFit(size, { ...node.capacity, gpus }, limit)
}

/** Free GPU indexes in the order in which they are given: lowest first, those used from outside last. */
export function openGpuIndexes(ledger: NodeLedger): number[] {
  const gpus = ledger.node?.gpus ?? []
  return gpus
    .filter((gpu) => !ledger.gpuUse.has(gpu.index))
    .toSorted((a, b) => Number(a.usedOutside) - Number(b.usedOutside) || a.index - b.index)
    .map((gpu) => gpu.index)
}

function gpuAt(ledger: NodeLedger, index: number): Gpu | undefined {
  return ledger.node?.gpus.find((gpu) => gpu.index === index)
}

function countOpen(ledger: NodeLedger, gpu: Gpu, by: 1 | -1): void {
  if (by === 1 && ledger.gpuUse.has(gpu.index)) return
  ledger.openGpus += by
  if (!gpu.usedOutside) ledger.openCleanGpus += by
}

function addAmounts(sum: Mutable<Amounts>, size: Amounts, by: 1 | -1): void {
  sum.cpuMilli += by * size.cpuMilli
  sum.memoryBytes += by * size.memoryBytes
  sum.gpus += by * size.gpus
  sum.ephemeralBytes += by * size.ephemeralBytes
}
