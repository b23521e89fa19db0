import type {
  RegisteredService,
  RegisterService,
  ServiceWatch,
  ServiceWatchDetail,
  ServiceWatchList,
  WatchSettings,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { ServiceId, WatchEntry, WatchView } from "../../domain/services/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { instant, instantOrNull } from "./map.ts"
import { cursorOf, registerPage } from "./registers.ts"

/** Watches of records, and records that follow something of this server; rights are the domain's. */
export function serviceWatchHandlers({ serviceWatches, serviceJoins }: Services) {
  return {
    async registerService(request: FastifyRequest): Promise<RegisteredService> {
      const { join, name, labels, watch } = request.body as RegisterService
      const { record } = await serviceJoins.register(request.principal, {
        ...joinOf(join),
        ...(name === undefined ? {} : { recordName: name }),
        ...(labels === undefined ? {} : { labels }),
        watch: watch === undefined ? {} : watch,
      })
      const { id, workspaceId, state, predictionUrl, healthCheckUrl } = record
      return { id, name: record.name, workspaceId, state, predictionUrl, healthCheckUrl }
    },
    async putServiceWatch(request: FastifyRequest): Promise<ServiceWatch> {
      return toWatch(
        await serviceWatches.put(request.principal, idOf(request), request.body as WatchSettings),
      )
    },
    async getServiceWatch(request: FastifyRequest): Promise<ServiceWatchDetail> {
      const view = await serviceWatches.get(request.principal, idOf(request))
      return { ...toWatch(view), history: historyOf(view.history) }
    },
    async deleteServiceWatch(request: FastifyRequest): Promise<void> {
      await serviceWatches.delete(request.principal, idOf(request))
    },
    async listServiceWatches(request: FastifyRequest): Promise<ServiceWatchList> {
      const { workspaceId, page, limit } = registerPage(request)
      const found = await serviceWatches.page(request.principal, workspaceId, page)
      const items = found.slice(0, limit).map(toWatch)
      return { items, nextCursor: cursorOf(found, limit, ({ record }) => record.id) }
    },
  }
}

/** @throws AppError `invalid` unless it is exactly one thing */
function joinOf({ workload, rayService }: RegisterService["join"]) {
  if (workload !== undefined && rayService === undefined) return { kind: "workload", name: workload } as const
  if (rayService !== undefined && workload === undefined)
    return { kind: "ray-service", name: rayService } as const
  throw new AppError("invalid", "The body does not have the right form.", {
    issues: [{ path: ["join"], message: "must name a workload or a rayService, one of the two" }],
  })
}

function idOf(request: FastifyRequest): ServiceId {
  return (request.params as { readonly service: string }).service.toLowerCase() as ServiceId
}

export function historyOf(entries: readonly WatchEntry[]): ServiceWatchDetail["history"] {
  return entries.map(({ atMs, verdict, detail }) => ({ at: instant(atMs), verdict, detail }))
}

function toWatch(view: WatchView): ServiceWatch {
  const { record } = view
  const { joined } = record
  return {
    serviceId: record.id,
    name: record.name,
    workspaceId: record.workspaceId,
    state: record.state,
    healthCheckUrl: record.healthCheckUrl,
    joined: joined && { kind: joined.kind, name: joined.name },
    ...watchingOf(view),
  }
}

/** How a record is watched, and what came of it. */
export function watchingOf({ watch, lastProbe, nextProbeAtMs }: Omit<WatchView, "record">) {
  const { intervalSeconds, timeoutSeconds, failureThreshold, successThreshold, verdict } = watch
  return {
    intervalSeconds,
    timeoutSeconds,
    failureThreshold,
    successThreshold,
    verdict,
    since: instantOrNull(watch.sinceMs),
    lastProbe: lastProbe && {
      at: instant(lastProbe.atMs),
      ok: lastProbe.ok,
      detail: lastProbe.detail,
      tookMs: lastProbe.tookMs,
    },
    nextProbeAt: instantOrNull(nextProbeAtMs),
  }
}
