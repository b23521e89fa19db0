import type { Membership, Principal, Role, UserId } from "../identity/index.ts"
import type { Workspace, WorkspacePolicy } from "./types.ts"

/** The workspaces' commands; rights are checked here. A workspace without a role for the principal is `not_found`. */
export interface WorkspaceService {
  list(principal: Principal): Promise<readonly Workspace[]>
  get(principal: Principal, id: string): Promise<Workspace>
  /** @throws AppError `already_exists` (detail: the state of the other), `conflict` detail `namespace_taken` (facts: namespace, holder) */
  create(
    principal: Principal,
    workspace: {
      readonly id: string
      readonly description: string
      readonly clusters: readonly string[] | null
      readonly policy: Partial<WorkspacePolicy>
      /** Beside the one of its own name; at most 64. Default none. */
      readonly namespaces?: readonly string[]
      /** At most 256 characters each. Default "". */
      readonly contact?: Workspace["contact"]
    },
  ): Promise<Workspace>
  /**
   * Members that are undefined change nothing; `namespaces` replaces the whole list.
   * @throws AppError `conflict` detail `deleting`, or `namespace_taken` (facts: namespace, holder) as `create`
   */
  update(
    principal: Principal,
    id: string,
    change: {
      readonly description?: string
      readonly clusters?: readonly string[]
      readonly policy?: Partial<WorkspacePolicy>
      /** Only a server Owner adds one. */
      readonly namespaces?: readonly string[]
      readonly contact?: Partial<Workspace["contact"]>
    },
  ): Promise<Workspace>
  /** `default` cannot be deleted; state `deleting` until its work is over, then gone. 409 while work is live unless `force`. */
  remove(principal: Principal, id: string, options: { readonly force: boolean }): Promise<void>
  members(principal: Principal, id: string): Promise<readonly Membership[]>
  setMember(principal: Principal, id: string, userId: UserId, role: Role | null): Promise<void>
  /** In memory, for other slices: undefined when there is none. */
  find(id: string): Workspace | undefined
  /** In memory: the id of the workspace that a namespace belongs to; undefined when it is nobody's. */
  namespaceOwner(name: string): string | undefined
  /** Makes `default` at first start. */
  bootstrap(clusters: readonly string[]): Promise<void>
}
