import { Type, type Static } from "typebox"
import { Exact, flag, int, Nullable, oneOf, text, timestamp } from "../common/index.ts"
import { Cluster } from "./inventory.ts"

/** An error of `/berth/v1`. */
export const ErrorBody = Type.Object(
  {
    code: text("From a closed list: `invalid`, `unauthenticated`, `forbidden`, `not_found`, `conflict`, …"),
    message: text("A sentence."),
    details: Type.Array(
      Type.Object({
        path: text('Where: `policy.scopes[0]`; "" = the whole.'),
        message: text("What is wrong there."),
      }),
      { description: "Each fault of the request; empty where the error is not about its form." },
    ),
    requestId: text("Quote it when asking for help; also the header `X-Request-Id`."),
  },
  { description: "Why the request was refused." },
)
export type ErrorBody = Static<typeof ErrorBody>

/** Counts are of what the caller may see; nodes and GPUs of the whole server. */
export const Status = Type.Object(
  {
    version: text("Of the server."),
    startedAt: timestamp("When the server started."),
    uptimeSeconds: int("Seconds since then."),
    ready: flag("It has recovered what ran, and plans."),
    readyMessage: text("What is missing; empty when ready."),
    noAuth: flag("Anybody who reaches the port is the owner."),
    counts: Type.Object(
      {
        nodes: int("Nodes of the whole server."),
        healthyNodes: int("How many of them are healthy."),
        gpus: int("GPUs of the whole server."),
        gpusFree: int("How many of them no work has."),
        gpusHeld: int("How many of them GPU requests hold, with work or without."),
        workspaces: int("Workspaces that the caller may see."),
        workloadsQueued: int(
          "Entries of their queues: jobs, applications, and single replicas of those that run.",
        ),
        workloadsRunning: int("Workloads that hold capacity."),
        gpuRequestsQueued: int("GPU requests that wait."),
        gpuRequestsProvisioned: int("GPU requests that hold nodes."),
        streams: int("Open event and log streams."),
        streamsMost: int("How many streams there may be."),
      },
      { description: "Counts of what the caller may see; nodes and GPUs of the whole server." },
    ),
    clusters: Type.Array(Cluster, { description: "By name." }),
    queues: Type.Object(
      {
        paused: flag("Nothing more starts from any queue."),
        pausedBy: Nullable(text("Who paused them."), "Null while they are open."),
        since: Nullable(timestamp("Since when."), "Null while they are open."),
        restoredFrom: Nullable(
          timestamp("Of which instant the backup is that the database was restored from."),
          "Null unless they are paused for that.",
        ),
      },
      { description: "The switch of all queues." },
    ),
    warnings: Type.Array(Type.String(), {
      description: "Sentences about what somebody should know or do; empty in health.",
    }),
  },
  { description: "How the server is." },
)
export type Status = Static<typeof Status>

/** `pods`: stop them too (their workloads become Stopped); they stay by default. */
export const StopServer = Exact(
  {
    pods: Type.Optional(
      flag("Stop the pods too; their workloads become Stopped. Else they stay and are found again.", {
        default: false,
      }),
    ),
  },
  "How to shut down.",
)
export type StopServer = Static<typeof StopServer>

export const StoppingServer = Type.Object(
  { podsLeft: int("How many attempts' pods go on without the server.") },
  { description: "The server is about to end." },
)
export type StoppingServer = Static<typeof StoppingServer>

/** The OpenAPI documents that there are. */
export const DocumentList = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        family: text("Name of the API."),
        title: text("Its name for people."),
        path: text("Where its document is."),
      }),
      { description: "One document each API." },
    ),
  },
  { description: "The OpenAPI documents that there are." },
)
export type DocumentList = Static<typeof DocumentList>

/** `/healthz` and `/readyz`. */
export const Health = Type.Object(
  {
    status: oneOf(["ok", "unavailable"], "Whether it is."),
    message: text("A sentence."),
  },
  { description: "Whether the server lives, or is ready." },
)
export type Health = Static<typeof Health>

/** The public half of a key that signs, as RFC 7517 has it. */
const JsonWebKey = Type.Object(
  {
    kty: oneOf(["RSA"], "The kind of key."),
    n: text("Its modulus, in base64url."),
    e: text("Its exponent, in base64url."),
    kid: text("Its name: the `kid` in the header of the tokens that it signed."),
    alg: oneOf(["RS256"], "What it signs with."),
    use: oneOf(["sig"], "That it signs."),
  },
  { description: "The public half of a key that signs tokens." },
)

/** `/.well-known/jwks.json`. */
export const JsonWebKeySet = Type.Object(
  {
    keys: Type.Array(JsonWebKey, {
      description: "Newest first; those before the first sign no more, but what they signed may still hold.",
    }),
  },
  { description: "What tokens can be verified with (RFC 7517)." },
)
export type JsonWebKeySet = Static<typeof JsonWebKeySet>
