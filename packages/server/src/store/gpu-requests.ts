import { type GpuRequest, type GpuRequestStore, gpuRequestChanged } from "../domain/gpu-requests/index.ts"
import type { Tx } from "../domain/journal/index.ts"
import { assertInserted, assertMoved } from "./codec.ts"
import { gpuRequestLists } from "./gpu-request-list.ts"
import {
  type GpuRequestRow,
  fromGpuRequest,
  gpuRequestColumns,
  isLiveRow,
  movingColumns,
  toGpuRequest,
} from "./gpu-request-rows.ts"
import { countHoldsIn, nodeHoldStore } from "./node-holds.ts"
import { sessionOf } from "./session.ts"
import { slotsOf, statement } from "./statement.ts"

const selectLive = statement<object>("gpu_request_live")((db) =>
  db.selectFrom("gpu_request").select(gpuRequestColumns).where(isLiveRow),
)
const countLiveIn = statement<{ workspaceId: string }>("gpu_request_live")((db, p) =>
  db
    .selectFrom("gpu_request")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where(isLiveRow)
    .where("workspace_id", "=", p("workspaceId")),
)
const countQueuedIn = statement<{ workspaceId: string }>("gpu_request_live")((db, p) =>
  db
    .selectFrom("gpu_request")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where(isLiveRow)
    .where("workspace_id", "=", p("workspaceId"))
    .where("state", "=", "queued"),
)
const selectById = statement<{ id: string }>("primary")((db, p) =>
  db.selectFrom("gpu_request").select(gpuRequestColumns).where("id", "=", p("id")),
)
const selectByShownId = statement<{ shownId: string }>("gpu_request_by_shown_id")((db, p) =>
  db.selectFrom("gpu_request").select(gpuRequestColumns).where("shown_id", "=", p("shownId")),
)
const selectByPlace = statement<{ workspaceId: string; place: number }>("gpu_request_by_place")((db, p) =>
  db
    .selectFrom("gpu_request")
    .select("id")
    .where("workspace_id", "=", p("workspaceId"))
    .where("place", "=", p("place")),
)
const insertRow = statement<GpuRequestRow>("write")((db, p) =>
  db
    .insertInto("gpu_request")
    .values(slotsOf(p, gpuRequestColumns))
    .onConflict((conflict) => conflict.doNothing()),
)
/** Changes nothing either when somebody else has the place: the unique index would fail the whole transaction. */
const updateRow = statement<GpuRequestRow & { from: string }>("primary")((db, p) =>
  db
    .updateTable("gpu_request")
    .set((eb) => ({ ...slotsOf(p, movingColumns), version: eb("version", "+", 1) }))
    .where("id", "=", p("id"))
    .where("version", "=", p("version"))
    .where("state", "=", p("from"))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("gpu_request as other")
            .select("other.id")
            .where("other.workspace_id", "=", p("workspace_id"))
            .where("other.place", "=", p("place"))
            .where("other.id", "<>", p("id")),
        ),
      ),
    ),
)
/** Oldest end first. One that has a node still, however long ago it ended, stays: the hold names it. */
export const deleteOldRequests = statement<{ beforeMs: number; limit: number }>("primary")((db, p) =>
  db.deleteFrom("gpu_request").where((eb) =>
    eb(
      "id",
      "in",
      eb
        .selectFrom("gpu_request as old")
        .select("old.id")
        .where("old.ended_at_ms", "<", p("beforeMs"))
        .where((old) =>
          old.not(
            old.exists(
              old
                .selectFrom("node_hold")
                .select("node_hold.node_id")
                .whereRef("node_hold.request_id", "=", "old.id"),
            ),
          ),
        )
        .orderBy("old.ended_at_ms")
        .limit(p("limit")),
    ),
  ),
)

async function insert(tx: Tx, request: GpuRequest): Promise<void> {
  const { workspaceId, place } = request
  // Else the insert would yield to whoever has the place and be taken for a second one of its id.
  if (place !== null && (await selectByPlace.get(tx, { workspaceId, place })))
    return assertMoved(0, "place of the workspace", workspaceId)
  await insertRow.post(tx, fromGpuRequest(request), (inserted) =>
    assertInserted(inserted, "gpu-request", request.shownId),
  )
  tx.publish(gpuRequestChanged, request)
}

/**
 * GPU requests and the nodes that they hold. Ids, workspace, user and creation of a request never change. Deleting a
 * workspace leaves its requests listed.
 */
export const gpuRequestStore: GpuRequestStore = {
  ...nodeHoldStore,
  ...gpuRequestLists,
  insert,
  async live(from) {
    return (await selectLive.all(from, {})).map(toGpuRequest)
  },
  async liveIn(from, workspaceId) {
    const requests = (await countLiveIn.get(from, { workspaceId }))?.n ?? 0
    return requests + (await countHoldsIn(from, workspaceId))
  },
  // What others are about to write is not waited for: read in every create, it would set all of them against each other.
  async queuedIn(from, workspaceId) {
    const session = sessionOf(from)
    const row = await session.peek(countQueuedIn.bind(session.dialect, { workspaceId }))
    return Number(row?.["n"] ?? 0)
  },
  async byId(from, id) {
    const row = await selectById.get(from, { id })
    return row && toGpuRequest(row)
  },
  async byShownId(from, shownId) {
    const row = await selectByShownId.get(from, { shownId })
    return row && toGpuRequest(row)
  },
  async update(tx, request, from) {
    await updateRow.post(tx, { ...fromGpuRequest(request), from }, (moved) =>
      assertMoved(moved, "gpu-request", request.shownId),
    )
    tx.publish(gpuRequestChanged, { ...request, version: request.version + 1 })
  },
  async prune(tx, endedBeforeMs, limit) {
    return deleteOldRequests.run(tx, { beforeMs: endedBeforeMs, limit })
  },
}
