import type { Clock } from "../../kit/clock.ts"
import type { Ids } from "../../kit/ids.ts"
import type { Vault } from "../../kit/vault.ts"
import type { Store } from "../journal/index.ts"
import type { ClaimMoves } from "../queue/index.ts"
import type { RayBackend } from "./ports.ts"
import type { RayClusterKey, RayJobKey, RayServiceKey, RayStore } from "./types.ts"

/** What brings Ray's rows and what really runs in line works with. */
export interface RayRunnerOptions {
  readonly store: Store
  readonly rows: RayStore
  readonly moves: ClaimMoves
  readonly clock: Clock
  readonly ids: Ids
  /** By cluster id. */
  readonly backends: ReadonlyMap<string, RayBackend>
  /** Opens the tokens of clusters and the values of secrets. */
  readonly vault: Vault
  /** A secret that nobody guesses, in letters and digits. */
  readonly makeToken: () => string
  /** Where a placement's node is; undefined when it is not in the inventory any more. */
  readonly nodeAt: (nodeId: string) => { readonly name: string; readonly clusterId: string } | undefined
  /** The workspace's key; undefined when it is gone. */
  readonly workspaceKeyOf: (workspaceId: string) => string | undefined
  /** The workspace's `stopGraceSeconds`. */
  readonly graceSecondsOf: (workspaceId: string) => number
  /** The workspace is being deleted: its clusters end. */
  readonly isDeleting: (workspaceId: string) => boolean
  /** Asks for a look at an instant; null = no planned look. One per key, the last one holds. */
  readonly lookAt: (key: RayClusterKey | RayJobKey | RayServiceKey, atMs: number | null) => void
}
