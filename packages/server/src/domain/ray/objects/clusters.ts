import type { Issue } from "../../../kit/errors.ts"
import type { Operation, Principal } from "../../identity/index.ts"
import type { Reads, Tx } from "../../journal/index.ts"
import { clusterEvent } from "../cluster-life.ts"
import type { NewRayCluster, RayClusterView, RayList, RayName, RayObjects } from "../commands.ts"
import { noteRayEvent } from "../events.ts"
import { freshCluster } from "../fresh-cluster.ts"
import type { RayClusterSpec } from "../spec.ts"
import type { RayCluster, RayClusterKey, RayPage } from "../types.ts"
import { requireActive } from "../../workspaces/index.ts"
import { requireSeen, scopeToList, seenBy, workspaceToWrite } from "./access.ts"
import { buildSpec } from "./build-spec.ts"
import { refuseHostPaths } from "./host-paths.ts"
import { annotationIssues, labelIssues, nameIssues } from "./metadata.ts"
import type { RayClustersOptions } from "./options.ts"
import { alreadyThere, notThere, refuseObject, tooMany } from "./refusals.ts"
import { checkRoom, lookUpTemplates } from "./shape.ts"
import { unfitReason } from "./unfit.ts"

const resource = "ray-cluster"
const serveAnnotation = "ray.io/enable-serve-service"
const environments = ["DEV", "TESTING", "STAGING", "PRODUCTION"] as const

/** Ray clusters: rules and rights. What brings them up and keeps them so is the runner. */
export function createRayClusters(options: RayClustersOptions): RayObjects["clusters"] {
  const { store, rows } = options

  async function seen(
    from: Reads,
    principal: Principal,
    at: RayName,
    operation: Operation,
  ): Promise<RayCluster> {
    const row = await rows.clusters.byName(from, at.namespace, at.name)
    return requireSeen(principal, operation, row, { resource, at })
  }

  async function viewOf(cluster: RayCluster): Promise<RayClusterView> {
    return { cluster, events: await rows.events.of(store.committed, [cluster.key]) }
  }

  return {
    async create(principal, wanted) {
      return viewOf(await createCluster(options, principal, wanted))
    },
    async get(principal, at) {
      return viewOf(await seen(store.committed, principal, at, "ray.get"))
    },
    async status(principal, at) {
      const view = await viewOf(await seen(store.committed, principal, at, "ray.get"))
      return { ...view, pods: await podsInOrder(options, view.cluster.key) }
    },
    page: (principal, namespace, page) => pageOf(options, principal, namespace, page),
    async delete(principal, at) {
      const nowMs = options.clock.nowMs()
      const { actor } = principal
      await store.tx(async (tx) => {
        const cluster = await seen(tx, principal, at, "ray.write")
        await options.life.end(tx, cluster, { actor, message: "It was deleted." }, nowMs)
        await auditCluster(tx, principal, cluster, nowMs, { did: "deleted" })
      })
    },
    async explain(principal, at) {
      const { key, state, gangClaimId } = await seen(store.committed, principal, at, "ray.get")
      const pods = await rows.pods.live(store.committed, key)
      const waiting = gangClaimId ?? pods.find((pod) => pod.state === "wanted")?.claimId ?? null
      const subject = { kind: resource, id: `${at.namespace}/${at.name}` } as const
      return options.queue.explain(principal, waiting, subject, state)
    },
    async podLog(principal, at, name, maxBytes) {
      const { key } = await seen(store.committed, principal, at, "ray.get")
      const pods = await rows.pods.live(store.committed, key)
      const { id, clusterId, handle } = pods.find((pod) => pod.name === name) ?? {}
      const backend = options.backends.get(clusterId ?? "")
      if (!id || !handle || !backend) throw notThere("pod", { namespace: at.namespace, name })
      return backend.readLog(id, handle, maxBytes)
    },
  }
}

