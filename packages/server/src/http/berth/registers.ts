import type {
  CreateModelVersion,
  CreateRun,
  ModelVersion as WireModelVersion,
  ModelVersionList,
  Run as WireRun,
  RunList,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { ModelVersion, ModelVersionId, PipelineRun, PipelineRunId } from "../../domain/services/index.ts"
import type { Services } from "../services.ts"
import { instant } from "./map.ts"
import { base64ToText, textToBase64 } from "./opaque.ts"
import { createQueryReader } from "./query.ts"

/** Pipeline runs and model versions, which records may link to; rights are the domain's. */
export function registerHandlers({ serviceRegisters }: Services) {
  return {
    async listRuns(request: FastifyRequest): Promise<RunList> {
      const { workspaceId, page, limit } = registerPage(request)
      const found = await serviceRegisters.runs.page(request.principal, workspaceId, page)
      return { items: found.slice(0, limit).map(toRun), nextCursor: cursorOf(found, limit, ({ id }) => id) }
    },
    async createRun(request: FastifyRequest): Promise<WireRun> {
      const {
        workspaceId,
        name,
        pipelineName = null,
        status = "running",
        ...body
      } = request.body as CreateRun
      const modelVersionId = (body.modelVersionId ?? null) as ModelVersionId | null
      const wanted = { workspaceId, name, pipelineName, status, modelVersionId }
      return toRun(await serviceRegisters.runs.create(request.principal, wanted))
    },
    async getRun(request: FastifyRequest): Promise<WireRun> {
      return toRun(await serviceRegisters.runs.get(request.principal, idOf(request) as PipelineRunId))
    },
    async deleteRun(request: FastifyRequest): Promise<void> {
      await serviceRegisters.runs.delete(request.principal, idOf(request) as PipelineRunId)
    },
    async listModelVersions(request: FastifyRequest): Promise<ModelVersionList> {
      const { workspaceId, page, limit } = registerPage(request)
      const found = await serviceRegisters.modelVersions.page(request.principal, workspaceId, page)
      const items = found.slice(0, limit).map(toModelVersion)
      return { items, nextCursor: cursorOf(found, limit, ({ id }) => id) }
    },
    async createModelVersion(request: FastifyRequest): Promise<WireModelVersion> {
      const { workspaceId, modelName, name = null, stage = null } = request.body as CreateModelVersion
      const wanted = { workspaceId, modelName, name, stage }
      return toModelVersion(await serviceRegisters.modelVersions.create(request.principal, wanted))
    },
    async getModelVersion(request: FastifyRequest): Promise<WireModelVersion> {
      return toModelVersion(
        await serviceRegisters.modelVersions.get(request.principal, idOf(request) as ModelVersionId),
      )
    },
    async deleteModelVersion(request: FastifyRequest): Promise<void> {
      await serviceRegisters.modelVersions.delete(request.principal, idOf(request) as ModelVersionId)
    },
  }
}

/** A page of what has UUIDs, newest first; one more than `limit` is asked for, to see whether there is a next one. */
export function registerPage(request: FastifyRequest): {
  readonly workspaceId: string | null
  readonly limit: number
  readonly page: { readonly limit: number; readonly before: string | null }
} {
  const query = createQueryReader(request.query, ["limit", "cursor", "workspace"])
  const { limit, cursor } = query.page()
  const workspaceId = query.text("workspace") ?? null
  const before = cursor === null ? null : base64ToText(cursor)
  if (before === undefined || (before !== null && !uuid.test(before)))
    query.fault("cursor", "is not a cursor of this list")
  query.check()
  return { workspaceId, limit, page: { limit: limit + 1, before: before ?? null } }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Of the last one that is shown; null where nothing comes after it. */
export function cursorOf<T>(
  found: readonly T[],
  limit: number,
  idOfItem: (item: T) => string,
): string | null {
  const last = found[limit - 1]
  return last !== undefined && found.length > limit ? textToBase64(idOfItem(last)) : null
}

function idOf(request: FastifyRequest): string {
  return (request.params as { readonly id: string }).id.toLowerCase()
}

function atUs(us: number): string {
  return instant(Math.trunc(us / 1000))
}

function toRun(run: PipelineRun): WireRun {
  const { id, workspaceId, name, pipelineName, status, modelVersionId } = run
  return { id, workspaceId, createdAt: atUs(run.createdAtUs), name, pipelineName, status, modelVersionId }
}

function toModelVersion(model: ModelVersion): WireModelVersion {
  const { id, workspaceId, modelName, modelId, number, name, stage } = model
  return { id, workspaceId, createdAt: atUs(model.createdAtUs), modelName, modelId, number, name, stage }
}
