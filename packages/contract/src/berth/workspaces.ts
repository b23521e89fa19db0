import { Type, type Static } from "typebox"
import {
  Exact,
  Nullable,
  PageOf,
  PageQuery,
  dnsLabel,
  flag,
  int,
  oneOf,
  text,
  timestamp,
} from "../common/index.ts"

export const Role = oneOf(["owner", "editor", "viewer"], "What somebody may do in a workspace.")
export type Role = Static<typeof Role>

const policyMembers = {
  queuePolicy: oneOf(
    ["fifo", "balance"],
    "What happens when the head of the queue does not fit: `fifo` keeps those back that ask for what it is short of, `balance` lets them pass.",
  ),
  enablePreempt: flag("Work of lower priority gives way."),
  stopGraceSeconds: int("Seconds between TERM and KILL.", { minimum: 0, maximum: 600 }),
  openToAll: flag("Every user is an editor here."),
  scopes: Type.Array(Type.Enum(["Train", "Infer", "Authoring"]), {
    maxItems: 3,
    uniqueItems: true,
    description: "Kinds of work it takes; empty = all.",
  }),
  publishServices: flag(
    "Node ports of its services answer on every interface of the machine, not only on 127.0.0.1. Server owners set it.",
  ),
  mostGpuRequests: Type.Union([Type.Integer({ minimum: 1, maximum: 1000 }), Type.Null()], {
    description: "Provisioned GPU requests at a time; null = any number. Server owners set it.",
  }),
  autoGpuRequest: flag("Work that asks for GPUs and finds no room in a hold files a GPU request by itself."),
  joinGpuRequests: flag(
    "Work without a time-out, or with a longer one, may use a GPU request that somebody made.",
  ),
}

export const WorkspacePolicy = Exact(policyMembers, "What holds in a workspace.")
export type WorkspacePolicy = Static<typeof WorkspacePolicy>

/** Members that are absent stay as they are, or as the default is. */
export const WorkspacePolicyChange = Exact(
  {
    queuePolicy: Type.Optional(policyMembers.queuePolicy),
    enablePreempt: Type.Optional(policyMembers.enablePreempt),
    stopGraceSeconds: Type.Optional(policyMembers.stopGraceSeconds),
    openToAll: Type.Optional(policyMembers.openToAll),
    scopes: Type.Optional(policyMembers.scopes),
    publishServices: Type.Optional(policyMembers.publishServices),
    mostGpuRequests: Type.Optional(policyMembers.mostGpuRequests),
    autoGpuRequest: Type.Optional(policyMembers.autoGpuRequest),
    joinGpuRequests: Type.Optional(policyMembers.joinGpuRequests),
  },
  "What is absent stays as it is, or as the default is.",
)
export type WorkspacePolicyChange = Static<typeof WorkspacePolicyChange>

const contactMembers = {
  name: text("A person or team, as free text.", { maxLength: 256 }),
  email: text("As free text.", { maxLength: 256 }),
}
const Contact = Exact(
  { name: Type.Optional(contactMembers.name), email: Type.Optional(contactMembers.email) },
  "Who it is for. What is absent stays as it is.",
)
const Namespaces = Type.Array(dnsLabel("A namespace."), {
  maxItems: 64,
  uniqueItems: true,
  description:
    "Namespaces that are its own beside the one of its name; each belongs to one workspace of the server. `default`, `ray-system` and names that begin with `kube-` are nobody's to claim. Server owners add them.",
})

export const Workspace = Type.Object(
  {
    id: text("Its name, for ever."),
    key: text("`ws_` and a ULID."),
    description: text("Free text."),
    clusters: Type.Array(Type.String(), {
      description: "Where its work may run, in order of preference.",
    }),
    policy: WorkspacePolicy,
    namespaces: Type.Array(Type.String(), {
      description:
        "Asked for by name; each belongs to one workspace. The one of its own name is always its own.",
    }),
    contact: Type.Object(contactMembers, { description: "Who it is for, as its maker wrote it." }),
    queuePaused: flag("Nothing is admitted from its queue."),
    state: oneOf(["active", "deleting"], "`deleting`: its work is being stopped; then it is gone."),
    role: Nullable(Role, "What the caller is in it; null = it only sees it."),
    createdAt: timestamp("When it was made."),
  },
  { description: "A tenant: members with roles, a queue, a policy." },
)
export type Workspace = Static<typeof Workspace>
export const WorkspaceList = PageOf(Workspace, "Workspaces, newest first.")
export type WorkspaceList = Static<typeof WorkspaceList>

const Description = text("Free text.", { maxLength: 1024 })
const clusterNames = (description: string) =>
  Type.Array(dnsLabel("A cluster."), { minItems: 1, maxItems: 64, uniqueItems: true, description })

export const CreateWorkspace = Exact(
  {
    id: dnsLabel("Its name, for ever."),
    description: Type.Optional(Description),
    clusters: Type.Optional(
      clusterNames("Where its work may run, in order of preference. Default: all clusters."),
    ),
    policy: Type.Optional(WorkspacePolicyChange),
    namespaces: Type.Optional(Namespaces),
    contact: Type.Optional(Contact),
  },
  "A new workspace.",
)
export type CreateWorkspace = Static<typeof CreateWorkspace>

export const UpdateWorkspace = Exact(
  {
    description: Type.Optional(Description),
    clusters: Type.Optional(clusterNames("Where its work may run, in order of preference.")),
    policy: Type.Optional(WorkspacePolicyChange),
    namespaces: Type.Optional(Namespaces),
    contact: Type.Optional(Contact),
  },
  "What is absent stays as it is.",
)
export type UpdateWorkspace = Static<typeof UpdateWorkspace>

/** `force=true` also stops the work that lives in it. */
export const DeleteWorkspaceQuery = Exact({
  force: Type.Optional(
    flag("Also stop the work that lives in it; without it that is a 409.", { default: false }),
  ),
})
export type DeleteWorkspaceQuery = Static<typeof DeleteWorkspaceQuery>

export const Member = Type.Object(
  {
    userId: text("The user."),
    userName: text("Its name; the id when the user is gone."),
    role: Role,
  },
  { description: "Somebody's role in a workspace." },
)
export type Member = Static<typeof Member>
export const MemberList = PageOf(Member, "Members by user name.")
export type MemberList = Static<typeof MemberList>

export const SetMember = Exact({ role: Role }, "The role to give.")
export type SetMember = Static<typeof SetMember>

export const WorkspacesQuery = PageQuery
export type WorkspacesQuery = Static<typeof WorkspacesQuery>