async function createCluster(
  options: RayClustersOptions,
  principal: Principal,
  wanted: NewRayCluster,
): Promise<RayCluster> {
  const { store, rows, clock, ids } = options
  const { namespace, name } = wanted
  const workspaceId = workspaceToWrite(options, principal, namespace, "ray.write")
  const nowMs = clock.nowMs()
  const key = ids.next("rcl") as RayClusterKey
  return store.tx(async (tx) => {
    await requireActive(options.workspaceRow, tx, workspaceId)
    refuseHostPaths(options, principal, wanted.spec)
    const resourcesOf = await lookUpTemplates(options, tx, namespace, workspaceId, wanted.spec)
    const { spec, issues } = buildSpec(wanted.spec, { resource, name, resourcesOf, envs: wanted.envs })
    refuseObject(resource, name, [...metadataIssues(wanted), ...issues])
    if (await rows.clusters.byName(tx, namespace, name)) throw alreadyThere(resource, wanted)
    const { mostLive } = options.limits
    if ((await rows.clusters.liveIn(tx, workspaceId)) >= mostLive)
      throw tooMany(workspaceId, "Ray clusters", mostLive)
    const cluster = newCluster(wanted, spec, { key, workspaceId, principal, createdAtMs: nowMs })
    const unfit = unfitReason("RayCluster", name, spec)
    if (unfit) return insertUnfit(options, tx, principal, cluster, unfit)
    checkRoom(options, workspaceId, wanted, spec)
    await options.life.begin(tx, cluster, principal.actor, nowMs)
    await auditCluster(tx, principal, cluster, nowMs, { did: "created" })
    return cluster
  })
}

/** Taken, as upstream's API takes it; it claims nothing and stays to be read. */
async function insertUnfit(
  { rows }: RayClustersOptions,
  tx: Tx,
  principal: Principal,
  cluster: RayCluster,
  { reason, message }: { readonly reason: string; readonly message: string },
): Promise<RayCluster> {
  const failed: RayCluster = { ...cluster, state: "failed", message }
  const { key, name, createdAtMs: nowMs } = cluster
  await rows.clusters.insert(tx, failed)
  await noteRayEvent(tx, rows, { of: { key, name }, type: "Warning", reason, message, nowMs })
  await tx.emit(clusterEvent(failed, "created", principal.actor, nowMs))
  await auditCluster(tx, principal, failed, nowMs, { did: "created" })
  return failed
}

function auditCluster(
  tx: Tx,
  { actor }: Principal,
  { namespace, name, workspaceId }: RayCluster,
  atMs: number,
  data: { readonly did: "created" | "deleted" },
): Promise<void> {
  const subject = { kind: resource, id: `${namespace}/${name}` } as const
  return tx.audit({
    operation: "ray.write",
    subject,
    workspace: workspaceId,
    actor,
    outcome: "ok",
    atMs,
    data,
  })
}

function metadataIssues({ name, user, rayVersion, environment, annotations }: NewRayCluster): Issue[] {
  const labels = [name, user, rayVersion, environments[environment] ?? String(environment)]
  const numberIssue: Issue = {
    path: ["metadata", "labels"],
    message: `Invalid value: "${environment}": there are the environments 0 to ${environments.length - 1}`,
  }
  return [
    ...nameIssues(name),
    ...labelIssues(labels.slice(0, 3)),
    ...(environments[environment] === undefined ? [numberIssue] : []),
    ...annotationIssues(annotations),
  ]
}

function newCluster(
  { namespace, name, user, rayVersion, environment, annotations }: NewRayCluster,
  spec: RayClusterSpec,
  made: Pick<RayCluster, "key" | "workspaceId" | "createdAtMs"> & { readonly principal: Principal },
): RayCluster {
  const { principal, ...row } = made
  return freshCluster({
    ...row,
    namespace,
    name,
    userId: principal.userId,
    asServerOwner: principal.serverRole === "owner",
    user,
    rayVersion,
    environment,
    annotations,
    spec,
    serves: annotations[serveAnnotation] === "true",
    parent: null,
  })
}

async function podsInOrder({ store, rows }: RayClustersOptions, key: RayClusterKey) {
  const pods = await rows.pods.live(store.committed, key)
  const groupOf = ({ groupName }: (typeof pods)[number]) => groupName ?? ""
  return pods.toSorted((a, b) =>
    groupOf(a) === groupOf(b) ? a.index - b.index : groupOf(a) < groupOf(b) ? -1 : 1,
  )
}

async function pageOf(
  options: RayClustersOptions,
  principal: Principal,
  namespace: string | null,
  page: RayPage,
): Promise<RayList<RayClusterView>> {
  const { store, rows } = options
  const scope = scopeToList(options, principal, namespace, "ray.list")
  if (!scope) return { items: [], next: null }
  const { items, hasMore } = await rows.clusters.page(store.committed, scope, page)
  const seen = seenBy(principal, "ray.list", items)
  const events = await rows.events.of(
    store.committed,
    seen.map(({ key }) => key),
  )
  const byKey = Map.groupBy(events, ({ objectKey }) => objectKey)
  const last = items.at(-1)
  return {
    items: seen.map((cluster) => ({ cluster, events: byKey.get(cluster.key) ?? [] })),
    next: hasMore && last ? { namespace: last.namespace, name: last.name } : null,
  }
}
