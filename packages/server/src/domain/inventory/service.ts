import { authorize } from "../identity/index.ts"
import type { InventoryService } from "./commands.ts"
import { createDecisions, type Decisions } from "./decisions.ts"
import { findNode, shownTo } from "./find-node.ts"
import { createLooks, type Looks } from "./looks.ts"
import { createNodeIndex, type NodeIndex } from "./node-index.ts"
import type { InventoryOptions } from "./options.ts"

/** The inventory with what the composition root needs of it. */
export interface LiveInventory
  extends
    InventoryService,
    Pick<Decisions, "drained">,
    Pick<Looks, "onReadings">,
    Pick<NodeIndex, "load" | "follow" | "byId" | "list"> {}

const server = { workspaceId: null }

/**
 * Nodes: what drivers see of them, and what people decide about them. Reads come from memory, which follows
 * the store (`follow`, then `load` at boot).
 */
export function createInventory(options: InventoryOptions): LiveInventory {
  const index = createNodeIndex()
  const looks = createLooks(options, index)
  return {
    ...createDecisions(options, index),
    seen: looks.seen,
    unseen: looks.unseen,
    onReadings: looks.onReadings,
    load: index.load,
    follow: index.follow,
    byId: index.byId,
    list: index.list,

    async clusters(principal) {
      authorize(principal, "cluster.list", server)
      return options.clusters.map((cluster) => {
        const nodes = index.inCluster(cluster.id)
        const healthyNodes = nodes.filter((node) => node.healthy).length
        const driverMessage = looks.driverMessage(cluster.id)
        return { ...cluster, nodes: nodes.length, healthyNodes, driverMessage }
      })
    },

    async nodes(principal, { clusterId, workspaceId }) {
      authorize(principal, "node.list", { workspaceId: workspaceId ?? null })
      return index
        .list()
        .filter((node) => clusterId === undefined || node.clusterId === clusterId)
        .filter((node) => workspaceId === undefined || node.workspaceId === workspaceId)
        .map((node) => shownTo(principal, node))
    },

    async node(principal, clusterId, name) {
      authorize(principal, "node.list", server)
      return shownTo(principal, findNode(index, { clusterId, name }))
    },
  }
}
