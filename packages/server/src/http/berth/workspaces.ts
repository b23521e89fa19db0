import type {
  CreateWorkspace,
  Member,
  MemberList,
  SetMember,
  UpdateWorkspace,
  Workspace as WireWorkspace,
  WorkspaceList,
  WorkspacePolicyChange,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import { authorize } from "../../domain/identity/index.ts"
import type { WorkspacePolicy } from "../../domain/workspaces/index.ts"
import type { Services } from "../services.ts"
import { toMember, toWorkspace } from "./map.ts"
import { createQueryReader, pageOf } from "./query.ts"
import { findUser } from "./users.ts"

/** Workspaces and their members; rights are the workspaces' service's. */
export function workspaceHandlers(services: Services) {
  const { workspaces } = services
  return {
    async listWorkspaces(request: FastifyRequest): Promise<WorkspaceList> {
      const query = createQueryReader(request.query, ["limit", "cursor"])
      const page = query.page()
      query.check()
      const all = await workspaces.list(request.principal)
      const cut = pageOf(all, (workspace) => workspace.key, page, "descending")
      return { ...cut, items: cut.items.map((workspace) => toWorkspace(workspace, request.principal)) }
    },
    async createWorkspace(request: FastifyRequest): Promise<WireWorkspace> {
      const body = request.body as CreateWorkspace
      const made = await workspaces.create(request.principal, {
        id: body.id,
        description: body.description ?? "",
        clusters: body.clusters ?? null,
        policy: policyOf(body.policy ?? {}),
        namespaces: body.namespaces ?? [],
        contact: { name: body.contact?.name ?? "", email: body.contact?.email ?? "" },
      })
      return toWorkspace(made, request.principal)
    },
    async getWorkspace(request: FastifyRequest): Promise<WireWorkspace> {
      return toWorkspace(await workspaces.get(request.principal, idOf(request)), request.principal)
    },
    async updateWorkspace(request: FastifyRequest): Promise<WireWorkspace> {
      const body = request.body as UpdateWorkspace
      const changed = await workspaces.update(request.principal, idOf(request), {
        ...(body.description === undefined ? {} : { description: body.description }),
        ...(body.clusters === undefined ? {} : { clusters: body.clusters }),
        ...(body.policy === undefined ? {} : { policy: policyOf(body.policy) }),
        ...(body.namespaces === undefined ? {} : { namespaces: body.namespaces }),
        ...(body.contact === undefined ? {} : { contact: body.contact }),
      })
      return toWorkspace(changed, request.principal)
    },
    async deleteWorkspace(request: FastifyRequest): Promise<void> {
      const query = createQueryReader(request.query, ["force"])
      const force = query.boolean("force") ?? false
      query.check()
      await workspaces.remove(request.principal, idOf(request), { force })
    },
    ...memberHandlers(services),
  }
}

function memberHandlers({ workspaces, directory }: Services) {
  return {
    async listMembers(request: FastifyRequest): Promise<MemberList> {
      const query = createQueryReader(request.query, ["limit", "cursor"])
      const page = query.page()
      query.check()
      const members = await workspaces.members(request.principal, idOf(request))
      return pageOf(
        members.map((membership) => toMember(membership, directory)),
        (member) => `${member.userName}\u0000${member.userId}`,
        page,
      )
    },
    async setMember(request: FastifyRequest): Promise<Member> {
      const { role } = request.body as SetMember
      const { id, user } = memberOf(request)
      await workspaces.setMember(request.principal, id, user.id, role)
      return { userId: user.id, userName: user.name, role }
    },
    async removeMember(request: FastifyRequest): Promise<void> {
      const { id, user } = memberOf(request)
      await workspaces.setMember(request.principal, id, user.id, null)
    },
  }

  function memberOf(request: FastifyRequest) {
    const { id, user } = request.params as { readonly id: string; readonly user: string }
    // Before the look-up: who may not set members learns nothing about users.
    authorize(request.principal, "workspace.members", { workspaceId: id })
    return { id, user: findUser(directory, user) }
  }
}

function idOf(request: FastifyRequest): string {
  return (request.params as { readonly id: string }).id
}

/** Every member that is there: the schema lets no other through, and absent ones stay absent. */
function policyOf(change: WorkspacePolicyChange): Partial<WorkspacePolicy> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}
