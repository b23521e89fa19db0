import { Type, type Static } from "typebox"
import { dnsLabel, int, text } from "../common/index.ts"
import { EnvelopeOf } from "./envelope.ts"

const names = (description: string) => Type.Array(Type.String(), { description })

export const SliceWorkspaceNameSchema = Type.Object(
  { workspaceName: text("The workspace.") },
  { description: "Which workspace." },
)

const wishMembers = {
  username: Type.Optional(text("Who it is for, as free text; shown nowhere in this API.")),
  email: Type.Optional(text("The same.")),
}
const namespaces = Type.Optional(
  names(
    "Namespaces that belong to it on all of its clusters, at most 64. One belongs to one workspace of the server; `default`, `ray-system` and names that begin with `kube-` to none.",
  ),
)

export const CreateSliceWorkspaceRequestSchema = Type.Object(
  {
    workspaceName: dnsLabel("Its name, for ever."),
    clusters: names("Registered clusters that it may use, in order of preference: 1 to 16."),
    namespaces,
    ...wishMembers,
  },
  { description: "A new workspace." },
)

export const UpdateSliceWorkspaceRequestSchema = Type.Object(
  {
    workspaceName: text("The workspace."),
    clusters: Type.Optional(names("Replaces its clusters. Absent: they stay.")),
    namespaces,
    ...wishMembers,
  },
  { description: "Lists replace those that were; what is absent stays." },
)

export const KubeConfigRequestSchema = Type.Object(
  {
    workspaceName: text("The workspace."),
    clusterName: Type.Optional(text("One of its clusters. Default: its first.")),
  },
  { description: "Whose access, to which cluster." },
)

export const SliceWorkspaceSchema = Type.Object(
  {
    name: text("Its name."),
    overlayNetworkDeploymentMode: text("Always `no-network`."),
    maxClusters: int("How many clusters it may use."),
    sliceDescription: text(
      "`Created via slice workspace API`; of workspaces made elsewhere their description.",
    ),
    clusters: names("In order of preference."),
    namespaces: Type.Union(
      [
        Type.Array(
          Type.Object(
            { namespace: text("Its name."), clusters: names("Where it is.") },
            { description: "A namespace." },
          ),
        ),
        Type.Null(),
      ],
      { description: "Those that were asked for; null when there are none." },
    ),
  },
  { description: "A workspace." },
)
export type SliceWorkspace = Static<typeof SliceWorkspaceSchema>

export const SliceWorkspaceNameAnswerSchema = EnvelopeOf(SliceWorkspaceNameSchema, "Done.")
export const SliceWorkspaceListAnswerSchema = EnvelopeOf(
  Type.Object(
    { workspaces: Type.Array(SliceWorkspaceSchema, { description: "By name." }) },
    { description: "Workspaces." },
  ),
  "Workspaces.",
)
export const KubeConfigAnswerSchema = EnvelopeOf(
  Type.Object({ kubeConfig: text("YAML.") }, { description: "The file." }),
  "Access to the cluster.",
)
