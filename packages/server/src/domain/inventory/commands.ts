import type { Principal } from "../identity/index.ts"
import type { Cluster, Node, NodeFacts } from "./types.ts"

/** The inventory's commands; rights are checked here. */
export interface InventoryService {
  clusters(principal: Principal): Promise<
    readonly (Cluster & {
      readonly nodes: number
      readonly healthyNodes: number
      readonly driverMessage: string
    })[]
  >
  nodes(
    principal: Principal,
    filter: { readonly clusterId?: string; readonly workspaceId?: string },
  ): Promise<readonly Node[]>
  node(principal: Principal, clusterId: string | null, name: string): Promise<Node>
  cordon(principal: Principal, clusterId: string | null, name: string): Promise<Node>
  uncordon(principal: Principal, clusterId: string | null, name: string): Promise<Node>
  /** Cordons and marks draining; who evicts is told by the topic. */
  drain(principal: Principal, clusterId: string | null, name: string): Promise<Node>
  /** null takes the assignment back. @throws AppError `not_found` node or workspace */
  assign(
    principal: Principal,
    clusterId: string | null,
    name: string,
    workspaceId: string | null,
  ): Promise<Node>
  /** A driver's look at its machines: writes what changed, marks missing nodes unhealthy (or removed when simulated and no longer declared). */
  seen(clusterId: string, facts: readonly NodeFacts[]): Promise<void>
  /** The driver could not look: its nodes turn unhealthy with the sentence. */
  unseen(clusterId: string, message: string): Promise<void>
  /** Sets or clears `stuck` (a release past its deadline). */
  setStuck(nodeId: string, stuck: boolean): Promise<void>
}
