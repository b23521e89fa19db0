import { AppError } from "../../kit/errors.ts"
import type { Operation, Target } from "./commands.ts"
import { rights, type Standing } from "./rights.ts"
import type { Principal } from "./types.ts"

/**
 * Whether the principal may do the operation on the target, now. Pure and cheap: a table look-up.
 * False too where the workspace does not exist for it.
 */
export function isAllowed(principal: Principal, operation: Operation, target: Target): boolean {
  const standing = standingsFor(principal, target.workspaceId)
  return standing.some((who) => holds(principal, operation, who, target))
}

/**
 * Passes when the principal may do the operation on the target.
 * @throws AppError `not_found` (resource `workspace`) when it has no role in the target's workspace, which
 *   for it then does not exist; `forbidden` (facts: operation) with a sentence otherwise
 */
export function authorize(principal: Principal, operation: Operation, target: Target): void {
  const { workspaceId } = target
  const standing = standingsFor(principal, workspaceId)
  if (workspaceId !== null && standing.length === 0) throw workspaceNotFound(workspaceId)
  if (standing.some((who) => holds(principal, operation, who, target))) return
  throw new AppError("forbidden", `The user is not allowed to ${rights[operation].action}`, {
    ...(workspaceId === null ? {} : { resource: "workspace", name: workspaceId }),
    facts: { operation },
  })
}

/** The same words and facts whether the workspace is not there or only not for the caller. */
export function workspaceNotFound(workspaceId: string): AppError {
  return new AppError("not_found", `Workspace ${workspaceId} not found.`, {
    resource: "workspace",
    name: workspaceId,
  })
}

function holds(principal: Principal, operation: Operation, who: Standing, target: Target): boolean {
  const grant = rights[operation][who]
  return grant === "all" || (grant === "own" && target.ownerId === principal.userId)
}

/** All that the principal is for the target; its rights are the union. Empty = the workspace does not exist for it. */
function standingsFor(principal: Principal, workspaceId: string | null): readonly Standing[] {
  if (workspaceId === null) return [...serverStandings(principal), "anyone"]
  const role = principal.roleIn(workspaceId)
  if (role === null) return []
  return [...serverStandings(principal), role === "owner" ? "workspaceOwner" : role]
}

function serverStandings(principal: Principal): readonly Standing[] {
  switch (principal.serverRole) {
    case "owner":
      return ["serverOwner"]
    case "viewer":
      return ["serverViewer"]
    case null:
      return []
  }
}
