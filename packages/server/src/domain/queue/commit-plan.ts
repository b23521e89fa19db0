import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { NodeId } from "../inventory/index.ts"
import type { Tx } from "../journal/index.ts"
import { claimEvent, moveTo, written } from "./claim-moves.ts"
import { openGuard } from "./commit-guard.ts"
import type { Crossings } from "./crossings.ts"
import { evict } from "./evict.ts"
import { fileRequests } from "./file-requests.ts"
import { isGuest } from "./preemption.ts"
import type { QueueService } from "./commands.ts"
import type { QueueOptions } from "./options.ts"
import { isGated } from "./states.ts"
import type { Admission, Claim, ClaimId, Plan, Preemption, Reason, Refusal } from "./types.ts"

/** Admissions in one transaction: as many as the store's batch has closures, so that none is long. */
const admissionsPerTx = 64
/** Reasons written after one turn; the rest is told from memory and written after a later one. */
const reasonsPerTurn = 256
/** A claim that could not be bound so many times in a row waits, else a fault of its owner would spin the planner. */
const triesBeforeBackoff = 3
const backoffMs = 5_000
/** Claims whose failures are counted; far more than can fail at once in health. */
const failuresKept = 10_000

type Outcome = "done" | "lost"

interface Planning extends QueueOptions {
  /** Whether the hold on the node is just being ended, as nothing works there. */
  readonly isEnding: (nodeId: NodeId) => boolean
}

/** Makes `commitPlan`: one plan is written at a time; see `QueueService.commitPlan`. */
export function createPlanCommitter(options: QueueOptions, crossings: Crossings): QueueService["commitPlan"] {
  const { store } = options
  const planning: Planning = { ...options, isEnding: crossings.ended.has }
  const failures = new Map<ClaimId, number>()
  let last: Promise<unknown> = Promise.resolve()

  async function commit(plan: Plan): ReturnType<QueueService["commitPlan"]> {
    const chunks = inChunks(plan.admissions, admissionsPerTx)
    const admitted = inOrder(
      chunks.map((chunk) => crossings.placed.while(nodesOf(chunk), () => admitChunk(planning, chunk))),
    )
    const preempted = inOrder(plan.preemptions.map((preemption) => commitPreemption(planning, preemption)))
    const outcomes = (await admitted).flat()
    const evictions = await preempted
    const lost = plan.admissions.filter((_, at) => outcomes[at] === "lost")
    await noteFailures(plan, lost)
    const filed = await fileRequests(options, plan.filings)
    if (!plan.more) await noteReasons(options, plan.refusals)
    return {
      admitted: outcomes.length - lost.length,
      preempted: evictions.reduce((sum, count) => sum + Math.max(0, count), 0),
      lost: lost.length + evictions.filter((count) => count < 0).length,
      filed,
    }
  }

  async function noteFailures(plan: Plan, lost: readonly Admission[]): Promise<void> {
    for (const { claimId } of plan.admissions)
      if (!lost.some((one) => one.claimId === claimId)) failures.delete(claimId)
    if (failures.size > failuresKept) failures.clear()
    for (const admission of lost) {
      const count = (failures.get(admission.claimId) ?? 0) + 1
      failures.set(admission.claimId, count)
      if (count < triesBeforeBackoff) continue
      failures.delete(admission.claimId)
      await store.tx((tx) => backOff(options, tx, admission))
    }
  }

  return (plan) => {
    const result = last.then(() => commit(plan))
    last = result.catch(() => undefined)
    return result
  }
}

/** Waits for all, so that nothing is still being written when the first failure is told. */
async function inOrder<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work)
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason
    return result.value
  })
}

function inChunks<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = []
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size))
  return chunks
}

function nodesOf(chunk: readonly Admission[]): NodeId[] {
  return chunk.flatMap(({ placements }) => placements.map(({ nodeId }) => nodeId))
}

/** One transaction; when an owner refuses in it, each admission alone, so that one fault harms no other. */
async function admitChunk(options: Planning, chunk: readonly Admission[]): Promise<Outcome[]> {
  try {
    return await options.store.tx((tx) => admitAll(options, tx, chunk), { isLarge: chunk.length > 1 })
  } catch (error) {
    if (!isOfOneClaim(error)) throw error
    if (chunk.length === 1) return ["lost"]
    return (await inOrder(chunk.map((admission) => admitChunk(options, [admission])))).flat()
  }
}

/** A store that cannot write fails them all; anything else is about one of them. */
function isOfOneClaim(error: unknown): boolean {
  return !(error instanceof AppError && error.code === "unavailable")
}

async function admitAll(options: Planning, tx: Tx, chunk: readonly Admission[]): Promise<Outcome[]> {
  const nowMs = options.clock.nowMs()
  const guard = await openGuard(tx, options)
  const outcomes: Outcome[] = []
  // asked for at once: one after the other, each would be a round trip
  const claims = await Promise.all(chunk.map(({ claimId }) => options.rows.byId(tx, claimId)))
  for (const [at, admission] of chunk.entries()) {
    const claim = claims[at]
    const stands = isAsPlanned(claim, admission) && (await guard.admits(claim, admission))
    if (stands) await bind(options, tx, { claim, admission, nowMs })
    outcomes.push(stands ? "done" : "lost")
  }
  return outcomes
}

