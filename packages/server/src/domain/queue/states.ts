import type { Claim, ClaimState, Gate } from "./types.ts"

/** The allowed moves of a claim; every other one is a fault. */
export const claimMoves = {
  wanted: ["bound", "gone"],
  bound: ["releasing", "gone"],
  releasing: ["gone"],
  gone: [],
} as const satisfies Record<ClaimState, readonly ClaimState[]>

/** The states that nothing leaves. */
export const terminalClaimStates: ReadonlySet<ClaimState> = new Set<ClaimState>(["gone"])

/** Whether the table has the move. */
export function canMoveClaim(from: ClaimState, to: ClaimState): boolean {
  return (claimMoves[from] as readonly ClaimState[]).includes(to)
}

/** Whether it has capacity that nobody else may use: bound, or on its way out. */
export function holdsCapacity(claim: Pick<Claim, "state">): boolean {
  return claim.state === "bound" || claim.state === "releasing"
}

/** Whether it stands in its workspace's queue. */
export function isQueued(claim: Pick<Claim, "state">): boolean {
  return claim.state === "wanted"
}

/** Whether a gate keeps the claim from being planned at `nowMs`. */
export function isGateShut(gate: Gate, nowMs: number): boolean {
  return gate.kind === "dependency" ? gate.on.length > 0 : gate.untilMs > nowMs
}

/** Whether anything but capacity keeps the claim from being planned at `nowMs`. */
export function isGated(claim: Pick<Claim, "gates">, nowMs: number): boolean {
  return claim.gates.some((gate) => isGateShut(gate, nowMs))
}

/**
 * When its gates are all open by themselves: -Infinity = they are, Infinity = never (a dependency is
 * told, not waited for).
 */
export function opensAtMs(claim: Pick<Claim, "gates">): number {
  let latest = -Infinity
  for (const gate of claim.gates) {
    if (gate.kind === "dependency") {
      if (gate.on.length > 0) return Infinity
    } else latest = Math.max(latest, gate.untilMs)
  }
  return latest
}
