import {
  decodeGetQuery,
  decodeProjectList,
  encodeProject,
  encodeProjectPage,
  noProject,
  noProjectScope,
  parseUuid,
  type ProjectColumn,
  type ProjectView,
} from "@berth/contract/services"
import type { Principal } from "../../domain/identity/index.ts"
import { defaultWorkspaceId, type Workspace, type WorkspaceService } from "../../domain/workspaces/index.ts"
import { AppError } from "../../kit/errors.ts"
import { ulidToUuid, uuidToUlid } from "../../kit/ids.ts"
import { valueOf, WordedError } from "./errors.ts"
import { pageOf } from "./memory-lists.ts"
import { parameterOf, searchOf, type ServicesHandler } from "./requests.ts"

type Workspaces = Pick<WorkspaceService, "list" | "find">

/** What is asked about projects: each is a workspace, its UUID the workspace's key. */
export function projectHandlers(workspaces: Workspaces) {
  return {
    async listProjects(request) {
      const query = valueOf("listProjects", decodeProjectList(searchOf(request)))
      const views = (await workspaces.list(request.principal)).map(projectView)
      return encodeProjectPage(pageOf("listProjects", views, query, columnOf), query.hydrate)
    },
    async getProject(request) {
      const { hydrate } = valueOf("getProject", decodeGetQuery(searchOf(request)))
      const nameOrId = parameterOf(request, "project_name_or_id")
      return encodeProject(projectView(await projectOf(workspaces, request.principal, nameOrId)), hydrate)
    },
  } satisfies Readonly<Record<string, ServicesHandler>>
}

/**
 * The workspace of a name or a UUID, by its UUID before its name.
 * @throws WordedError 404 where there is none, or none for the caller
 */
export async function projectOf(
  workspaces: Workspaces,
  principal: Principal,
  nameOrId: string,
): Promise<Workspace> {
  const uuid = parseUuid(nameOrId)
  const key = uuid.ok ? uuidToUlid(uuid.value) : null
  const found = (await workspaces.list(principal)).find((one) => one.key === key || one.id === nameOrId)
  if (found) return found
  throw new WordedError("not_found", 404, noProject(nameOrId, uuid.ok))
}

/** Where a request goes that names no project. @throws WordedError 400 where the caller has no role there */
export async function defaultProjectOf(workspaces: Workspaces, principal: Principal): Promise<Workspace> {
  const found = await defaultWorkspaceFor(workspaces, principal)
  if (found) return found
  throw new WordedError("invalid", 400, noProjectScope())
}

/** The UUID of where a caller's requests go that name no project; null where that is nowhere. */
export async function ownProjectId(workspaces: Workspaces, principal: Principal): Promise<string | null> {
  const found = await defaultWorkspaceFor(workspaces, principal)
  return found ? projectIdOf(found) : null
}

async function defaultWorkspaceFor(
  workspaces: Workspaces,
  principal: Principal,
): Promise<Workspace | undefined> {
  return (await workspaces.list(principal)).find(({ id }) => id === defaultWorkspaceId)
}

export function projectIdOf({ key }: Workspace): string {
  return ulidToUuid(key)
}

/** @throws AppError `not_found` for one that has gone in this moment */
export function shownProjectId(workspaces: Pick<Workspaces, "find">, workspaceId: string): string {
  const workspace = workspaces.find(workspaceId)
  if (workspace) return projectIdOf(workspace)
  throw new AppError("not_found", `There is no workspace ${workspaceId}.`, {
    resource: "workspace",
    name: workspaceId,
  })
}

function projectView(workspace: Workspace): ProjectView {
  const { id, description, createdAtMs } = workspace
  return {
    id: projectIdOf(workspace),
    name: id,
    displayName: id,
    description,
    createdAtMs,
    updatedAtMs: createdAtMs,
  }
}

function columnOf(view: ProjectView, column: ProjectColumn): string {
  return column === "display_name" ? view.displayName : view[column]
}
