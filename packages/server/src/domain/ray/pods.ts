import { AppError } from "../../kit/errors.ts"
import type { Ids } from "../../kit/ids.ts"
import type { Amounts, Constraints } from "../inventory/index.ts"
import { unconstrained } from "../inventory/index.ts"
import type { Claim, ClaimId, PodSet } from "../queue/index.ts"
import { orderedSets } from "../queue/index.ts"
import { amountsOf } from "./amounts.ts"
import type { RayClusterSpec, WorkerGroup } from "./spec.ts"
import type { RayCluster, RayPod, RayPodId } from "./types.ts"

/** Letters and digits that no name is misread by. */
const letters = "bcdfghjklmnpqrstvwxz2456789"

/** Five of them, as Kubernetes ends the names it makes. */
export function randomSuffix(ids: Pick<Ids, "random">): string {
  return Array.from({ length: 5 }, () => letters[Math.floor(ids.random() * letters.length)]).join("")
}

/** What a cluster is made of: the claims to be wanted, and the pods that they are for. */
export interface Gathering {
  /** Head and least workers first: all or nothing. Then one for each further worker. */
  readonly claims: readonly Claim[]
  readonly pods: readonly RayPod[]
}

/** How many pods a group keeps: as many as asked for, within its bounds. */
export function wantedReplicas({ replicas, minReplicas, maxReplicas }: WorkerGroup): number {
  return Math.min(Math.max(replicas, minReplicas, 0), Math.max(maxReplicas, 0))
}

/** The size of a pod of the group; null = the head. undefined: there is no such group. */
export function sizeOfGroup(spec: RayClusterSpec, groupName: string | null): Amounts | undefined {
  const group = groupName === null ? spec.head : spec.workers.find((one) => one.groupName === groupName)
  return group && amountsOf(group.resources)
}

/**
 * What a cluster without pods wants (DESIGN 9.3): everything, or, where it never had a place, what is placed together;
 * `furtherWorkers` then follow that.
 * @param notBeforeMs nothing is placed earlier; null = at once
 */
export function gather(
  cluster: RayCluster,
  ids: Pick<Ids, "next" | "random">,
  nowMs: number,
  notBeforeMs: number | null,
): Gathering {
  const { spec } = cluster
  const groups: GroupSet[] = [{ groupName: null, pods: 1, size: amountsOf(spec.head.resources) }]
  for (const worker of spec.workers) {
    const least = Math.min(Math.max(worker.minReplicas, 0), wantedReplicas(worker))
    if (least > 0)
      groups.push({ groupName: worker.groupName, pods: least, size: amountsOf(worker.resources) })
  }
  const constraints = constraintsOf(cluster)
  const sets = orderedSets(groups.map((group) => ({ ...group, constraints })))
  const [first, ...beside] = sets
  if (!first) throw new AppError("internal", `The Ray cluster ${cluster.key} has no head.`)
  const gang = claimOf(cluster, ids, nowMs, { ...first, beside, notBeforeMs })
  const pods: RayPod[] = []
  for (const set of sets)
    for (let at = 0; at < set.pods; at++)
      pods.push(
        podOf(cluster, ids, nowMs, {
          groupName: set.groupName,
          index: at,
          claimId: gang.id,
          claimPod: pods.length,
        }),
      )
  const further = cluster.clusterId === null ? nothing : furtherWorkers(cluster, ids, nowMs, notBeforeMs)
  return { claims: [gang, ...further.claims], pods: [...pods, ...further.pods] }
}

const nothing: Gathering = { claims: [], pods: [] }

/** Where a pod of it may go: once it has had its place, all go where that was. */
function constraintsOf({ clusterId }: RayCluster): Constraints {
  return clusterId === null ? unconstrained : { ...unconstrained, clusterId }
}

/** The workers beyond the least number of each group, each waiting by itself. */
export function furtherWorkers(
  cluster: RayCluster,
  ids: Pick<Ids, "next" | "random">,
  nowMs: number,
  notBeforeMs: number | null,
): Gathering {
  const claims: Claim[] = []
  const pods: RayPod[] = []
  for (const worker of cluster.spec.workers)
    for (let index = Math.max(worker.minReplicas, 0); index < wantedReplicas(worker); index++) {
      const single = singleOf(cluster, worker.groupName, index, ids, nowMs, notBeforeMs)
      claims.push(...single.claims)
      pods.push(...single.pods)
    }
  return { claims, pods }
}

/** One more worker of a group. */
export function singleOf(
  cluster: RayCluster,
  groupName: string,
  index: number,
  ids: Pick<Ids, "next" | "random">,
  nowMs: number,
  notBeforeMs: number | null,
): Gathering {
  const size = sizeOfGroup(cluster.spec, groupName)
  if (!size) return { claims: [], pods: [] }
  const claim = claimOf(cluster, ids, nowMs, {
    pods: 1,
    size,
    constraints: constraintsOf(cluster),
    beside: [],
    notBeforeMs,
  })
  return {
    claims: [claim],
    pods: [podOf(cluster, ids, nowMs, { groupName, index, claimId: claim.id, claimPod: 0 })],
  }
}

interface GroupSet {
  readonly groupName: string | null
  readonly pods: number
  readonly size: Amounts
}

function claimOf(
  cluster: RayCluster,
  ids: Pick<Ids, "next">,
  nowMs: number,
  what: {
    readonly pods: number
    readonly size: Amounts
    readonly constraints: Constraints
    readonly beside: readonly PodSet[]
    readonly notBeforeMs: number | null
  },
): Claim {
  const { pods, size, constraints, beside, notBeforeMs } = what
  return {
    id: ids.next("clm") as ClaimId,
    owner: {
      kind: "ray-cluster",
      id: cluster.key,
      shownId: `${cluster.namespace}/${cluster.name}`,
      userId: cluster.userId,
    },
    workspaceId: cluster.workspaceId,
    state: "wanted",
    pods,
    size,
    constraints,
    beside: beside.map((set) => ({ pods: set.pods, size: set.size, constraints: set.constraints })),
    // only by policy, and there is none yet: what runs on a Ray cluster cannot be told to come back
    preemptible: false,
    runsForMs: null,
    priority: 1,
    rescheduled: cluster.readyAtMs !== null,
    queuedAtMs: cluster.createdAtMs,
    gates: notBeforeMs !== null && notBeforeMs > nowMs ? [{ kind: "backoff", untilMs: notBeforeMs }] : [],
    placements: [],
    nominated: [],
    reason: null,
    reasonSinceMs: null,
    boundAtMs: null,
    releasingAtMs: null,
    releaseDeadlineMs: null,
    version: 0,
  }
}

function podOf(
  cluster: RayCluster,
  ids: Pick<Ids, "next" | "random">,
  nowMs: number,
  of: Pick<RayPod, "groupName" | "index" | "claimId" | "claimPod">,
): RayPod {
  const kind = of.groupName === null ? "head" : `${of.groupName}-worker`
  return {
    id: ids.next("rpd") as RayPodId,
    clusterKey: cluster.key,
    workspaceId: cluster.workspaceId,
    ...of,
    name: `${cluster.name}-${kind}-${randomSuffix(ids)}`,
    state: "wanted",
    clusterId: null,
    nodeName: null,
    gpuIndexes: [],
    portBlock: null,
    handle: null,
    startedAtMs: null,
    endedAtMs: null,
    exitCode: null,
    message: "",
    createdAtMs: nowMs,
    version: 0,
  }
}
