import { record as writeRecord } from "../identity/index.ts"
import type { Actor, Tx } from "../journal/index.ts"
import type { ServiceRecord, ServiceState } from "./types.ts"

/** Says that the server has given a record another state, and why. @param row as it was */
export async function tellState(
  tx: Tx,
  row: ServiceRecord,
  change: {
    readonly state: ServiceState | null
    readonly detail: string
    readonly atMs: number
    readonly actor: Actor
  },
): Promise<void> {
  const { state, detail, atMs, actor } = change
  await writeRecord(tx, {
    operation: "service.observe",
    event: "service-record.state_changed",
    subject: { kind: "service-record", id: row.id },
    workspace: row.workspaceId,
    actor,
    atMs,
    data: { name: row.name, from: row.state, to: state, detail },
  })
}
