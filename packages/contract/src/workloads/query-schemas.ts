import { Type } from "typebox"
import type { Static } from "typebox"
import { int, type NumberRules } from "../common/index.ts"

const optional = (description: string) => Type.Optional(Type.String({ description }))
const optionalInt = (description: string, rules: NumberRules = {}) => Type.Optional(int(description, rules))

export const ListQuerySchema = Type.Object({
  workspaceId: optional("Exactly this workspace; without it, every one the caller may see."),
  phase: optional("Phases, separated by commas."),
  clusterId: optional("Exactly this cluster."),
  userId: optional("Exactly this submitter."),
  userName: optional("Part of the submitter's name."),
  kind: optional("Kinds, separated by commas."),
  description: optional("Part of the description."),
  offset: optionalInt("How many to skip.", { minimum: 0, default: 0 }),
  limit: optionalInt("How many to give; more than 1000 is 1000, and 0 the default.", {
    minimum: 0,
    default: 100,
  }),
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
  tailLines: optionalInt("The last n lines; more than 100000 is 100000, and 0 the default.", {
    minimum: 0,
    default: 1000,
  }),
  container: optional("Default: the main one."),
  sinceSeconds: optionalInt("Only lines of the last n seconds; all of them for 0 and less.", { default: 0 }),
  run: optionalInt("An earlier attempt, from 1; the latest for 0 and less.", { default: 0 }),
})
export const StopQuerySchema = Type.Object({
  graceSeconds: optionalInt("Seconds between TERM and KILL. Default: the workspace's policy.", {
    minimum: 0,
    maximum: 600,
  }),
})

/** The query of a pod's log, as a client writes it. */
export type PodLogQuery = Static<typeof LogQuerySchema>
