import { Type, type Static } from "typebox"
import { Exact, Nullable, int, oneOf, text, timestamp } from "../common/index.ts"
import { GpuRequest, GpuRequestReason, GpuShape, PriorityBand } from "./gpu-requests.ts"
import { Event } from "./journal.ts"

/** Why a GPU request is as it is. */
export const GpuExplanation = Type.Object(
  {
    kind: Type.Literal("gpu-request", { description: "What it is about." }),
    request: GpuRequest,
    sentences: Type.Array(Type.String(), {
      description:
        "How it stands, for people: why it waits, the most decisive first; what it holds; how it ended.",
    }),
    position: int("Its place in the queue, from 1; 0 when it does not queue."),
    ahead: Type.Object(
      {
        ids: Type.Array(Type.String(), { description: "Those that the caller may see, at most 20." }),
        count: int("How many there are in all."),
      },
      { description: "What is before it in the queue." },
    ),
    inTheWay: Type.Array(
      Type.Object(
        {
          id: text("The GPU request."),
          workspaceId: text("Its workspace."),
          until: Nullable(timestamp("Until when."), "Until when; null = unknown."),
          nodes: Type.Array(Type.String(), {
            description: "Nodes that it holds, or that are promised to it.",
          }),
        },
        { description: "A GPU request in its way." },
      ),
      { description: "GPU requests in its way that the caller may see." },
    ),
    inTheWayHidden: int("How many more there are."),
    holds: Type.Array(
      Type.Object(
        {
          nodeId: text("The node."),
          name: text("Its name."),
          state: oneOf(["held", "draining"], "`draining`: what runs there is being ended."),
          since: timestamp("Since when it is held."),
          until: timestamp("Until when it was promised to the request."),
          drainDeadline: Nullable(
            timestamp("When all on it must have ended."),
            "When all on it must have ended; null while held.",
          ),
        },
        { description: "A node that is not free again." },
      ),
      { description: "Its nodes that are not free again." },
    ),
    moves: Type.Array(Event, { description: "The last 20 things that happened to it, newest first." }),
  },
  { description: "Why a GPU request is as it is." },
)
export type GpuExplanation = Static<typeof GpuExplanation>

export const GpuEstimate = Type.Object(
  {
    outcome: oneOf(
      ["now", "later", "never"],
      "`now`: it would start at once; `later`: it would wait; `never`: no node will ever do.",
    ),
    startAt: Nullable(timestamp("When it would start."), "When it would start; null when it cannot be met."),
    waitSeconds: Nullable(Type.Integer(), "How long it would wait, seconds; null when it cannot be met."),
    likelyStartAt: Nullable(
      timestamp("When it would be likely to start."),
      "When it would start if others use as much of their time as those before did; never later than `startAt`. Null = nobody can say.",
    ),
    clusterId: Nullable(Type.String(), "Where; null when it cannot be met."),
    nodes: Type.Array(Type.String(), { description: "Names of the nodes that it would get." }),
    reason: Nullable(GpuRequestReason, "Why not now; null when it would start at once."),
    sentence: text("All that for people."),
    nearest: Nullable(GpuShape, "What comes nearest to it; null unless it cannot be met."),
    alternatives: Type.Array(
      Type.Object(
        {
          ...GpuShape.properties,
          durationSeconds: int("How long, seconds."),
          startAt: timestamp("When it would start."),
          waitSeconds: int("How long it would wait, seconds."),
          sentence: text("What is different, for people."),
        },
        { description: "What would start sooner." },
      ),
      { description: "Others that would start sooner, the soonest first, at most 5." },
    ),
  },
  { description: "What would happen to a GPU request that was made now." },
)
export type GpuEstimate = Static<typeof GpuEstimate>

const errors = {
  started: int("How many requests that started in the last 30 days it is about."),
  medianErrorSeconds: Nullable(
    Type.Number(),
    "Start that came true minus what was said first, median, seconds: more than 0 = later than said. Null = none started.",
  ),
  p90AbsoluteErrorSeconds: Nullable(
    Type.Number(),
    "Nine of ten were no further off than this, seconds. Null = none started.",
  ),
  medianRelativeError: Nullable(
    Type.Number(),
    "Error by the wait that came true, median, of those that waited at least a minute; null = none did.",
  ),
  p90RelativeError: Nullable(Type.Number(), "The same, nine of ten; null = none did."),
}

export const GpuAccuracy = Type.Object(
  {
    bands: Type.Array(
      Type.Object(
        {
          band: PriorityBand,
          ...errors,
          likely: Type.Object(errors, {
            description: "The same of the likely starts that were said with the estimates.",
          }),
        },
        { description: "How good the estimates of one band were." },
      ),
      { description: "By band: low, medium, high." },
    ),
  },
  { description: "How good the estimates of the last 30 days were." },
)
export type GpuAccuracy = Static<typeof GpuAccuracy>

export const TimelineQuery = Exact({
  from: Type.Optional(timestamp("From when. Default: 6 hours ago.")),
  to: Type.Optional(
    timestamp("Until when, at most 92 days after `from`. Default: 24 hours after now, or after `from`."),
  ),
  workspace: Type.Optional(text("Only bars of this workspace.")),
})
export type TimelineQuery = Static<typeof TimelineQuery>

export const TimelineBar = Type.Object(
  {
    node: text("Name of the node."),
    clusterId: text("Its cluster."),
    requestId: Nullable(Type.String(), "The GPU request; null where the caller may not see whose it is."),
    name: Nullable(Type.String(), "Its name; null likewise."),
    workspaceId: Nullable(Type.String(), "Its workspace; null likewise."),
    kind: oneOf(
      ["past", "running", "draining", "predicted"],
      "`running`: until its stated end; `predicted`: if all ends as stated and nothing new comes.",
    ),
    start: timestamp("Its start."),
    end: timestamp("Its end."),
  },
  { description: "Who has a node from when to when." },
)
export type TimelineBar = Static<typeof TimelineBar>

export const Timeline = Type.Object(
  {
    from: timestamp("From when."),
    to: timestamp("Until when."),
    now: timestamp("What is before it has happened, what is after it is predicted."),
    nodes: Type.Array(
      Type.Object(
        {
          name: text("Its name in its cluster."),
          clusterId: text("Its cluster."),
          gpus: int("How many GPUs it has."),
          gpuModel: text("As the maker's tool names it."),
        },
        { description: "A node that can be lent." },
      ),
      { description: "Nodes that GPU requests can get, by cluster and name." },
    ),
    bars: Type.Array(TimelineBar, { description: "By node and start; at most 5,000, the latest." }),
  },
  { description: "Who had, has and will have which GPU nodes." },
)
export type Timeline = Static<typeof Timeline>
