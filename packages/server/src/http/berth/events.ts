import type { AuditList, EventList } from "@berth/contract/berth"
import type { FastifyReply, FastifyRequest } from "fastify"
import { isAllowed, type Operation, type Principal, authorize } from "../../domain/identity/index.ts"
import {
  type AuditRecord,
  eventsAppended,
  type EventFilter,
  type EventSeq,
  type StoredEvent,
  type Subject,
  type SubjectKind,
} from "../../domain/journal/index.ts"
import { sleep } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import {
  sseEvent,
  sseHeartbeat,
  wantsEventStream,
  type OpenStream,
  type Streams,
} from "../plugins/streams.ts"
import type { Services } from "../services.ts"
import { failureEvent } from "./failure-event.ts"
import { toAuditRecord, toEvent } from "./map.ts"
import { createQueryReader, type PageRequest } from "./query.ts"

/** Events read at once for a stream. */
const batchSize = 200
/** Commits of this long are read together: a busy server is not asked once per commit and follower. */
const gatherMs = 50

/** What the caller asked to see, before its rights. */
interface Wanted {
  readonly workspace: string | undefined
  readonly subject: Subject | undefined
  readonly types: readonly string[] | undefined
}

/** Events (page and stream) and the audit trail. */
export function eventHandlers(services: Services, streams: Streams) {
  const { journal, store } = services
  const workspaceIds = async (principal: Principal) =>
    (await services.workspaces.list(principal)).map((workspace) => workspace.id)
  return {
    async events(request: FastifyRequest, reply: FastifyReply): Promise<EventList | undefined> {
      const { wanted, page, isBackwards } = readEventsQuery(request)
      const filter = filterFor(request.principal, wanted)
      if (isBackwards) return await eventsBack(services, filter, page)
      const resumeAt = lastEventId(request) ?? (page.cursor as EventSeq | null)
      if (!wantsEventStream(request)) {
        const found = await journal.eventsAfter(store.committed, resumeAt, filter, page.limit + 1)
        const items = found.slice(0, page.limit)
        const nextCursor = found.length > items.length ? (items.at(-1)?.seq ?? null) : null
        return { items: items.map(toEvent), nextCursor }
      }
      const from = resumeAt ?? (await journal.lastSeq(store.committed))
      // Before the head is sent: a cursor that is too old is an answer of its own.
      const first = await journal.eventsAfter(store.committed, from, filter, batchSize)
      await followEvents({ services, streams, request, reply, wanted }, from, first)
      return undefined
    },
    async listAudit(request: FastifyRequest): Promise<AuditList> {
      const query = createQueryReader(request.query, [
        "limit",
        "cursor",
        "workspace",
        "operation",
        "actor",
        "outcome",
      ])
      const { limit, cursor } = query.page()
      const workspace = query.text("workspace")
      const operation = query.text("operation")
      const actor = query.text("actor")
      const outcome = outcomeOf(query.text("outcome"))
      if (outcome === null) query.fault("outcome", "must be ok or refused")
      query.check()
      const actorId = actor === undefined ? undefined : (services.directory.userByName(actor)?.id ?? actor)
      const filter = {
        workspaces: visible(
          request.principal,
          "audit.read",
          workspace,
          await workspaceIds(request.principal),
        ),
        ...(operation === undefined ? {} : { operation }),
        ...(actorId === undefined ? {} : { actorId }),
        ...(outcome ? { outcome } : {}),
      }
      const page = await journal.auditPage(store.committed, filter, limit, cursor)
      return { items: page.items.map(toAuditRecord), nextCursor: page.nextCursor }
    },
  }
}

/** null for what is none. */
function outcomeOf(text: string | undefined): AuditRecord["outcome"] | null | undefined {
  return text === undefined || text === "ok" || text === "refused" ? text : null
}

/** The newest, or those before the cursor; newest first. */
async function eventsBack(
  { journal, store }: Services,
  filter: EventFilter,
  { limit, cursor }: PageRequest,
): Promise<EventList> {
  const found = await journal.eventsBefore(store.committed, cursor as EventSeq | null, filter, limit + 1)
  const items = found.slice(0, limit)
  return {
    items: items.map(toEvent),
    nextCursor: found.length > items.length ? (items.at(-1)?.seq ?? null) : null,
  }
}

function readEventsQuery(request: FastifyRequest): {
  readonly wanted: Wanted
  readonly page: PageRequest
  readonly isBackwards: boolean
} {
  const query = createQueryReader(request.query, [
    "limit",
    "cursor",
    "workspace",
    "subject",
    "type",
    "backwards",
  ])
  const page = query.page()
  const isBackwards = query.boolean("backwards") ?? false
  if (isBackwards && wantsEventStream(request)) query.fault("backwards", "is not for an event stream")
  const workspace = query.text("workspace")
  const types = query.text("type")?.split(",").filter(Boolean)
  const subject = subjectOf(query.text("subject"))
  if (subject === null) query.fault("subject", "must be <kind>/<id>, such as workload/train-x7kqd")
  query.check()
  return { wanted: { workspace, subject: subject ?? undefined, types }, page, isBackwards }
}

