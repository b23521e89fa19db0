import type { Clock } from "../../kit/clock.ts"
import type { Node, NodeId } from "../inventory/index.ts"
import type { JournalReads, Reads, Store } from "../journal/index.ts"
import type { Workspace, WorkspaceStore } from "../workspaces/index.ts"
import type { Capacity } from "./commands.ts"
import type { ClaimOwner, ClaimOwnerPort, ClaimStore } from "./types.ts"

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
  /** Who is told of moves, by the kind of owner. */
  readonly owners: Readonly<Record<ClaimOwner["kind"], ClaimOwnerPort>>
}

/** Longer than this after its grace, what is left of a claim makes its nodes stuck. */
export const releaseSlackMs = 30_000
