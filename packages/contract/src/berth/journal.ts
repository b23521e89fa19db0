import { Type, type Static } from "typebox"
import { Exact, Nullable, PageOf, PageQuery, oneOf, text, timestamp } from "../common/index.ts"

const actorKind = oneOf(
  ["user", "key", "system", "unknown"],
  "`user`: under --no-auth; `key`: with an API key; `system`: the server itself; `unknown`: requests without a credential that holds.",
)

/** Something that happened, as a CloudEvents 1.0 JSON event. */
export const Event = Type.Object(
  {
    specversion: Type.Literal("1.0", { description: "CloudEvents 1.0." }),
    id: text("Opaque; also the cursor and the `Last-Event-ID` to resume after it."),
    source: text("`/berth/v1`."),
    type: text("`workload.created`, `node.cordoned`, …"),
    subject: text("`<kind>/<id>`: `workload/train-x7kqd`."),
    time: timestamp("When it was committed."),
    datacontenttype: Type.Literal("application/json", { description: "Of `data`." }),
    data: Type.Record(Type.String(), Type.Unknown(), { description: "Facts, by the event's type." }),
    workspace: Type.Optional(text("The workspace it is about; absent: about the server itself.")),
    actorkind: actorKind,
    actorid: text("Who did it: the user's id; of `system` the part of the server."),
    actorname: text("Its name at the time."),
  },
  { description: "Something that happened, as a CloudEvents 1.0 JSON event." },
)
export type Event = Static<typeof Event>

/**
 * Oldest first; `nextCursor` null = nothing follows yet, go on with the last item's id. With `backwards` newest first;
 * null = the oldest that is kept was reached.
 */
export const EventList = PageOf(
  Event,
  "Events, oldest first. `nextCursor` null = nothing follows yet: go on with the last item's id. With `backwards` newest first; null = that was the oldest that is kept.",
)
export type EventList = Static<typeof EventList>

/**
 * With `Accept: text/event-stream`: every event after `Last-Event-ID` (or `cursor`), else from now on; each is sent
 * with its id, the event name `message` and the CloudEvent as data. Otherwise one page after `cursor`, else from the
 * oldest that is kept. A cursor older than what is kept: 410. `backwards`: one page of the newest, or of those before
 * `cursor`.
 */
export const EventsQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(text("Only events of this workspace.")),
  subject: Type.Optional(text("Only events of `<kind>/<id>`.")),
  type: Type.Optional(text("Only these types, separated by commas.")),
  backwards: Type.Optional(
    Type.Boolean({
      description:
        "A page of the newest events, or of those before `cursor`, newest first. Not for an event stream.",
    }),
  ),
})
export type EventsQuery = Static<typeof EventsQuery>

/** Who did something. */
export const Actor = Type.Object(
  {
    kind: actorKind,
    id: text("The user's id; of `system` the part of the server."),
    name: text("Its name at the time."),
    keyId: Nullable(Type.String(), "The API key; null = none."),
    address: Nullable(Type.String(), "Where the request came from; null = from the server itself."),
    requestId: Nullable(Type.String(), "`X-Request-Id` of the request; null = from the server itself."),
  },
  { description: "Who did something." },
)
export type Actor = Static<typeof Actor>

export const AuditRecord = Type.Object(
  {
    id: text("Opaque."),
    operation: text("`workload.stop`, `key.create`, …"),
    subject: Type.Object(
      { kind: text("What kind of thing: `workload`, `node`, …"), id: text("Which.") },
      { description: "What it was done to." },
    ),
    workspaceId: Nullable(Type.String(), "The workspace it was done in; null = on the server."),
    actor: Actor,
    outcome: oneOf(["ok", "refused"], "Whether it was done."),
    at: timestamp("When."),
    data: Type.Record(Type.String(), Type.Unknown(), { description: "Facts, by the operation." }),
  },
  { description: "Who did what." },
)
export type AuditRecord = Static<typeof AuditRecord>
export const AuditList = PageOf(AuditRecord, "Audit records, newest first.")
export type AuditList = Static<typeof AuditList>

export const AuditQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(text("Only what was done in this workspace.")),
  operation: Type.Optional(text("Only this operation.")),
  actor: Type.Optional(text("Only what this user (id or name) did.")),
  outcome: Type.Optional(
    oneOf(
      ["ok", "refused"],
      "`ok`: only what was done; `refused`: only what was not, counted by the minute.",
    ),
  ),
})
export type AuditQuery = Static<typeof AuditQuery>
