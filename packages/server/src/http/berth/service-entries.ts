import { isServiceState, serviceStates } from "@berth/contract/common"
import type { ServiceEntry as WireEntry, ServiceEntryDetail, ServiceEntryList } from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import {
  type EntryCursor,
  type ServiceEntry,
  type ServiceId,
  type ServiceState,
} from "../../domain/services/index.ts"
import type { Services } from "../services.ts"
import { instant } from "./map.ts"
import { base64ToText, textToBase64 } from "./opaque.ts"
import { createQueryReader } from "./query.ts"
import { historyOf, watchingOf } from "./service-watches.ts"

/** The register as one list; rights are the domain's. */
export function serviceEntryHandlers({ serviceEntries }: Services) {
  return {
    async listServiceEntries(request: FastifyRequest): Promise<ServiceEntryList> {
      const { filter, limit, before } = entryQuery(request)
      const found = await serviceEntries.page(request.principal, filter, { limit: limit + 1, before })
      const shown = found.slice(0, limit)
      const last = found.length > limit ? shown.at(-1) : undefined
      return { items: shown.map(toEntry), nextCursor: last ? textToCursor(last.record) : null }
    },
    async getServiceEntry(request: FastifyRequest): Promise<ServiceEntryDetail> {
      const id = (request.params as { readonly service: string }).service.toLowerCase() as ServiceId
      const found = await serviceEntries.get(request.principal, id)
      return { ...toEntry(found), history: historyOf(found.history) }
    },
  }
}

function entryQuery(request: FastifyRequest) {
  const query = createQueryReader(request.query, ["limit", "cursor", "workspace", "name", "state"])
  const { limit, cursor } = query.page()
  const state = query.text("state") ?? null
  if (state !== null && !isServiceState(state))
    query.fault("state", `must be one of ${serviceStates.join(", ")}`)
  const before = cursor === null ? null : cursorFrom(cursor)
  if (before === undefined) query.fault("cursor", "is not a cursor of this list")
  const filter = {
    workspaceId: query.text("workspace") ?? null,
    name: query.text("name") ?? null,
    state: state as ServiceState | null,
  }
  query.check()
  return { filter, limit, before: before ?? null }
}

function textToCursor({ createdAtUs, id }: EntryCursor): string {
  return textToBase64(`${createdAtUs}.${id}`)
}

/** undefined for what `textToCursor` does not give. */
function cursorFrom(cursor: string): EntryCursor | undefined {
  const parts = /^(\d{1,16})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(base64ToText(cursor) ?? "")
  return parts ? { createdAtUs: Number(parts[1]), id: parts[2] as ServiceId } : undefined
}

function toEntry({ record, watch, lastProbe, nextProbeAtMs }: ServiceEntry): WireEntry {
  const { id, name, workspaceId, type, state, predictionUrl, healthCheckUrl, joined } = record
  return {
    id,
    name,
    workspaceId,
    type: type.type,
    flavor: type.flavor,
    state,
    predictionUrl,
    healthCheckUrl,
    joined: joined && { kind: joined.kind, name: joined.name },
    watch: watch && watchingOf({ watch, lastProbe, nextProbeAtMs }),
    createdAt: instant(Math.trunc(record.createdAtUs / 1000)),
    updatedAt: instant(Math.trunc(record.updatedAtUs / 1000)),
  }
}
