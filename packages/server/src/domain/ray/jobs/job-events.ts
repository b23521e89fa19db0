import type { Actor, Tx } from "../../journal/index.ts"
import type { RayJob } from "../types.ts"

/** An event of the journal about a job; its name is the phase's unless another is given. Ray's words are not in it. */
export function jobEvent(
  { namespace, name, workspaceId, phase, status }: RayJob,
  actor: Actor,
  atMs: number,
  type = phase.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase(),
): Parameters<Tx["emit"]>[0] {
  return {
    type: `ray-job.${type}`,
    subject: { kind: "ray-job", id: `${namespace}/${name}` },
    workspace: workspaceId,
    actor,
    atMs,
    data: { phase, status },
  }
}
