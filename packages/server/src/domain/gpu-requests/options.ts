import type { Clock } from "../../kit/clock.ts"
import type { Ids } from "../../kit/ids.ts"
import type { Node } from "../inventory/index.ts"
import type { JournalReads, Store } from "../journal/index.ts"
import type { Workspace, WorkspaceRow } from "../workspaces/index.ts"
import type { Board } from "./board/board-types.ts"
import type { HoldEnds } from "./commands.ts"
import type { GpuRequestLimits } from "./limits.ts"
import type { LikelyStarts } from "./views/likely.ts"
import type { GpuSettingsIndex } from "./settings/settings-index.ts"
import type { GpuRequestStore, GpuSettingsStore } from "./types.ts"

/** What the service of GPU requests reads of the board: it feeds nothing into it and plans nothing. */
export type BoardReads = Pick<
  Board,
  | "slot"
  | "reason"
  | "position"
  | "forecast"
  | "delayedBy"
  | "request"
  | "byShownId"
  | "live"
  | "hold"
  | "holdsOf"
  | "managedNodes"
  | "suits"
>

/** What the service of GPU requests stands on. */
export interface GpuRequestsOptions {
  readonly store: Pick<Store, "tx" | "committed">
  readonly rows: GpuRequestStore
  readonly board: BoardReads
  readonly likely: Pick<LikelyStarts, "startMs" | "forecastMs">
  readonly settings: Pick<GpuSettingsIndex, "prices">
  readonly journal: Pick<JournalReads, "latestEvents">
  readonly clock: Clock
  readonly ids: Ids
  readonly limits: GpuRequestLimits
  /** The configured clusters, in order. */
  readonly clusters: readonly string[]
  /** In memory; undefined when there is none. */
  readonly workspace: (id: string) => Workspace | undefined
  /** As the transaction sees it. */
  readonly workspaceRow: WorkspaceRow
  /** Nodes that are not removed, with their latest readings, ordered by cluster and name; in memory. */
  readonly nodes: () => readonly Node[]
  /** How many GPUs of the node claims use now; in memory. */
  readonly gpusInUse: (nodeId: string) => number
  /** The one door through which a hold ends. */
  readonly holds: HoldEnds
}

/** What templates, bindings and prices stand on. */
export interface GpuSettingsOptions {
  readonly store: Pick<Store, "tx">
  readonly rows: GpuSettingsStore
  readonly index: GpuSettingsIndex
  readonly clock: Clock
  readonly limits: GpuRequestLimits
  /** The configured clusters, in order. */
  readonly clusters: readonly string[]
  /** In memory; undefined when there is none. */
  readonly workspace: (id: string) => Workspace | undefined
  /** As the transaction sees it. */
  readonly workspaceRow: WorkspaceRow
}
