import { Type, type Static } from "typebox"
import {
  Exact,
  Nullable,
  PageOf,
  PageQuery,
  dnsLabel,
  flag,
  int,
  oneOf,
  text,
  timestamp,
} from "../common/index.ts"
import { ReasonCode } from "./queue.ts"

/** What a request may ask for and how it may be called: the largest numbers that any configuration allows. */
const bounds = {
  priority: { minimum: 0, maximum: 300 },
  gpusPerNode: { minimum: 1, maximum: 10_000 },
  nodes: { minimum: 1, maximum: 10_000 },
  durationSeconds: { minimum: 1, maximum: 10 * 366 * 86_400 },
  idleTimeoutSeconds: { minimum: 1, maximum: 10 * 366 * 86_400 },
  memoryGibPerGpu: { minimum: 1, maximum: 1_000_000 },
} as const

export const GpuRequestState = oneOf(
  ["queued", "provisioned", "complete", "early_released", "timed_out", "error", "cancelled"],
  "`queued` waits; `provisioned` holds nodes; `complete` its time is up, or its work over; `early_released` given back; `timed_out` nobody used it; `error` its nodes were lost; `cancelled` taken out of the queue.",
)
export type GpuRequestState = Static<typeof GpuRequestState>

export const PriorityBand = oneOf(
  ["low", "medium", "high"],
  "Of the priority: up to 100, up to 200, up to 300.",
)
export type PriorityBand = Static<typeof PriorityBand>

/** A shape of the inventory. */
export const GpuShape = Type.Object(
  {
    clusterId: text("The cluster."),
    instanceType: text("What kind of machine."),
    gpuModel: text("As the maker's tool names it."),
    memoryGibPerGpu: int("Memory of each GPU, whole GiB."),
    gpusPerNode: int("GPUs of each node."),
    nodes: int("How many nodes."),
  },
  { description: "A shape that the inventory has." },
)
export type GpuShape = Static<typeof GpuShape>

export const GpuRequestReason = Type.Object(
  {
    code: ReasonCode,
    requests: int("How many other requests that the caller may see it is about."),
    nodes: Type.Array(Type.String(), { description: "Names of the nodes that it is about; may be empty." }),
    needed: Nullable(Type.Integer(), "How many nodes are needed; null when it is not about that."),
    free: Nullable(Type.Integer(), "How many of them are free; null when it is not about that."),
    until: Nullable(timestamp("When it ends."), "When this reason ends by itself; null = unknown."),
    detail: text("What there is no node for; empty unless `cannot_be_met`."),
    nearest: Nullable(GpuShape, "What comes nearest to it; null unless `cannot_be_met`."),
  },
  { description: "Why a GPU request does not start now." },
)
export type GpuRequestReason = Static<typeof GpuRequestReason>

const heldNode = Type.Object(
  {
    nodeId: text("The node."),
    name: text("Its name in its cluster."),
    clusterId: text("Its cluster."),
    gpus: int("All its GPUs: whole nodes are handed over."),
    gpuModel: text("As the maker's tool names it."),
    instanceType: text("What kind of machine it is."),
  },
  { description: "A node that a request has, or had at its end." },
)

const estimate = Type.Object(
  {
    startAt: Nullable(timestamp("When it would start."), "When it would start; null = it cannot be met."),
    madeAt: timestamp("When that was said."),
  },
  { description: "What was said about its start." },
)

const slot = Type.Object(
  {
    startAt: timestamp("Its start."),
    endAt: timestamp("Its end."),
    clusterId: text("The cluster."),
    nodes: Type.Array(Type.String(), { description: "Names of the nodes." }),
  },
  { description: "When and where it starts, if everything ends as stated and nothing new comes." },
)

const automatic = Type.Object(
  {
    workloadId: text("The work that it is there for."),
    stepSeconds: int("It is extended by so much at a time, while that pushes nobody back; seconds."),
    hasEnd: flag("Its work has a time-out: it is not extended."),
  },
  { description: "What an automatic request was filed for." },
)

const cost = Type.Object(
  {
    amount: text("Decimal, as `12.50`."),
    currency: text("ISO 4217."),
  },
  { description: "What it costs." },
)

