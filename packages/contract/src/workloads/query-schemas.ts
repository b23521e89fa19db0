import { Type } from "typebox"
import type { Static } from "typebox"

const optional = (description: string) => Type.Optional(Type.String({ description }))
const optionalInt = (description: string) => Type.Optional(Type.Integer({ description }))

export const ListQuerySchema = Type.Object({
  workspaceId: optional("Exactly this workspace; without it, every one the caller may see."),
  phase: optional("Phases, separated by commas."),
  clusterId: optional("Exactly this cluster."),
  userId: optional("Exactly this submitter."),
  userName: optional("Part of the submitter's name."),
  kind: optional("Kinds, separated by commas."),
  description: optional("Part of the description."),
  offset: optionalInt("How many to skip. Default 0."),
  limit: optionalInt("How many to give. Default 100 (also for 0), at most 1000."),
  sortBy: optional(
    "A member of the answer, as `creationTime`, `createTime` or `create_time`. Default creationTime.",
  ),
  order: optional("`desc` (default) or `asc`."),
  since: optional("Created at or after: `2006-01-02T15:04:05.000Z`, UTC."),
  until: optional("Created at or before; likewise."),
  workloadId: optional("Part of the id."),
})
/** The query of a list, as a client writes it. */
export type ListWorkloadsQuery = Static<typeof ListQuerySchema>

export const LogQuerySchema = Type.Object({
  tailLines: optionalInt("The last n lines. Default 1000 (also for 0), at most 100000."),
  container: optional("Default: the main one."),
  sinceSeconds: optionalInt("Only lines of the last n seconds; 0 = all."),
  run: optionalInt("An earlier attempt, from 1. Default: the latest."),
})
export const StopQuerySchema = Type.Object({
  graceSeconds: optionalInt("Seconds between TERM and KILL, 0 to 600. Default: the workspace's policy."),
})

/** The query of a pod's log, as a client writes it. */
export type PodLogQuery = Static<typeof LogQuerySchema>
