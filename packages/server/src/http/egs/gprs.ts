import {
  decodeGpr,
  decodeGprChange,
  decodeName,
  decodeWaitTime,
  type GprOperation,
} from "@berth/contract/egs"
import type { GpuEstimate } from "../../domain/gpu-requests/index.ts"
import type { Principal } from "../../domain/identity/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { saidBy } from "./body.ts"
import { formatInstant } from "./format.ts"
import { valueOf, type EgsHandlers, type EgsOptions, type EgsReply } from "./handlers.ts"
import { mapGpr, mapWaitTime, toCommand, type ChosenShape } from "./map-gpr.ts"

/** The routes of GPU requests. */
export function gprHandlers(services: Services, { dialect }: EgsOptions): EgsHandlers<GprOperation> {
  const { gpuRequests } = services
  return {
    async createGpr(request) {
      const wanted = valueOf(decodeGpr(saidBy(request)))
      const { shownId } = await gpuRequests.create(request.principal, toCommand(wanted))
      return { gprId: shownId }
    },
    async updateGpr(request) {
      const { gprId, gprName, priority, earlyRelease } = valueOf(decodeGprChange(saidBy(request)))
      await gpuRequests.change(request.principal, gprId, {
        ...(gprName === undefined ? {} : { name: gprName }),
        ...(priority === undefined ? {} : { priority }),
        ...(earlyRelease ? { release: true } : {}),
      })
      return {}
    },
    async deleteGpr(request) {
      await gpuRequests.cancel(request.principal, valueOf(decodeName(saidBy(request), "gprId")))
      return {}
    },
    async getGpr(request, reply) {
      const id = valueOf(decodeName(saidBy(request), "gprId"))
      const view = await gpuRequests.get(request.principal, id)
      if (view.request.state === "cancelled") throw cancelled(id)
      sayLikelyStart(reply, view.likelyStartMs)
      return mapGpr(view, dialect)
    },
    async listGprs(request) {
      const workspace = valueOf(decodeName(saidBy(request), "sliceName", "workspaceName"))
      const views = await gpuRequests.listIn(request.principal, workspace)
      return { items: views.map((view) => mapGpr(view, dialect)) }
    },
    async waitTime(request, reply) {
      const wanted = valueOf(decodeWaitTime(saidBy(request)))
      // What is only asked about has no name.
      const { name: _, ...wish } = toCommand(wanted)
      const estimate = await gpuRequests.estimate(request.principal, wish)
      sayLikelyStart(reply, estimate.likelyStartMs)
      const isOpen = wanted.instanceType === null || wanted.gpuShape === null
      const chosen = isOpen ? await shapeOf(services, request.principal, estimate) : null
      return mapWaitTime(wanted, estimate, chosen, dialect)
    },
  }
}

/** Beside the start at the latest, which is in the body: where nobody can say there is no header. */
function sayLikelyStart(reply: EgsReply, startMs: number | null): void {
  if (startMs !== null) reply.header("x-berth-likely-start", formatInstant(startMs))
}

/** What was taken out of the queue is not there any more (reference/egs.md 2.4). */
function cancelled(id: string): AppError {
  return new AppError("not_found", `GPU request ${id} not found.`, { resource: "gpu-request", name: id })
}

/** The kind of nodes that a wish for any kind would get; null where the caller may not see them. */
async function shapeOf(
  { inventory }: Services,
  principal: Principal,
  { clusterId, nodes: [name] }: GpuEstimate,
): Promise<ChosenShape | null> {
  if (name === undefined) return null
  try {
    return await inventory.node(principal, clusterId, name)
  } catch (error) {
    if (error instanceof AppError && (error.code === "not_found" || error.code === "forbidden")) return null
    throw error
  }
}
