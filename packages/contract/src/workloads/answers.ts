import { Type } from "typebox"
import type { Static } from "typebox"
import { CronJobSchema, ProbeSchema, ServiceSchema } from "./schemas.ts"

const text = (description: string) => Type.String({ description })
const int = (description: string) => Type.Integer({ description })
const flag = (description: string) => Type.Boolean({ description })
const optional = Type.Optional
const instant = (what: string) =>
  Type.String({ description: `${what}: \`YYYY-MM-DDTHH:mm:ss\` in UTC; "" when unset.` })

export const ResourceSchema = Type.Object(
  {
    replica: int("How many pods."),
    cpu: text("CPU cores per pod."),
    gpu: optional(text("GPUs per pod; absent when none.")),
    memory: text("Memory per pod."),
    ephemeralStorage: optional(text("Local storage per pod.")),
    sharedMemory: optional(text("Shared memory per pod.")),
  },
  { description: "What it asks for, per pod." },
)
export type WorkloadResource = Static<typeof ResourceSchema>

const itemMembers = {
  workloadId: text("The workload's id."),
  workspaceId: text("The workspace it belongs to."),
  resource: ResourceSchema,
  displayName: text("Name for people."),
  description: text("Free text."),
  userId: text("Who submitted it."),
  userName: text("The submitter's name at that time."),
  clusterId: text("The cluster it is on, or would go to first."),
  phase: text("Pending, Running, Succeeded, Failed or Stopped (applications also Updating, NotReady)."),
  message: text("Why it waits; only while Pending."),
  priority: int("0 to 2."),
  creationTime: instant("When it was created"),
  startTime: instant("When it first ran"),
  endTime: instant("When it ended"),
  deletionTime: instant("When its live object went"),
  runtime: text(
    "Since the start, to the end or now: `1h2m3s`, parts that are zero left out; `0s` before the start.",
  ),
  secondsUntilTimeout: int("0 without a timeout, -1 before the start."),
  schedulerOrder: int("Place in the queue of its workspace, from 1; 0 when it does not wait there."),
  dispatchCount: int("How many attempts were dispatched."),
  isTolerateAll: flag("Ignores the taints of nodes."),
  groupVersionKind: Type.Object(
    { version: text("v1."), kind: text("What kind of workload.") },
    { description: "What kind of workload." },
  ),
  timeout: Type.Union([Type.Integer(), Type.Null()], { description: "Seconds; null = none." }),
  workloadUid: text("A UUID."),
  k8sObjectUid: text('UUID of its latest attempt; "" before the first.'),
}

export const WorkloadItemSchema = Type.Object(itemMembers, { description: "A workload in a list." })
/** A workload in a list. */
export type WorkloadItem = Static<typeof WorkloadItemSchema>

export const ListWorkloadsResponseSchema = Type.Object(
  {
    totalCount: int("How many match, whatever the page."),
    items: Type.Array(WorkloadItemSchema, { description: "The page." }),
  },
  { description: "One page of the workloads that match." },
)
export type ListWorkloadsResponse = Static<typeof ListWorkloadsResponseSchema>

export const ConditionSchema = Type.Object(
  {
    type: text("What happened: `AdminScheduled`, `K8sRunning`, …"),
    status: Type.Literal("True", { description: "Always." }),
    reason: text("`run_<N>_times`: the attempt it belongs to."),
    message: text("A sentence; may be empty."),
    lastTransitionTime: text("RFC 3339, UTC, with Z."),
  },
  { description: "Something that happened to it." },
)
export type WorkloadCondition = Static<typeof ConditionSchema>

