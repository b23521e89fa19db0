import type { Tx } from "../journal/index.ts"
import type { IdentityStore, KeyId, UserId } from "./types.ts"

/**
 * Ends the sessions of a user that the transaction sees: they may be more than the directory knows yet.
 * @param ending.but one that goes on
 */
export async function endSessions(
  rows: Pick<IdentityStore, "sessionsOf" | "endSession">,
  tx: Tx,
  userId: UserId,
  ending: { readonly atMs: number; readonly but?: KeyId | null },
): Promise<void> {
  const { atMs, but = null } = ending
  for (const key of await rows.sessionsOf(tx, userId))
    if (key.id !== but) await rows.endSession(tx, key, atMs)
}
