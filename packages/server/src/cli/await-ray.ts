import type { RayClusterDetail } from "@berth/contract/berth"
import { CliError } from "./cli-error.ts"
import { patiently, pause } from "./patience.ts"
import type { RaySession } from "./ray-place.ts"
import { whereFlag } from "./ray-place.ts"
import { createRayProgress } from "./ray-progress.ts"

const shortestLookMs = 150
const longestLookMs = 2000

/** How long until the next look, more from look to look; `soon` begins anew. */
export function createLooks(signal: AbortSignal): {
  /** @throws the signal's reason when that aborts */
  next(): Promise<void>
  soon(): void
} {
  let lookMs = shortestLookMs
  return {
    async next() {
      await pause(lookMs, signal)
      lookMs = Math.min(longestLookMs, Math.ceil(lookMs * 1.3))
    },
    soon() {
      lookMs = shortestLookMs
    },
  }
}

/**
 * Waits until a Ray cluster is ready and says meanwhile why it waits and what is done for it. Survives restarts of the
 * server.
 * @throws CliError when it has failed; the signal's reason when that aborts; BerthError
 */
export async function awaitCluster(
  session: RaySession,
  name: string,
  signal: AbortSignal,
): Promise<RayClusterDetail> {
  const { terminal, client, namespace } = session
  const progress = createRayProgress(session)
  const looks = createLooks(signal)
  for (;;) {
    const cluster = await patiently(terminal, signal, () =>
      client.berth.rayCluster(namespace, name, { signal }),
    )
    await progress.tell(cluster, signal)
    if (cluster.state === "ready") return cluster
    if (cluster.state === "failed") throw clusterFailed(session, cluster)
    await looks.next()
  }
}

/** What has failed for good, and where to read more. */
export function clusterFailed(session: RaySession, { name, message, pods }: RayClusterDetail): CliError {
  const head = pods.find(({ group }) => group === "head")
  const more = head === undefined ? "status" : "logs"
  return new CliError(
    `The Ray cluster ${name} has failed: ${message}`,
    `More: berth ray ${more} ${name}${whereFlag(session)}. Take it away: berth ray rm ${name}${whereFlag(session)}`,
  )
}
