import { AppError } from "../../../kit/errors.ts"
import type { JsonObject } from "../../../kit/json.ts"
import { sha256Hex } from "../../../kit/sha256.ts"
import type { ClusterLife } from "../cluster-life.ts"
import { unfitReason } from "../objects/unfit.ts"
import type { PodHands } from "../pod-hands.ts"
import type { ServeView } from "../ports.ts"
import type { RayRunnerOptions } from "../runner-options.ts"
import type { RayCluster, RayClusterKey, RayService, RayServiceKey } from "../types.ts"
import { readServeConfig } from "./serve-config.ts"
import { serveMark } from "./serve-mark.ts"
import { nextServiceStep, type ServiceProblem, type ServiceSight, type ServiceStep } from "./service-steps.ts"
import { createServiceWrites } from "./service-writes.ts"

/** Brings Ray services and what really serves in line. Level-triggered. */
export interface ServiceSteps {
  /**
   * One look at one service. Safe to repeat; must not run twice at once for a key.
   * @throws AppError `unavailable` when backend or store cannot work now: call again later
   */
  reconcile(key: RayServiceKey, signal: AbortSignal): Promise<void>
}

/** Until Serve is asked again, where it did not answer, and where it answered something else than was to be expected. */
const silentRetryMs = 1000
const oddRetryMs = 10_000
/** Ray says with these that it is the configuration that is wrong. */
const refusals: readonly unknown[] = [400, 422]
const mostRefusalLength = 1000
/** Of configurations; beyond, the oldest is read again. */
const mostRead = 200

/** What of a configuration every look needs. */
interface ConfigSummary {
  readonly applications: readonly string[]
  readonly problem: ServiceProblem | null
}

export function createServiceSteps(
  options: RayRunnerOptions & { readonly life: ClusterLife; readonly hands: Pick<PodHands, "dashboardOf"> },
): ServiceSteps {
  const { store, rows, clock, hands } = options
  const writes = createServiceWrites(options)
  const summaries = new Map<string, ConfigSummary>()

  function summaryOf({ serveConfig }: RayService): ConfigSummary {
    const hash = sha256Hex(serveConfig)
    const known = summaries.get(hash)
    if (known) return known
    const read = readServeConfig(serveConfig)
    const summary: ConfigSummary = read.ok
      ? { applications: read.applications, problem: null }
      : { applications: [], problem: { reason: "InvalidRayServiceSpec", message: read.message } }
    const [oldest] = summaries.keys()
    if (oldest !== undefined && summaries.size >= mostRead) summaries.delete(oldest)
    summaries.set(hash, summary)
    return summary
  }

  async function clusterOf(key: RayClusterKey | null): Promise<RayCluster | undefined> {
    return key === null ? undefined : rows.clusters.byKey(store.committed, key)
  }

  /** @returns undefined when it is not to be had now */
  async function serveOf(
    cluster: RayCluster | undefined,
    signal: AbortSignal,
  ): Promise<ServeView | undefined> {
    if (cluster?.state !== "ready") return undefined
    try {
      return await hands.dashboardOf(cluster)?.serve(signal)
    } catch (thrown) {
      signal.throwIfAborted()
      if (isAnswerless(AppError.from(thrown))) return undefined
      throw thrown
    }
  }

  async function look(service: RayService, signal: AbortSignal): Promise<ServiceSight> {
    const [active, pending] = await Promise.all([
      clusterOf(service.activeClusterKey),
      clusterOf(service.pendingClusterKey),
    ])
    const isGiven = pending && serveMark(pending, service.serveConfig) === service.appliedToPending
    const [seenActive, seenPending] = await Promise.all([
      serveOf(active, signal),
      isGiven ? serveOf(pending, signal) : undefined,
    ])
    const { applications, problem } = summaryOf(service)
    return {
      service,
      active,
      pending,
      seen: { active: seenActive, pending: seenPending },
      applications,
      problem: unfitReason("RayService", service.name, service.spec) ?? problem,
      nowMs: clock.nowMs(),
    }
  }

  async function apply(
    { service, ...sight }: ServiceSight,
    step: Extract<ServiceStep, { readonly do: "apply" }>,
    signal: AbortSignal,
  ): Promise<void> {
    const cluster = sight[step.to]
    const read = readServeConfig(service.serveConfig)
    if (!cluster || !read.ok) return
    const error = await give(cluster, read.config, signal)
    if (error === undefined) return writes.applied(service, step, cluster)
    if (refusals.includes(error.facts["status"]))
      return writes.applied(service, step, cluster, refusalOf(error.message))
    if (error.code === "invalid")
      await writes.warn(service, "FailedToUpdateServeApplications", refusalOf(error.message))
    options.lookAt(service.key, clock.nowMs() + (error.code === "invalid" ? oddRetryMs : silentRetryMs))
  }

  /** @returns why it did not take it; undefined = it did */
  async function give(
    cluster: RayCluster,
    config: JsonObject,
    signal: AbortSignal,
  ): Promise<AppError | undefined> {
    const dashboard = hands.dashboardOf(cluster)
    if (!dashboard) return new AppError("unavailable", "It has no address.")
    try {
      await dashboard.applyServe(config, signal)
      return undefined
    } catch (thrown) {
      signal.throwIfAborted()
      const error = AppError.from(thrown)
      if (isAnswerless(error)) return error
      throw error
    }
  }

  async function take(sight: ServiceSight, signal: AbortSignal): Promise<void> {
    const { service } = sight
    const step = nextServiceStep(sight)
    switch (step.do) {
      case "make_pending":
        return writes.makePending(service, step)
      case "resize":
        return writes.resize(service, step)
      case "apply":
        return apply(sight, step, signal)
      case "promote":
        return writes.promote(service, step, sight.seen.pending)
      case "end_cluster":
        return writes.endCluster(service, step)
      case "write":
        return writes.write(service, step)
      case "delete":
        return writes.delete(service)
      case "wait":
        return options.lookAt(service.key, step.atMs)
    }
  }

  return {
    async reconcile(key, signal) {
      const service = await rows.services.byKey(store.committed, key)
      if (!service) return options.lookAt(key, null)
      if (service.deletingAtMs === null && options.isDeleting(service.workspaceId))
        return writes.doom(service)
      await take(await look(service, signal), signal)
    },
  }
}

function isAnswerless({ code }: AppError): boolean {
  return code === "unavailable" || code === "timeout" || code === "invalid"
}

/** What Ray says, without the values that it repeats: they may be secrets, and events are for everybody. */
function refusalOf(message: string): string {
  return message.replaceAll(/,? ?input_value=.*$/gm, "]").slice(0, mostRefusalLength)
}
