import { Type, type Static } from "typebox"
import { Exact, Nullable, PageOf, flag, int, oneOf, text, timestamp } from "../common/index.ts"
import { Event } from "./journal.ts"
import { Ahead, ExplainedReason } from "./queue.ts"

/** Where a Ray cluster is. */
export const RayClusterState = oneOf(
  ["waiting", "installing", "starting", "ready", "failed", "ending", "gone"],
  "`waiting` for its place, `installing` its Ray version, `starting`, `ready`, `failed` for good; `ending` and `gone`: it was deleted.",
)
export type RayClusterState = Static<typeof RayClusterState>

const RayParent = Type.Object(
  { kind: oneOf(["job", "service"], "What it was made for."), name: text("The name of that.") },
  { description: "What a cluster was made for, and ends with." },
)

const clusterMembers = {
  namespace: text("Its namespace."),
  name: text("Unique in the namespace."),
  workspaceId: text("The workspace that the namespace belongs to."),
  state: RayClusterState,
  suspended: flag("It had its place and lost it: it starts again once it has one."),
  message: text("Why it waits, failed or was suspended: a sentence; empty where nothing is to be said."),
  rayVersion: text("The Ray version that was asked for; empty: by the image."),
  environment: Nullable(
    oneOf(["DEV", "TESTING", "STAGING", "PRODUCTION"], "What it is for."),
    "What it is for; null: made for a job or a service.",
  ),
  user: text("Whose it is by the label of the request."),
  userId: text("Who made it."),
  userName: text("The maker's name."),
  parent: Nullable(RayParent, "What it was made for, and ends with; null: somebody made it."),
  endpoints: Type.Record(Type.String(), Type.String(), {
    description: "Ports of the head by name (`dashboard`, `head`, `serve`, …); empty before it has started.",
  }),
  headFailures: int(
    "Heads that ended by themselves, one after the other, since it was last ready for a while.",
  ),
  createdAt: timestamp("When it was made."),
  readyAt: Nullable(timestamp("Since when it is ready."), "When it was last ready; null: never."),
  retryAt: Nullable(
    timestamp("When it is tried again."),
    "Nothing is tried before; null: nothing holds it back.",
  ),
}

export const RayCluster = Type.Object(clusterMembers, { description: "A Ray cluster." })
export type RayCluster = Static<typeof RayCluster>
export const RayClusterList = PageOf(RayCluster, "By namespace and name.")
export type RayClusterList = Static<typeof RayClusterList>

export const RayPod = Type.Object(
  {
    name: text("Unique; also the name of the node in Ray."),
    group: text("`head`, or the name of its worker group."),
    index: int("0-based in its group."),
    state: oneOf(
      ["wanted", "placed", "starting", "running", "ending", "gone"],
      "`wanted`: it waits for its place.",
    ),
    node: Nullable(Type.String(), "The machine it is on; null before it has a place."),
    gpuIndexes: Type.Array(Type.Integer(), { description: "Its GPUs of that machine." }),
    startedAt: Nullable(timestamp("When it started."), "When its processes started; null before."),
    endedAt: Nullable(timestamp("When it ended."), "When its processes ended; null before."),
    exitCode: Nullable(Type.Integer(), "Null before it ended, and where nobody knows."),
    message: text("Why it ended; empty while it lives."),
  },
  { description: "One node of a Ray cluster." },
)
export type RayPod = Static<typeof RayPod>

export const RayEvent = Type.Object(
  {
    type: oneOf(["Normal", "Warning"], "`Warning`: something is not as it should be."),
    reason: text("One word."),
    message: text("A sentence."),
    count: int("How often it happened."),
    firstAt: timestamp("The first time."),
    lastAt: timestamp("The last time."),
  },
  { description: "Something that a Ray cluster has to tell, as the KubeRay API shows it." },
)
export type RayEvent = Static<typeof RayEvent>

export const RayClusterDetail = Type.Object(
  {
    ...clusterMembers,
    pods: Type.Array(RayPod, {
      description: "Those that are not gone: the head first, then by group and index.",
    }),
    events: Type.Array(RayEvent, { description: "Oldest first." }),
  },
  { description: "A Ray cluster with its pods and events." },
)
export type RayClusterDetail = Static<typeof RayClusterDetail>

/** How much of a Ray pod's log is given at most. */
export const rayLogLimits = { usualBytes: 1024 * 1024, mostBytes: 16 * 1024 * 1024 } as const

export const RayPodLogQuery = Exact({
  maxBytes: Type.Optional(
    int("At most so many bytes, of its end.", {
      minimum: 1,
      maximum: rayLogLimits.mostBytes,
      default: rayLogLimits.usualBytes,
    }),
  ),
})
export type RayPodLogQuery = Static<typeof RayPodLogQuery>

/** What of Ray can be explained. */
export const RayKind = oneOf(["ray-cluster", "ray-job", "ray-service"], "What it is about.")
export type RayKind = Static<typeof RayKind>

export const RayExplanation = Type.Object(
  {
    kind: RayKind,
    id: text("`<namespace>/<name>`."),
    workspaceId: text("Its workspace."),
    state: text(
      "Of a cluster its state, of a job its deployment status; of a service `serving`, or `starting` before.",
    ),
    message: text("What is to be said of it: a sentence, or empty."),
    clusterName: Nullable(
      Type.String(),
      "The Ray cluster whose place in the queue this is: itself, or that of the job or service; null when there is none now.",
    ),
    reasons: Type.Array(ExplainedReason, {
      description:
        "Why that cluster, or a pod of it, waits: the most decisive first; empty when it does not.",
    }),
    position: int("Its place in the queue, from 1; 0 when it does not queue."),
    ahead: Ahead,
    waitingSince: Nullable(
      timestamp("Since when it waits for the first of the reasons."),
      "Since when it waits for the first of the reasons; null when it does not wait.",
    ),
    moves: Type.Array(Event, { description: "The last 20 things that happened to it, newest first." }),
  },
  { description: "Why a Ray cluster, job or service is as it is." },
)
export type RayExplanation = Static<typeof RayExplanation>
