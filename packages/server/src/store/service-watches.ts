import type { Selectable } from "kysely"
import type { Reads, Tx } from "../domain/journal/index.ts"
import {
  keptHistory,
  serviceWatchChanged,
  type ServiceStore,
  type ServiceWatch,
  type WatchedRecord,
  type WatchEntry,
} from "../domain/services/index.ts"
import { assertInserted, assertMoved, fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { summaryColumns, type SummaryRow, toHex, toSummary } from "./service-rows.ts"
import { sessionOf, type SqlRow } from "./session.ts"
import { compileNow, rowsAs, slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["service_watch"]>
type HistoryRow = Selectable<Database["service_history"]>
type ById = Pick<Row, "service_id">
type Joined = SummaryRow & { readonly watch_body: string; readonly watch_version: number }

const columns = ["service_id", "workspace_id", "body", "version"] as const
const recordColumns = summaryColumns.map((column) => `service_record.${column}` as const)

const selectOne = statement<ById>("primary")((db, p) =>
  db.selectFrom("service_watch").select(["body", "version"]).where("service_id", "=", p("service_id")),
)
const insertOne = statement<Row>("write")((db, p) =>
  db
    .insertInto("service_watch")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateOne = statement<Row>("primary")((db, p) =>
  db
    .updateTable("service_watch")
    .set((eb) => ({ body: p("body"), version: eb("version", "+", 1) }))
    .where("service_id", "=", p("service_id"))
    .where("version", "=", p("version")),
)
const deleteOne = statement<ById>("primary")((db, p) =>
  db.deleteFrom("service_watch").where("service_id", "=", p("service_id")),
)
const selectHistory = statement<ById>("primary")((db, p) =>
  db
    .selectFrom("service_history")
    .select(["seq", "body"])
    .where("service_id", "=", p("service_id"))
    .orderBy("seq", "desc"),
)
const insertEntry = statement<HistoryRow>("write")((db, p) =>
  db.insertInto("service_history").values(slotsOf(p, ["service_id", "seq", "body"])),
)
const trimHistory = statement<Pick<HistoryRow, "service_id" | "seq">>("primary")((db, p) =>
  db.deleteFrom("service_history").where("service_id", "=", p("service_id")).where("seq", "<=", p("seq")),
)
const deleteHistory = statement<ById>("primary")((db, p) =>
  db.deleteFrom("service_history").where("service_id", "=", p("service_id")),
)

/** Watches of records, and what they found. */
export const watchStore: ServiceStore["watches"] = {
  async byId(from, id) {
    const row = await selectOne.get(from, { service_id: toHex(id) })
    return row && toWatch(row)
  },
  async all(from, { after, limit }) {
    const sorted = joinedRows(from).orderBy("service_watch.service_id").limit(limit)
    const query = after === null ? sorted : sorted.where("service_watch.service_id", ">", toHex(after))
    // at boot, before anybody waits: not beside the event loop
    return watched(await sessionOf(from).all(compileNow(query)))
  },
  async page(from, workspaceIds, { limit, before }) {
    if (workspaceIds?.length === 0) return []
    const session = sessionOf(from)
    let query = joinedRows(from).orderBy("service_watch.service_id", "desc").limit(limit)
    if (workspaceIds)
      query = query.where(session.dialect.unindexed.text("service_watch.workspace_id"), "in", workspaceIds)
    if (before !== null) query = query.where("service_watch.service_id", "<", toHex(before))
    const [found] = await session.scan([compileNow(query)])
    return watched(found)
  },
  async insert(tx, watch) {
    await insertOne.post(tx, toRow(watch), (changed) =>
      assertInserted(changed, "service-watch", watch.serviceId),
    )
    tx.publish(serviceWatchChanged, { watch, gone: false })
  },
  async update(tx, watch) {
    await updateOne.post(tx, toRow(watch), (changed) =>
      assertMoved(changed, "service-watch", watch.serviceId),
    )
    tx.publish(serviceWatchChanged, { watch: { ...watch, version: watch.version + 1 }, gone: false })
  },
  delete: (tx, id) => deleteWatch(tx, toHex(id)),
  async history(from, id) {
    const rows = await selectHistory.all(from, { service_id: toHex(id) })
    return rows.map(({ seq, body }) => ({ ...fromJson<Omit<WatchEntry, "seq">>(body), seq }))
  },
  async addHistory(tx, id, { seq, ...entry }) {
    const service_id = toHex(id)
    await insertEntry.post(tx, { service_id, seq, body: toJson(entry) })
    if (seq > keptHistory) await trimHistory.post(tx, { service_id, seq: seq - keptHistory })
  },
}

/** The watch of a record, and what it found. @param hex the record's id, as rows have it */
export async function deleteWatch(tx: Tx, hex: string): Promise<void> {
  const row = await selectOne.get(tx, { service_id: hex })
  if (!row) return
  await deleteOne.post(tx, { service_id: hex })
  await deleteHistory.post(tx, { service_id: hex })
  tx.publish(serviceWatchChanged, { watch: toWatch(row), gone: true })
}

function watched(found: readonly SqlRow[] | undefined): readonly WatchedRecord[] {
  return rowsAs<Joined>(found).map((row) => ({
    watch: toWatch({ body: row.watch_body, version: row.watch_version }),
    record: toSummary(row),
  }))
}

function joinedRows(from: Reads) {
  return sessionOf(from)
    .dialect.db.selectFrom("service_watch")
    .innerJoin("service_record", "service_record.id", "service_watch.service_id")
    .select([...recordColumns, "service_watch.body as watch_body", "service_watch.version as watch_version"])
}

function toRow(watch: ServiceWatch): Row {
  const { serviceId, workspaceId, version } = watch
  const body = toJson({ ...watch, version: undefined })
  return { service_id: toHex(serviceId), workspace_id: workspaceId, body, version }
}

export function toWatch({ body, version }: Pick<Row, "body" | "version">): ServiceWatch {
  return { ...fromJson<Omit<ServiceWatch, "version">>(body), version }
}
