import { readUuidText } from "./fields.ts"
import { readUnless, type ServiceIssue, type ServiceRead } from "./issues.ts"
import { lastOf, queryFlag, queryValues, type QueryReader } from "./query.ts"

/**
 * The id that a path names, lower case with hyphens.
 * @param text unescaped
 * @param parameter its name in the route
 */
export function decodeServiceId(text: string, parameter = "service_id"): ServiceRead<string> {
  const issues: ServiceIssue[] = []
  const id = readUuidText(text, { loc: ["path", parameter], issues })
  return readUnless(() => id ?? "", issues)
}

/** What the query of a GET of one thing says. */
export interface DecodedGetQuery {
  readonly hydrate: boolean
}

/** Reads the query (without `?`) of a GET of one thing; without `hydrate` it is whole. */
export function decodeGetQuery(search: string): ServiceRead<DecodedGetQuery> {
  const reader: QueryReader = { values: queryValues(search), issues: [] }
  const hydrate = queryFlag(reader, "hydrate", true)
  return readUnless(() => ({ hydrate }), reader.issues)
}

/** What the query of POST /services says. */
export interface DecodedCreateQuery {
  /** Goes before the body's; null: the body's counts. */
  readonly project: string | null
}

/** Reads the query (without `?`) of POST /services; nothing in it is refused. */
export function decodeCreateQuery(search: string): DecodedCreateQuery {
  const project = lastOf({ values: queryValues(search), issues: [] }, "project_name_or_id")
  return { project: project || null }
}
