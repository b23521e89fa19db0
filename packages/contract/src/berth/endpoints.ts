import { Type, type Static } from "typebox"
import { Exact, PageOf, PageQuery, flag, int, oneOf, text } from "../common/index.ts"

export const Endpoint = Type.Object(
  {
    workloadId: text("The workload that it is the service of."),
    workspaceId: text("The workload's workspace."),
    kind: oneOf(
      ["PyTorchJob", "Authoring", "Deployment", "StatefulSet"],
      "The workload's kind: connections go to the ready replicas of an application, to the running pods of a job.",
    ),
    protocol: oneOf(["TCP", "UDP"], "UDP is not forwarded."),
    type: oneOf(["ClusterIP", "NodePort"], "Whether it has a node port."),
    address: text(
      "`127.65.x.y:port`: its own for as long as the workload lives, reached from the same machine.",
    ),
    nodeAddress: text(
      '`127.0.0.1:nodePort`; `0.0.0.0:nodePort` where the workspace publishes its services; "" without a node port.',
    ),
    targetPort: int("The port of the pods that connections go to."),
    readyPods: int("Pods that get connections now."),
    pods: int("Pods that are asked for."),
    listening: flag("The server listens on all of its addresses."),
    message: text("Why it does not; empty when it does."),
  },
  { description: "The service of a live workload: its addresses, and where they lead." },
)
export type Endpoint = Static<typeof Endpoint>
export const EndpointList = PageOf(Endpoint, "Services, newest first.")
export type EndpointList = Static<typeof EndpointList>

export const EndpointsQuery = Exact({
  ...PageQuery.properties,
  workspace: Type.Optional(text("Only of this workspace.")),
  workload: Type.Optional(text("Only the one of this workload; none when it has no service.")),
})
export type EndpointsQuery = Static<typeof EndpointsQuery>