function isAsPlanned(claim: Claim | undefined, planned: { readonly version: number }): claim is Claim {
  return claim?.state === "wanted" && claim.version === planned.version
}

async function bind(
  options: QueueOptions,
  tx: Tx,
  what: { readonly claim: Claim; readonly admission: Admission; readonly nowMs: number },
): Promise<void> {
  const { claim, nowMs } = what
  const { placements } = what.admission
  const next: Claim = {
    ...claim,
    state: "bound",
    placements,
    nominated: [],
    reason: null,
    reasonSinceMs: null,
    boundAtMs: nowMs,
  }
  const bound = await moveTo(options.rows, tx, next, "wanted", nowMs, { pods: placements.length })
  await options.owners[claim.owner.kind].bound(tx, bound, nowMs)
}

/** @returns how many were evicted; -1 when the plan does not hold any more */
async function commitPreemption(options: Planning, preemption: Preemption): Promise<number> {
  try {
    return await options.store.tx((tx) => preempt(options, tx, preemption))
  } catch (error) {
    if (!isOfOneClaim(error)) throw error
    return -1
  }
}

async function preempt(options: Planning, tx: Tx, preemption: Preemption): Promise<number> {
  const nowMs = options.clock.nowMs()
  const { nominated, victims } = preemption
  const claim = await options.rows.byId(tx, preemption.claimId)
  if (!isAsPlanned(claim, preemption)) return -1
  if (nominated.length > 0) {
    const guard = await openGuard(tx, options)
    if (!(await guard.isOpen(claim.workspaceId)) || isGated(claim, nowMs)) return -1
  }
  const next: Claim = { ...claim, nominated }
  await options.rows.update(tx, next, "wanted")
  await tx.emit(
    claimEvent(next, nominated.length > 0 ? "claim.nominated" : "claim.withdrawn", nowMs, { victims }),
  )
  let evicted = 0
  for (const id of victims) {
    const victim = await options.rows.byId(tx, id)
    if (victim?.state !== "bound" || !(await mayEvict(options, tx, claim, victim))) continue
    await evict(options, tx, victim, { cause: "preempted", by: written(next), nowMs })
    evicted++
  }
  return evicted
}

async function mayEvict(options: QueueOptions, tx: Tx, claim: Claim, victim: Claim): Promise<boolean> {
  if (victim.workspaceId === claim.workspaceId) return victim.preemptible && victim.priority < claim.priority
  for (const { nodeId } of victim.placements)
    if (isGuest(victim, await options.requests.hold(tx, nodeId), claim.workspaceId))
      return claim.size.gpus > 0
  return false
}

async function backOff(options: QueueOptions, tx: Tx, admission: Admission): Promise<void> {
  const claim = await options.rows.byId(tx, admission.claimId)
  if (claim?.state !== "wanted") return
  const untilMs = options.clock.nowMs() + backoffMs
  const gates = [
    ...claim.gates.filter((gate) => gate.kind !== "backoff"),
    { kind: "backoff" as const, untilMs },
  ]
  await options.rows.update(tx, { ...claim, gates }, "wanted")
}

/** Keeps on the rows why they wait where that has changed. Best effort: what is read comes from memory. */
async function noteReasons(options: QueueOptions, refusals: readonly Refusal[]): Promise<void> {
  const changed: Refusal[] = []
  for (const refusal of refusals) {
    if (changed.length === reasonsPerTurn) break
    const claim = options.capacity.claim(refusal.claimId)
    if (claim?.state === "wanted" && claim.reason !== refusal.reason.code) changed.push(refusal)
  }
  const written = inChunks(changed, admissionsPerTx).map((chunk) =>
    options.store.tx(async (tx) => {
      for (const refusal of chunk) await noteReason(options, tx, refusal)
    }),
  )
  await Promise.allSettled(written)
}

async function noteReason(options: QueueOptions, tx: Tx, refusal: Refusal): Promise<void> {
  const { code } = refusal.reason
  const claim = await options.rows.byId(tx, refusal.claimId)
  if (claim?.state !== "wanted" || claim.reason === code) return
  const nowMs = options.clock.nowMs()
  await options.rows.update(tx, { ...claim, reason: code, reasonSinceMs: nowMs }, "wanted")
  await tx.emit(claimEvent(claim, "claim.waiting", nowMs, factsOf(refusal.reason)))
}

function factsOf(reason: Reason): JsonObject {
  const { code, resource, needed, free, untilMs, nodes } = reason
  return {
    reason: code,
    ...(resource === undefined ? {} : { resource }),
    ...(needed === undefined ? {} : { needed }),
    ...(free === undefined ? {} : { free }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(nodes === undefined ? {} : { nodes: nodes.slice(0, 20) }),
    ...(reason.requestIds === undefined ? {} : { gpuRequests: reason.requestIds.slice(0, 20) }),
  }
}
