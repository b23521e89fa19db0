import type { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Tx } from "../journal/index.ts"
import type { ClusterChanges } from "./cluster-changes.ts"
import type { ClusterLife } from "./cluster-life.ts"
import { createInstalls } from "./installs.ts"
import { readyLookMs } from "./look-intervals.ts"
import type { PodHands } from "./pod-hands.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayClusterKey } from "./types.ts"

/** Gets a cluster the Ray version that it runs on. */
export interface ClusterInstall {
  /** One look at a cluster that is `installing`: it becomes `starting` once the version is there. */
  install(cluster: RayCluster): Promise<void>
  giveUp(key: RayClusterKey): void
  close(): void
}

export function createClusterInstall(
  options: RayRunnerOptions & {
    readonly life: ClusterLife
    readonly hands: PodHands
    readonly changes: ClusterChanges
  },
): ClusterInstall {
  const { rows, clock, life, hands } = options
  const { change, note, loseHead } = options.changes
  const installs = createInstalls({
    step: (key, message) => {
      const event = { type: "Normal", reason: "InstallingRay", message } as const
      change(key, (tx, cluster, nowMs) => note(tx, cluster, event, nowMs)).catch(() => undefined)
    },
    settled: (key) => options.lookAt(key, clock.nowMs()),
  })

  async function install(cluster: RayCluster): Promise<void> {
    const wanted = {
      version: cluster.rayVersion,
      image: cluster.spec.head.image,
      asServerOwner: cluster.asServerOwner,
    }
    const outcome = installs.look(cluster.key, hands.backendOf(cluster), wanted)
    if (!outcome) return options.lookAt(cluster.key, clock.nowMs() + readyLookMs)
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "installing") return
      if (outcome.kind === "failed") return notInstalled(tx, row, outcome.error, nowMs)
      const { version, hasTokens, details } = outcome.runtime
      const runtime: JsonObject = { version, hasTokens, details }
      const sealedToken = hasTokens ? sealedTokenOf(row) : null
      await rows.clusters.update(tx, { ...row, state: "starting", runtime, sealedToken, message: "" })
    })
    options.lookAt(cluster.key, clock.nowMs())
  }

  /** The one it has, unless that was sealed with another key: the database was restored without it. */
  function sealedTokenOf({ key, sealedToken }: RayCluster): string {
    const { vault } = options
    if (sealedToken !== null && vault.open(sealedToken, key) !== undefined) return sealedToken
    return vault.seal(options.makeToken(), key)
  }

  /** What trying again may help is tried again, by the same ways as a lost head. */
  function notInstalled(tx: Tx, row: RayCluster, error: AppError, nowMs: number): Promise<void> {
    if (error.retryAfterMs === undefined) return life.fail(tx, row, error.message, nowMs)
    return loseHead(tx, row, error.message, nowMs)
  }

  return { install, giveUp: (key) => installs.giveUp(key), close: () => installs.close() }
}
