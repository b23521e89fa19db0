import type { Tx } from "../journal/index.ts"
import type { ClusterLife } from "./cluster-life.ts"
import { noteRayEvent } from "./events.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayClusterKey, RayEvent } from "./types.ts"

/** How what was seen of a cluster is written down: on the row as it is in the transaction. */
export interface ClusterChanges {
  /** Runs a change on the row; nothing where it is gone. */
  change(
    key: RayClusterKey,
    write: (tx: Tx, cluster: RayCluster, nowMs: number) => Promise<void>,
  ): Promise<void>
  note(
    tx: Tx,
    cluster: RayCluster,
    event: Pick<RayEvent, "type" | "reason" | "message">,
    nowMs: number,
  ): Promise<void>
  /** In the caller's transaction: it begins anew, later each time, or has failed. */
  loseHead(tx: Tx, row: RayCluster, message: string, nowMs: number): Promise<void>
  /** The same in one of its own, where it still starts or runs. */
  headLost(key: RayClusterKey, message: string): Promise<void>
}

/** Heads lost one after the other before it has failed. */
const mostHeadFailures = 5
/** Of waiting for each of them before the next try. */
const headBackoffMs = 5000

export function createClusterChanges({
  store,
  rows,
  clock,
  life,
}: Pick<RayRunnerOptions, "store" | "rows" | "clock"> & { readonly life: ClusterLife }): ClusterChanges {
  function change(
    key: RayClusterKey,
    write: (tx: Tx, cluster: RayCluster, nowMs: number) => Promise<void>,
  ): Promise<void> {
    const nowMs = clock.nowMs()
    return store.tx(async (tx) => {
      const cluster = await rows.clusters.byKey(tx, key)
      if (cluster && cluster.state !== "gone") await write(tx, cluster, nowMs)
    })
  }

  function note(
    tx: Tx,
    { key, name }: RayCluster,
    event: Pick<RayEvent, "type" | "reason" | "message">,
    nowMs: number,
  ): Promise<void> {
    return noteRayEvent(tx, rows, { of: { key, name }, ...event, nowMs })
  }

  function loseHead(tx: Tx, row: RayCluster, message: string, nowMs: number): Promise<void> {
    const headFailures = row.headFailures + 1
    if (headFailures > mostHeadFailures)
      return life.fail(tx, row, `${message} It was started ${headFailures} times.`, nowMs)
    const why = {
      suspended: false,
      cause: "lost" as const,
      message,
      retryAtMs: nowMs + headFailures * headBackoffMs,
    }
    return life.scatter(tx, { ...row, headFailures }, why, nowMs)
  }

  async function headLost(key: RayClusterKey, message: string): Promise<void> {
    await change(key, async (tx, row, nowMs) => {
      if (row.state === "starting" || row.state === "ready") await loseHead(tx, row, message, nowMs)
    })
  }

  return { change, note, loseHead, headLost }
}
