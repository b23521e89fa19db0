import type { Selectable } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type { ModelVersion, PipelineRun, ServiceStore } from "../domain/services/index.ts"
import { assertInserted, assertMoved, fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { toHex } from "./service-rows.ts"
import { sessionOf } from "./session.ts"
import { compileNow, rowsAs, slotsOf, statement } from "./statement.ts"

type RunRow = Selectable<Database["pipeline_run"]>
type ModelRow = Selectable<Database["model_version"]>
type Body = Pick<RunRow, "body" | "version">
type ById = Pick<RunRow, "id">

const runColumns = ["id", "workspace_id", "body", "version"] as const
const modelColumns = ["id", "workspace_id", "model_name", "number", "body", "version"] as const

const selectRun = statement<ById>("primary")((db, p) =>
  db.selectFrom("pipeline_run").select(["body", "version"]).where("id", "=", p("id")),
)
const insertRun = statement<RunRow>("write")((db, p) =>
  db
    .insertInto("pipeline_run")
    .values(slotsOf(p, runColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateRun = statement<RunRow>("primary")((db, p) =>
  db
    .updateTable("pipeline_run")
    .set((eb) => ({ body: p("body"), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)
const deleteRun = statement<ById>("primary")((db, p) =>
  db.deleteFrom("pipeline_run").where("id", "=", p("id")),
)
const unlinkRun = statement<ById>("service_record_by_run")((db, p) =>
  db.updateTable("service_record").set({ pipeline_run_id: null }).where("pipeline_run_id", "=", p("id")),
)
const selectModel = statement<ById>("primary")((db, p) =>
  db.selectFrom("model_version").select(["body", "version"]).where("id", "=", p("id")),
)
const insertModel = statement<ModelRow>("write")((db, p) =>
  db
    .insertInto("model_version")
    .values(slotsOf(p, modelColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
const updateModel = statement<ModelRow>("primary")((db, p) =>
  db
    .updateTable("model_version")
    .set((eb) => ({ body: p("body"), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version")),
)
const deleteModel = statement<ById>("primary")((db, p) =>
  db.deleteFrom("model_version").where("id", "=", p("id")),
)
const unlinkModel = statement<ById>("service_record_by_model_version")((db, p) =>
  db.updateTable("service_record").set({ model_version_id: null }).where("model_version_id", "=", p("id")),
)
const selectLast = statement<Pick<ModelRow, "workspace_id" | "model_name">>("model_version_by_number")(
  (db, p) =>
    db
      .selectFrom("model_version")
      .select(["body", "version"])
      .where("workspace_id", "=", p("workspace_id"))
      .where("model_name", "=", p("model_name"))
      .orderBy("number", "desc")
      .limit(1),
)

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the table says what it holds
function whole<T>({ body, version }: Body): T {
  return { ...fromJson<T>(body), version }
}

/** Newest first: ids grow. People and pipelines write these, so a page is short and the key's index gives it. */
async function pageOf<T>(
  from: Reads,
  table: "pipeline_run" | "model_version",
  workspaceIds: readonly string[] | null,
  { limit, before }: { readonly limit: number; readonly before: string | null },
): Promise<readonly T[]> {
  if (workspaceIds?.length === 0) return []
  const session = sessionOf(from)
  const { db, unindexed } = session.dialect
  let query = db.selectFrom(table).select(["body", "version"]).orderBy("id", "desc").limit(limit)
  if (workspaceIds) query = query.where(unindexed.text("workspace_id"), "in", workspaceIds)
  if (before !== null) query = query.where("id", "<", toHex(before))
  const [found] = await session.scan([compileNow(query)])
  return rowsAs<Body>(found).map((row) => whole<T>(row))
}

export const pipelineRuns: ServiceStore["runs"] = {
  async byId(from, id) {
    const row = await selectRun.get(from, { id: toHex(id) })
    return row && whole<PipelineRun>(row)
  },
  page: (from, workspaceIds, page) => pageOf<PipelineRun>(from, "pipeline_run", workspaceIds, page),
  insert: (tx, run) =>
    insertRun.post(tx, runRow(run), (changed) => assertInserted(changed, "pipeline-run", run.id)),
  update: (tx, run) =>
    updateRun.post(tx, runRow(run), (changed) => assertMoved(changed, "pipeline-run", run.id)),
  async delete(tx, id) {
    await unlinkRun.post(tx, { id: toHex(id) })
    await deleteRun.post(tx, { id: toHex(id) })
  },
}

export const modelVersions: ServiceStore["modelVersions"] = {
  async byId(from, id) {
    const row = await selectModel.get(from, { id: toHex(id) })
    return row && whole<ModelVersion>(row)
  },
  page: (from, workspaceIds, page) => pageOf<ModelVersion>(from, "model_version", workspaceIds, page),
  async last(from, workspaceId, modelName) {
    const row = await selectLast.get(from, { workspace_id: workspaceId, model_name: modelName })
    return row && whole<ModelVersion>(row)
  },
  insert: (tx, model) =>
    insertModel.post(tx, modelRow(model), (changed) => assertInserted(changed, "model-version", model.id)),
  update: (tx, model) =>
    updateModel.post(tx, modelRow(model), (changed) => assertMoved(changed, "model-version", model.id)),
  async delete(tx, id) {
    await unlinkModel.post(tx, { id: toHex(id) })
    await deleteModel.post(tx, { id: toHex(id) })
  },
}

function runRow(run: PipelineRun): RunRow {
  const { id, workspaceId, version } = run
  return { id: toHex(id), workspace_id: workspaceId, body: toJson({ ...run, version: undefined }), version }
}

function modelRow(model: ModelVersion): ModelRow {
  const { id, workspaceId, modelName, number, version } = model
  const body = toJson({ ...model, version: undefined })
  return { id: toHex(id), workspace_id: workspaceId, model_name: modelName, number, body, version }
}
