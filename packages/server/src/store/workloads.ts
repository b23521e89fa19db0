import type { Reads, Tx } from "../domain/journal/index.ts"
import {
  type Workload,
  type WorkloadKey,
  type WorkloadStore,
  isTerminal,
  phases,
  workloadChanged,
} from "../domain/workloads/index.ts"
import { attemptStore } from "./attempts.ts"
import { assertInserted, assertMoved } from "./codec.ts"
import { sessionOf } from "./session.ts"
import { slotsOf, statement } from "./statement.ts"
import { listWorkloads } from "./workload-list.ts"
import { pruneWorkloads } from "./workload-prune.ts"
import { type Standing as CountedStanding, countWorkload } from "./workload-counts.ts"
import {
  type FullRow,
  type SpecRow,
  type WorkloadRow,
  fromWorkload,
  fullColumns,
  movingColumns,
  phaseColumns,
  runningColumns,
  specRow,
  toWorkload,
  wishColumns,
  workloadColumns,
} from "./workload-rows.ts"

type Standing = Pick<WorkloadRow, (typeof phaseColumns)[number] | (typeof wishColumns)[number]> &
  CountedStanding

const livePhases: readonly string[] = phases.filter((phase) => !isTerminal(phase))

const selectByKey = statement<{ key: string }>("primary")((db, p) =>
  db
    .selectFrom("workload")
    .innerJoin("workload_spec", "workload_spec.workload_key", "workload.key")
    .select(fullColumns)
    .where("workload.key", "=", p("key")),
)
const selectById = statement<{ id: string }>("workload_by_id")((db, p) =>
  db
    .selectFrom("workload")
    .innerJoin("workload_spec", "workload_spec.workload_key", "workload.key")
    .select(fullColumns)
    .where("workload.id", "=", p("id")),
)
const selectKeyById = statement<{ id: string }>("workload_by_id")((db, p) =>
  db.selectFrom("workload").select("key").where("id", "=", p("id")),
)
const selectLive = statement<object>("workload_by_phase")((db) =>
  db
    .selectFrom("workload")
    .innerJoin("workload_spec", "workload_spec.workload_key", "workload.key")
    .select(fullColumns)
    .where("workload.phase", "in", livePhases),
)
/** From the counters: what lives is never hidden. */
const countLiveIn = statement<{ workspaceId: string }>("primary")((db, p) =>
  db
    .selectFrom("workload_count")
    .select((eb) => eb.cast<number | null>(eb.fn.sum("n"), "bigint").as("n"))
    .where("workspace_id", "=", p("workspaceId"))
    .where("phase", "in", livePhases),
)
const selectAwaitingTtl = statement<object>("workload_awaiting_ttl")((db) =>
  db
    .selectFrom("workload")
    .select(["key", "ended_at_ms", "ttl_seconds"])
    .where("deleted_at_ms", "is", null)
    .where("ended_at_ms", "is not", null)
    .where("phase", "not in", livePhases),
)
const selectDependents = statement<{ id: string }>("workload_dependency_by_target")((db, p) =>
  db
    .selectFrom("workload_dependency")
    .innerJoin("workload", "workload.key", "workload_dependency.workload_key")
    .select("workload.key")
    .where("workload_dependency.depends_on_id", "=", p("id"))
    .where("workload.phase", "in", livePhases)
    .orderBy("workload.key"),
)
const selectStanding = statement<{ key: string; version: number }>("primary")((db, p) =>
  db
    .selectFrom("workload")
    .select(["workspace_id", "kind", "user_id", "user_name", ...phaseColumns, ...wishColumns])
    .where("key", "=", p("key"))
    .where("version", "=", p("version")),
)
const insertRow = statement<WorkloadRow>("write")((db, p) =>
  db
    .insertInto("workload")
    .values(slotsOf(p, [...workloadColumns]))
    .onConflict((conflict) => conflict.doNothing()),
)
/** The database writes an index anew when one of its columns is set, also to what it was: three widths of one update. */
const updateOf = (columns: readonly (typeof movingColumns)[number][]) =>
  statement<WorkloadRow>("primary")((db, p) =>
    db
      .updateTable("workload")
      .set((eb) => ({ ...slotsOf(p, columns), version: eb("version", "+", 1) }))
      .where("key", "=", p("key"))
      .where("version", "=", p("version")),
  )
