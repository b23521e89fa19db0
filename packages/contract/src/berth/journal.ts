import { Type, type Static } from "typebox"
import { Exact, Nullable, PageOf, PageQuery, Timestamp } from "../common/index.ts"

/** Something that happened, as a CloudEvents 1.0 JSON event. */
export const Event = Type.Object({
  specversion: Type.Literal("1.0"),
  /** Opaque; also the cursor and the `Last-Event-ID` to resume after it. */
  id: Type.String(),
  source: Type.String(),
  /** `workload.created`, `node.cordoned`, … */
  type: Type.String(),
  /** `<kind>/<id>`: `workload/train-x7kqd`. */
  subject: Type.String(),
  time: Timestamp,
  datacontenttype: Type.Literal("application/json"),
  data: Type.Record(Type.String(), Type.Unknown()),
  /** Absent: about the server itself. */
  workspace: Type.Optional(Type.String()),
  actorkind: Type.Enum(["user", "key", "system"]),
  actorid: Type.String(),
  actorname: Type.String(),
})
export type Event = Static<typeof Event>

/** Oldest first; `nextCursor` null = nothing follows yet, go on with the last item's id. */
export const EventList = PageOf(Event)
export type EventList = Static<typeof EventList>

/**
 * With `Accept: text/event-stream`: every event after `Last-Event-ID` (or `cursor`), else from now on; each is sent
 * with its id, the event name `message` and the CloudEvent as data. Otherwise one page after `cursor`, else from the
 * oldest that is kept. A cursor older than what is kept: 410.
 */
export const EventsQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(Type.String()),
  /** `<kind>/<id>`. */
  subject: Type.Optional(Type.String()),
  /** Types, separated by commas. */
  type: Type.Optional(Type.String()),
})
export type EventsQuery = Static<typeof EventsQuery>

/** Who did something. */
export const Actor = Type.Object({
  kind: Type.Enum(["user", "key", "system"]),
  id: Type.String(),
  name: Type.String(),
  keyId: Nullable(Type.String()),
  address: Nullable(Type.String()),
  requestId: Nullable(Type.String()),
})
export type Actor = Static<typeof Actor>

export const AuditRecord = Type.Object({
  id: Type.String(),
  /** `workload.stop`, `key.create`, … */
  operation: Type.String(),
  subject: Type.Object({ kind: Type.String(), id: Type.String() }),
  workspaceId: Nullable(Type.String()),
  actor: Actor,
  outcome: Type.Enum(["ok", "refused"]),
  at: Timestamp,
  data: Type.Record(Type.String(), Type.Unknown()),
})
export type AuditRecord = Static<typeof AuditRecord>
export const AuditList = PageOf(AuditRecord)
export type AuditList = Static<typeof AuditList>

export const AuditQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(Type.String()),
  operation: Type.Optional(Type.String()),
  /** User id or name. */
  actor: Type.Optional(Type.String()),
})
export type AuditQuery = Static<typeof AuditQuery>
