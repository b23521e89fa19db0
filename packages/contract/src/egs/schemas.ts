import { Type, type TSchema } from "typebox"
import { flag, int, oneOf, text } from "../common/index.ts"

/*
 * The requests about GPU requests as JSON Schema: they document and type, they neither validate nor serialise.
 * Decoders (decode-*.ts) decide what is accepted; they also take numbers and booleans as text, and null or "" for
 * what is optional.
 */

const optional = Type.Optional
const maybe = <T extends TSchema>(schema: T) => optional(schema)
const names = (description: string) => Type.Array(Type.String(), { description })
const duration = (description: string) =>
  text(`${description} Days, hours, minutes, seconds, at least one: \`0d0h5m\`, \`1h\`, \`45m\`.`)

const wishMembers = {
  clusterName: maybe(text('A cluster of the workspace. Absent or "": any of them, in their order.')),
  preferredClusters: maybe(names("Further clusters of the workspace, in the order in which they are tried.")),
  enableAutoClusterSelection: maybe(flag("Any cluster of the workspace; what is named is not looked at.")),
  numberOfGPUs: int("GPUs that each node must have.", { minimum: 1 }),
  numberOfGPUNodes: int("How many whole nodes.", { minimum: 1 }),
  instanceType: maybe(
    text("Instance type of the nodes, as the inventory lists it; required unless `enableAutoGpuSelection`."),
  ),
  gpuShape: maybe(
    text(
      "GPU model, as `gpuModelName` of the inventory, long or short, in any case; required unless `enableAutoGpuSelection`.",
    ),
  ),
  enableAutoGpuSelection: maybe(
    flag("Any GPU with enough memory; `instanceType` and `gpuShape` are not looked at."),
  ),
  memoryPerGPU: maybe(int("Least memory of each GPU in whole GB; 0 = any.", { minimum: 0 })),
  memoryPerGpu: maybe(int("The same as `memoryPerGPU`.", { minimum: 0 })),
  exitDuration: duration("For how long."),
  idleTimeOutDuration: maybe(duration('Give it back after so long without use of its GPUs; "" = never.')),
  enforceIdleTimeOut: maybe(flag("false: `idleTimeOutDuration` is not applied; true: it must be there.")),
  enableEviction: maybe(flag("Kept and not applied: nobody is evicted for a GPU request.")),
  requeueOnFailure: maybe(
    flag("Back to the queue with what is left when a node is lost. Default true.", { default: true }),
  ),
}
const priority = int("0 to 300, higher first: low up to 100, medium up to 200, high up to 300.", {
  minimum: 0,
  maximum: 300,
})

export const CreateGprRequestSchema = Type.Object(
  {
    gprName: maybe(
      text(
        "A label for people, at most 253 characters; duplicates are fine. Required, here or as `requestName`.",
      ),
    ),
    requestName: maybe(text("The same as `gprName`.")),
    sliceName: text("The workspace."),
    ...wishMembers,
    priority,
    multiNode: maybe(flag("Kept and shown.")),
  },
  { description: "What a workspace asks for." },
)

export const WaitTimeRequestSchema = Type.Object(
  {
    requestName: maybe(text("Not used.")),
    sliceName: text("The workspace."),
    ...wishMembers,
    priority: maybe(priority),
  },
  { description: "What would be asked for." },
)

export const UpdateGprRequestSchema = Type.Object(
  {
    gprId: text("The GPU request."),
    priority: maybe(priority),
    earlyRelease: maybe(flag("true gives it back, after the other changes; false changes nothing.")),
    gprName: maybe(text("A new label.")),
  },
  { description: "What changes." },
)

export const GprIdSchema = Type.Object(
  { gprId: text("The GPU request.") },
  { description: "Which GPU request." },
)

export const SliceNameQuerySchema = Type.Object(
  { sliceName: text("The workspace.") },
  { description: "Which workspace." },
)

export const GprTemplateRequestSchema = Type.Object(
  {
    name: text("Its name, unique on the server: a DNS label."),
    workspaceName: maybe(
      text("The workspace whose Editors may change it. Default: the one of the caller's key."),
    ),
    clusterName: text("The cluster."),
    numberOfGPUs: int("GPUs that each node must have.", { minimum: 1 }),
    numberOfGPUNodes: int("How many whole nodes.", { minimum: 1 }),
    memoryPerGpu: maybe(int("Least memory of each GPU in whole GB; 0 = any.", { minimum: 0 })),
    gpuShape: text("GPU model."),
    instanceType: text("Instance type of the nodes."),
    exitDuration: duration("For how long."),
    priority: maybe(int("0 to 300. Default 101.", { minimum: 0, maximum: 300, default: 101 })),
    enforceIdleTimeOut: maybe(
      flag("Give it back when it is idle for `idleTimeOutDuration`, which must then be there."),
    ),
    idleTimeOutDuration: maybe(duration("How long it may be idle.")),
    enableEviction: maybe(flag("Kept and not applied.")),
    requeueOnFailure: maybe(flag("Back to the queue when a node is lost. Default true.", { default: true })),
  },
  { description: "A reusable form of a GPU request." },
)

export const GprTemplateNameSchema = Type.Object(
  { gprTemplateName: text("The template.") },
  { description: "Which template." },
)

export const GprTemplateBindingRequestSchema = Type.Object(
  {
    workspaceName: text("The workspace; it has at most one binding."),
    clusters: Type.Array(
      Type.Object(
        {
          clusterName: text("A cluster of the workspace."),
          defaultTemplateName: text("The template of requests that file themselves."),
          templates: maybe(names("Templates that may be used there; the default one is always among them.")),
        },
        { description: "The templates of one cluster." },
      ),
      { description: "At least one.", minItems: 1 },
    ),
    enableAutoGPR: maybe(
      flag("Work that asks for GPUs files a request by itself. Default false.", { default: false }),
    ),
  },
  { description: "Which templates a workspace uses on which cluster." },
)

export const GprTemplateBindingNameSchema = Type.Object(
  { gprTemplateBindingName: text("The binding: its workspace's name.") },
  { description: "Which binding." },
)

/** What a GPU request is, in either dialect. */
export const ProvisioningStatusSchema = oneOf(
  ["Queued", "Provisioned", "Successful", "Complete", "EarlyReleased", "TimedOut", "Error"],
  "Queued; Provisioned (upstream dialect: Successful); Complete: its time is up; EarlyReleased; TimedOut: nobody used it; Error: see `failureReason`.",
)
