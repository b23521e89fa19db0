import type { QueryMembers, QueryReader } from "./query.ts"
import { failedTag, queryCount } from "./query.ts"
import type { Decoded } from "./result.ts"
import { decoded } from "./result.ts"

/** How a workload is to end. */
export interface DecodedStopQuery {
  /** Seconds between TERM and KILL, 0 to 600; null = the workspace's own. */
  readonly graceSeconds: number | null
}

const maxGraceSeconds = 600

/** Reads the query of POST …/stop, an addition to the document. */
export function decodeStopQuery(query: QueryMembers): Decoded<DecodedStopQuery> {
  const reader: QueryReader = { struct: "StopWorkloadRequest", from: query, issues: [] }
  const graceSeconds = queryCount(reader, "graceSeconds") ?? null
  if (graceSeconds !== null && graceSeconds > maxGraceSeconds) failedTag(reader, "graceSeconds", "max")
  return decoded({ graceSeconds }, reader.issues)
}
