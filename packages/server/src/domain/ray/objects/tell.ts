import type { JsonObject } from "../../../kit/json.ts"
import { record, type Operation, type Principal } from "../../identity/index.ts"
import type { Tx } from "../../journal/index.ts"
import type { RayName } from "../commands.ts"
import type { RayResource } from "./refusals.ts"

/** Writes event and audit record of what somebody did to an object, in its transaction. */
export async function tellRay(
  tx: Tx,
  principal: Principal,
  object: RayName & { readonly workspaceId: string },
  step: {
    readonly resource: Exclude<RayResource, "namespace" | "pod">
    readonly did: "created" | "updated" | "stopped" | "deleted"
    readonly operation: Operation
    readonly atMs: number
    /** Never a value of a secret or of a variable. */
    readonly data?: JsonObject
  },
): Promise<void> {
  const { resource, did, operation, atMs, data = {} } = step
  await record(tx, {
    operation,
    event: `${resource}.${did}`,
    subject: { kind: resource, id: `${object.namespace}/${object.name}` },
    workspace: object.workspaceId,
    actor: principal.actor,
    atMs,
    data,
  })
}
