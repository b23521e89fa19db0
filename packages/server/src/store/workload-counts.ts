import { sql } from "kysely"
import type { Tx } from "../domain/journal/index.ts"
import { statement } from "./statement.ts"

/** What decides the counter that a workload is in: none when it is hidden. */
export interface Standing {
  readonly workspaceId: string
  readonly phase: string
  readonly hidden: boolean
}

const addToCount = statement<{ workspaceId: string; phase: string; by: number }>("write")((db, p) =>
  db
    .insertInto("workload_count")
    .values({ workspace_id: p("workspaceId"), phase: p("phase"), n: p("by") })
    .onConflict((conflict) =>
      conflict
        .columns(["workspace_id", "phase"])
        .doUpdateSet({ n: sql<number>`workload_count.n + excluded.n` }),
    ),
)

/** Moves a workload from one counter to another, in the transaction that moves it; undefined = it is not there. */
export async function countWorkload(
  tx: Tx,
  before: Standing | undefined,
  after: Standing | undefined,
): Promise<void> {
  const from = visible(before)
  const to = visible(after)
  if (from && to && from.phase === to.phase && from.workspaceId === to.workspaceId) return
  if (from) await addToCount.run(tx, { workspaceId: from.workspaceId, phase: from.phase, by: -1 })
  if (to) await addToCount.run(tx, { workspaceId: to.workspaceId, phase: to.phase, by: 1 })
}

function visible(standing: Standing | undefined): Standing | undefined {
  return standing?.hidden ? undefined : standing
}
