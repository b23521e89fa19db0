import { Type } from "typebox"
import type { Static } from "typebox"
import { int } from "../common/index.ts"

/*
 * The requests and answers of the Workload API as JSON Schema: they document and type, they neither validate
 * nor serialise. Decoders (decode-*.ts) decide what is accepted.
 */

const text = (description: string) => Type.String({ description })
const flag = (description: string) => Type.Boolean({ description })
const textMap = (description: string) => Type.Record(Type.String(), Type.String(), { description })
const optional = Type.Optional
const portRange = { minimum: 1, maximum: 65_535 }

export const ProbeSchema = Type.Object(
  {
    path: text("Path of the HTTP health check."),
    port: int("Port of the check.", portRange),
    initialDelaySeconds: optional(int("Failures count from this many seconds on. Default 600.")),
    periodSeconds: optional(int("Seconds between two checks. Default 3.")),
    failureThreshold: optional(int("Failures in a row that count as one. Default 3.")),
  },
  { description: "HTTP health check; used by Deployment and StatefulSet." },
)
export type Probe = Static<typeof ProbeSchema>

export const ServiceSchema = Type.Object(
  {
    protocol: optional(text("TCP (default) or UDP.")),
    port: int("Port for access from outside.", portRange),
    nodePort: optional(
      int("Port on the machine, 30000 to 32767, for type NodePort; 0 = one is chosen.", {
        minimum: 0,
        maximum: 65_535,
      }),
    ),
    targetPort: int("Port that the pods listen on.", portRange),
    serviceType: text("ClusterIP or NodePort."),
    extends: optional(textMap("Further settings.")),
  },
  { description: "How the workload is reached; used by Deployment and StatefulSet." },
)
export type ServiceSpec = Static<typeof ServiceSchema>

export const CronJobSchema = Type.Object(
  {
    schedule: text(
      "An instant within a year (`2025-09-30T16:04:00.000Z`, UTC), or five cron fields (`0 3 * * MON-FRI`: minute, hour, day of month, month, day of week; UTC; where both days are restricted, either is enough).",
    ),
    action: optional(text("What happens then: `start` (default).")),
  },
  { description: "When it starts." },
)
export type CronJobItem = Static<typeof CronJobSchema>

export const KindSchema = Type.Object(
  {
    group: optional(text("Not used.")),
    version: optional(text("Default v1.")),
    kind: optional(text("PyTorchJob (default), Authoring, Deployment or StatefulSet.")),
  },
  { description: "What kind of workload it is." },
)
export type GroupVersionKind = Static<typeof KindSchema>

export const ResourceRequestSchema = Type.Object(
  {
    replica: int("How many pods. Overwritten by the number of `specifiedNodes`."),
    cpu: text("CPU cores per pod, a quantity: `128`, `500m`."),
    gpu: optional(text("GPUs per pod, a quantity: `8`.")),
    memory: text("Memory per pod, a quantity: `128Gi`."),
    ephemeralStorage: optional(text("Local storage per pod. Default 50Gi.")),
    sharedMemory: optional(text("Shared memory per pod. Default half the memory.")),
  },
  { description: "What it asks for, per pod." },
)
export type ResourceRequest = Static<typeof ResourceRequestSchema>

