import type { ServeView } from "../ports.ts"
import type { RayCluster, RayClusterKey, RayService, ServeApplication } from "../types.ts"
import { fitOf } from "./cluster-fit.ts"
import { applicationsOf, areWell, badOf, isBad } from "./serve-health.ts"
import { isOfThisHead, refusedMark, serveMark } from "./serve-mark.ts"

/** All that one look at a service sees. */
export interface ServiceSight {
  readonly service: RayService
  /** The rows of its clusters; undefined = there is none of that key any more. */
  readonly active: RayCluster | undefined
  readonly pending: RayCluster | undefined
  /** What Serve says on each of them; undefined = not asked, or no answer. */
  readonly seen: { readonly active: ServeView | undefined; readonly pending: ServeView | undefined }
  /** The names of the applications that are wanted. */
  readonly applications: readonly string[]
  /** What of the service can never be run; null = nothing. */
  readonly problem: ServiceProblem | null
  readonly nowMs: number
}

export interface ServiceProblem {
  /** Of the event that tells of it. */
  readonly reason: string
  /** A sentence. */
  readonly message: string
}

/** What of the row a look may change. */
export type ServiceChanges = Partial<Pick<RayService, "applications" | "message" | "unhealthySinceMs">>

/** The one thing that a look leads to. All but `wait` are followed by another look at once. */
export type ServiceStep =
  /** Makes the cluster that is to serve, and writes its key in the same transaction. `why` = a sentence, or "". */
  | { readonly do: "make_pending"; readonly why: string }
  /** Writes the wanted numbers of workers and the groups behind into a cluster. */
  | { readonly do: "resize"; readonly key: RayClusterKey }
  /** Gives a cluster the serve configuration, then writes the mark. Again is as good as once. */
  | { readonly do: "apply"; readonly to: "active" | "pending"; readonly mark: string }
  /** The pending one serves from now on; the one that did ends at that instant. */
  | { readonly do: "promote"; readonly oldEndsAtMs: number }
  /** Ends a cluster where that is not so yet, and takes it out of the row. */
  | { readonly do: "end_cluster"; readonly key: RayClusterKey }
  /** `tells`: an event with the message. */
  | { readonly do: "write"; readonly changes: ServiceChanges; readonly tells: ServiceProblem | null }
  | { readonly do: "delete" }
  /** Nothing before that instant, or before something is told of; null = only then. */
  | { readonly do: "wait"; readonly atMs: number | null }

/** Serve has no events: it is asked, often while something is under way. */
const shortPollMs = 1000
const longPollMs = 10_000
/** As upstream: the cluster that served lives on for so long. */
const retireMs = 60_000
/** As upstream, where the service says nothing. */
const defaultServiceUnhealthySeconds = 900
const defaultDeploymentUnhealthySeconds = 300

/** Pure: what is to be done about a service, by what is seen of it. */
export function nextServiceStep(sight: ServiceSight): ServiceStep {
  if (sight.service.deletingAtMs !== null) return stepOfDeleted(sight.service)
  return (
    clearAway(sight) ??
    (sight.problem === null ? (shape(sight) ?? need(sight) ?? give(sight) ?? promote(sight)) : undefined) ??
    settle(sight)
  )
}

function stepOfDeleted({ activeClusterKey, pendingClusterKey, retiring }: RayService): ServiceStep {
  const key = activeClusterKey ?? pendingClusterKey ?? retiring[0]?.clusterKey
  return key === undefined ? { do: "delete" } : { do: "end_cluster", key }
}

/** What has served its time, and what somebody else has ended. */
function clearAway({ service, active, pending, nowMs }: ServiceSight): ServiceStep | undefined {
  const due = service.retiring.find(({ endsAtMs }) => nowMs >= endsAtMs)
  if (due) return end(due.clusterKey)
  const { activeClusterKey, pendingClusterKey } = service
  if (activeClusterKey !== null && !isThere(active)) return end(activeClusterKey)
  if (pendingClusterKey !== null && !isThere(pending)) return end(pendingClusterKey)
  return undefined
}

