import type { Clock } from "../../kit/clock.ts"
import type { Ids } from "../../kit/ids.ts"
import type { IdentityStore, LiveDirectory } from "../identity/index.ts"
import type { InventoryStore } from "../inventory/index.ts"
import type { Reads, Store, Tx } from "../journal/index.ts"
import type { WorkspaceStore } from "./types.ts"
import type { WorkspaceIndex } from "./workspace-index.ts"

/** What the workspaces service stands on. */
export interface WorkspacesOptions {
  readonly store: Pick<Store, "tx">
  readonly rows: WorkspaceStore
  /** Deleting a workspace takes the keys bound to it and its nodes' assignments along. */
  readonly identityRows: Pick<IdentityStore, "putMembership" | "deleteMembership" | "keys" | "revokeKey">
  readonly inventoryRows: Pick<InventoryStore, "nodes" | "updateNode">
  readonly index: WorkspaceIndex
  readonly directory: Pick<LiveDirectory, "user" | "members" | "memberRole">
  readonly clock: Clock
  readonly ids: Ids
  /** The configured clusters, in order. */
  readonly clusters: readonly string[]
  /** Of workspaces that do not say it themselves; 0–600, default 30. */
  readonly stopGraceSeconds?: number
  /**
   * How much of a workspace still has to end: its live workloads and its claims that are not gone. Asked
   * inside an open transaction (`from`), so it awaits nothing but reads that take it.
   */
  readonly liveWork: (from: Reads, workspaceId: string) => Promise<number>
  /**
   * Removes some of what goes with a workspace of which nothing lives: its service records and what they link to.
   * @returns how many rows; 0 = nothing is left
   */
  readonly clearStep: (tx: Tx, workspaceId: string) => Promise<number>
}
