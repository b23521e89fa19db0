import { dropAbsent } from "./decode-parts.ts"
import { parseInstant } from "./instant.ts"
import type { QueryMembers, QueryReader } from "./query.ts"
import { failedTag, queryCount, queryFault, queryName, queryText } from "./query.ts"
import type { Decoded } from "./result.ts"
import { decoded } from "./result.ts"

/** The fields a list can be sorted by. */
export const listSortFields = [
  "creationTime",
  "startTime",
  "endTime",
  "deletionTime",
  "workloadId",
  "displayName",
  "workspaceId",
  "clusterId",
  "phase",
  "kind",
  "userName",
  "userId",
  "priority",
  "maxRetry",
  "dispatchCount",
  "timeout",
  "ttlSecondsAfterFinished",
  "description",
  "image",
  "entryPoint",
  "isSupervised",
  "isTolerateAll",
] as const
export type ListSortField = (typeof listSortFields)[number]

/** A list's filters and page; absent = no filter. */
export interface DecodedListQuery {
  readonly workspaceId?: string
  readonly clusterId?: string
  readonly userId?: string
  readonly phases?: readonly string[]
  readonly kinds?: readonly string[]
  /** Contained, case-sensitive. */
  readonly userName?: string
  readonly description?: string
  readonly workloadId?: string
  /** Epoch milliseconds, both ends included. */
  readonly createdFromMs?: number
  readonly createdToMs?: number
  readonly sortBy: ListSortField
  readonly order: "asc" | "desc"
  readonly offset: number
  /** 1 to 1000. */
  readonly limit: number
}

const defaultLimit = 100
const maxLimit = 1000
/** Of a text that is looked for in names and descriptions: each row that there is, is compared with it. */
const maxContained = 1024

/** Names of upstream's records that differ from those of its answers, folded as {@link foldName} does. */
const otherNames: Readonly<Record<string, ListSortField>> = {
  id: "creationTime",
  createtime: "creationTime",
  deletetime: "deletionTime",
  workspace: "workspaceId",
  cluster: "clusterId",
  gvk: "kind",
  groupversionkind: "kind",
  username: "userName",
  ttlsecond: "ttlSecondsAfterFinished",
}
const sortNames = new Map<string, ListSortField>([
  ...Object.entries(otherNames),
  ...listSortFields.map((field): [string, ListSortField] => [foldName(field), field]),
])

/** Reads the query of GET /workloads. Unknown parameters and an unknown `sortBy` are ignored. */
export function decodeListQuery(query: QueryMembers): Decoded<DecodedListQuery> {
  const reader: QueryReader = { struct: "ListWorkloadRequest", from: query, issues: [] }
  const filters = dropAbsent({
    workspaceId: queryName(reader, "workspaceId"),
    phases: queryList(reader, "phase"),
    clusterId: queryName(reader, "clusterId"),
    userId: queryName(reader, "userId"),
    userName: queryText(reader, "userName", maxContained),
    kinds: queryList(reader, "kind"),
    description: queryText(reader, "description", maxContained),
  })
  const value: DecodedListQuery = {
    ...filters,
    offset: queryCount(reader, "offset") ?? 0,
    limit: Math.min(queryCount(reader, "limit") || defaultLimit, maxLimit),
    sortBy: sortNames.get(foldName(queryText(reader, "sortBy") ?? "")) ?? "creationTime",
    order: queryOrder(reader),
    ...dropAbsent({
      createdFromMs: querySince(reader),
      createdToMs: queryUntil(reader),
      workloadId: queryName(reader, "workloadId"),
    }),
  }
  return decoded(value, reader.issues)
}

function foldName(name: string): string {
  return name.replaceAll("_", "").toLowerCase()
}

function queryList(reader: QueryReader, key: string): readonly string[] | undefined {
  const value = queryText(reader, key)
  return value === undefined ? undefined : [...new Set(value.split(","))]
}

function queryOrder(reader: QueryReader): "asc" | "desc" {
  const order = queryText(reader, "order") ?? "desc"
  if (order === "asc" || order === "desc") return order
  failedTag(reader, "order", "oneof")
  return "desc"
}

function querySince(reader: QueryReader): number | undefined {
  const instant = queryInstant(reader, "since")
  return instant && (instant.isBetween ? instant.ms + 1 : instant.ms)
}

/** Creation times are shown in whole seconds, so one that is sent back as `until` includes its own second. */
function queryUntil(reader: QueryReader): number | undefined {
  const instant = queryInstant(reader, "until")
  return instant && (instant.hasFraction ? instant.ms : instant.ms + 999)
}

function queryInstant(reader: QueryReader, key: string): ReturnType<typeof parseInstant> {
  const value = queryText(reader, key)
  if (value === undefined) return undefined
  const instant = parseInstant(value)
  if (!instant)
    queryFault(reader, key, `invalid query: the ${key} time must look like 2006-01-02T15:04:05.000Z`)
  return instant
}
