import { Type, type Static } from "typebox"
import { DnsLabel, Exact, Nullable, PageOf, PageQuery, Timestamp } from "../common/index.ts"

export const Role = Type.Enum(["owner", "editor", "viewer"])
export type Role = Static<typeof Role>

const policyMembers = {
  /** What happens when the head of the queue does not fit. */
  queuePolicy: Type.Enum(["fifo", "balance"]),
  /** Work of lower priority gives way. */
  enablePreempt: Type.Boolean(),
  /** Between TERM and KILL: 0–600. */
  stopGraceSeconds: Type.Integer({ minimum: 0, maximum: 600 }),
  /** Every user is an editor here. */
  openToAll: Type.Boolean(),
  /** Kinds of work it takes; empty = all. */
  scopes: Type.Array(Type.Enum(["Train", "Infer", "Authoring"]), { maxItems: 3, uniqueItems: true }),
}

export const WorkspacePolicy = Exact(policyMembers)
export type WorkspacePolicy = Static<typeof WorkspacePolicy>

/** Members that are absent stay as they are, or as the default is. */
export const WorkspacePolicyChange = Exact({
  queuePolicy: Type.Optional(policyMembers.queuePolicy),
  enablePreempt: Type.Optional(policyMembers.enablePreempt),
  stopGraceSeconds: Type.Optional(policyMembers.stopGraceSeconds),
  openToAll: Type.Optional(policyMembers.openToAll),
  scopes: Type.Optional(policyMembers.scopes),
})
export type WorkspacePolicyChange = Static<typeof WorkspacePolicyChange>

export const Workspace = Type.Object({
  /** Its name, for ever. */
  id: Type.String(),
  /** `ws_` and a ULID. */
  key: Type.String(),
  description: Type.String(),
  /** Where its work may run, in order of preference. */
  clusters: Type.Array(Type.String()),
  policy: WorkspacePolicy,
  queuePaused: Type.Boolean(),
  state: Type.Enum(["active", "deleting"]),
  /** What the caller is in it. */
  role: Nullable(Role),
  createdAt: Timestamp,
})
export type Workspace = Static<typeof Workspace>
export const WorkspaceList = PageOf(Workspace)
export type WorkspaceList = Static<typeof WorkspaceList>

const Description = Type.String({ maxLength: 1024 })
const ClusterNames = Type.Array(DnsLabel, { minItems: 1, maxItems: 64, uniqueItems: true })

export const CreateWorkspace = Exact({
  id: DnsLabel,
  description: Type.Optional(Description),
  /** All clusters when absent. */
  clusters: Type.Optional(ClusterNames),
  policy: Type.Optional(WorkspacePolicyChange),
})
export type CreateWorkspace = Static<typeof CreateWorkspace>

export const UpdateWorkspace = Exact({
  description: Type.Optional(Description),
  clusters: Type.Optional(ClusterNames),
  policy: Type.Optional(WorkspacePolicyChange),
})
export type UpdateWorkspace = Static<typeof UpdateWorkspace>

/** `force=true` also stops the work that lives in it. */
export const DeleteWorkspaceQuery = Exact({ force: Type.Optional(Type.Boolean()) })
export type DeleteWorkspaceQuery = Static<typeof DeleteWorkspaceQuery>

export const Member = Type.Object({
  userId: Type.String(),
  userName: Type.String(),
  role: Role,
})
export type Member = Static<typeof Member>
export const MemberList = PageOf(Member)
export type MemberList = Static<typeof MemberList>

export const SetMember = Exact({ role: Role })
export type SetMember = Static<typeof SetMember>

export const WorkspacesQuery = PageQuery
export type WorkspacesQuery = Static<typeof WorkspacesQuery>
