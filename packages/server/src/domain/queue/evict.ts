import type { Tx } from "../journal/index.ts"
import { releaseClaim } from "./claim-moves.ts"
import type { QueueOptions } from "./options.ts"
import type { Claim, EndCause } from "./types.ts"

/** Between TERM and KILL in a workspace, in milliseconds. */
export function graceMsOf(options: Pick<QueueOptions, "workspaces">, workspaceId: string): number {
  return (options.workspaces.find(workspaceId)?.policy.stopGraceSeconds ?? 30) * 1000
}

/** Moves a bound claim to releasing and tells its owner, in the caller's transaction. */
export async function evict(
  options: Pick<QueueOptions, "rows" | "owners" | "workspaces">,
  tx: Tx,
  victim: Claim,
  why: { readonly cause: EndCause; readonly by: Claim | null; readonly nowMs: number },
): Promise<void> {
  const graceMs = graceMsOf(options, victim.workspaceId)
  const { cause, by, nowMs } = why
  const leaving = await releaseClaim(options.rows, tx, victim, { cause, graceMs, nowMs })
  await options.owners[victim.owner.kind].evicted(tx, leaving, cause, by, nowMs)
}
