import {
  rayLogLimits,
  type RayCluster,
  type RayClusterDetail,
  type RayClusterList,
  type RayEvent,
  type RayPod,
} from "@berth/contract/berth"
import type { FastifyReply, FastifyRequest } from "fastify"
import type { Directory } from "../../domain/identity/index.ts"
import type {
  RayCluster as Cluster,
  RayClusterStatus,
  RayEvent as ClusterEvent,
  RayPod as Pod,
} from "../../domain/ray/index.ts"
import type { Services } from "../services.ts"
import { instant, instantOrNull } from "./map.ts"
import { createQueryReader } from "./query.ts"
import { cursorAfter, namedBy, placeAfter, rayOf } from "./ray-objects.ts"

/** Ray clusters as Berth knows them, and the logs of Ray; rights are those of the objects. */
export function rayClusterHandlers(services: Services) {
  const { directory } = services
  return {
    async listRayClusters(request: FastifyRequest): Promise<RayClusterList> {
      const query = createQueryReader(request.query, ["limit", "cursor", "namespace"])
      const { limit, cursor } = query.page()
      const namespace = query.text("namespace") ?? null
      query.check()
      const page = { limit, after: placeAfter(cursor) }
      const { items, next } = await rayOf(services).clusters.page(request.principal, namespace, page)
      return {
        items: items.map(({ cluster }) => toCluster(cluster, directory)),
        nextCursor: cursorAfter(next),
      }
    },
    async getRayCluster(request: FastifyRequest): Promise<RayClusterDetail> {
      return toDetail(await rayOf(services).clusters.status(request.principal, namedBy(request)), directory)
    },
    async rayPodLog(request: FastifyRequest, reply: FastifyReply): Promise<undefined> {
      const { namespace, name, pod } = request.params as Readonly<
        Record<"namespace" | "name" | "pod", string>
      >
      const query = createQueryReader(request.query, ["maxBytes"])
      const maxBytes = query.integer("maxBytes", 1, rayLogLimits.mostBytes) ?? rayLogLimits.usualBytes
      query.check()
      const { clusters } = rayOf(services)
      sendText(reply, await clusters.podLog(request.principal, { namespace, name }, pod, maxBytes))
    },
    async rayJobLog(request: FastifyRequest, reply: FastifyReply): Promise<undefined> {
      sendText(reply, await rayOf(services).jobs.log(request.principal, namedBy(request)))
    },
  }
}

function sendText(reply: FastifyReply, text: string): void {
  void reply
    .type("text/plain; charset=utf-8")
    .header("cache-control", "no-store")
    // What a job writes is no page of ours, whatever it looks like.
    .header("x-content-type-options", "nosniff")
    .send(text)
}

const environments = ["DEV", "TESTING", "STAGING", "PRODUCTION"] as const

function toCluster(cluster: Cluster, directory: Directory): RayCluster {
  const { parent, environment } = cluster
  return {
    namespace: cluster.namespace,
    name: cluster.name,
    workspaceId: cluster.workspaceId,
    state: cluster.state,
    suspended: cluster.suspended,
    message: cluster.message,
    rayVersion: cluster.rayVersion,
    environment: environment === null ? null : (environments[environment] ?? null),
    user: cluster.user,
    userId: cluster.userId,
    userName: directory.user(cluster.userId)?.name ?? cluster.userId,
    parent: parent === null ? null : { kind: parent.kind, name: parent.name },
    endpoints: { ...cluster.address?.endpoints },
    headFailures: cluster.headFailures,
    createdAt: instant(cluster.createdAtMs),
    readyAt: instantOrNull(cluster.readyAtMs),
    retryAt: instantOrNull(cluster.retryAtMs),
  }
}

function toDetail({ cluster, pods, events }: RayClusterStatus, directory: Directory): RayClusterDetail {
  return { ...toCluster(cluster, directory), pods: pods.map(toPod), events: events.map(toRayEvent) }
}

function toPod(pod: Pod): RayPod {
  return {
    name: pod.name,
    group: pod.groupName ?? "head",
    index: pod.index,
    state: pod.state,
    node: pod.nodeName,
    gpuIndexes: [...pod.gpuIndexes],
    startedAt: instantOrNull(pod.startedAtMs),
    endedAt: instantOrNull(pod.endedAtMs),
    exitCode: pod.exitCode,
    message: pod.message,
  }
}

function toRayEvent(event: ClusterEvent): RayEvent {
  return {
    type: event.type,
    reason: event.reason,
    message: event.message,
    count: event.count,
    firstAt: instant(event.firstAtMs),
    lastAt: instant(event.lastAtMs),
  }
}
