import type { Selectable } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type { ComputeTemplate, ConfigEntry, RayScope, RayStore } from "../domain/ray/index.ts"
import { assertInserted, assertMoved, fromJson, toJson } from "./codec.ts"
import type { Dialect } from "./dialect.ts"
import { isEmptyScope } from "./ray-objects.ts"
import type { Database } from "./schema.ts"
import { type BoundSql, sessionOf } from "./session.ts"
import { compileNow, rowsAs, slotsOf, statement } from "./statement.ts"

type TemplateRow = Selectable<Database["ray_template"]>
type EntryRow = Selectable<Database["ray_config_entry"]>
type Name = Pick<TemplateRow, "namespace" | "name">
type EntryName = Pick<EntryRow, "kind" | "namespace" | "name">

const templateColumns = ["namespace", "name", "workspace_id", "body"] as const
const entryColumns = ["kind", "namespace", "name", "workspace_id", "body", "version"] as const

const selectTemplate = statement<Name>("primary")((db, p) =>
  db
    .selectFrom("ray_template")
    .select("body")
    .where("namespace", "=", p("namespace"))
    .where("name", "=", p("name")),
)
const insertTemplate = statement<TemplateRow>("write")((db, p) =>
  db
    .insertInto("ray_template")
    .values(slotsOf(p, templateColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const deleteTemplate = statement<Name>("primary")((db, p) =>
  db.deleteFrom("ray_template").where("namespace", "=", p("namespace")).where("name", "=", p("name")),
)
const selectEntry = statement<EntryName>("primary")((db, p) =>
  db
    .selectFrom("ray_config_entry")
    .select(["body", "version"])
    .where("kind", "=", p("kind"))
    .where("namespace", "=", p("namespace"))
    .where("name", "=", p("name")),
)
const insertEntry = statement<EntryRow>("write")((db, p) =>
  db
    .insertInto("ray_config_entry")
    .values(slotsOf(p, entryColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateEntry = statement<EntryRow>("primary")((db, p) =>
  db
    .updateTable("ray_config_entry")
    .set((eb) => ({ body: p("body"), version: eb("version", "+", 1) }))
    .where("kind", "=", p("kind"))
    .where("namespace", "=", p("namespace"))
    .where("name", "=", p("name"))
    .where("version", "=", p("version")),
)
const deleteEntry = statement<EntryName>("primary")((db, p) =>
  db
    .deleteFrom("ray_config_entry")
    .where("kind", "=", p("kind"))
    .where("namespace", "=", p("namespace"))
    .where("name", "=", p("name")),
)
function templatesQuery({ db, unindexed }: Dialect, scope: RayScope): BoundSql {
  let query = db.selectFrom("ray_template").select("body").orderBy("namespace").orderBy("name")
  if ("namespace" in scope) query = query.where("namespace", "=", scope.namespace)
  else if (scope.workspaceIds) query = query.where(unindexed.text("workspace_id"), "in", scope.workspaceIds)
  return compileNow(query)
}

function entriesQuery({ db, unindexed }: Dialect, kind: string, scope: RayScope): BoundSql {
  let query = db
    .selectFrom("ray_config_entry")
    .select(["body", "version"])
    .where("kind", "=", kind)
    .orderBy("namespace")
    .orderBy("name")
  if ("namespace" in scope) query = query.where("namespace", "=", scope.namespace)
  else if (scope.workspaceIds) query = query.where(unindexed.text("workspace_id"), "in", scope.workspaceIds)
  return compileNow(query)
}

/** Without reader threads: people write these by hand, so there are few. */
async function listed<R>(from: Reads, scope: RayScope, query: (dialect: Dialect) => BoundSql) {
  if (isEmptyScope(scope)) return []
  const session = sessionOf(from)
  return rowsAs<R>(await session.all(query(session.dialect)))
}

function toEntry({ body, version }: Pick<EntryRow, "body" | "version">): ConfigEntry {
  return { ...fromJson<ConfigEntry>(body), version }
}

function fromEntry(entry: ConfigEntry): EntryRow {
  const { kind, namespace, name, workspaceId, version } = entry
  const body = toJson({ ...entry, version: undefined })
  return { kind, namespace, name, workspace_id: workspaceId, body, version }
}

const entryResources: Record<ConfigEntry["kind"], string> = { configMap: "config-map", secret: "secret" }

export const rayTemplates: RayStore["templates"] = {
  async get(from, namespace, name) {
    const row = await selectTemplate.get(from, { namespace, name })
    return row && fromJson<ComputeTemplate>(row.body)
  },
  async list(from, scope) {
    const rows = await listed<Pick<TemplateRow, "body">>(from, scope, (dialect) =>
      templatesQuery(dialect, scope),
    )
    return rows.map(({ body }) => fromJson<ComputeTemplate>(body))
  },
  async insert(tx, template) {
    const { namespace, name, workspaceId } = template
    const row = { namespace, name, workspace_id: workspaceId, body: toJson(template) }
    await insertTemplate.post(tx, row, (inserted) => assertInserted(inserted, "compute-template", name))
  },
  async delete(tx, namespace, name) {
    await deleteTemplate.post(tx, { namespace, name })
  },
}

/** Config maps and secrets. What is in them is in the rows alone: no topic carries it. */
export const rayEntries: RayStore["entries"] = {
  async get(from, kind, namespace, name) {
    const row = await selectEntry.get(from, { kind, namespace, name })
    return row && toEntry(row)
  },
  async list(from, kind, scope) {
    const rows = await listed<Pick<EntryRow, "body" | "version">>(from, scope, (dialect) =>
      entriesQuery(dialect, kind, scope),
    )
    return rows.map(toEntry)
  },
  async insert(tx, entry) {
    await insertEntry.post(tx, fromEntry(entry), (inserted) =>
      assertInserted(inserted, entryResources[entry.kind], entry.name),
    )
  },
  async update(tx, entry) {
    await updateEntry.post(tx, fromEntry(entry), (moved) =>
      assertMoved(moved, entryResources[entry.kind], entry.name),
    )
  },
  async delete(tx, kind, namespace, name) {
    await deleteEntry.post(tx, { kind, namespace, name })
  },
}
