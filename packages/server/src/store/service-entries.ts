import { type SqlBool, sql } from "kysely"
import type { ServiceStore } from "../domain/services/index.ts"
import type { Dialect } from "./dialect.ts"
import { lowerAscii } from "./service-conditions.ts"
import { summaryColumns, type SummaryRow, toHex, toSummary } from "./service-rows.ts"
import { toWatch } from "./service-watches.ts"
import { type BoundSql, sessionOf } from "./session.ts"
import { compileNow, rowsAs } from "./statement.ts"

type Query = Parameters<ServiceStore["entries"]["page"]>[1]
type Row = SummaryRow & { readonly watch_body: string | null; readonly watch_version: number | null }

/** The register as one list: records with their watches. */
export const entryStore: ServiceStore["entries"] = {
  async page(from, query) {
    if (query.workspaceIds?.length === 0) return []
    const session = sessionOf(from)
    // a state that few have, or few workspaces of many, may have it look at all the others
    const isLong = query.name === null && (query.state !== null || (query.workspaceIds?.length ?? 1) > 1)
    const [found] = await session.scan([entryPageQuery(session.dialect, query)], { isLong })
    return rowsAs<Row>(found).map((row) => ({
      record: toSummary(row),
      watch:
        row.watch_body === null
          ? null
          : toWatch({ body: row.watch_body, version: Number(row.watch_version) }),
    }))
  },
}

export function entryPageQuery(dialect: Dialect, query: Query): BoundSql {
  const { workspaceIds, name, state, before, limit } = query
  let rows = dialect.db
    .selectFrom("service_record")
    .leftJoin("service_watch", "service_watch.service_id", "service_record.id")
    .select(summaryColumns.map((column) => `service_record.${column}` as const))
    .select(["service_watch.body as watch_body", "service_watch.version as watch_version"])
    .orderBy("service_record.created_at_us", "desc")
    .orderBy("service_record.id", "desc")
    .limit(limit)
  if (workspaceIds?.length === 1) rows = rows.where("service_record.workspace_id", "=", workspaceIds[0] ?? "")
  else if (workspaceIds)
    rows = rows.where(dialect.unindexed.text("service_record.workspace_id"), "in", workspaceIds)
  if (name !== null)
    rows = rows
      .where(sql`lower(service_record.name)`, "=", lowerAscii(name))
      // the index by name is one of each workspace: these are all
      .where(
        "service_record.workspace_id",
        "in",
        dialect.db.selectFrom("service_count").select("workspace_id"),
      )
  if (state !== null) rows = rows.where("service_record.state", "=", state)
  if (before !== null)
    rows = rows.where(
      sql<SqlBool>`(service_record.created_at_us, service_record.id) < (${before.createdAtUs}, ${toHex(before.id)})`,
    )
  return compileNow(rows)
}