const updateRunning = updateOf(runningColumns)
const updatePhase = updateOf([...runningColumns, ...phaseColumns])
const updateAll = updateOf(movingColumns)
const insertSpec = statement<SpecRow>("write")((db, p) =>
  db.insertInto("workload_spec").values(slotsOf(p, ["workload_key", "entry_point", "spec"])),
)
/** Changes nothing, and writes nothing, when the spec is what it was. */
const updateSpec = statement<SpecRow>("primary")((db, p) =>
  db
    .updateTable("workload_spec")
    .set(slotsOf(p, ["entry_point", "spec"]))
    .where("workload_key", "=", p("workload_key"))
    .where((eb) => eb.or([eb("entry_point", "<>", p("entry_point")), eb("spec", "<>", p("spec"))])),
)
const insertDependency = statement<{ key: string; on: string }>("write")((db, p) =>
  db
    .insertInto("workload_dependency")
    .values({ workload_key: p("key"), depends_on_id: p("on") })
    .onConflict((conflict) => conflict.doNothing()),
)
const deleteDependencies = statement<{ key: string }>("primary")((db, p) =>
  db.deleteFrom("workload_dependency").where("workload_key", "=", p("key")),
)

/** What a transaction knows of the workload that it read or wrote last: it need not ask again before it writes. */
interface Known {
  readonly key: WorkloadKey
  readonly version: number
  readonly standing: Standing
  readonly spec: Workload["spec"]
}
const known = new WeakMap<Reads, Known>()

/** Of one only: what is read, changed and written in turn is the case that costs. */
function remember(from: Reads, workload: Workload, standing: Standing): void {
  if (!("isTx" in from)) return
  const { key, version, spec } = workload
  known.set(from, { key, version, standing, spec })
}

function remembering(from: Reads, row: FullRow | undefined): Workload | undefined {
  if (!row) return undefined
  const workload = toWorkload(row)
  remember(from, workload, row)
  return workload
}

async function insert(tx: Tx, workload: Workload): Promise<void> {
  const row = fromWorkload(workload)
  await insertRow.post(tx, row, (inserted) => assertInserted(inserted, "workload", workload.id))
  await insertSpec.post(tx, specRow(workload))
  for (const on of workload.spec.dependencies) await insertDependency.run(tx, { key: workload.key, on })
  await countWorkload(tx, undefined, row)
  tx.publish(workloadChanged, workload)
}

/** The update that sets no index's column without need. */
function narrowest(before: Standing, row: WorkloadRow) {
  if (wishColumns.some((column) => before[column] !== row[column])) return updateAll
  return phaseColumns.some((column) => before[column] !== row[column]) ? updatePhase : updateRunning
}

async function update(tx: Tx, workload: Workload): Promise<void> {
  const { key, version } = workload
  const last = known.get(tx)
  const read = last?.key === key && last.version === version ? last : undefined
  const before = read?.standing ?? (await selectStanding.get(tx, { key, version }))
  const row = fromWorkload(workload)
  if (!before) return assertMoved(0, "workload", workload.id)
  await narrowest(before, row).post(tx, row, (moved) => assertMoved(moved, "workload", workload.id))
  // the very object that was read holds what is stored
  if (read?.spec !== workload.spec && (await updateSpec.run(tx, specRow(workload))) > 0) {
    await deleteDependencies.run(tx, { key })
    for (const on of workload.spec.dependencies) await insertDependency.run(tx, { key, on })
  }
  await countWorkload(tx, before, row)
  const written = { ...workload, version: version + 1 }
  remember(tx, written, row)
  tx.publish(workloadChanged, written)
}

function toWorkloads(rows: readonly FullRow[]): readonly Workload[] {
  return rows.map(toWorkload)
}

/**
 * Workloads and their attempts. `insert` and `insertAttempt` throw AppError `already_exists`. Who
 * submitted a workload, its ids, kind, workspace and creation never change.
 */
export const workloadStore: WorkloadStore = {
  ...attemptStore,
  insert,
  update,
  list: listWorkloads,
  prune: pruneWorkloads,
  async byKey(from, key) {
    return remembering(from, await selectByKey.get(from, { key }))
  },
  async byId(from, id) {
    return remembering(from, await selectById.get(from, { id }))
  },
  async isTaken(from, id) {
    const session = sessionOf(from)
    return (await session.peek(selectKeyById.bind(session.dialect, { id }))) !== undefined
  },
  async live(from) {
    return toWorkloads(await selectLive.all(from, {}))
  },
  async liveIn(from, workspaceId) {
    return (await countLiveIn.get(from, { workspaceId }))?.n ?? 0
  },
  async awaitingTtl(from) {
    const rows = await selectAwaitingTtl.all(from, {})
    return rows.map((row) => ({
      key: row.key as WorkloadKey,
      atMs: (row.ended_at_ms ?? 0) + row.ttl_seconds * 1000,
    }))
  },
  async dependents(from, id) {
    return (await selectDependents.all(from, { id })).map((row) => row.key as WorkloadKey)
  },
}
