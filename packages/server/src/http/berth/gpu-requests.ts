import type {
  CreateGpuRequest,
  EstimateGpuRequest,
  ExtendGpuRequest,
  GpuAccuracy,
  GpuEstimate,
  GpuExplanation,
  GpuQueueList,
  GpuRequest as WireRequest,
  GpuRequestList,
  Timeline,
  UpdateGpuRequest,
} from "@berth/contract/berth"
import { GpuRequestState } from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { ChangeGpuRequest, GpuNodeView } from "../../domain/gpu-requests/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { inWireWords } from "./gpu-faults.ts"
import { fromAsked, toGpuEstimate, toGpuExplanation, toGpuRequest, toTimelineBar } from "./gpu-map.ts"
import { instant } from "./map.ts"
import { base64ToText, textToBase64 } from "./opaque.ts"
import { createQueryReader, type QueryReader } from "./query.ts"

/** GPU requests and what is said of them; rights and rules are the domain service's. */
export function gpuRequestHandlers(services: Services) {
  const { gpuRequests } = services
  const shown = async (request: FastifyRequest, id = idOf(request)): Promise<WireRequest> =>
    toGpuRequest(services, await gpuRequests.get(request.principal, id))
  return {
    async listGpuRequests(request: FastifyRequest): Promise<GpuRequestList> {
      const query = createQueryReader(request.query, ["limit", "cursor", "workspace", "state"])
      const page = query.page()
      const workspaceId = query.text("workspace")
      const states = readStates(query)
      query.check()
      const filter = {
        ...(workspaceId === undefined ? {} : { workspaceId }),
        ...(states === undefined ? {} : { states }),
      }
      const found = await gpuRequests.page(request.principal, filter, page.limit, page.cursor)
      return {
        items: found.items.map((view) => toGpuRequest(services, view)),
        nextCursor: found.nextCursor,
      }
    },
    async createGpuRequest(request: FastifyRequest): Promise<WireRequest> {
      const body = request.body as CreateGpuRequest
      const made = await inWireWords(
        gpuRequests.create(request.principal, { name: body.name, ...fromAsked(body) }),
      )
      return shown(request, made.shownId)
    },
    getGpuRequest: (request: FastifyRequest) => shown(request),
    async updateGpuRequest(request: FastifyRequest): Promise<WireRequest> {
      const { name, priority } = request.body as UpdateGpuRequest
      const change: ChangeGpuRequest = {
        ...(name === undefined ? {} : { name }),
        ...(priority === undefined ? {} : { priority }),
      }
      await inWireWords(gpuRequests.change(request.principal, idOf(request), change))
      return shown(request)
    },
    async cancelGpuRequest(request: FastifyRequest): Promise<void> {
      await gpuRequests.cancel(request.principal, idOf(request))
    },
    async releaseGpuRequest(request: FastifyRequest): Promise<WireRequest> {
      await gpuRequests.release(request.principal, idOf(request))
      return shown(request)
    },
    async extendGpuRequest(request: FastifyRequest): Promise<WireRequest> {
      const { seconds } = request.body as ExtendGpuRequest
      await inWireWords(gpuRequests.extend(request.principal, idOf(request), seconds * 1000))
      return shown(request)
    },
    ...forecastHandlers(services),
  }
}

