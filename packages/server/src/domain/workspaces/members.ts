import { AppError } from "../../kit/errors.ts"
import { authorize, record, roles } from "../identity/index.ts"
import { refuseIssues } from "./checks.ts"
import type { WorkspaceService } from "./commands.ts"
import type { WorkspacesOptions } from "./options.ts"
import { requireWorkspace } from "./tell.ts"

/** Who is what in a workspace. Its openness to everybody (`openToAll`) is policy and shows in no membership. */
export function createMembers(options: WorkspacesOptions): Pick<WorkspaceService, "members" | "setMember"> {
  const { store, rows, identityRows, directory, clock } = options

  return {
    async members(principal, id) {
      authorize(principal, "workspace.get", { workspaceId: id })
      return directory.members(id).toSorted((a, b) => (a.userId < b.userId ? -1 : 1))
    },

    async setMember(principal, id, userId, role) {
      authorize(principal, "workspace.members", { workspaceId: id })
      if (role !== null && !roles.includes(role))
        refuseIssues([{ path: ["role"], message: "must be owner, editor, viewer or null" }])
      const user = directory.user(userId)
      if (!user)
        throw new AppError("not_found", `User ${userId} not found.`, { resource: "user", name: userId })
      const before = directory.memberRole(id, userId)
      if (before === role) return
      const atMs = clock.nowMs()
      await store.tx(async (tx) => {
        await requireWorkspace(rows, tx, id)
        if (role === null) await identityRows.deleteMembership(tx, id, userId)
        else await identityRows.putMembership(tx, { workspaceId: id, userId, role })
        await record(tx, {
          operation: "workspace.members",
          event: role === null ? "workspace.member-removed" : "workspace.member-set",
          subject: { kind: "workspace", id },
          workspace: id,
          actor: principal.actor,
          atMs,
          data: { userId, userName: user.name, role, roleBefore: before },
        })
      })
    },
  }
}
