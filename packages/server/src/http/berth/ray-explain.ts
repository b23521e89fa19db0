import type { RayExplanation, RayKind } from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import type { Principal } from "../../domain/identity/index.ts"
import type { Explanation } from "../../domain/queue/index.ts"
import type {
  RayClusterKey,
  RayList,
  RayClusterView,
  RayName,
  RayObjects,
  RayPage,
} from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Services } from "../services.ts"
import { instantOrNull, toEvent } from "./map.ts"
import { toExplainedReason } from "./queue.ts"
import { rayOf } from "./ray-objects.ts"

/** What is explained, and the cluster whose place in the queue counts for it. */
interface Subject {
  readonly kind: RayKind
  readonly at: RayName
  readonly workspaceId: string
  readonly state: string
  readonly message: string
  /** null = there is none now. */
  readonly clusterName: string | null
}

/** Clusters that are looked through at once. */
const pageSize = 200

/** Why Ray clusters, jobs and services wait; rights are theirs. */
export function rayExplainHandlers(services: Services) {
  const explainWith =
    (look: (principal: Principal, at: RayName) => Promise<Subject>) => async (request: FastifyRequest) =>
      explain(services, request.principal, await look(request.principal, objectOf(request)))
  return {
    explainRayCluster: explainWith((principal, at) => clusterSubject(rayOf(services), principal, at)),
    explainRayJob: explainWith((principal, at) => jobSubject(rayOf(services), principal, at)),
    explainRayService: explainWith((principal, at) => serviceSubject(rayOf(services), principal, at)),
  }
}

/** @throws AppError `not_found` for what is no `<namespace>/<name>` */
function objectOf(request: FastifyRequest): RayName {
  const { id } = request.params as { readonly id: string }
  const [namespace = "", name = "", ...more] = id.split("/")
  if (namespace !== "" && name !== "" && more.length === 0) return { namespace, name }
  throw new AppError("not_found", `"${id}" is not <namespace>/<name>.`, { resource: "ray", name: id })
}

async function clusterSubject(ray: RayObjects, principal: Principal, at: RayName): Promise<Subject> {
  const { workspaceId, state, message } = (await ray.clusters.get(principal, at)).cluster
  return { kind: "ray-cluster", at, workspaceId, state, message, clusterName: at.name }
}

async function jobSubject(ray: RayObjects, principal: Principal, at: RayName): Promise<Subject> {
  const { workspaceId, phase, message, clusterKey, clusterName } = await ray.jobs.get(principal, at)
  const cluster = clusterKey === null ? null : await clusterNamed(ray, principal, at.namespace, clusterName)
  return {
    kind: "ray-job",
    at,
    workspaceId,
    state: phase,
    message,
    // the name alone could be that of another one by now
    clusterName: cluster?.key === clusterKey ? clusterName : null,
  }
}

async function serviceSubject(ray: RayObjects, principal: Principal, at: RayName): Promise<Subject> {
  const { service, active } = await ray.services.get(principal, at)
  const { workspaceId, message, pendingClusterKey } = service
  // One that is to take over is what waits.
  const pending =
    pendingClusterKey === null ? null : await nameOfCluster(ray, principal, at.namespace, pendingClusterKey)
  const state = active ? "serving" : "starting"
  const clusterName = pending ?? active?.name ?? null
  return { kind: "ray-service", at, workspaceId, state, message, clusterName }
}

/** null: it is not there any more. */
async function nameOfCluster(
  ray: RayObjects,
  principal: Principal,
  namespace: string,
  key: RayClusterKey,
): Promise<string | null> {
  let after: RayPage["after"] = null
  do {
    const page: RayList<RayClusterView> = await ray.clusters.page(principal, namespace, {
      limit: pageSize,
      after,
    })
    const found = page.items.find(({ cluster }) => cluster.key === key)
    if (found) return found.cluster.name
    after = page.next
  } while (after !== null)
  return null
}

async function clusterNamed(ray: RayObjects, principal: Principal, namespace: string, name: string) {
  try {
    return (await ray.clusters.get(principal, { namespace, name })).cluster
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return null
    throw error
  }
}

async function explain(services: Services, principal: Principal, subject: Subject): Promise<RayExplanation> {
  const { kind, at, workspaceId, state, message, clusterName } = subject
  const id = `${at.namespace}/${at.name}`
  const own = () => services.queue.explain(principal, null, { kind, id }, state)
  const place =
    clusterName === null
      ? await own()
      : await rayOf(services).clusters.explain(principal, { namespace: at.namespace, name: clusterName })
  const { moves }: Pick<Explanation, "moves"> = kind === "ray-cluster" ? place : await own()
  return {
    kind,
    id,
    workspaceId,
    state,
    message,
    clusterName,
    reasons: place.reasons.map(toExplainedReason),
    position: place.position,
    ahead: { ids: [...place.ahead.ids], count: place.ahead.count },
    waitingSince: instantOrNull(place.waitingSinceMs),
    moves: moves.map(toEvent),
  }
}
