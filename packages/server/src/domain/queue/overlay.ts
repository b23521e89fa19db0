import type { Amounts } from "../inventory/index.ts"
import type { NodeLedger } from "./node-ledger.ts"
import { give, take } from "./node-ledger.ts"
import type { ClaimId } from "./types.ts"

/** Changes of ledgers that are tried and undone: a plan leaves no trace. */
export interface Overlay {
  take(ledger: NodeLedger, size: Amounts, gpuIndexes: readonly number[]): void
  give(ledger: NodeLedger, size: Amounts, gpuIndexes: readonly number[]): void
  /** Keeps a node for one claim. */
  nominate(ledger: NodeLedger, id: ClaimId): void
  denominate(ledger: NodeLedger, id: ClaimId): void
  /** A point to go back to. */
  mark(): number
  /** Undoes everything since the mark, last first. */
  undoTo(mark: number): void
}

export function createOverlay(): Overlay {
  const undos: (() => void)[] = []
  return {
    take(ledger, size, gpuIndexes) {
      take(ledger, size, gpuIndexes)
      undos.push(() => give(ledger, size, gpuIndexes))
    },
    give(ledger, size, gpuIndexes) {
      give(ledger, size, gpuIndexes)
      undos.push(() => take(ledger, size, gpuIndexes))
    },
    nominate(ledger, id) {
      if (ledger.nominees.has(id)) return
      ledger.nominees.add(id)
      undos.push(() => ledger.nominees.delete(id))
    },
    denominate(ledger, id) {
      if (ledger.nominees.delete(id)) undos.push(() => ledger.nominees.add(id))
    },
    mark: () => undos.length,
    undoTo(mark) {
      while (undos.length > mark) undos.pop()?.()
    },
  }
}