export const GpuRequest = Type.Object(
  {
    id: text("`gpr-` and 8 + 4 hexadecimal digits."),
    key: text("`gpr_` and a ULID; also names it."),
    name: text("For people; may repeat."),
    workspaceId: text("Its workspace."),
    userId: text("Who asked."),
    userName: text("The name of who asked; the id when the user is gone."),
    state: GpuRequestState,
    clusters: Type.Array(Type.String(), {
      description: "Where it may be, in the order in which they are tried.",
    }),
    instanceType: Nullable(Type.String(), "Exactly this kind of machine; null = any."),
    gpuModel: Nullable(Type.String(), "This model, case ignored; null = any."),
    memoryGibPerGpu: Nullable(Type.Integer(), "At least so much memory on each GPU, whole GiB; null = any."),
    gpusPerNode: int("GPUs of each node, at least."),
    nodes: int("How many whole nodes."),
    priority: int("0 to 300; higher goes first."),
    band: PriorityBand,
    durationSeconds: int("How long it holds its nodes, seconds; of an automatic one: its present step."),
    remainingSeconds: Nullable(
      Type.Integer(),
      "What is left of that after it went back to the queue, seconds; null otherwise.",
    ),
    idleTimeoutSeconds: Nullable(
      Type.Integer(),
      "It is given back after so long without use, seconds; null = never.",
    ),
    requeueOnFailure: flag("It goes back to the queue when a node is lost that nothing can replace."),
    automatic: Nullable(automatic, "What it was filed for; null when somebody asked for it."),
    createdAt: timestamp("When it was made."),
    startedAt: Nullable(timestamp("When it got its nodes."), "When it got its nodes; null = not yet."),
    endsAt: Nullable(timestamp("When it ends."), "When it ends, or was to; null while queued."),
    endedAt: Nullable(timestamp("When it ended."), "When it ended; null = not yet."),
    cause: Nullable(
      oneOf(
        ["duration", "released", "idle", "node_lost", "workspace_deleted", "work_over", "cancelled"],
        "Why it ended.",
      ),
      "Why it ended; null = it has not.",
    ),
    failureReason: text("A sentence; empty unless the state is `error`."),
    retries: int("How often it went back to the queue."),
    heldNodes: Type.Array(heldNode, { description: "What it holds, or held last." }),
    idleSince: Nullable(
      timestamp("Since when none of its GPUs is used."),
      "Since when none of its GPUs is used; null = in use, or not provisioned.",
    ),
    firstEstimate: Nullable(estimate, "The first estimate that was given; null = none yet."),
    estimate: Nullable(estimate, "The last one; it stays as it was when the request starts."),
    slot: Nullable(slot, "While it is queued: when and where it starts; null = nothing is planned for it."),
    likelyStartAt: Nullable(
      timestamp("When it is likely to start."),
      "While it is queued: when it starts if others use as much of their time as those before did; never later than its slot. Null = nobody can say.",
    ),
    reasons: Type.Array(GpuRequestReason, {
      description: "Why it does not start now, the most decisive first; empty when it is not queued.",
    }),
    cost: Nullable(cost, "So far, or in all; null where a GPU of it has no price."),
  },
  { description: "Asks for whole GPU nodes for a workspace for a time." },
)
export type GpuRequest = Static<typeof GpuRequest>
export const GpuRequestList = PageOf(GpuRequest, "GPU requests, newest first.")
export type GpuRequestList = Static<typeof GpuRequestList>

export const GpuRequestsQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(text("Only those of this workspace.")),
  state: Type.Optional(text("Only those in these states, separated by commas.")),
})
export type GpuRequestsQuery = Static<typeof GpuRequestsQuery>

export const GpuQueueEntry = Type.Object(
  { ...GpuRequest.properties, position: int("1..n in the one queue of all workspaces.") },
  { description: "A GPU request that waits." },
)
export type GpuQueueEntry = Static<typeof GpuQueueEntry>
export const GpuQueueList = PageOf(GpuQueueEntry, "GPU requests that wait, in their order.")
export type GpuQueueList = Static<typeof GpuQueueList>

const word = { minLength: 1, maxLength: 253 } as const

/** What both a request and a question about one say. */
const asked = {
  workspaceId: dnsLabel("Whose GPUs they will be."),
  clusters: Type.Optional(
    Type.Array(dnsLabel("A cluster."), {
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      description:
        "Where it may be, in the order in which they are tried. Default: the workspace's, in its order.",
    }),
  ),
  instanceType: Type.Optional(
    Nullable(text("A kind of machine.", word), "Exactly this kind of machine. Default: null, any."),
  ),
  gpuModel: Type.Optional(
    Nullable(text("A model.", word), "Long or short name of the model, case ignored. Default: null, any."),
  ),
  memoryGibPerGpu: Type.Optional(
    Nullable(
      int("Whole GiB.", bounds.memoryGibPerGpu),
      "At least so much memory on each GPU, whole GiB. Default: null, any.",
    ),
  ),
  gpusPerNode: int("GPUs of each node, at least.", bounds.gpusPerNode),
  nodes: Type.Optional(
    int("How many nodes: whole ones, all in one cluster, all or none.", { ...bounds.nodes, default: 1 }),
  ),
  priority: Type.Optional(
    int("Higher goes first: 1 is low, 101 medium, 201 high.", { ...bounds.priority, default: 101 }),
  ),
  durationSeconds: int("How long, in seconds, from the moment it gets its nodes.", bounds.durationSeconds),
  idleTimeoutSeconds: Type.Optional(
    Nullable(
      int("Seconds.", bounds.idleTimeoutSeconds),
      "Give it back after so long without use of a GPU, seconds. Default: null, never.",
    ),
  ),
  requeueOnFailure: Type.Optional(
    flag("Back to the queue when a node is lost that nothing can replace; otherwise it ends as `error`.", {
      default: false,
    }),
  ),
}

const requestName = text("For people; may repeat.", { minLength: 1, maxLength: 253 })

export const CreateGpuRequest = Exact({ name: requestName, ...asked }, "A new GPU request.")
export type CreateGpuRequest = Static<typeof CreateGpuRequest>

export const EstimateGpuRequest = Exact(
  { name: Type.Optional(requestName), ...asked },
  "A GPU request that is only asked about.",
)
export type EstimateGpuRequest = Static<typeof EstimateGpuRequest>

export const UpdateGpuRequest = Exact(
  {
    name: Type.Optional(requestName),
    priority: Type.Optional(int("Higher goes first.", bounds.priority)),
  },
  "What is absent stays as it is.",
)
export type UpdateGpuRequest = Static<typeof UpdateGpuRequest>

export const ExtendGpuRequest = Exact(
  { seconds: int("How much longer, seconds.", { minimum: 60, maximum: bounds.durationSeconds.maximum }) },
  "How much longer.",
)
export type ExtendGpuRequest = Static<typeof ExtendGpuRequest>
