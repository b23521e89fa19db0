import type { Tx } from "../journal/index.ts"
import type { Claim } from "../queue/index.ts"
import { failedBeforeStart } from "./lifecycle.ts"
import {
  pokeDependents,
  runnerActor,
  workloadEvent,
  type OnRows,
  type RunnerOptions,
} from "./runner-ports.ts"
import { isTerminal } from "./states.ts"
import type { Workload } from "./types.ts"
import { workloadPoked } from "./types.ts"

/**
 * Opens, narrows or fails the dependency gate of a workload that waits (reference/workloads.md 3.9). A
 * dependency counts by its last phase, also when it is hidden or past its TTL.
 */
export function createDependencyCheck(
  options: Pick<RunnerOptions, "rows" | "moves">,
  onRows: OnRows,
): (workload: Workload) => Promise<void> {
  const { rows, moves } = options

  async function checkDependencies(workload: Workload): Promise<void> {
    if (workload.spec.dependencies.length === 0 || workload.phase !== "Pending" || workload.dispatchCount > 0)
      return
    await onRows(workload.key, async (tx, row, _attempt, nowMs) => {
      if (row.phase !== "Pending" || row.claimId === null) return
      const claim = await moves.byId(tx, row.claimId)
      if (claim?.state !== "wanted" || !claim.gates.some((gate) => gate.kind === "dependency")) return
      const waiting: string[] = []
      for (const id of row.spec.dependencies) {
        const other = await rows.byId(tx, id)
        if (!other) return failDependent(tx, row, claim, `dependency workload ${id} not found`, nowMs)
        if (other.phase === "Succeeded") continue
        if (isTerminal(other.phase))
          return failDependent(tx, row, claim, `dependency workload ${id} failed`, nowMs)
        waiting.push(id)
      }
      const others = claim.gates.filter((gate) => gate.kind !== "dependency")
      const known = claim.gates.flatMap((gate) => (gate.kind === "dependency" ? gate.on : []))
      if (waiting.length === known.length) return
      const gates = waiting.length > 0 ? [...others, { kind: "dependency" as const, on: waiting }] : others
      await moves.amend(tx, claim, { gates }, nowMs)
    })
  }

  async function failDependent(tx: Tx, workload: Workload, claim: Claim, message: string, nowMs: number) {
    const next = { ...failedBeforeStart(workload, "dependency_failed", message, nowMs), claimId: null }
    await moves.giveUp(tx, claim, nowMs)
    await rows.update(tx, next)
    await tx.emit(workloadEvent(next, "workload.failed", runnerActor, nowMs, { cause: "dependency_failed" }))
    await pokeDependents(tx, rows, next)
    tx.publish(workloadPoked, workload.key)
  }

  return checkDependencies
}
