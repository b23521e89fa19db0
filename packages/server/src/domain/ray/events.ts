import type { Tx } from "../journal/index.ts"
import type { RayEvent, RayStore } from "./types.ts"

/** What an object has to tell, in the caller's transaction; the same again is counted (reference/kuberay-v1.md 5.7). */
export async function noteRayEvent(
  tx: Tx,
  rows: Pick<RayStore, "events">,
  event: {
    /** Key and name of the object. */
    readonly of: { readonly key: string; readonly name: string }
    readonly type: RayEvent["type"]
    readonly reason: string
    /** A sentence; never a secret. */
    readonly message: string
    readonly nowMs: number
  },
): Promise<void> {
  const { of, type, reason, message, nowMs } = event
  await rows.events.note(tx, {
    // as upstream: the instant in nanoseconds; events of one object in one millisecond differ by their reason
    id: `${of.name}.${(BigInt(nowMs) * 1_000_000n + BigInt(spread(reason + message))).toString(16).padStart(16, "0")}`,
    objectKey: of.key,
    type,
    reason,
    message,
    count: 1,
    firstAtMs: nowMs,
    lastAtMs: nowMs,
  })
}

/** A number below a million that differs from text to text. */
function spread(text: string): number {
  let sum = 7
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_000
  return sum
}
