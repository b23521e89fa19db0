import { Type, type Static, type TSchema } from "typebox"
import { flag, int, text } from "../common/index.ts"
import { EnvelopeOf, NothingSchema } from "./envelope.ts"
import { GprTemplateNameSchema, ProvisioningStatusSchema } from "./schemas.ts"

const instant = (what: string) => text(`${what}: \`YYYY-MM-DDThh:mm:ssZ\`; "" when there is none.`)
const length = (what: string) => text(`${what}: \`XhXmXs\`, days folded into hours; "" when there is none.`)
const never = (what: string) => flag(`${what}: always false here.`)
const listOf = <T extends TSchema>(items: T, description: string) => Type.Array(items, { description })

export const GprStatusSchema = Type.Object(
  {
    provisioningStatus: ProvisioningStatusSchema,
    failureReason: text('Why it failed, as a sentence; "" otherwise.'),
    numGpusAllocated: int("GPUs per node times nodes while it holds them, else 0."),
    startTimestamp: instant("When it got its nodes"),
    completionTimestamp: instant("When it ended"),
    cost: text(
      'What it costs so far, or in all, with two decimals or more; "" while it waits or where no price is set.',
    ),
    nodes: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description: "Names of the nodes that it has, or had; null while it waits.",
    }),
    internalState: text('Queued (upstream dialect: ""), Reserved or Released.'),
    retryCount: int("How often it went back to the queue."),
    delayedCount: int("Always 0."),
  },
  { description: "Where it stands." },
)

export const GprSchema = Type.Object(
  {
    gprId: text("Its id: `gpr-`, 8 hexadecimal digits, `-`, 4 more."),
    sliceName: text("The workspace."),
    clusterName: text("The cluster it is on, or would go to first."),
    numberOfGPUs: int("GPUs that each node must have."),
    numberOfGPUNodes: int("How many whole nodes."),
    instanceType: text('As asked; of one that took any, its nodes\'; else "".'),
    memoryPerGPU: int("Least memory of each GPU in whole GB, as asked; 0 = any."),
    priority: int("0 to 300, higher first."),
    gpuSharingMode: text("Always `Virtual Machine`: whole nodes."),
    estimatedStartTime: instant(
      "When it starts by the present plan, or was to by the last one; none where it cannot be met",
    ),
    estimatedWaitTime: length(
      "From its creation to `estimatedStartTime`; `0h0m0s` when that is at once; none where it cannot be met (upstream dialect: `0h0m0s`)",
    ),
    exitDuration: length("For how long"),
    earlyRelease: flag("Somebody gave it back before its end."),
    gprName: text("Its label."),
    gpuShape: text('GPU model as asked; of one that took any, its nodes\'; else "".'),
    multiNode: flag("As given."),
    dedicatedNodes: never("Dedicated nodes"),
    enableRDMA: never("RDMA"),
    enableSecondaryNetwork: never("A second network"),
    status: GprStatusSchema,
    enforceIdleTimeOut: flag("It is given back when it is idle for `idleTimeOutDuration`."),
    idleTimeOutDuration: length("How long it may be idle"),
  },
  { description: "A GPU request." },
)
export type Gpr = Static<typeof GprSchema>

const waitMembers = {
  clusterName: text("The cluster."),
  instanceType: text('Instance type; "" = any.'),
  gpuShape: text('GPU model; "" = any.'),
  memoryPerGpu: int("Memory of each GPU in whole GB; 0 = any."),
  numberOfGPUs: int("GPUs that each node must have."),
  numberOfGPUNodes: int("How many whole nodes."),
  exitDuration: length("For how long"),
  estimatedWaitTime: length(
    "How long it would wait; none where it cannot be met (upstream dialect: `0h0m0s`)",
  ),
  estimatedStartTime: instant("When it would start; none where it cannot be met"),
}

export const WaitTimeCandidateSchema = Type.Object(waitMembers, { description: "One shape, and its wait." })
export type WaitTimeCandidate = Static<typeof WaitTimeCandidateSchema>

