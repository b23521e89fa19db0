import { hash } from "node:crypto"
import { type Selectable, type SqlBool, sql } from "kysely"
import type { Tx } from "../domain/journal/index.ts"
import type { Database } from "./schema.ts"
import type { ServiceRow } from "./service-rows.ts"
import { slotsOf, statement } from "./statement.ts"

const keys = ["workspace_id", "user_id", "sort"] as const
const columns = [...keys, "type", "flavor", "n"] as const
type Counter = Pick<Selectable<Database["service_count"]>, (typeof columns)[number]>
type Counted = Pick<ServiceRow, "workspace_id" | "user_id" | "type" | "flavor">

const addToCount = statement<Counter>("write")((db, p, { counterShard }) =>
  db
    .insertInto("service_count")
    .values(slotsOf(p, columns))
    .onConflict((conflict) =>
      conflict
        .columns([...keys, ...counterShard])
        .doUpdateSet({ n: sql<number>`service_count.n + excluded.n` }),
    ),
)
const deleteEmpty = statement<object>("scan")((db, _, { counterShard }) => {
  const all = db.deleteFrom("service_count")
  if (counterShard.length === 0) return all.where("n", "=", 0)
  const sums = sql`select workspace_id, user_id, sort from service_count group by workspace_id, user_id, sort having sum(n) = 0`
  return all.where(sql<SqlBool>`(workspace_id, user_id, sort) in (${sums})`)
})

/** Counts a record that comes or goes, in the transaction in which it does; nothing else moves it. */
export async function countService(tx: Tx, { workspace_id, user_id, type, flavor }: Counted, n: 1 | -1) {
  const sort = sortOf(type, flavor)
  await addToCount.post(tx, { workspace_id, user_id: user_id ?? "", sort, type, flavor, n })
}

/** What has come and gone leaves counters of nothing behind. */
export async function dropEmptyServiceCounts(tx: Tx): Promise<void> {
  await deleteEmpty.run(tx, {})
}

const longestShown = 200

/** Keys of an index are bounded, types and flavors are not. */
function sortOf(type: string, flavor: string): string {
  const text = `${type.length} ${type}${flavor}`
  return text.length <= longestShown ? text : hash("sha256", text)
}
