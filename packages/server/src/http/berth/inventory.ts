import type {
  AssignNode,
  ClusterList,
  Node as WireNode,
  NodeHold,
  NodeHolder,
  NodeList,
} from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { GpuNodeView } from "../../domain/gpu-requests/index.ts"
import type { Principal } from "../../domain/identity/index.ts"
import type { Node, NodeId } from "../../domain/inventory/index.ts"
import type { Claim } from "../../domain/queue/index.ts"
import type { Services } from "../services.ts"
import { instant, toAmounts, toCluster } from "./map.ts"
import { createQueryReader, pageOf } from "./query.ts"

/** Clusters and nodes; rights are the inventory's. */
export function inventoryHandlers(services: Services) {
  const { inventory, capacity, gpuRequests } = services
  type Change = (principal: Principal, clusterId: string | null, name: string) => Promise<Node>
  const viewsFor = async (principal: Principal) => {
    const holds = holdsByNode(await gpuRequests.inventory(principal))
    return (node: Node): WireNode => ({
      ...toNode(node, principal, capacity),
      hold: holds.get(node.id) ?? null,
    })
  }
  const change = (act: Change) => async (request: FastifyRequest) => {
    const { name, cluster } = nodeOf(request)
    const node = await act(request.principal, cluster, name)
    return (await viewsFor(request.principal))(node)
  }
  return {
    async listClusters(request: FastifyRequest): Promise<ClusterList> {
      const query = createQueryReader(request.query, ["limit", "cursor"])
      const page = query.page()
      query.check()
      const clusters = await inventory.clusters(request.principal)
      return pageOf(clusters.map(toCluster), (cluster) => cluster.id, page)
    },
    async listNodes(request: FastifyRequest): Promise<NodeList> {
      const query = createQueryReader(request.query, ["limit", "cursor", "cluster", "workspace"])
      const page = query.page()
      const clusterId = query.text("cluster")
      const workspaceId = query.text("workspace")
      query.check()
      const nodes = await inventory.nodes(request.principal, {
        ...(clusterId === undefined ? {} : { clusterId }),
        ...(workspaceId === undefined ? {} : { workspaceId }),
      })
      const cut = pageOf(nodes, (node) => `${node.clusterId}\u0000${node.name}`, page)
      return { ...cut, items: cut.items.map(await viewsFor(request.principal)) }
    },
    getNode: change((principal, cluster, name) => inventory.node(principal, cluster, name)),
    cordonNode: change((principal, cluster, name) => inventory.cordon(principal, cluster, name)),
    uncordonNode: change((principal, cluster, name) => inventory.uncordon(principal, cluster, name)),
    drainNode: change((principal, cluster, name) => inventory.drain(principal, cluster, name)),
    assignNode: (request: FastifyRequest): Promise<WireNode> => {
      const { workspaceId } = request.body as AssignNode
      return change((principal, cluster, name) => inventory.assign(principal, cluster, name, workspaceId))(
        request,
      )
    },
    unassignNode: change((principal, cluster, name) => inventory.assign(principal, cluster, name, null)),
  }
}

function nodeOf(request: FastifyRequest): { readonly name: string; readonly cluster: string | null } {
  const query = createQueryReader(request.query, ["cluster"])
  const cluster = query.text("cluster") ?? null
  query.check()
  return { name: (request.params as { readonly name: string }).name, cluster }
}

/** Which nodes GPU requests have, as the reader may see it. */
function holdsByNode(views: readonly GpuNodeView[]): ReadonlyMap<string, NodeHold> {
  return new Map(
    views.flatMap(({ node, hold, holder }) => (hold === null ? [] : [[node.id, toHold(hold, holder)]])),
  )
}

function toHold(
  { state, workspaceId, untilMs, drainDeadlineMs }: NonNullable<GpuNodeView["hold"]>,
  holder: GpuNodeView["holder"],
): NodeHold {
  return {
    requestId: holder?.shownId ?? null,
    workspaceId: workspaceId === "" ? null : workspaceId,
    state,
    until: instant(drainDeadlineMs ?? untilMs),
  }
}

function toNode(
  node: Node,
  principal: Principal,
  capacity: { free(nodeId: NodeId): Node["capacity"]; holders(nodeId: NodeId): readonly Claim[] },
): Omit<WireNode, "hold"> {
  const claims = capacity.holders(node.id)
  const seen = claims.filter((claim) => principal.roleIn(claim.workspaceId) !== null)
  return {
    id: node.id,
    name: node.name,
    clusterId: node.clusterId,
    hostIp: node.hostIp,
    instanceType: node.instanceType,
    gpuModel: node.gpuModel,
    gpus: node.gpus.map((gpu) => ({ ...gpu })),
    physical: toAmounts(node.physical),
    capacity: toAmounts(node.capacity),
    free: toAmounts(capacity.free(node.id)),
    labels: { ...node.labels },
    taints: node.taints.map((taint) => ({ ...taint })),
    simulated: node.simulated,
    healthy: node.healthy,
    healthMessage: node.healthMessage,
    cordoned: node.cordoned,
    draining: node.draining,
    stuck: node.stuck,
    // Which workspace a node is lent to is the business of those who know the workspace.
    workspaceId:
      node.workspaceId !== null && principal.roleIn(node.workspaceId) !== null ? node.workspaceId : null,
    holders: seen.map((claim) => toHolder(claim, node.id)),
    holdersHidden: claims.length - seen.length,
    firstSeenAt: instant(node.firstSeenAtMs),
    lastSeenAt: instant(node.lastSeenAtMs),
  }
}

function toHolder(claim: Claim, nodeId: NodeId): NodeHolder {
  const here = claim.placements.filter((placement) => placement.nodeId === nodeId)
  return {
    workloadId: claim.owner.shownId,
    workspaceId: claim.workspaceId,
    state: claim.state === "releasing" ? "releasing" : "bound",
    pods: here.length,
    gpuIndexes: here.flatMap((placement) => placement.gpuIndexes).toSorted((a, b) => a - b),
  }
}
