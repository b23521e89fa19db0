import type { ServiceRead } from "../issues.ts"
import { lastOf, queryFlag, queryUuid } from "../query.ts"
import {
  projectModel,
  serviceModel,
  stackModel,
  type ProjectColumn,
  type ServiceColumn,
  type StackColumn,
} from "./columns.ts"
import { readList, type DecodedList } from "./read-list.ts"

/** What a list of services asks for. */
export interface DecodedServiceList extends DecodedList<ServiceColumn> {
  /** UUID of the owner; counts whatever `match` says. */
  readonly scopeUser: string | null
  /** Name or id; null: the default one. */
  readonly project: string | null
}

/**
 * Reads the query of GET /services. `running` is checked and ignored; `config` and unknown parameters are ignored.
 * @param search without `?`
 */
export function decodeServiceList(search: string): ServiceRead<DecodedServiceList> {
  return readList(serviceModel, search, (reader) => {
    const scopeUser = queryUuid(reader, "scope_user")
    queryFlag(reader, "running", false)
    return { scopeUser, project: lastOf(reader, "project") || null }
  })
}

/** What a list of projects asks for. */
export type DecodedProjectList = DecodedList<ProjectColumn>

/** Reads the query (without `?`) of GET /projects. */
export function decodeProjectList(search: string): ServiceRead<DecodedProjectList> {
  return readList(projectModel, search, () => ({}))
}

/** What a list of stacks asks for. */
export interface DecodedStackList extends DecodedList<StackColumn> {
  /** UUID of the owner. */
  readonly scopeUser: string | null
}

/** Reads the query (without `?`) of GET /stacks. Filters by component are ignored. */
export function decodeStackList(search: string): ServiceRead<DecodedStackList> {
  return readList(stackModel, search, (reader) => ({ scopeUser: queryUuid(reader, "scope_user") }))
}
