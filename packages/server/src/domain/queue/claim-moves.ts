import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import { systemActor } from "../journal/index.ts"
import type { NewEvent, Tx } from "../journal/index.ts"
import type { ClaimMoves } from "./commands.ts"
import { releaseSlackMs } from "./options.ts"
import { podSetOf, podSetsOf, podsOf } from "./pod-sets.ts"
import { canMoveClaim } from "./states.ts"
import type { Claim, ClaimState, ClaimStore, EndCause } from "./types.ts"

const actor = systemActor("queue")

/**
 * The moves of claims but for binding (`commitPlan`). Each writes the row, guarded by version and state,
 * and an event on the owner. `want` and `amend` write no event: the owner's own, in the same
 * transaction, says why.
 */
export function createClaimMoves(rows: ClaimStore): ClaimMoves {
  return {
    async want(tx, claim) {
      if (claim.state !== "wanted" || !hasGoodSets(claim))
        throw new AppError("internal", `The claim ${claim.id} cannot be wanted.`)
      await rows.insert(tx, claim)
    },
    async amend(tx, claim, change) {
      if (claim.state === "bound" && Object.keys(change).every((name) => name === "priority")) {
        // who may preempt it follows its owner's priority
        const bound = { ...claim, ...change }
        await rows.update(tx, bound, "bound")
        return written(bound)
      }
      if (claim.state !== "wanted")
        throw new AppError("conflict", `The claim is ${claim.state}; it cannot be changed any more.`, {
          detail: claim.state,
        })
      const asked = { ...claim, ...change }
      // What was kept for a preemptor was chosen for what it asked for then.
      const isSameSize = !(
        "size" in change ||
        "pods" in change ||
        "beside" in change ||
        "constraints" in change ||
        "priority" in change
      )
      if (!hasGoodSets(asked)) throw new AppError("internal", `The claim ${claim.id} cannot be wanted so.`)
      const next = isSameSize ? asked : { ...asked, nominated: [] }
      await rows.update(tx, next, "wanted")
      return written(next)
    },
    async giveUp(tx, claim, nowMs) {
      if (claim.state === "gone") return
      assertMove(claim, "wanted")
      await moveTo(rows, tx, { ...ended(claim), nominated: [] }, "wanted", nowMs)
    },
    release: (tx, claim, cause, graceMs, nowMs) => releaseClaim(rows, tx, claim, { cause, graceMs, nowMs }),
    async gone(tx, claim, nowMs) {
      if (claim.state === "gone") return
      if (claim.state === "wanted") assertMove(claim, "bound")
      await moveTo(rows, tx, ended(claim), claim.state, nowMs)
    },
    async split(tx, claim, ids) {
      const pods = podsOf(claim)
      if (claim.state !== "bound" || ids.length !== pods || claim.placements.length !== pods)
        throw new AppError("internal", `The claim ${claim.id} cannot be split.`)
      // first it is gone: nobody may count a node's capacity twice
      await rows.update(tx, ended(claim), "bound")
      const parts: Claim[] = []
      for (const placement of claim.placements.toSorted((a, b) => a.pod - b.pod)) {
        const id = ids[parts.length]
        if (id === undefined) throw new AppError("internal", `The claim ${claim.id} has too many placements.`)
        const { size, constraints } = podSetOf(claim, placement.pod)
        const placements = [{ ...placement, pod: 0 }]
        parts.push({ ...claim, id, pods: 1, size, constraints, beside: [], placements, version: 0 })
      }
      for (const part of parts) await rows.insert(tx, part)
      return parts
    },
    byId: (tx, id) => rows.byId(tx, id),
  }
}

/** Each has pods, and the claim's own pods want most GPUs. */
function hasGoodSets(claim: Claim): boolean {
  return podSetsOf(claim).every((set) => set.pods >= 1 && set.size.gpus <= claim.size.gpus)
}

/** bound → releasing. See `ClaimMoves.release`. */
export async function releaseClaim(
  rows: ClaimStore,
  tx: Tx,
  claim: Claim,
  end: { readonly cause: EndCause; readonly graceMs: number; readonly nowMs: number },
): Promise<Claim> {
  if (claim.state === "releasing") return claim
  assertMove(claim, "bound")
  const next: Claim = {
    ...claim,
    state: "releasing",
    releasingAtMs: end.nowMs,
    releaseDeadlineMs: end.nowMs + Math.max(0, end.graceMs) + releaseSlackMs,
  }
  return moveTo(rows, tx, next, "bound", end.nowMs, { cause: end.cause, graceMs: end.graceMs })
}

/** Writes the row of a move with its event. @returns the row as it now is */
export async function moveTo(
  rows: ClaimStore,
  tx: Tx,
  next: Claim,
  from: ClaimState,
  nowMs: number,
  data: JsonObject = {},
): Promise<Claim> {
  if (!canMoveClaim(from, next.state))
    throw new AppError("internal", `A claim cannot go from ${from} to ${next.state}.`)
  await rows.update(tx, next, from)
  await tx.emit(claimEvent(next, `claim.${next.state}`, nowMs, data))
  return written(next)
}

/** An event about a claim, on the subject that people know: its owner. */
export function claimEvent(claim: Claim, type: string, nowMs: number, data: JsonObject): NewEvent {
  return {
    type,
    subject: { kind: claim.owner.kind, id: claim.owner.shownId },
    workspace: claim.workspaceId,
    actor,
    atMs: nowMs,
    data: { claimId: claim.id, ...data },
  }
}

/** The row as the store keeps it after an update. */
export function written(claim: Claim): Claim {
  return { ...claim, version: claim.version + 1 }
}

function ended(claim: Claim): Claim {
  return { ...claim, state: "gone", reason: null, reasonSinceMs: null }
}

function assertMove(claim: Claim, from: ClaimState): void {
  if (claim.state !== from)
    throw new AppError("conflict", `The claim is ${claim.state}, not ${from}.`, { detail: claim.state })
}
