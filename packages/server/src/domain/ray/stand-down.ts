import type { ClusterLife } from "./cluster-life.ts"
import type { RayRunnerOptions } from "./runner-options.ts"

/** Clusters that have a place. */
const placed: readonly string[] = ["installing", "starting", "ready"]

/**
 * Ends the pods of every cluster; the clusters stay, suspended, and want their pods again as soon as these are gone.
 * For a server that stops with all that runs: nothing is placed any more then, and the next one takes them up.
 * @returns the longest time from TERM to KILL of what was told to end; ms
 */
export async function standDown(
  options: Pick<RayRunnerOptions, "store" | "rows" | "clock" | "graceSecondsOf"> & {
    readonly life: Pick<ClusterLife, "scatter">
  },
): Promise<number> {
  const { store, rows, clock, life } = options
  let longestGraceMs = 0
  for (const { key } of await rows.clusters.live(store.committed))
    await store.tx(async (tx) => {
      const cluster = await rows.clusters.byKey(tx, key)
      if (!cluster || !placed.includes(cluster.state)) return
      longestGraceMs = Math.max(longestGraceMs, options.graceSecondsOf(cluster.workspaceId) * 1000)
      const message = "The server was shut down with all that ran."
      const why = { suspended: true, cause: "stopped", message, retryAtMs: null } as const
      await life.scatter(tx, cluster, why, clock.nowMs())
    })
  return longestGraceMs
}