export const CreateWorkloadRequestSchema = Type.Object(
  {
    displayName: text("Name for people; the id is made from it. 2 to 45 characters."),
    description: optional(text("Free text.")),
    workspaceId: optional(text("The workspace it runs in. Required, unless `workspace` is sent.")),
    workspace: optional(text("Older name of `workspaceId`, which wins.")),
    specifiedNodes: optional(Type.Array(Type.String(), { description: "Names of the nodes to run on." })),
    resource: ResourceRequestSchema,
    image: optional(
      text("Image address. Required except for Authoring; the local driver records and ignores it."),
    ),
    entryPoint: optional(text("Start command, base64. Required except for Authoring.")),
    isSupervised: optional(
      flag(
        "A job is ended with cause `hang`, and retried as after any failure, when no pod of it has written to its log for 1,200 seconds, or for as many as its env `HANG_CHECK_INTERVAL` says (1 to 86400).",
      ),
    ),
    priority: optional(int("0 to 2, default 0; others are clamped.")),
    timeout: optional(
      Type.Union([Type.Integer(), Type.Null()], { description: "Seconds; 0 or null = none." }),
    ),
    maxRetry: optional(int("How often a failure is retried. Default 0, at most 50.")),
    ttlSecondsAfterFinished: optional(
      Type.Union([Type.Integer(), Type.Null()], {
        description: "Seconds its live object is kept after the end. Default 60.",
      }),
    ),
    customerLabels: optional(textMap("Labels that a node must all have.")),
    env: optional(textMap("Environment of every pod.")),
    liveness: optional(ProbeSchema),
    readiness: optional(ProbeSchema),
    service: optional(ServiceSchema),
    dependencies: optional(
      Type.Array(Type.String(), {
        description: "Ids of workloads that must have succeeded before it starts.",
      }),
    ),
    cronJobs: optional(
      Type.Array(CronJobSchema, {
        description:
          "Instants: it starts once, after the last of them. Cron fields, not for Deployment and StatefulSet: it is a schedule and never runs itself; when any entry matches, a workload without `cronJobs` is made of it, unless the last one lives. One that was missed is made up for within five minutes. Not both; at most 100.",
      }),
    ),
    groupVersionKind: optional(KindSchema),
    isTolerateAll: optional(flag("Ignore the taints of nodes.")),
  },
  { description: "Unknown members are ignored; null is the same as absent." },
)
/** What a client sends to create a workload. */
export type CreateWorkloadRequest = Static<typeof CreateWorkloadRequestSchema>

export const CreateWorkloadResponseSchema = Type.Object(
  { workloadId: text("The id of the new workload.") },
  { description: "The new workload." },
)
export type CreateWorkloadResponse = Static<typeof CreateWorkloadResponseSchema>

export const PatchWorkloadRequestSchema = Type.Object(
  {
    priority: optional(int("0 to 2.")),
    replica: optional(int("How many pods.")),
    cpu: optional(text("CPU cores per pod.")),
    gpu: optional(text("GPUs per pod.")),
    memory: optional(text("Memory per pod.")),
    ephemeralStorage: optional(text("Local storage per pod.")),
    sharedMemory: optional(text("Shared memory per pod.")),
    image: optional(text("Image address.")),
    entryPoint: optional(text("Start command, base64.")),
    env: optional(textMap("Replaces the whole environment.")),
    description: optional(text("Free text.")),
    timeout: optional(int("Seconds; 0 = none.")),
    maxRetry: optional(int("How often a failure is retried.")),
    cronJobs: optional(Type.Array(CronJobSchema, { description: "When it starts." })),
  },
  { description: "Absent fields stay as they are." },
)
/** What a client sends to change a workload. */
export type PatchWorkloadRequest = Static<typeof PatchWorkloadRequestSchema>

export const BatchWorkloadsRequestSchema = Type.Object(
  {
    workloadIds: Type.Array(Type.String(), { description: "1 to 1000 ids." }),
  },
  { description: "Which workloads." },
)
export type BatchWorkloadsRequest = Static<typeof BatchWorkloadsRequestSchema>

export const ErrorSchema = Type.Object(
  {
    errorCode: text("`Primus.` and five digits."),
    errorMessage: text("A sentence."),
  },
  { description: "Why the request was refused." },
)
/** The body of every refusal. */
export type WorkloadsError = Static<typeof ErrorSchema>

const FailedSchema = Type.Array(
  Type.Object({
    workloadId: text("Which one."),
    errorCode: text("`Primus.` and five digits."),
    errorMessage: text("A sentence."),
  }),
  { description: "Those of the batch that did not succeed; absent when all did." },
)
export const BatchFailuresSchema = Type.Object(
  { failed: FailedSchema },
  { description: "Some of the batch did not succeed." },
)
/** The body of a batch in which something failed and something succeeded; otherwise there is none. */
export type BatchFailures = Static<typeof BatchFailuresSchema>

export const CloneResponseSchema = Type.Object(
  {
    workloadIds: Type.Array(Type.String(), {
      description: "The ids of the clones, in the order of their sources.",
    }),
    failed: optional(FailedSchema),
  },
  { description: "The clones." },
)
export type CloneResponse = Static<typeof CloneResponseSchema>
