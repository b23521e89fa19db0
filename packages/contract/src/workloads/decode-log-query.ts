import { dropAbsent } from "./decode-parts.ts"
import type { QueryMembers, QueryReader } from "./query.ts"
import { queryCount, queryInt, queryName } from "./query.ts"
import type { Decoded } from "./result.ts"
import { decoded } from "./result.ts"

/** Which part of a pod's log is wanted. */
export interface DecodedLogQuery {
  /** 1 to 100,000. */
  readonly tailLines: number
  /** "" = the main one. */
  readonly container: string
  /** How far back, in seconds; null = all. */
  readonly sinceSeconds: number | null
  /** An earlier attempt, from 1; absent = the latest. */
  readonly run?: number
}

const defaultTailLines = 1000
const maxTailLines = 100_000

/** Reads the query of GET …/logs. A `sinceSeconds` or `run` that is not positive counts as absent. */
export function decodeLogQuery(query: QueryMembers): Decoded<DecodedLogQuery> {
  const reader: QueryReader = { struct: "GetPodLogRequest", from: query, issues: [] }
  const tailLines = queryCount(reader, "tailLines") || defaultTailLines
  const container = queryName(reader, "container") ?? ""
  const sinceSeconds = queryInt(reader, "sinceSeconds") ?? 0
  const run = queryInt(reader, "run") ?? 0
  const value: DecodedLogQuery = {
    tailLines: Math.min(tailLines, maxTailLines),
    container,
    sinceSeconds: sinceSeconds > 0 ? sinceSeconds : null,
    ...dropAbsent({ run: run > 0 ? run : undefined }),
  }
  return decoded(value, reader.issues)
}
