import type { Clock } from "../../kit/clock.ts"
import type { Ids } from "../../kit/ids.ts"
import type { Reads, Store } from "../journal/index.ts"
import type { Cluster, InventoryStore } from "./types.ts"

/** What the inventory stands on. */
export interface InventoryOptions {
  readonly store: Pick<Store, "tx">
  readonly rows: InventoryStore
  readonly clock: Clock
  readonly ids: Ids
  /** The configured clusters, in order. */
  readonly clusters: readonly Cluster[]
  /**
   * Whether there is such a workspace and it is not being deleted. Asked inside an open transaction
   * (`from`), so it awaits nothing but reads that take it.
   */
  readonly hasWorkspace: (from: Reads, id: string) => Promise<boolean>
}
