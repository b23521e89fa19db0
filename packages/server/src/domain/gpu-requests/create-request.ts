import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import { authorize, workspaceNotFound, type Principal } from "../identity/index.ts"
import type { Tx } from "../journal/index.ts"
import { requireActive, type Workspace } from "../workspaces/index.ts"
import { checkRequest } from "./checks.ts"
import type { CreateGpuRequest } from "./commands.ts"
import { newRequest, type NewGpuRequest } from "./new-request.ts"
import type { GpuRequestsOptions } from "./options.ts"
import { newShownId } from "./shown-id.ts"
import { tellGpuRequest } from "./tell.ts"
import type { GpuRequest, GpuRequestId, GpuWish } from "./types.ts"

/** How often another id is tried when one is taken: with 48 random bits the second is as good as never needed. */
const idTries = 20

/** See `GpuRequestService.create`. Five statements; where and when it starts is found by the plan that follows. */
export async function createRequest(
  options: GpuRequestsOptions,
  principal: Principal,
  wanted: CreateGpuRequest,
): Promise<GpuRequest> {
  const { ids, clock, limits, clusters } = options
  const { workspaceId } = wanted
  authorize(principal, "gpu-request.create", { workspaceId, ownerId: principal.userId })
  const workspace = requireWorkspace(options, workspaceId)
  const wish = wishOf(wanted, checkRequest(wanted, { limits, clusters, workspace }))
  const request = unnamedRequest(wanted, wish, {
    id: ids.next("gpr") as GpuRequestId,
    userId: principal.userId,
    createdAtMs: clock.nowMs(),
  })
  return insertNamed(options, principal, request)
}

/** From memory. @throws AppError `not_found` (resource `workspace`) */
export function requireWorkspace(
  { workspace }: Pick<GpuRequestsOptions, "workspace">,
  id: string,
): Workspace {
  const found = workspace(id)
  if (!found) throw workspaceNotFound(id)
  return found
}

/** What is asked for, without when and for how long. */
export function wishOf(wanted: Omit<CreateGpuRequest, "name">, clusters: readonly string[]): GpuWish {
  const { instanceType, gpuModel, memoryGibPerGpu, gpusPerNode, nodes } = wanted
  return { clusters, instanceType, gpuModel, memoryGibPerGpu, gpusPerNode, nodes, pods: null }
}

type Unnamed = Omit<NewGpuRequest, "shownId">

function unnamedRequest(
  wanted: CreateGpuRequest,
  wish: GpuWish,
  made: Pick<GpuRequest, "id" | "userId" | "createdAtMs">,
): Unnamed {
  const { name, workspaceId, priority, durationMs, idleTimeoutMs } = wanted
  const { requeueOnFailure, enableEviction, multiNode } = wanted
  return {
    ...made,
    name,
    workspaceId,
    wish,
    priority,
    durationMs,
    idleTimeoutMs,
    requeueOnFailure,
    enableEviction,
    multiNode,
    automatic: null,
  }
}

/** A shown id that is taken fails the transaction as a whole, so that nobody has to look first. */
async function insertNamed(
  options: GpuRequestsOptions,
  principal: Principal,
  unnamed: Unnamed,
): Promise<GpuRequest> {
  for (let tries = 0; tries < idTries; tries++) {
    const request = newRequest({ ...unnamed, shownId: newShownId(options.ids.random) })
    try {
      return await options.store.tx((tx) => insert(options, principal, tx, request))
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== "already_exists") throw thrown
    }
  }
  throw new AppError("conflict", "No free id was found for the GPU request, please try again.", {
    resource: "gpu-request",
    detail: "id",
  })
}

async function insert(
  options: GpuRequestsOptions,
  principal: Principal,
  tx: Tx,
  request: GpuRequest,
): Promise<GpuRequest> {
  await requireActive(options.workspaceRow, tx, request.workspaceId)
  await refuseFull(options, tx, request.workspaceId)
  await options.rows.insert(tx, request)
  await tellGpuRequest(tx, request, {
    operation: "gpu-request.create",
    event: "gpu-request.created",
    actor: principal.actor,
    atMs: request.createdAtMs,
    data: factsOf(request),
  })
  return request
}

async function refuseFull({ rows, limits }: GpuRequestsOptions, tx: Tx, id: string): Promise<void> {
  const most = limits.mostQueuedPerWorkspace
  if ((await rows.queuedIn(tx, id)) < most) return
  throw new AppError("too_many", `Workspace ${id} has ${most} queued GPU requests, as many as it may.`, {
    resource: "workspace",
    name: id,
    detail: "queue_full",
    facts: { limit: most },
  })
}

function factsOf({ name, priority, durationMs, wish }: GpuRequest): JsonObject {
  const { gpusPerNode, nodes, gpuModel, instanceType, clusters } = wish
  return { name, priority, durationMs, gpusPerNode, nodes, gpuModel, instanceType, clusters }
}
