import { type SqlBool, sql } from "kysely"
import type { Tx } from "../domain/journal/index.ts"
import { type ServiceId, serviceRecordChanged, type ServiceStore } from "../domain/services/index.ts"
import { AppError } from "../kit/errors.ts"
import { assertMoved } from "./codec.ts"
import { countService, dropEmptyServiceCounts } from "./service-counts.ts"
import { entryStore } from "./service-entries.ts"
import { listServices } from "./service-list.ts"
import { modelVersions, pipelineRuns } from "./service-registers.ts"
import {
  configHash,
  fromRecord,
  type ServiceRow,
  serviceColumns,
  toHex,
  toRecord,
  toUuid,
} from "./service-rows.ts"
import { deleteWatch, watchStore } from "./service-watches.ts"
import { sessionOf } from "./session.ts"
import { compileNow, rowsAs, slotsOf, statement } from "./statement.ts"

const movingColumns = [
  "name",
  "state",
  "model_version_id",
  "pipeline_run_id",
  "updated_at_us",
  "body",
  "details",
] as const
const newColumns = [...serviceColumns, "config_hash"] as const

const selectOne = statement<Pick<ServiceRow, "id">>("primary")((db, p) =>
  db.selectFrom("service_record").select(serviceColumns).where("id", "=", p("id")),
)
const selectSame = statement<Pick<ServiceRow, "config_hash">>("service_record_by_config")((db, p) =>
  db.selectFrom("service_record").select("id").where("config_hash", "=", p("config_hash")),
)
const selectJoined = statement<object>("service_record_by_joined")((db) =>
  db.selectFrom("service_record").select(serviceColumns).where("joined", "is not", null),
)
const insertOne = statement<ServiceRow>("write")((db, p) =>
  db
    .insertInto("service_record")
    .values(slotsOf(p, newColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateOne = statement<Pick<ServiceRow, "id" | "version" | (typeof movingColumns)[number]>>("primary")(
  (db, p) =>
    db
      .updateTable("service_record")
      .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
      .where("id", "=", p("id"))
      .where("version", "=", p("version")),
)
const deleteOne = statement<Pick<ServiceRow, "id">>("primary")((db, p) =>
  db.deleteFrom("service_record").where("id", "=", p("id")),
)
/** Records of model servers and what they link to. */
export const serviceStore: ServiceStore = {
  records: {
    async byId(from, id) {
      const row = await selectOne.get(from, { id: toHex(id) })
      return row && toRecord(row)
    },
    list: listServices,
    async bySameConfig(from, config) {
      const session = sessionOf(from)
      // the insert asks once more: as read it would, on PostgreSQL, conflict with every other insert
      const row = await session.peek(selectSame.bind(session.dialect, { config_hash: configHash(config) }))
      return row && (toUuid(String(row["id"])) as ServiceId)
    },
    joined: async (from) => (await selectJoined.all(from, {})).map(toRecord),
    async insert(tx, record) {
      // its id is new: what it yields to has the same config
      const row = { ...fromRecord(record), config_hash: configHash(record.config) }
      await insertOne.post(tx, row, (changed) => assertNewConfig(changed, record.name))
      await countService(tx, row, 1)
      tx.publish(serviceRecordChanged, { record, gone: false })
    },
    async update(tx, record) {
      await updateOne.post(tx, fromRecord(record), (changed) =>
        assertMoved(changed, "service-record", record.id),
      )
      tx.publish(serviceRecordChanged, { record: { ...record, version: record.version + 1 }, gone: false })
    },
    async delete(tx, id) {
      const row = await selectOne.get(tx, { id: toHex(id) })
      if (!row) return
      await remove(tx, row)
    },
  },
  entries: entryStore,
  watches: watchStore,
  runs: pipelineRuns,
  modelVersions,
  pruneCounts: dropEmptyServiceCounts,
  async deleteIn(tx, workspaceId, limit) {
    const records = await takeRecords(tx, workspaceId, limit)
    if (records > 0) return records
    const runs = await take(tx, "pipeline_run", workspaceId, limit)
    return runs > 0 ? runs : take(tx, "model_version", workspaceId, limit)
  },
}

function assertNewConfig(changed: number, name: string): void {
  if (changed === 1) return
  throw new AppError("already_exists", `There is a service with the same configuration as "${name}".`, {
    resource: "service-record",
    name,
    detail: "config",
  })
}

async function takeRecords(tx: Tx, workspaceId: string, limit: number): Promise<number> {
  const session = sessionOf(tx)
  const { db } = session.dialect
  const found = await session.all(
    compileNow(
      db
        .selectFrom("service_record")
        .select(serviceColumns)
        .where("workspace_id", "=", workspaceId)
        .limit(limit),
    ),
  )
  for (const row of rowsAs<ServiceRow>(found)) await remove(tx, row)
  return found.length
}

async function remove(tx: Tx, row: Omit<ServiceRow, "config_hash">): Promise<void> {
  await deleteOne.post(tx, { id: row.id })
  await countService(tx, row, -1)
  await deleteWatch(tx, row.id)
  tx.publish(serviceRecordChanged, { record: toRecord(row), gone: true })
}

function take(
  tx: Tx,
  table: "pipeline_run" | "model_version",
  workspaceId: string,
  limit: number,
): Promise<number> {
  const session = sessionOf(tx)
  const { db } = session.dialect
  const some = db.selectFrom(table).select("id").where("workspace_id", "=", workspaceId).limit(limit)
  return session.run(compileNow(db.deleteFrom(table).where(sql<SqlBool>`id in (${some})`)))
}
