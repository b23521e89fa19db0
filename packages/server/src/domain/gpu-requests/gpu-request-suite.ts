import type { NodeId } from "../inventory/index.ts"
import { newRequest } from "./new-request.ts"
import type { GpuRequest, GpuRequestId, HeldNode } from "./types.ts"

/** A queued request of `default` for one node with one GPU in `local` for an hour. For tests. */
export function aGpuRequest(
  change: Partial<Omit<GpuRequest, "wish">> & { readonly wish?: Partial<GpuRequest["wish"]> } = {},
): GpuRequest {
  const wish = {
    clusters: ["local"],
    instanceType: null,
    gpuModel: null,
    memoryGibPerGpu: null,
    gpusPerNode: 1,
    nodes: 1,
    pods: null,
    ...change.wish,
  }
  return {
    ...newRequest({
      id: "gpr_1" as GpuRequestId,
      shownId: "gpr-00000001-0001",
      name: "one",
      workspaceId: "default",
      userId: "usr_1",
      priority: 101,
      durationMs: 3_600_000,
      idleTimeoutMs: null,
      requeueOnFailure: false,
      enableEviction: false,
      multiNode: false,
      automatic: null,
      createdAtMs: 0,
      wish,
    }),
    ...change,
    wish,
  }
}

/** A node with eight H100 in `local`, as a request has it. For tests. */
export function aHeldNode(name: string, change: Partial<HeldNode> = {}): HeldNode {
  return {
    nodeId: `nod_${name}` as NodeId,
    name,
    clusterId: "local",
    gpus: 8,
    gpuModel: "NVIDIA-H100-80GB-HBM3",
    instanceType: "h100-8",
    ...change,
  }
}
