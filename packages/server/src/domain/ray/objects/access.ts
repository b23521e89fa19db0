import { authorize, isAllowed, type Operation, type Principal } from "../../identity/index.ts"
import type { RayName } from "../commands.ts"
import type { RayScope } from "../types.ts"
import type { RayConfigOptions } from "./options.ts"
import { noNamespace, notThere, type RayResource } from "./refusals.ts"

/**
 * The workspace in which something is to be made.
 * @throws AppError `not_found` (resource `namespace`) for a namespace of nobody, or not for the caller; `forbidden`
 */
export function workspaceToWrite(
  { namespaceOwner }: Pick<RayConfigOptions, "namespaceOwner">,
  principal: Principal,
  namespace: string,
  operation: Operation,
): string {
  const workspaceId = namespaceOwner(namespace)
  if (workspaceId === undefined || principal.roleIn(workspaceId) === null) throw noNamespace(namespace)
  authorize(principal, operation, { workspaceId, ownerId: principal.userId })
  return workspaceId
}

/**
 * Which rows a list may show; null: none, as in a namespace that does not exist for the caller. Rows from before a
 * namespace changed hands are in it too: `seenBy` sorts them out.
 * @param namespace null = all that the caller may see
 * @throws AppError `forbidden`
 */
export function scopeToList(
  { namespaceOwner }: Pick<RayConfigOptions, "namespaceOwner">,
  principal: Principal,
  namespace: string | null,
  operation: Operation,
): RayScope | null {
  if (namespace === null) return { workspaceIds: workspacesToList(principal, operation) }
  const workspaceId = namespaceOwner(namespace)
  if (workspaceId === undefined || principal.roleIn(workspaceId) === null) return null
  authorize(principal, operation, { workspaceId })
  return { namespace }
}

function workspacesToList(principal: Principal, operation: Operation): readonly string[] | null {
  const ids = principal.workspaces()
  if (ids === null) authorize(principal, operation, { workspaceId: null })
  return ids?.filter((workspaceId) => isAllowed(principal, operation, { workspaceId })) ?? null
}

interface Owned {
  readonly workspaceId: string
}

/** Those of workspaces in which the caller may do it. */
export function seenBy<T extends Owned>(
  principal: Principal,
  operation: Operation,
  rows: readonly T[],
): readonly T[] {
  return rows.filter(({ workspaceId }) => isAllowed(principal, operation, { workspaceId }))
}

/**
 * The row, for a caller with the right to it.
 * @throws AppError `not_found` when there is none, or it is in a workspace without a role; `forbidden`
 */
export function requireSeen<T extends Owned>(
  principal: Principal,
  operation: Operation,
  row: T | undefined,
  what: { readonly resource: RayResource; readonly at: RayName },
): T {
  if (!row || principal.roleIn(row.workspaceId) === null) throw notThere(what.resource, what.at)
  authorize(principal, operation, { workspaceId: row.workspaceId })
  return row
}
