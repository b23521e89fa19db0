import { AppError } from "../../kit/errors.ts"
import type { Tx } from "../journal/index.ts"
import { systemActor } from "../journal/index.ts"
import type { Claim, ClaimId, ClaimOwnerPort } from "../queue/index.ts"
import { clusterEvent, type ClusterLife } from "./cluster-life.ts"
import { furtherWorkers } from "./pods.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayClusterKey, RayPod } from "./types.ts"
import { rayPoked } from "./types.ts"

type ClaimOptions = Pick<RayRunnerOptions, "rows" | "moves" | "ids" | "nodeAt" | "backends"> & {
  readonly life: ClusterLife
}

const actor = systemActor("ray")

/** What the queue tells Ray clusters about their claims, in the same transaction as the move. */
export function createRayClaimOwner(options: ClaimOptions): ClaimOwnerPort {
  const { rows, life } = options

  /** A block of ports that no live pod of the machine has. @throws AppError `unavailable` detail `port_in_use` */
  async function freeBlock(tx: Tx, clusterId: string, taken: Set<number>): Promise<number | null> {
    const blocks = options.backends.get(clusterId)?.portBlocks ?? 0
    if (blocks === 0) return null
    for (const block of await rows.pods.portBlocks(tx, clusterId)) taken.add(block)
    for (let block = 0; block < blocks; block++)
      if (!taken.has(block)) {
        taken.add(block)
        return block
      }
    throw new AppError("stale", `All ${blocks} blocks of ports for Ray nodes are taken.`, {
      detail: "port_in_use",
    })
  }

  /** One claim for each pod, so that each is held, moved and given back singly. */
  async function singleClaims(tx: Tx, claim: Claim, pods: readonly RayPod[]): Promise<readonly Claim[]> {
    if (pods.length === 1) return [claim]
    return options.moves.split(
      tx,
      claim,
      pods.map(() => options.ids.next("clm") as ClaimId),
    )
  }

  async function place(tx: Tx, cluster: RayCluster, claim: Claim, pods: readonly RayPod[]): Promise<string> {
    const parts = await singleClaims(tx, claim, pods)
    const taken = new Set<number>()
    let clusterId = ""
    for (const [at, pod] of pods.entries()) {
      const placement = claim.placements.find((one) => one.pod === pod.claimPod)
      const node = placement && options.nodeAt(placement.nodeId)
      const own = parts[at]
      if (!placement || !node || !own || (cluster.clusterId ?? node.clusterId) !== node.clusterId)
        throw notWanted(claim)
      clusterId = node.clusterId
      await rows.pods.update(tx, {
        ...pod,
        claimId: own.id,
        claimPod: 0,
        state: "placed",
        clusterId,
        nodeName: node.name,
        gpuIndexes: placement.gpuIndexes,
        portBlock: await freeBlock(tx, clusterId, taken),
      })
    }
    return clusterId
  }

  return {
    async bound(tx, claim, nowMs) {
      const cluster = await rows.clusters.byKey(tx, claim.owner.id as RayClusterKey)
      if (!cluster || ["ending", "gone", "failed"].includes(cluster.state)) throw notWanted(claim)
      const pods = (await rows.pods.live(tx, cluster.key))
        .filter((pod) => pod.claimId === claim.id && pod.state === "wanted")
        .toSorted((a, b) => a.claimPod - b.claimPod)
      if (pods.length !== claim.placements.length) throw notWanted(claim)
      const clusterId = await place(tx, cluster, claim, pods)
      if (cluster.gangClaimId === claim.id) {
        const next: RayCluster = {
          ...cluster,
          clusterId,
          state: "installing",
          suspended: false,
          message: "",
          gangClaimId: null,
        }
        await rows.clusters.update(tx, next)
        // only now it is known where workers that wait singly may go
        if (cluster.clusterId === null)
          await life.want(tx, furtherWorkers(next, options.ids, nowMs, null), nowMs)
        await tx.emit(clusterEvent(next, "scheduled", actor, nowMs, { pods: pods.length }))
      }
      tx.publish(rayPoked, cluster.key)
    },

    async evicted(tx, claim, cause, by, nowMs) {
      const cluster = await rows.clusters.byKey(tx, claim.owner.id as RayClusterKey)
      if (!cluster || cluster.state === "ending" || cluster.state === "gone") return
      const pods = await rows.pods.live(tx, cluster.key)
      const pod = pods.find((one) => one.claimId === claim.id)
      if (!pod || pod.state === "ending") return
      const message =
        cause === "reservation_ended"
          ? "The GPU request that the cluster runs on is ending."
          : by
            ? `Its place goes to ${by.owner.shownId}.`
            : "Its node is being drained."
      if (pod.groupName === null || cause === "reservation_ended") {
        if (cluster.state === "failed" || cluster.state === "waiting") return
        await life.scatter(tx, cluster, { suspended: true, cause, message, retryAtMs: null }, nowMs)
      } else await life.endPod(tx, pod, cause, message, nowMs)
      tx.publish(rayPoked, cluster.key)
    },
  }
}

function notWanted(claim: Claim): AppError {
  return new AppError("stale", `The claim ${claim.id} is not wanted any more.`)
}