/** Clusters that are not, or not any more, what is wanted. */
function shape(sight: ServiceSight): ServiceStep | undefined {
  const { service, active, pending } = sight
  if (pending) {
    const fit = fitOf(pending, service)
    if (fit === "other" || isWell(sight)) return end(pending.key)
    if (fit === "resize" && pending.state !== "failed") return { do: "resize", key: pending.key }
  }
  if (!active) return undefined
  const fit = fitOf(active, service)
  // it serves nobody, and stands in the queue before the one that is wanted
  if (fit === "other" && active.state === "waiting") return end(active.key)
  return fit === "resize" && active.state !== "failed" ? { do: "resize", key: active.key } : undefined
}

/** A cluster to be made ready, where one is wanted. */
function need(sight: ServiceSight): ServiceStep | undefined {
  const { service, active, pending } = sight
  if (pending) return undefined
  if (!active) return { do: "make_pending", why: "" }
  if (fitOf(active, service) === "other") return { do: "make_pending", why: "" }
  const { name } = active
  if (active.state === "failed")
    return { do: "make_pending", why: `The RayCluster ${name} that served has failed.` }
  const atMs = unhealthyAtMs(sight)
  if (atMs === null || sight.nowMs < atMs) return undefined
  const seconds = Math.round((sight.nowMs - (service.unhealthySinceMs ?? atMs)) / 1000)
  return {
    do: "make_pending",
    why: `The RayCluster ${name} has not been serving as it should for ${seconds} s.`,
  }
}

function give({ service, active, pending }: ServiceSight): ServiceStep | undefined {
  const due = (cluster: RayCluster | undefined, applied: string | null) => {
    const mark = cluster ? serveMark(cluster, service.serveConfig) : null
    return mark === null || applied === mark || applied === refusedMark(mark) ? undefined : mark
  }
  const toPending = due(pending, service.appliedToPending)
  if (toPending !== undefined) return { do: "apply", to: "pending", mark: toPending }
  const toActive = due(active, service.appliedToActive)
  if (!active || toActive === undefined) return undefined
  // One that is about to be replaced keeps what it serves; a head of it that has just come back serves nothing.
  const keeps = fitOf(active, service) === "other" && isOfThisHead(service.appliedToActive, active)
  // what somebody else wants is not run with the rights of who wanted it before
  const isForbidden = active.asServerOwner !== service.asServerOwner
  return keeps || isForbidden ? undefined : { do: "apply", to: "active", mark: toActive }
}

function promote({
  service,
  active,
  pending,
  seen,
  applications,
  nowMs,
}: ServiceSight): ServiceStep | undefined {
  if (!pending || !isGiven(service, pending, service.appliedToPending)) return undefined
  if (!areWell(seen.pending, applications)) return undefined
  return { do: "promote", oldEndsAtMs: active?.state === "ready" ? nowMs + retireMs : nowMs }
}

/** The active one is what is wanted, and serves all of it. */
function isWell({ service, active, seen, applications }: ServiceSight): boolean {
  if (!active || fitOf(active, service) !== "same") return false
  return isGiven(service, active, service.appliedToActive) && areWell(seen.active, applications)
}

function isGiven({ serveConfig }: RayService, cluster: RayCluster, applied: string | null): boolean {
  const mark = serveMark(cluster, serveConfig)
  return mark !== null && applied === mark
}

function isThere(cluster: RayCluster | undefined): boolean {
  return cluster !== undefined && cluster.state !== "ending" && cluster.state !== "gone"
}

function end(key: RayClusterKey): ServiceStep {
  return { do: "end_cluster", key }
}

/** Writes what is not so yet; else waits. */
function settle(sight: ServiceSight): ServiceStep {
  const { service } = sight
  const changes: ServiceChanges = {
    applications: shownOf(sight),
    unhealthySinceMs: unhealthySinceOf(sight),
    message: messageOf(sight),
  }
  const isSettled =
    service.unhealthySinceMs === changes.unhealthySinceMs &&
    service.message === changes.message &&
    JSON.stringify(service.applications) === JSON.stringify(changes.applications)
  if (isSettled) return { do: "wait", atMs: nextLookMs(sight) }
  const isNew = changes.message !== service.message && changes.message !== ""
  return { do: "write", changes, tells: isNew ? troubleOf(sight) : null }
}

