import type { GpuRequest, GpuWish } from "./types.ts"

/** What a new request is made of; everything else begins empty. */
export type NewGpuRequest = Pick<
  GpuRequest,
  | "id"
  | "shownId"
  | "name"
  | "workspaceId"
  | "userId"
  | "priority"
  | "durationMs"
  | "idleTimeoutMs"
  | "requeueOnFailure"
  | "enableEviction"
  | "multiNode"
  | "automatic"
  | "createdAtMs"
> & { readonly wish: GpuWish }

/** A queued request that nothing has happened to yet. */
export function newRequest(request: NewGpuRequest): GpuRequest {
  return {
    ...request,
    state: "queued",
    startedAtMs: null,
    endsAtMs: null,
    endedAtMs: null,
    nodes: [],
    place: null,
    remainingMs: null,
    heldBeforeMs: 0,
    retries: 0,
    cause: null,
    failureReason: "",
    promised: null,
    estimate: null,
    idleSinceMs: null,
    idleMs: 0,
    version: 1,
  }
}
