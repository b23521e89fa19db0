import {
  decodeCreateQuery,
  decodeGetQuery,
  decodeServiceCreate,
  decodeServiceId,
  decodeServiceList,
  decodeServiceUpdate,
  encodePage,
  encodeService,
  frameError,
  frameTexts,
  noReference,
  refusalOf,
  type ServiceHandlerName,
  type ServiceRead,
} from "@berth/contract/services"
import type { Readable } from "node:stream"
import type { FastifyRequest } from "fastify"
import type { ListedServiceView, ServiceId, ServiceRecordView } from "../../domain/services/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { refused, valueOf, WordedError } from "./errors.ts"
import { longPage } from "./long-page.ts"
import { listCommand } from "./map-filters.ts"
import { newRecord, recordChange, serviceView, sharedViews } from "./map-services.ts"
import { startOf } from "./memory-lists.ts"
import { defaultProjectOf, projectIdOf, projectOf } from "./projects.ts"
import { bytesOf, parameterOf, searchOf, type ServicesHandler } from "./requests.ts"

type Parts = Pick<Services, "serviceRecords" | "workspaces" | "directory">

/** The register of services. */
export function serviceHandlers(parts: Parts) {
  const { serviceRecords: records, workspaces } = parts
  const shown = ({ record, ...links }: ServiceRecordView, isWhole = true) =>
    encodeService(
      serviceView(sharedViews(parts), { summary: record, details: isWhole ? record : null, ...links }),
    )

  async function create(
    handler: "create" | "createInWorkspace",
    request: FastifyRequest,
    named: string | null,
  ): Promise<string> {
    refuseUploads(request)
    const { principal, headers } = request
    const decoded = valueOf(handler, decodeServiceCreate(bytesOf(request), headers["content-type"]))
    const project = await projectOf(workspaces, principal, named ?? decoded.project)
    const wanted = newRecord(decoded, project.id)
    const by = () => ({ created: projectIdOf(project) })
    return shown(await naming(by, () => records.create(principal, wanted)))
  }

  return {
    listServices: (request) => listServices(parts, request),
    createService: (request) => create("create", request, decodeCreateQuery(searchOf(request)).project),
    createServiceInWorkspace: (request) =>
      create("createInWorkspace", request, parameterOf(request, "project_name_or_id")),
    async getService(request) {
      const query = decodeGetQuery(searchOf(request))
      const id = idOf("get", request, query)
      return shown(await records.get(request.principal, id), valueOf("get", query).hydrate)
    },
    async updateService(request) {
      const body = decodeServiceUpdate(bytesOf(request), request.headers["content-type"])
      const id = idOf("update", request, body)
      const change = recordChange(valueOf("update", body))
      const { principal } = request
      const by = async () => ({ updatedIn: (await records.get(principal, id)).record.workspaceId })
      return shown(await naming(by, () => records.update(principal, id, change)))
    },
    async deleteService(request) {
      await records.delete(request.principal, idOf("remove", request))
      return "null"
    },
  } satisfies Readonly<Record<string, ServicesHandler>>
}

/** Pages that no list has are not asked for: only how many items there are. */
const deepest = 2 ** 40

async function listServices(parts: Parts, request: FastifyRequest): Promise<string | Readable> {
  const { serviceRecords: records, workspaces } = parts
  const { principal } = request
  const query = valueOf("list", decodeServiceList(searchOf(request)))
  const { project, page, size } = query
  const workspace = await (project === null
    ? defaultProjectOf(workspaces, principal)
    : projectOf(workspaces, principal, project))
  if (query.lateRefusal) throw refused("list", query.lateRefusal)
  const offset = Math.min((Number(page) - 1) * size, deepest)
  const wanted = { ...listCommand(query), workspaceId: workspace.id, offset, limit: size }
  const { total, first, rest } = await records.list(principal, { ...wanted, isDetailed: query.hydrate })
  try {
    // After the look, which says how many pages there are.
    startOf(query, total)
    const shared = sharedViews(parts)
    const encode = (item: ListedServiceView) => encodeService(serviceView(shared, item))
    const at = { page: Number(page), size, total }
    return rest ? longPage(at, { first, rest }, encode) : encodePage({ ...at, items: first }, encode)
  } catch (error) {
    rest?.close()
    throw error
  }
}

/** Only of POST; the documented server lets no form with files in. */
function refuseUploads({ headers }: FastifyRequest): void {
  if (headers["content-type"]?.startsWith("multipart/form-data"))
    throw new WordedError("forbidden", 403, frameError(frameTexts.noUploads))
}

/**
 * The id that the path names.
 * @param others read beside it: all their faults go into one refusal
 * @throws AppError `not_found` for an empty one: that is no path
 */
function idOf(
  handler: ServiceHandlerName,
  request: FastifyRequest,
  ...others: readonly ServiceRead<unknown>[]
): ServiceId {
  const text = parameterOf(request, "service_id")
  if (text === "")
    throw new AppError("not_found", "There is nothing at this path.", {
      resource: "route",
      name: request.raw.url ?? "",
    })
  const id = decodeServiceId(text)
  const refusal = refusalOf(id, ...others)
  if (refusal) throw refused(handler, refusal)
  return valueOf(handler, id) as ServiceId
}

const references = { "pipeline-run": "pipeline run", "model-version": "model version" } as const

type ReferredBy = Parameters<typeof noReference>[2]

/** Says of a link that is not there where it was looked for. */
async function naming<T>(by: () => ReferredBy | Promise<ReferredBy>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "not_found") throw error
    const { resource, subject = "" } = error
    if (resource !== "pipeline-run" && resource !== "model-version") throw error
    throw new WordedError("not_found", 404, noReference(references[resource], subject, await by()))
  }
}