/** The queue, and what is expected of it. */
function forecastHandlers(services: Services) {
  const { gpuRequests } = services
  return {
    async listGpuQueue(request: FastifyRequest): Promise<GpuQueueList> {
      const query = createQueryReader(request.query, ["limit", "cursor"])
      const page = query.page()
      query.check()
      const after = page.cursor === null ? { position: 0, passed: 0 } : placeAt(page.cursor)
      // one more than is shown, to know whether there are more
      const known = await gpuRequests.queue(request.principal, after.passed + page.limit + 1)
      const rest = known.filter(({ position }) => position > after.position)
      const items = rest.slice(0, page.limit)
      const last = items.at(-1)
      const passed = known.length - rest.length + items.length
      return {
        items: items.map((view) => ({ ...toGpuRequest(services, view), position: view.position })),
        nextCursor: last && rest.length > items.length ? cursorOf(last.position, passed) : null,
      }
    },
    async explainGpuRequest(request: FastifyRequest): Promise<GpuExplanation> {
      return toGpuExplanation(services, await gpuRequests.explain(request.principal, idOf(request)))
    },
    async estimate(request: FastifyRequest): Promise<GpuEstimate> {
      const wanted = fromAsked(request.body as EstimateGpuRequest)
      return toGpuEstimate(await inWireWords(gpuRequests.estimate(request.principal, wanted)))
    },
    async estimateAccuracy(request: FastifyRequest): Promise<GpuAccuracy> {
      const bands = await gpuRequests.accuracy(request.principal)
      return { bands: bands.map((band) => ({ ...band })) }
    },
    async timeline(request: FastifyRequest): Promise<Timeline> {
      const query = createQueryReader(request.query, ["from", "to", "workspace"])
      const workspaceId = query.text("workspace")
      const nowMs = services.clock.nowMs()
      const span = readSpan(query, nowMs)
      query.check()
      const [bars, nodes] = await Promise.all([
        gpuRequests.timeline(request.principal, {
          ...span,
          ...(workspaceId === undefined ? {} : { workspaceId }),
        }),
        gpuRequests.inventory(request.principal),
      ])
      return {
        from: instant(span.fromMs),
        to: instant(span.toMs),
        now: instant(nowMs),
        nodes: nodes.filter((node) => node.managed).map(toTimelineNode),
        bars: bars.map(toTimelineBar),
      }
    },
  }
}

function toTimelineNode({ node }: GpuNodeView): Timeline["nodes"][number] {
  return {
    name: node.name,
    clusterId: node.clusterId,
    gpus: node.gpus.length,
    gpuModel: node.gpuModel ?? "",
  }
}

function idOf(request: FastifyRequest): string {
  return (request.params as { readonly id: string }).id
}

const states: readonly string[] = GpuRequestState.enum

function readStates(query: QueryReader): readonly GpuRequestState[] | undefined {
  const text = query.text("state")
  if (text === undefined) return undefined
  const words = text.split(",")
  const isState = (word: string): word is GpuRequestState => states.includes(word)
  if (words.every(isState)) return words
  query.fault("state", `must be some of ${states.join(", ")}`)
  return undefined
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const longestSpanMs = 92 * dayMs
/** What RFC 3339 has digits for. */
const lastInstantMs = Date.UTC(10_000, 0, 1) - 1
const firstInstantMs = Date.parse("0000-01-01T00:00:00Z")
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/

/** The usual: 6 hours back, 24 ahead. */
function readSpan(query: QueryReader, nowMs: number): { readonly fromMs: number; readonly toMs: number } {
  const said = readInstant(query, "from")
  const toSaid = readInstant(query, "to")
  const fromMs = said ?? (toSaid === undefined ? nowMs - 6 * hourMs : Math.min(nowMs, toSaid) - 6 * hourMs)
  const toMs = toSaid ?? Math.max(nowMs, fromMs) + dayMs
  if (fromMs < firstInstantMs) query.fault("from", "must be after the year 0")
  else if (toMs > lastInstantMs) query.fault("to", "must be before the year 10000")
  else if (toMs <= fromMs) query.fault("to", "must be after from")
  else if (toMs - fromMs > longestSpanMs) query.fault("to", "must be at most 92 days after from")
  return { fromMs, toMs }
}

function readInstant(query: QueryReader, name: string): number | undefined {
  const text = query.isEmpty(name) ? "" : query.text(name)
  if (text === undefined) return undefined
  const atMs = rfc3339.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(atMs)) return atMs
  query.fault(name, "must be an RFC 3339 instant")
  return undefined
}

/** Where a page of the queue ended, and how many had been shown by then: positions move, pages do not repeat. */
function cursorOf(position: number, passed: number): string {
  return textToBase64(`${position}\u0000${passed}`)
}

/** @throws AppError `invalid` for a cursor that no list of the queue gave */
function placeAt(cursor: string): { readonly position: number; readonly passed: number } {
  const [, position, passed] = /^(\d{1,9})\u0000(\d{1,9})$/.exec(base64ToText(cursor) ?? "") ?? []
  if (position !== undefined && passed !== undefined)
    return { position: Number(position), passed: Number(passed) }
  throw new AppError("invalid", "The query does not have the right form.", {
    issues: [{ path: ["cursor"], message: "is not a cursor of this list" }],
  })
}
