import { type Selectable, type SqlBool, sql } from "kysely"
import type { Tx } from "../domain/journal/index.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

/** What workloads are told apart by in the counters. */
export const countedColumns = ["workspace_id", "phase", "kind", "cluster_id", "user_id", "user_name"] as const
type Counter = Pick<Selectable<Database["workload"]>, (typeof countedColumns)[number]>

/** What decides the counter that a workload is in: none when it is hidden. */
export type Standing = Counter & Pick<Selectable<Database["workload"]>, "hidden">

const addToCount = statement<Counter & { n: number }>("write")((db, p, { counterShard }) =>
  db
    .insertInto("workload_count")
    .values(slotsOf(p, [...countedColumns, "n"]))
    .onConflict((conflict) =>
      conflict
        .columns([...countedColumns, ...counterShard])
        .doUpdateSet({ n: sql<number>`workload_count.n + excluded.n` }),
    ),
)
const deleteEmpty = statement<object>("scan")((db, _, { counterShard }) => {
  const columns = sql.join(countedColumns.map((column) => sql.ref(column)))
  const sums = sql`select ${columns} from workload_count group by ${columns} having sum(n) = 0`
  return db
    .deleteFrom("workload_count")
    .where(counterShard.length === 0 ? sql<SqlBool>`n = 0` : sql<SqlBool>`(${columns}) in (${sums})`)
})

/** Moves a workload from one counter to another, in the transaction that moves it; undefined = it is not there. */
export async function countWorkload(
  tx: Tx,
  before: Standing | undefined,
  after: Standing | undefined,
): Promise<void> {
  const from = before?.hidden === 0 ? before : undefined
  const to = after?.hidden === 0 ? after : undefined
  if (from && to && countedColumns.every((column) => from[column] === to[column])) return
  if (from) await addToCount.post(tx, { ...counterOf(from), n: -1 })
  if (to) await addToCount.post(tx, { ...counterOf(to), n: 1 })
}

/** Who has left and what has moved on leaves counters of nothing behind. */
export async function dropEmptyCounts(tx: Tx): Promise<void> {
  await deleteEmpty.run(tx, {})
}

function counterOf({ workspace_id, phase, kind, cluster_id, user_id, user_name }: Standing): Counter {
  return { workspace_id, phase, kind, cluster_id, user_id, user_name }
}
