import { Type, type Static } from "typebox"
import { Exact, Timestamp } from "../common/index.ts"
import { Cluster } from "./inventory.ts"

/** An error of `/berth/v1`. */
export const ErrorBody = Type.Object({
  /** `invalid`, `unauthenticated`, `forbidden`, `not_found`, `conflict`, … */
  code: Type.String(),
  /** A sentence. */
  message: Type.String(),
  /** Each fault of the request: where (`policy.scopes[0]`; "" = the whole) and what. */
  details: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
  /** Quote it when asking for help; also the header `X-Request-Id`. */
  requestId: Type.String(),
})
export type ErrorBody = Static<typeof ErrorBody>

/** Counts are of what the caller may see; nodes and GPUs of the whole server. */
export const Status = Type.Object({
  version: Type.String(),
  startedAt: Timestamp,
  uptimeSeconds: Type.Integer(),
  ready: Type.Boolean(),
  /** What is missing; empty when ready. */
  readyMessage: Type.String(),
  /** Anybody who reaches the port is the owner. */
  noAuth: Type.Boolean(),
  counts: Type.Object({
    nodes: Type.Integer(),
    healthyNodes: Type.Integer(),
    gpus: Type.Integer(),
    gpusFree: Type.Integer(),
    workspaces: Type.Integer(),
    workloadsQueued: Type.Integer(),
    workloadsRunning: Type.Integer(),
    /** Open event and log streams, and how many there may be. */
    streams: Type.Integer(),
    streamsMost: Type.Integer(),
  }),
  clusters: Type.Array(Cluster),
  /** Sentences about what somebody should know or do; empty in health. */
  warnings: Type.Array(Type.String()),
})
export type Status = Static<typeof Status>

/** `pods`: stop them too (their workloads become Stopped); they stay by default. */
export const StopServer = Exact({ pods: Type.Optional(Type.Boolean()) })
export type StopServer = Static<typeof StopServer>

export const StoppingServer = Type.Object({ podsLeft: Type.Integer() })
export type StoppingServer = Static<typeof StoppingServer>

/** `/healthz` and `/readyz`. */
export const Health = Type.Object({
  status: Type.Enum(["ok", "unavailable"]),
  message: Type.String(),
})
export type Health = Static<typeof Health>
