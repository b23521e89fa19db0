import type { Clock } from "../../kit/clock.ts"
import type { Ids } from "../../kit/ids.ts"
import type { GpuRequestLimits, GpuRequestStore, GpuTemplate, LikelyStarts } from "../gpu-requests/index.ts"
import type { Node, NodeId } from "../inventory/index.ts"
import type { JournalReads, Reads, Store } from "../journal/index.ts"
import type { Workspace, WorkspaceStore } from "../workspaces/index.ts"
import type { Capacity } from "./commands.ts"
import type { ClaimOwner, ClaimOwnerPort, ClaimStore, Reservations } from "./types.ts"

/** What the queue works with. */
export interface QueueOptions {
  readonly store: Store
  readonly rows: ClaimStore
  readonly capacity: Capacity
  readonly clock: Clock
  readonly journal: Pick<JournalReads, "latestEvents">
  readonly workspaces: {
    /** In memory. */
    readonly find: (id: string) => Workspace | undefined
    readonly rows: Pick<WorkspaceStore, "byId" | "update">
  }
  /** The row of a node that is not removed, as the transaction sees it. */
  readonly nodeAt: (from: Reads, id: NodeId) => Promise<Node | undefined>
  /** Sentences on processes that belong to no attempt of this database; looked for anew at each call. */
  readonly strays?: () => Promise<readonly string[]>
  /** GPU requests and whose nodes are. */
  readonly requests: GpuRequestStore
  readonly reservations: Reservations
  readonly ids: Ids
  readonly limits: Pick<GpuRequestLimits, "mostQueuedPerWorkspace" | "automaticStepMs" | "longestDurationMs">
  /** The template by which work of the workspace files requests on the first of the clusters that has one. */
  readonly automaticTemplate: (workspaceId: string, clusters: readonly string[]) => GpuTemplate | undefined
  /** When a queued one is likely to start; null = nobody can say. Without it no such start is noted. */
  readonly likelyStartMs?: LikelyStarts["startMs"]
  /** Who is told of moves, by the kind of owner. */
  readonly owners: Readonly<Record<ClaimOwner["kind"], ClaimOwnerPort>>
}

/** Longer than this after its grace, what is left of a claim makes its nodes stuck. */
export const releaseSlackMs = 30_000
