import type { JsonObject } from "../../kit/json.ts"
import type { Actor, Subject, Tx } from "../journal/index.ts"
import type { Operation } from "./commands.ts"

/** What the server does of itself, so that no right covers it: looks at nodes and at model servers, new keys to sign with. */
export type SystemOperation = "node.observe" | "service.observe" | "signing_key.rotate"

/** One change, as the journal keeps it. */
export interface Change {
  readonly operation: Operation | SystemOperation
  /** Dotted and past tense: `node.cordoned`. */
  readonly event: string
  readonly subject: Subject
  readonly workspace: string | null
  /** Only server Owners see the event; the audit record stays with the workspace. Default false. */
  readonly isPrivate?: boolean
  readonly actor: Actor
  readonly atMs: number
  /** Goes into both records: never a secret. */
  readonly data: JsonObject
}

/** Writes the event and the audit record of a change, in the transaction of the change. */
export async function record(tx: Tx, change: Change): Promise<void> {
  const { subject, workspace, actor, atMs, data } = change
  const readers = change.isPrivate ? null : workspace
  await tx.emit({ type: change.event, subject, workspace: readers, actor, atMs, data })
  await tx.audit({ operation: change.operation, subject, workspace, actor, outcome: "ok", atMs, data })
}
