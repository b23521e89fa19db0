import { Type, type Static } from "typebox"
import { Exact, Nullable, PageOf, dnsLabel, flag, int, text, timestamp } from "../common/index.ts"

const longestSeconds = 10 * 366 * 86_400

const templateMembers = {
  clusterId: dnsLabel("The cluster."),
  gpusPerNode: int("GPUs of each node, at least.", { minimum: 1, maximum: 10_000 }),
  nodes: int("How many whole nodes.", { minimum: 1, maximum: 10_000 }),
  memoryGibPerGpu: Nullable(
    int("Whole GiB.", { minimum: 1, maximum: 1_048_576 }),
    "At least so much memory on each GPU, whole GiB; null = any.",
  ),
  gpuModel: text("Long or short name of the model, case ignored.", { minLength: 1, maxLength: 253 }),
  instanceType: text("Exactly this kind of machine.", { minLength: 1, maxLength: 253 }),
  durationSeconds: int("How long, seconds.", { minimum: 1, maximum: longestSeconds }),
  priority: int("0 to 300; higher goes first.", { minimum: 0, maximum: 300 }),
  idleTimeoutSeconds: Nullable(
    int("Seconds.", { minimum: 1, maximum: longestSeconds }),
    "Given back after so long without use, seconds; null = never.",
  ),
  requeueOnFailure: flag("Back to the queue when a node is lost that nothing can replace."),
}

/** A reusable form of a GPU request. */
export const GpuTemplate = Type.Object(
  {
    name: text("Unique on the server."),
    workspaceId: Nullable(Type.String(), "Whose editors may change it; null = the server's owners alone."),
    ...templateMembers,
    createdAt: timestamp("When it was made."),
  },
  { description: "A reusable form of a GPU request." },
)
export type GpuTemplate = Static<typeof GpuTemplate>
export const GpuTemplateList = PageOf(GpuTemplate, "Templates by name.")
export type GpuTemplateList = Static<typeof GpuTemplateList>

/** What may be left out of a template, and what holds then. */
const templateWritten = {
  ...templateMembers,
  nodes: Type.Optional(int("How many whole nodes.", { minimum: 1, maximum: 10_000, default: 1 })),
  memoryGibPerGpu: Type.Optional(templateMembers.memoryGibPerGpu),
  priority: Type.Optional(int("Higher goes first.", { minimum: 0, maximum: 300, default: 101 })),
  idleTimeoutSeconds: Type.Optional(templateMembers.idleTimeoutSeconds),
  requeueOnFailure: Type.Optional(
    flag("Back to the queue when a node is lost that nothing can replace.", { default: false }),
  ),
}

export const CreateGpuTemplate = Exact(
  {
    name: dnsLabel("Its name, for ever."),
    workspaceId: Type.Optional(
      Nullable(
        dnsLabel("A workspace."),
        "Whose editors may change it. Default: null, the server's owners alone.",
      ),
    ),
    ...templateWritten,
  },
  "A new template.",
)
export type CreateGpuTemplate = Static<typeof CreateGpuTemplate>

export const ReplaceGpuTemplate = Exact(templateWritten, "All that it is to be; whose it is stays.")
export type ReplaceGpuTemplate = Static<typeof ReplaceGpuTemplate>

const boundCluster = Exact(
  {
    clusterId: dnsLabel("A cluster of the workspace."),
    defaultTemplate: dnsLabel("What automatic requests are made from there."),
    templates: Type.Array(dnsLabel("A template."), {
      minItems: 1,
      maxItems: 64,
      uniqueItems: true,
      description: "What its people may choose from there; the default is among them.",
    }),
  },
  "The templates of one cluster.",
)

const bindingMembers = {
  clusters: Type.Array(boundCluster, {
    minItems: 1,
    maxItems: 64,
    description: "The templates of each cluster.",
  }),
  enableAutomatic: flag("Work that asks for GPUs files a request by itself, from the default template."),
}

/** Which templates a workspace uses, and whether its work files requests by itself. */
export const GpuBinding = Type.Object(
  {
    workspaceId: text("Whose it is: one for each workspace."),
    ...bindingMembers,
    createdAt: timestamp("When it was made."),
  },
  { description: "Which templates a workspace uses." },
)
export type GpuBinding = Static<typeof GpuBinding>
export const GpuBindingList = PageOf(GpuBinding, "Bindings by workspace.")
export type GpuBindingList = Static<typeof GpuBindingList>

export const ReplaceGpuBinding = Exact(
  { ...bindingMembers, enableAutomatic: Type.Optional(bindingMembers.enableAutomatic) },
  "All that it is to be.",
)
export type ReplaceGpuBinding = Static<typeof ReplaceGpuBinding>

export const CreateGpuBinding = Exact(
  { workspaceId: dnsLabel("Whose it is."), ...ReplaceGpuBinding.properties },
  "A new binding.",
)
export type CreateGpuBinding = Static<typeof CreateGpuBinding>

const price = Exact(
  {
    gpuModel: text("Long or short name of the model, case ignored.", { minLength: 1, maxLength: 253 }),
    instanceType: Type.Optional(
      Nullable(
        text("A kind of machine.", { minLength: 1, maxLength: 253 }),
        "Only for this kind of machine. Default: null, for all.",
      ),
    ),
    amountPerGpuHour: text("For one GPU and hour; decimal, at most 6 places, as `2.50`.", {
      pattern: String.raw`^\d{1,9}(\.\d{1,6})?$`,
      maxLength: 16,
    }),
    currency: text("ISO 4217: three capitals.", { pattern: "^[A-Z]{3}$", maxLength: 3 }),
  },
  "What one GPU of a model costs for an hour.",
)

export const Price = Type.Object(
  {
    gpuModel: text("Long or short name of the model."),
    instanceType: Nullable(Type.String(), "Only for this kind of machine; null = for all."),
    amountPerGpuHour: text("For one GPU and hour; decimal, at least 2 places."),
    currency: text("ISO 4217."),
  },
  { description: "What one GPU of a model costs for an hour." },
)
export type Price = Static<typeof Price>
export const PriceList = Type.Object(
  { items: Type.Array(Price, { description: "By model and kind of machine." }) },
  { description: "All prices." },
)
export type PriceList = Static<typeof PriceList>

export const SetPrices = Exact(
  { items: Type.Array(price, { maxItems: 256, description: "All that there are to be." }) },
  "All prices.",
)
export type SetPrices = Static<typeof SetPrices>
