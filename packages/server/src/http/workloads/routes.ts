import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import type { BatchFailures, Decoded, RouteDocument, WorkloadOperation } from "@berth/contract/workloads"
import {
  basePath,
  decodeBatch,
  decodeCreate,
  decodeListQuery,
  decodeLogQuery,
  decodeStopQuery,
  decodeName,
  decodePatch,
  workloadRoutes,
} from "@berth/contract/workloads"
import type { Principal } from "../../domain/identity/index.ts"
import type { BatchOutcome, WorkloadService } from "../../domain/workloads/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Family } from "../plugins/family.ts"
import { remadeOfId, type RemadeAnswer, repeatable } from "../plugins/lost-answers.ts"
import type { Services } from "../services.ts"
import { parseBody, parseRequiredBody } from "./body.ts"
import { bodyLimitBytes, wordError, workloadsErrorAnswer } from "./errors.ts"
import { mapDetail, mapList, mapService, toListCommand } from "./map.ts"

/** Most bytes of a log in one answer; the lines nearest the end are given. */
const maxLogBytes = 8 * 1024 * 1024
const shells = ["bash", "sh", "zsh"]

/** The Workload API: eleven routes below `/api/v1/workloads`, and the words for everything unknown below `/api/v1`. */
export const workloadsFamily: Family = {
  name: "workloads",
  prefixes: ["/api/v1"],
  bodyLimit: bodyLimitBytes,
  register(app, services) {
    registerReads(app, services)
    registerWrites(app, services.workloads)
    registerBatches(app, services.workloads)
    registerService(app, services)
    registerPods(app, services)
  },
  errorAnswer: workloadsErrorAnswer,
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

const remadeAnswers: Partial<Record<WorkloadOperation, RemadeAnswer>> = {
  create: remadeOfId("workload", (workloadId) => JSON.stringify({ workloadId })),
  stop: repeatable,
  stopMany: repeatable,
}

function route(app: FastifyInstance, operation: WorkloadOperation, label: string, handler: Handler): void {
  const remade = remadeAnswers[operation]
  const document: RouteDocument = workloadRoutes[operation]
  app.route({
    method: document.method,
    url: basePath + document.url,
    config: { operation: label, ...(remade && { remade }) },
    handler,
  })
}

function registerReads(app: FastifyInstance, { workloads }: Services): void {
  route(app, "list", "workload.list", async (request) => {
    const { filter, page } = toListCommand(valueOf(decodeListQuery(queryOf(request))))
    return mapList(await workloads.list(request.principal, filter, page))
  })
  route(app, "get", "workload.get", async (request) =>
    mapDetail(await workloads.get(request.principal, idOf(request))),
  )
}

function registerWrites(app: FastifyInstance, workloads: WorkloadService): void {
  route(app, "create", "workload.create", async (request) => {
    const command = valueOf(decodeCreate(parseRequiredBody(request.body)))
    return { workloadId: (await workloads.create(request.principal, command)).id }
  })
  route(app, "patch", "workload.update", async (request, reply) => {
    const id = idOf(request)
    const patch = valueOf(decodePatch(parseRequiredBody(request.body)))
    await workloads.patch(request.principal, id, patch)
    return reply.send()
  })
  route(app, "delete", "workload.delete", async (request, reply) => {
    await workloads.remove(request.principal, idOf(request))
    return reply.send()
  })
  route(app, "stop", "workload.stop", async (request, reply) => {
    const { graceSeconds } = valueOf(decodeStopQuery(queryOf(request)))
    await workloads.stop(request.principal, idOf(request), graceSeconds === null ? {} : { graceSeconds })
    return reply.send()
  })
}

function registerBatches(app: FastifyInstance, workloads: WorkloadService): void {
  type Run = (principal: Principal, ids: readonly string[]) => Promise<BatchOutcome>
  const runBatch = async (request: FastifyRequest, run: Run) => {
    const outcome = await run(request.principal, valueOf(decodeBatch(parseBody(request.body))))
    const [first] = outcome.failed
    if (outcome.done.length === 0 && first) throw first.error
    return outcome
  }
  route(app, "deleteMany", "workload.delete-many", async (request, reply) => {
    const outcome = await runBatch(request, (principal, ids) => workloads.removeMany(principal, ids))
    return reply.send(failuresOf(outcome))
  })
  route(app, "stopMany", "workload.stop-many", async (request, reply) => {
    const outcome = await runBatch(request, (principal, ids) => workloads.stopMany(principal, ids))
    return reply.send(failuresOf(outcome))
  })
  route(app, "clone", "workload.clone", async (request) => {
    const outcome = await runBatch(request, (principal, ids) => workloads.cloneMany(principal, ids))
    return { workloadIds: outcome.done.flatMap(({ newId }) => newId ?? []), ...failuresOf(outcome) }
  })
}

function registerService(app: FastifyInstance, { endpoints }: Services): void {
  route(app, "service", "workload.service", async (request) =>
    mapService(await endpoints.get(request.principal, idOf(request))),
  )
}

function registerPods(app: FastifyInstance, { workloads, clock }: Services): void {
  route(app, "podLog", "workload.logs", async (request) => {
    const [id, podId] = [idOf(request), podIdOf(request)]
    const wanted = valueOf(decodeLogQuery(queryOf(request)))
    const { container, sinceSeconds, tailLines, run } = wanted
    const sinceMs = sinceSeconds === null ? null : Math.max(0, clock.nowMs() - sinceSeconds * 1000)
    const query = { tailLines, sinceMs, fromOffset: null, maxBytes: maxLogBytes }
    const options = { container, query, ...(run !== undefined && { run }) }
    const { workload } = await workloads.get(request.principal, id)
    const { lines } = await workloads.readLog(request.principal, id, podId, options)
    // Upstream splits the text at its newlines, so the one that ends it leaves an empty last element.
    return { workloadId: workload.id, podId, namespace: workload.workspaceId, logs: [...lines, ""] }
  })
  route(app, "podContainers", "workload.containers", async (request) => {
    const names = await workloads.containers(request.principal, idOf(request), podIdOf(request))
    return { containers: names.map((name) => ({ name })), shells }
  })
}

function failuresOf(outcome: BatchOutcome): BatchFailures | undefined {
  if (outcome.failed.length === 0) return undefined
  return {
    failed: outcome.failed.map(({ id, error }) => ({
      workloadId: id,
      ...wordError(AppError.from(error)).body,
    })),
  }
}

/** @throws AppError `invalid` with every fault that was found */
function valueOf<T>(result: Decoded<T>): T {
  if (result.ok) return result.value
  throw new AppError("invalid", "The request is not valid.", { issues: result.issues })
}

function idOf(request: FastifyRequest): string {
  return nameOf(request, "id", "workloadId")
}

function podIdOf(request: FastifyRequest): string {
  return nameOf(request, "podId", "podId")
}

/** @throws AppError `not_found` for an empty name: `/workloads/` is no workload */
function nameOf(request: FastifyRequest, parameter: string, field: "workloadId" | "podId"): string {
  const given = (request.params as Readonly<Record<string, string>>)[parameter] ?? ""
  const name = valueOf(decodeName(field, given))
  if (name !== "") return name
  const facts = { resource: "route", name: request.raw.url ?? "" }
  throw new AppError("not_found", "There is nothing at this path.", facts)
}

function queryOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  return request.query as Readonly<Record<string, unknown>>
}
