import type { Capacity, ClaimId, Reason } from "../../queue/index.ts"
import type { Replica } from "./types.ts"

/** What keeps an application that was admitted from being whole. */
export interface Standing {
  /** Of the replica that is the first to get capacity; null when none waits for it. */
  readonly claimId: ClaimId | null
  /** Most decisive first; empty when all of its replicas run. */
  readonly reasons: readonly Reason[]
}

/**
 * Why replicas wait: for capacity, for the driver, for their back-off, or for nothing but their start.
 * @param trouble the driver's word when it cannot start one
 */
export function standingOf(
  replicas: readonly Replica[],
  capacity: Pick<Capacity, "reasons" | "position">,
  trouble: Reason | undefined,
  nowMs: number,
): Standing {
  const claimId = firstWaiting(replicas, capacity)
  const reasons: Reason[] = claimId === null ? [] : [...capacity.reasons(claimId, nowMs)]
  if (trouble) reasons.push(trouble)
  const placed = replicas.filter((one) => one.state === "placed")
  // a StatefulSet's other pods wait for the one that is in its back-off
  const delays = placed.flatMap(({ startAtMs }) =>
    startAtMs !== null && startAtMs > nowMs ? [startAtMs] : [],
  )
  if (delays.length > 0) reasons.push({ code: "backoff", untilMs: Math.min(...delays) })
  else if (placed.length > 0 && !trouble) reasons.push({ code: "starting" })
  return { claimId, reasons }
}

function firstWaiting(replicas: readonly Replica[], capacity: Pick<Capacity, "position">): ClaimId | null {
  let first: { readonly id: ClaimId; readonly position: number } | null = null
  for (const { state, claimId } of replicas) {
    if (state !== "queued") continue
    const position = capacity.position(claimId)
    if (position > 0 && (first === null || position < first.position)) first = { id: claimId, position }
  }
  return first?.id ?? null
}
