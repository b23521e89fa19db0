import type { Actor, Tx } from "../journal/index.ts"
import type { EndCause } from "../queue/index.ts"
import { noteRayEvent } from "./events.ts"
import { gather, type Gathering } from "./pods.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayPod } from "./types.ts"
import { rayPoked } from "./types.ts"

/** The moves of a cluster as a whole, each in the caller's transaction. */
export interface ClusterLife {
  /** Writes a new cluster with what it wants; nobody has checked its name here. @throws AppError `already_exists` */
  begin(tx: Tx, cluster: RayCluster, actor: Actor, nowMs: number): Promise<void>
  /** Nobody sees it any more, and it is gone when its processes are. No-op for one that is ending. */
  end(tx: Tx, cluster: RayCluster, why: ClusterEnd, nowMs: number): Promise<void>
  /**
   * Its pods end, and it wants everything again when they are gone (`gatherAgain`).
   * @param why.suspended it lost its place, not its head
   */
  scatter(tx: Tx, cluster: RayCluster, why: ClusterScatter, nowMs: number): Promise<void>
  /** Wants everything again, for a cluster in `waiting` of which no pod is left. */
  gatherAgain(tx: Tx, cluster: RayCluster, nowMs: number): Promise<void>
  /** It has failed for good: its pods end, it stays to be read. */
  fail(tx: Tx, cluster: RayCluster, message: string, nowMs: number): Promise<void>
  /** Writes wants: claims and their pods. */
  want(tx: Tx, gathering: Gathering, nowMs: number): Promise<void>
  /** A pod is told to end, or its wish is given up. */
  endPod(tx: Tx, pod: RayPod, cause: EndCause, message: string, nowMs: number): Promise<void>
}

export interface ClusterEnd {
  readonly actor: Actor
  readonly message: string
}
export interface ClusterScatter {
  readonly suspended: boolean
  readonly cause: EndCause
  readonly message: string
  readonly retryAtMs: number | null
}

type LifeOptions = Pick<RayRunnerOptions, "rows" | "moves" | "ids" | "graceSecondsOf">

/** An event of the journal about a cluster. */
export function clusterEvent(
  cluster: RayCluster,
  type: string,
  actor: Actor,
  nowMs: number,
  data: Readonly<Record<string, string | number>> = {},
): Parameters<Tx["emit"]>[0] {
  return {
    type: `ray-cluster.${type}`,
    subject: { kind: "ray-cluster", id: `${cluster.namespace}/${cluster.name}` },
    workspace: cluster.workspaceId,
    actor,
    atMs: nowMs,
    data: { state: cluster.state, ...data },
  }
}

export function createClusterLife(options: LifeOptions): ClusterLife {
  const { rows, moves, ids } = options

  async function want(tx: Tx, { claims, pods }: Gathering, nowMs: number): Promise<void> {
    for (const claim of claims) await moves.want(tx, claim, nowMs)
    for (const pod of pods) await rows.pods.insert(tx, pod)
  }

  /** The claim of what never had a place is given up once, though several pods share it. */
  async function giveUp(tx: Tx, pod: RayPod, nowMs: number): Promise<void> {
    const claim = await moves.byId(tx, pod.claimId)
    if (claim?.state === "wanted") await moves.giveUp(tx, claim, nowMs)
  }

  async function endPod(tx: Tx, pod: RayPod, cause: EndCause, message: string, nowMs: number): Promise<void> {
    if (pod.state === "ending" || pod.state === "gone") return
    if (pod.state === "wanted") {
      await giveUp(tx, pod, nowMs)
      return rows.pods.update(tx, { ...pod, state: "gone", endedAtMs: nowMs, message, portBlock: null })
    }
    const claim = await moves.byId(tx, pod.claimId)
    const graceMs = options.graceSecondsOf(pod.workspaceId) * 1000
    if (claim?.state === "bound") await moves.release(tx, claim, cause, graceMs, nowMs)
    await rows.pods.update(tx, { ...pod, state: "ending", message: pod.message || message })
  }

  async function endPods(tx: Tx, cluster: RayCluster, cause: EndCause, message: string, nowMs: number) {
    for (const pod of await rows.pods.live(tx, cluster.key)) await endPod(tx, pod, cause, message, nowMs)
  }

  async function gatherAgain(tx: Tx, cluster: RayCluster, nowMs: number): Promise<void> {
    const gathering = gather(cluster, ids, nowMs, cluster.retryAtMs)
    await want(tx, gathering, nowMs)
    await rows.clusters.update(tx, { ...cluster, gangClaimId: gathering.claims[0]?.id ?? null })
  }

  return {
    want,
    endPod,
    gatherAgain,
    async begin(tx, cluster, actor, nowMs) {
      const gathering = gather(cluster, ids, nowMs, null)
      await rows.clusters.insert(tx, { ...cluster, gangClaimId: gathering.claims[0]?.id ?? null })
      await want(tx, gathering, nowMs)
      await tx.emit(clusterEvent(cluster, "created", actor, nowMs, { pods: gathering.pods.length }))
      tx.publish(rayPoked, cluster.key)
    },
    async end(tx, cluster, { actor, message }, nowMs) {
      if (cluster.state === "ending" || cluster.state === "gone") return
      await endPods(tx, cluster, "stopped", message, nowMs)
      const next: RayCluster = { ...cluster, state: "ending", message, gangClaimId: null }
      await rows.clusters.update(tx, next)
      await tx.emit(clusterEvent(next, "deleted", actor, nowMs))
      tx.publish(rayPoked, cluster.key)
    },
    async scatter(tx, cluster, { suspended, cause, message, retryAtMs }, nowMs) {
      await endPods(tx, cluster, cause, message, nowMs)
      await rows.clusters.update(tx, {
        ...cluster,
        state: "waiting",
        suspended,
        suspensions: cluster.suspensions + (suspended ? 1 : 0),
        message,
        retryAtMs,
        address: null,
        gangClaimId: null,
        readyAtMs: null,
      })
      const reason = suspended ? "Suspended" : "HeadLost"
      const of = { key: cluster.key, name: cluster.name }
      await noteRayEvent(tx, rows, { of, type: "Warning", reason, message, nowMs })
      tx.publish(rayPoked, cluster.key)
    },
    async fail(tx, cluster, message, nowMs) {
      await endPods(tx, cluster, "failed", message, nowMs)
      await rows.clusters.update(tx, {
        ...cluster,
        state: "failed",
        message,
        address: null,
        gangClaimId: null,
      })
      const of = { key: cluster.key, name: cluster.name }
      await noteRayEvent(tx, rows, { of, type: "Warning", reason: "Failed", message, nowMs })
      tx.publish(rayPoked, cluster.key)
    },
  }
}
