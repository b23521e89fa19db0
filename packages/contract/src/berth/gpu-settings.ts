import { Type, type Static } from "typebox"
import { Exact, Nullable, PageOf, dnsLabel, flag, int, text, timestamp } from "../common/index.ts"

const longestSeconds = 10 * 366 * 86_400

const anyModel = "Long or short name of the model, case ignored; null = any."
const anyInstance = "Exactly this kind of machine; null = any."
const anyMemory = "At least so much memory on each GPU, whole GiB; null = any."
const everIdle = "Given back after so long without use, seconds; null = never."
const requeue = "Back to the queue when a node is lost that nothing can replace."

/** A reusable form of a GPU request. */
export const GpuTemplate = Type.Object(
  {
    name: text("Unique on the server."),
    workspaceId: Nullable(Type.String(), "Whose editors may change it; null = the server's owners alone."),
    clusterId: text("The cluster."),
    gpusPerNode: int("GPUs of each node, at least."),
    nodes: int("How many whole nodes."),
    memoryGibPerGpu: Nullable(Type.Integer(), anyMemory),
    gpuModel: Nullable(Type.String(), anyModel),
    instanceType: Nullable(Type.String(), anyInstance),
    durationSeconds: int("How long, seconds."),
    priority: int("0 to 300; higher goes first."),
    idleTimeoutSeconds: Nullable(Type.Integer(), everIdle),
    requeueOnFailure: flag(requeue),
    createdAt: timestamp("When it was made."),
  },
  { description: "A reusable form of a GPU request." },
)
export type GpuTemplate = Static<typeof GpuTemplate>
export const GpuTemplateList = PageOf(GpuTemplate, "Templates by name.")
export type GpuTemplateList = Static<typeof GpuTemplateList>

const word = { minLength: 1, maxLength: 253 } as const

const templateWritten = {
  clusterId: dnsLabel("The cluster."),
  gpusPerNode: int("GPUs of each node, at least.", { minimum: 1, maximum: 10_000 }),
  nodes: Type.Optional(int("How many whole nodes.", { minimum: 1, maximum: 10_000, default: 1 })),
  memoryGibPerGpu: Type.Optional(
    Nullable(int("Whole GiB.", { minimum: 1, maximum: 1_000_000 }), `${anyMemory} Default: null.`),
  ),
  gpuModel: Type.Optional(Nullable(text("A model.", word), `${anyModel} Default: null.`)),
  instanceType: Type.Optional(Nullable(text("A kind of machine.", word), `${anyInstance} Default: null.`)),
  durationSeconds: int("How long, seconds.", { minimum: 1, maximum: longestSeconds }),
  priority: Type.Optional(int("Higher goes first.", { minimum: 0, maximum: 300, default: 101 })),
  idleTimeoutSeconds: Type.Optional(
    Nullable(int("Seconds.", { minimum: 1, maximum: longestSeconds }), `${everIdle} Default: null.`),
  ),
  requeueOnFailure: Type.Optional(flag(requeue, { default: false })),
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

const boundCluster = {
  clusterId: dnsLabel("A cluster of the workspace."),
  defaultTemplate: Nullable(
    dnsLabel("A template."),
    "What automatic requests are made from there; null = none are.",
  ),
  templates: Type.Array(dnsLabel("A template."), {
    maxItems: 64,
    uniqueItems: true,
    description: "What its people may choose from there.",
  }),
}

const automatic = "Work that asks for GPUs files a request by itself, from the default template."

/** Which templates a workspace uses, and whether its work files requests by itself. */
export const GpuBinding = Type.Object(
  {
    workspaceId: text("Whose it is: one for each workspace."),
    clusters: Type.Array(
      Type.Object(
        {
          clusterId: text("The cluster."),
          defaultTemplate: Nullable(
            Type.String(),
            "What automatic requests are made from there; null = none are.",
          ),
          templates: Type.Array(Type.String(), { description: "What its people may choose from there." }),
        },
        { description: "The templates of one cluster." },
      ),
      { description: "The templates of each cluster." },
    ),
    enableAutomatic: flag(automatic),
    createdAt: timestamp("When it was made."),
  },
  { description: "Which templates a workspace uses." },
)
export type GpuBinding = Static<typeof GpuBinding>
export const GpuBindingList = PageOf(GpuBinding, "Bindings by workspace.")
export type GpuBindingList = Static<typeof GpuBindingList>

export const ReplaceGpuBinding = Exact(
  {
    clusters: Type.Array(Exact(boundCluster, "The templates of one cluster."), {
      minItems: 1,
      maxItems: 64,
      description: "The templates of each cluster.",
    }),
    enableAutomatic: Type.Optional(flag(automatic, { default: false })),
  },
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
