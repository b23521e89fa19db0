import { Type, type Static, type TProperties } from "typebox"
import { int, oneOf, text } from "../common/index.ts"
import { EnvelopeOf } from "./envelope.ts"

const NodeStatusSchema = oneOf(
  ["NODE_AVAILABLE", "NODE_RESERVED"],
  "NODE_RESERVED: a GPU request has it, or it is being emptied after one.",
)

const nodeMembers = (memory: string) => ({
  gpuNodeName: text("The node."),
  gpuShape: text("Its instance type; the GPU model is `gpuModelName`."),
  gpuModelName: text("GPU model."),
  instanceType: text("Instance type."),
  clusterName: text("The cluster."),
  memory: int(memory),
  gpuCount: int("GPUs."),
  gpuTempThreshold: text('Always "".'),
  gpuPowerThreshold: text('Always "".'),
  cloudProvider: text('Whose machine it is; "" for machines of one\'s own.'),
  region: text('Where it is; "" where nobody says.'),
  nodeHealth: oneOf(
    ["Healthy", "Unhealthy", "Unschedulable"],
    "Unschedulable: it was taken out of use by somebody.",
  ),
  gpuNodeStatus: NodeStatusSchema,
  gpuNodeState: NodeStatusSchema,
})

export const GpuInventoryItemSchema = Type.Object(nodeMembers("Memory of one GPU in MiB."), {
  description: "A GPU node, as older clients read it.",
})
export type GpuInventoryItem = Static<typeof GpuInventoryItemSchema>

export const GpuAllocationSchema = Type.Object(
  {
    gprName: text('The id of the GPU request; "" where the caller may not see it.'),
    sliceName: text('Its workspace; "" where the caller may not see it.'),
    totalGPUsAllocated: int("All GPUs of the node."),
    allocationTimeStamp: Type.Object(
      { seconds: text("Seconds since 1970, as text."), nanos: int("Always 0.") },
      { description: "Since when." },
    ),
  },
  { description: "Who has the node." },
)

export const GpuSlicingProfileSchema = Type.Object({}, { description: "Never there: GPUs are not divided." })
const slicingMembers = {
  gpuSlicingProfile: Type.Array(GpuSlicingProfileSchema, { description: "Always empty." }),
} satisfies TProperties

export const GpuNodeSchema = Type.Object(
  {
    ...nodeMembers("Memory of one GPU in whole GB."),
    cloud: text("The same as `cloudProvider`."),
    availableGPUs: int("GPUs that a GPU request could get now: all or none."),
    ...slicingMembers,
    allocation: Type.Array(GpuAllocationSchema, { description: "At most one." }),
  },
  { description: "A GPU node." },
)
export type GpuNode = Static<typeof GpuNodeSchema>

export const GpuInventoryAnswerSchema = EnvelopeOf(
  Type.Object(
    {
      items: Type.Array(GpuInventoryItemSchema, {
        description: "The managed nodes, as older clients read them.",
      }),
      managedNodes: Type.Array(GpuNodeSchema, { description: "Nodes that GPU requests may get." }),
      unmanagedNodes: Type.Array(GpuNodeSchema, {
        description:
          "Nodes with GPUs that GPU requests never get: those labelled so, or given to one workspace.",
      }),
    },
    { description: "GPU nodes, by cluster and name." },
  ),
  "GPU nodes.",
)

const sharedMembers = {
  nodeName: Type.Array(Type.String(), { description: "The nodes, by name." }),
  instanceType: text("Instance type."),
  memory: int("Memory of one GPU in MiB."),
  totalGpus: int("GPUs of all of these nodes."),
  gpuShape: text("GPU model."),
}

export const WorkspaceGpusSchema = Type.Union(
  [
    Type.Object(
      {
        ...sharedMembers,
        memoryPerGpu: int("The same in whole GB."),
        gpuPerNode: int("GPUs of each node."),
        totalGpuNodes: int("How many nodes."),
        clusterName: text("The cluster."),
        ...slicingMembers,
      },
      { description: "`egs.inventoryBySlice: union`." },
    ),
    Type.Object(sharedMembers, { description: "`egs.inventoryBySlice: seed`." }),
  ],
  { description: "Nodes of one kind that a workspace holds." },
)
export type WorkspaceGpus = Static<typeof WorkspaceGpusSchema>

export const WorkspaceGpusAnswerSchema = EnvelopeOf(
  Type.Object(
    { items: Type.Array(WorkspaceGpusSchema, { description: "Empty when nothing is held." }) },
    { description: "What it holds." },
  ),
  "What a workspace holds.",
)