export const WaitTimeSchema = Type.Object(
  {
    ...waitMembers,
    items: listOf(
      WaitTimeCandidateSchema,
      "What was asked for, then other shapes that would start sooner, soonest first; at most 6.",
    ),
  },
  { description: "What was asked for, and its wait." },
)
export type WaitTime = Static<typeof WaitTimeSchema>

export const GprTemplateSchema = Type.Object(
  {
    name: text("Its name."),
    clusterName: text("The cluster."),
    numberOfGPUs: int("GPUs that each node must have."),
    numberOfGPUNodes: int("How many whole nodes."),
    memoryPerGpu: int("Least memory of each GPU in whole GB; 0 = any."),
    gpuShape: text("GPU model."),
    instanceType: text("Instance type of the nodes."),
    exitDuration: length("For how long"),
    priority: int("0 to 300."),
    enforceIdleTimeOut: flag("It is given back when it is idle for `idleTimeOutDuration`."),
    enableEviction: flag("As given."),
    requeueOnFailure: flag("Back to the queue when a node is lost."),
    idleTimeOutDuration: length("How long it may be idle"),
  },
  { description: "A reusable form of a GPU request." },
)
export type WireGprTemplate = Static<typeof GprTemplateSchema>

export const BoundClusterSchema = Type.Object(
  {
    clusterName: text("The cluster."),
    defaultTemplateName: text("The template of requests that file themselves."),
    templates: Type.Array(Type.String(), { description: "Templates that may be used there." }),
    defaultTemplateStatus: text("`Available`, or `NotFound` when there is no such template any more."),
    templateStatus: Type.Record(Type.String(), Type.String(), {
      description: "The same for each of `templates`, by name.",
    }),
  },
  { description: "The templates of one cluster." },
)

const bindingMembers = {
  clusters: listOf(BoundClusterSchema, "By cluster."),
  enableAutoGPR: flag("Work that asks for GPUs files a request by itself."),
}
export const GprTemplateBindingSchema = Type.Object(
  { name: text("The workspace's name."), ...bindingMembers },
  { description: "Which templates a workspace uses on which cluster." },
)
export type WireGprTemplateBinding = Static<typeof GprTemplateBindingSchema>

export const WrittenGprTemplateBindingSchema = Type.Object(
  {
    name: text("The workspace's name."),
    namespace: text("The workspace's own namespace."),
    ...bindingMembers,
  },
  { description: "The binding as it was written." },
)
export type WrittenGprTemplateBinding = Static<typeof WrittenGprTemplateBindingSchema>

const itemsOf = <T extends TSchema>(items: T, description: string) =>
  Type.Object({ items: listOf(items, description) }, { description })

export const NothingAnswerSchema = EnvelopeOf(NothingSchema, "Done.")
export const CreateGprAnswerSchema = EnvelopeOf(
  Type.Object({ gprId: text("The id of the new GPU request.") }, { description: "The new GPU request." }),
  "It waits; whether and when it starts is seen by its id.",
)
export const GprAnswerSchema = EnvelopeOf(GprSchema, "The GPU request.")
export const GprListAnswerSchema = EnvelopeOf(
  itemsOf(GprSchema, "All of the workspace's, by id; at most 10,000."),
  "GPU requests.",
)
export const WaitTimeAnswerSchema = EnvelopeOf(WaitTimeSchema, "The estimate.")
export const GprTemplateAnswerSchema = EnvelopeOf(GprTemplateSchema, "The template.")
export const GprTemplateListAnswerSchema = EnvelopeOf(itemsOf(GprTemplateSchema, "By name."), "Templates.")
export const CreateGprTemplateAnswerSchema = EnvelopeOf(GprTemplateNameSchema, "It is there.")
export const GprTemplateBindingAnswerSchema = EnvelopeOf(GprTemplateBindingSchema, "The binding.")
export const WrittenGprTemplateBindingAnswerSchema = EnvelopeOf(
  WrittenGprTemplateBindingSchema,
  "It is written.",
)
export const GprTemplateBindingListAnswerSchema = EnvelopeOf(
  Type.Object(
    {
      templateBindings: listOf(GprTemplateBindingSchema, "Those of the workspaces that the caller may see."),
    },
    { description: "Bindings, by workspace." },
  ),
  "Bindings.",
)