export const PodSchema = Type.Object(
  {
    podId: text("Its id."),
    k8sNodeName: optional(text("The node it is on.")),
    adminNodeName: optional(text("The same.")),
    phase: optional(text("Pending, Running, Succeeded, Failed, Unknown or Stopped.")),
    startTime: optional(text("When it started: `YYYY-MM-DDTHH:mm:ss` in UTC.")),
    endTime: optional(text("When it ended; likewise.")),
    hostIP: optional(text("Its node's address.")),
    podIP: optional(text("Its own address.")),
    rank: optional(text("Only for PyTorchJob.")),
    containers: Type.Array(
      Type.Object({
        name: text("The container."),
        reason: optional(text("`Completed`, `Error`, `OOMKilled`, …")),
        message: optional(text("A sentence.")),
        exitCode: int("0 to 255; 128 + n when signal n ended it."),
      }),
      { description: "How they ended; empty while the pod lives." },
    ),
  },
  { description: "Members that would be empty are absent." },
)
export type WorkloadPod = Static<typeof PodSchema>

export const WorkloadDetailSchema = Type.Object(
  {
    ...itemMembers,
    specifiedNodes: optional(Type.Array(Type.String(), { description: "Names of the nodes to run on." })),
    image: text("As sent; the local driver records and ignores it."),
    entryPoint: text("Start command, base64."),
    isSupervised: flag("Hang detection is asked for."),
    maxRetry: int("How often a failure is retried."),
    ttlSecondsAfterFinished: int("Seconds its live object is kept after the end."),
    conditions: Type.Array(ConditionSchema, { description: "What happened, oldest first." }),
    pods: Type.Array(PodSchema, { description: "Those of the current attempt." }),
    nodes: Type.Array(Type.Array(Type.String()), { description: "The nodes of each attempt." }),
    ranks: Type.Array(Type.Array(Type.String()), { description: "One for one with `nodes`." }),
    customerLabels: Type.Record(Type.String(), Type.String(), {
      description: "Labels that a node must all have.",
    }),
    env: Type.Record(Type.String(), Type.String(), { description: "Values are `***` for a viewer." }),
    liveness: optional(ProbeSchema),
    readiness: optional(ProbeSchema),
    service: optional(ServiceSchema),
    dependencies: optional(
      Type.Array(Type.String(), { description: "Workloads that must have succeeded before it starts." }),
    ),
    cronJobs: optional(Type.Array(CronJobSchema, { description: "When it starts." })),
  },
  { description: "A workload with all of it." },
)
/** A workload with all of it. */
export type WorkloadDetail = Static<typeof WorkloadDetailSchema>

export const PodLogResponseSchema = Type.Object(
  {
    workloadId: text("The workload."),
    podId: text("The pod."),
    namespace: text("The workspace."),
    logs: Type.Array(Type.String(), { description: 'Lines in order; after the last newline comes one "".' }),
  },
  { description: "The end of a pod's log, at most 8 MiB." },
)
export type PodLogResponse = Static<typeof PodLogResponseSchema>

export const PodContainersResponseSchema = Type.Object(
  {
    containers: Type.Array(Type.Object({ name: text("Its name.") }), { description: "The pod's." }),
    shells: Type.Array(Type.String(), { description: "Shells that may be there." }),
  },
  { description: "What of the pod can be looked into." },
)
export type PodContainersResponse = Static<typeof PodContainersResponseSchema>

export const ServiceAddressesSchema = Type.Object(
  {
    port: Type.Object(
      {
        protocol: text("TCP or UDP; UDP is not forwarded."),
        port: int("Port of the cluster address."),
        nodePort: optional(int("Port on the machine; absent for type ClusterIP.")),
        targetPort: int("Port that the pods listen on."),
      },
      { description: "The one port of the service." },
    ),
    externalDomain: text('Where a browser on the machine finds it: `http://127.0.0.1:<nodePort>/`, or "".'),
    internalDomain: text("`<clusterIp>:<port>`."),
    clusterIp: text("A loopback address of its own for as long as the workload lives."),
    type: text("ClusterIP or NodePort."),
  },
  { description: "Where the service of a workload is reached." },
)
export type ServiceAddresses = Static<typeof ServiceAddressesSchema>
