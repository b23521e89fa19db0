import type { JsonObject } from "../../kit/json.ts"
import { record, type Operation } from "../identity/index.ts"
import type { Actor, Subject, Tx } from "../journal/index.ts"
import type { GpuRequest } from "./types.ts"

/** What events and audit records on a request are about: its shown id. */
export function gpuRequestSubject({ shownId }: Pick<GpuRequest, "shownId">): Subject {
  return { kind: "gpu-request", id: shownId }
}

/** Writes event and audit record of a step that somebody took, in its transaction. */
export async function tellGpuRequest(
  tx: Tx,
  request: GpuRequest,
  step: {
    readonly operation: Operation
    readonly event: `gpu-request.${string}`
    readonly actor: Actor
    readonly atMs: number
    readonly data: JsonObject
  },
): Promise<void> {
  const { workspaceId } = request
  await record(tx, { ...step, subject: gpuRequestSubject(request), workspace: workspaceId })
}