/** Nothing runs on a cluster that is not ready; one that does not answer runs what it ran. */
function shownOf({ service, active, seen }: ServiceSight): readonly ServeApplication[] {
  if (active?.state !== "ready") return []
  return seen.active ? applicationsOf(seen.active) : service.applications
}

/** A cluster that has lost head or place is being brought back: that is not counted. */
function unhealthySinceOf({ service, active, seen, applications, nowMs }: ServiceSight): number | null {
  if (active?.state !== "ready") return null
  const isTrouble = seen.active === undefined || isBad(seen.active, applications)
  return isTrouble ? (service.unhealthySinceMs ?? nowMs) : null
}

/** When it has been unhealthy for too long; null = it is not, or somebody else sees to it. */
function unhealthyAtMs(sight: ServiceSight): number | null {
  const { service, seen, applications } = sight
  const sinceMs = unhealthySinceOf(sight)
  if (sinceMs === null) return null
  // One that is not heard for a moment is as bad as it was.
  const seconds = isBad(seen.active ?? service, applications)
    ? service.serviceUnhealthySeconds || defaultServiceUnhealthySeconds
    : service.deploymentUnhealthySeconds || defaultDeploymentUnhealthySeconds
  return sinceMs + seconds * 1000
}

/** Nobody sees the applications of a cluster that does not serve yet: what is wrong with them is said here. */
function troubleOf({ service, problem, pending, seen, applications }: ServiceSight): ServiceProblem | null {
  if (problem) return problem
  if (!pending) return null
  if (pending.state === "failed") {
    const message = pending.message || `The RayCluster ${pending.name} has failed.`
    return { reason: "FailedToCreateRayCluster", message }
  }
  if (!seen.pending || !isGiven(service, pending, service.appliedToPending)) return null
  const bad = badOf(seen.pending, applications)
  if (!bad) return null
  const how = bad.status === "DEPLOY_FAILED" ? "cannot be deployed" : `is ${bad.status}`
  const message = `The application ${bad.name} ${how}: ${bad.why}`
  return { reason: "UnhealthyServeApplications", message }
}

/** What Ray refused was written with the refusal, and stays until something else is given. */
function messageOf(sight: ServiceSight): string {
  const trouble = troubleOf(sight)
  if (trouble) return trouble.message
  const { service, active, pending, seen } = sight
  const isRefused = (cluster: RayCluster | undefined, applied: string | null) => {
    const mark = cluster ? serveMark(cluster, service.serveConfig) : null
    return mark !== null && applied === refusedMark(mark)
  }
  const isUnheard = pending?.state === "ready" && seen.pending === undefined
  const stays =
    isUnheard || isRefused(pending, service.appliedToPending) || isRefused(active, service.appliedToActive)
  return stays ? service.message : ""
}

function nextLookMs(sight: ServiceSight): number | null {
  const { service, active, pending, seen, nowMs } = sight
  const polls = [
    pollMs(sight, active, service.appliedToActive, seen.active),
    pollMs(sight, pending, service.appliedToPending, seen.pending),
  ]
  const unhealthyMs = pending ? null : unhealthyAtMs(sight)
  const looks = [
    ...polls.flatMap((ms) => (ms === null ? [] : [nowMs + ms])),
    ...service.retiring.map(({ endsAtMs }) => endsAtMs),
    ...(unhealthyMs !== null && unhealthyMs > nowMs ? [unhealthyMs] : []),
  ]
  return looks.length === 0 ? null : Math.min(...looks)
}

/** Often while applications come up, which is neither well nor bad. */
function pollMs(
  { service, applications }: ServiceSight,
  cluster: RayCluster | undefined,
  applied: string | null,
  view: ServeView | undefined,
): number | null {
  if (cluster?.state !== "ready") return null
  if (!isGiven(service, cluster, applied)) return longPollMs
  const isAtRest = view && (areWell(view, applications) || isBad(view, applications))
  return isAtRest ? longPollMs : shortPollMs
}