/** All of them: a kind that is missing here does not compile. */
const subjectKinds: Readonly<Record<SubjectKind, true>> = {
  server: true,
  user: true,
  key: true,
  workspace: true,
  cluster: true,
  node: true,
  queue: true,
  "gpu-request": true,
  "gpu-template": true,
  prices: true,
  workload: true,
  pod: true,
  "compute-template": true,
  "config-map": true,
  secret: true,
  "ray-cluster": true,
  "ray-job": true,
  "ray-service": true,
  "ray-submission": true,
  "service-record": true,
  "pipeline-run": true,
  "model-version": true,
}

function isSubjectKind(word: string): word is SubjectKind {
  return Object.hasOwn(subjectKinds, word)
}

/** null for what is no subject. */
function subjectOf(text: string | undefined): Subject | null | undefined {
  if (text === undefined) return undefined
  const slash = text.indexOf("/")
  const kind = text.slice(0, Math.max(0, slash))
  const id = text.slice(slash + 1)
  return isSubjectKind(kind) && id !== "" ? { kind, id } : null
}

function filterFor(principal: Principal, wanted: Wanted): EventFilter {
  return {
    workspaces: visible(principal, "events.read", wanted.workspace),
    ...(wanted.subject ? { subject: wanted.subject } : {}),
    ...(wanted.types ? { types: wanted.types } : {}),
  }
}

/**
 * The workspaces whose records the caller may read; null = all, and the server's own. `known` are those that a
 * reader of the whole server can see: in some it may have more rights than in the server.
 * @throws AppError `not_found` for a workspace that does not exist for it, `forbidden` where it may read none
 */
function visible(
  principal: Principal,
  operation: Operation,
  workspace: string | undefined,
  known: readonly string[] = [],
): readonly string[] | null {
  if (workspace !== undefined) {
    authorize(principal, operation, { workspaceId: workspace })
    return [workspace]
  }
  const all = principal.workspaces()
  if (all === null && isAllowed(principal, operation, { workspaceId: null })) return null
  const readable = (all ?? known).filter((workspaceId) => isAllowed(principal, operation, { workspaceId }))
  if (readable.length === 0) authorize(principal, operation, { workspaceId: null })
  return readable
}

function lastEventId(request: FastifyRequest): EventSeq | undefined {
  const sent = request.headers["last-event-id"]
  return typeof sent === "string" && sent !== "" ? (sent as EventSeq) : undefined
}

interface Following {
  readonly services: Services
  readonly streams: Streams
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly wanted: Wanted
}

/** Sends events as they are committed, until the client goes, its rights end, or the server closes. */
async function followEvents(
  following: Following,
  from: EventSeq | null,
  first: readonly StoredEvent[],
): Promise<void> {
  const { services, streams, request, reply } = following
  let cursor = from
  // The id without data moves the client's cursor past what it may not see, so that it can resume later than that.
  const stream = streams.open(request, reply, {
    contentType: "text/event-stream; charset=utf-8",
    onHeartbeat: () =>
      request.renewPrincipal() ? (cursor === null ? sseHeartbeat : `id: ${cursor}\n\n`) : undefined,
  })
  const news = createWakeUp(services, stream)
  try {
    let batch = first
    for (;;) {
      if (batch.length > 0) {
        cursor = (batch.at(-1) as StoredEvent).seq
        const text = batch.map((event) => sseEvent({ id: event.seq, data: toEvent(event) })).join("")
        if (!(await stream.write(text))) return
      }
      if (batch.length < batchSize && !(await news.wait())) return
      const next = await nextBatch(following, cursor)
      batch = next.events
      cursor = next.cursor
    }
  } catch (error) {
    await stream.write(failureEvent(error, request))
  } finally {
    news.close()
    stream.end()
  }
}

/** With the rights of this moment. @throws AppError `unauthenticated` when the credential does not hold any more */
async function nextBatch(
  { services, request, wanted }: Following,
  cursor: EventSeq | null,
): Promise<{ readonly events: readonly StoredEvent[]; readonly cursor: EventSeq | null }> {
  const { journal, store } = services
  const principal = request.renewPrincipal()
  if (!principal)
    throw new AppError("unauthenticated", "The token does not hold any more.", { detail: "invalid" })
  const newest = await journal.lastSeq(store.committed)
  const events = await journal.eventsAfter(store.committed, cursor, filterFor(principal, wanted), batchSize)
  // Nothing for this reader up to `newest`: the next look need not begin before it.
  return { events, cursor: events.length === 0 ? (newest ?? cursor) : cursor }
}

/** Waits for commits that appended events. */
function createWakeUp(services: Services, stream: OpenStream) {
  // True at first: something may have come between the first look and this subscription.
  let hasNews = true
  let wake = () => {}
  const unsubscribe = services.store.subscribe(eventsAppended, () => {
    hasNews = true
    wake()
  })
  stream.signal.addEventListener("abort", () => wake())
  return {
    /** False when the stream is over. */
    async wait(): Promise<boolean> {
      if (!hasNews && !stream.signal.aborted) await new Promise<void>((resolve) => (wake = resolve))
      if (!stream.signal.aborted) await sleep(services.clock, gatherMs, stream.signal).catch(() => {})
      hasNews = false
      return !stream.signal.aborted
    },
    close: unsubscribe,
  }
}
