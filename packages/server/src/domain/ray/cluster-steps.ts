import { AppError } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import type { Tx } from "../journal/index.ts"
import { systemActor } from "../journal/index.ts"
import { clusterEvent, type ClusterLife } from "./cluster-life.ts"
import { noteRayEvent } from "./events.ts"
import { createInstalls } from "./installs.ts"
import type { SubmissionKeeper } from "./jobs/submission-keeper.ts"
import { createPodEnds } from "./pod-ends.ts"
import { launchOf } from "./pod-launch.ts"
import { type PodHands, runtimeOf } from "./pod-hands.ts"
import { singleOf, wantedReplicas } from "./pods.ts"
import type { RayDashboard, RayNodeView, RayPodObservation, RayPodStarted } from "./ports.ts"
import type { RayRunnerOptions } from "./runner-options.ts"
import type { RayCluster, RayClusterKey, RayEvent, RayPod } from "./types.ts"

/** Brings a Ray cluster and what really runs in line. Level-triggered. */
export interface ClusterSteps {
  /**
   * One look at one cluster. Safe to repeat; must not run twice at once for a key.
   * @throws AppError `unavailable` when backend or store cannot work now: call again later
   */
  reconcile(key: RayClusterKey, signal: AbortSignal): Promise<void>
  close(): void
}

const actor = systemActor("ray")
/** While it starts; no event comes from a dashboard. */
const startLookMs = 500
/** While it is ready, beside what its backend tells. */
const readyLookMs = 10_000
/** A head that is not ready by then is given up. */
const startDeadlineMs = 600_000
/** A dashboard that does not answer for so long counts as a lost head. */
const silenceMs = 60_000
/** Heads lost one after the other before it has failed. */
const mostHeadFailures = 5
/** Ready for so long, it starts to count anew. */
const steadyMs = 600_000
/** Between a worker that ended soon after its start and the next one. */
const workerBackoffMs = 10_000
const shortLifeMs = 60_000

export function createClusterSteps(
  options: RayRunnerOptions & {
    readonly life: ClusterLife
    readonly hands: PodHands
    readonly keeper: SubmissionKeeper
  },
): ClusterSteps {
  const { store, rows, clock, life, hands, keeper } = options
  /** Since when the dashboard of a cluster that was ready does not answer. */
  const silent = new Map<RayClusterKey, number>()
  const ends = createPodEnds(options)
  const installs = createInstalls({
    step: (key, sentence) => {
      change(key, (tx, cluster, nowMs) =>
        note(tx, cluster, "Normal", "InstallingRay", sentence, nowMs),
      ).catch(() => undefined)
    },
    settled: (key) => options.lookAt(key, clock.nowMs()),
  })

  /** Runs a change on the row as it is in the transaction; nothing where it is gone. */
  function change(
    key: RayClusterKey,
    write: (tx: Tx, cluster: RayCluster, nowMs: number) => Promise<void>,
  ): Promise<void> {
    const nowMs = clock.nowMs()
    return store.tx(async (tx) => {
      const cluster = await rows.clusters.byKey(tx, key)
      if (cluster && cluster.state !== "gone") await write(tx, cluster, nowMs)
    })
  }

  function note(
    tx: Tx,
    { key, name }: RayCluster,
    type: RayEvent["type"],
    reason: string,
    message: string,
    nowMs: number,
  ): Promise<void> {
    return noteRayEvent(tx, rows, { of: { key, name }, type, reason, message, nowMs })
  }

  async function reconcile(key: RayClusterKey, signal: AbortSignal): Promise<void> {
    const cluster = await rows.clusters.byKey(store.committed, key)
    if (!cluster || cluster.state === "gone") return forget(key)
    if (options.isDeleting(cluster.workspaceId) && cluster.state !== "ending")
      return change(key, (tx, row, nowMs) =>
        life.end(tx, row, { actor, message: "Its workspace is being deleted." }, nowMs),
      )
    const pods = await rows.pods.live(store.committed, key)
    if (cluster.state === "ending" || cluster.state === "waiting") await keepWhatRan(cluster, pods, signal)
    await ends.finish(cluster, pods)
    return advance(cluster, pods, signal)
  }

  async function advance(cluster: RayCluster, pods: readonly RayPod[], signal: AbortSignal): Promise<void> {
    switch (cluster.state) {
      case "waiting":
        return gatherWhenEmpty(cluster)
      case "installing":
        return install(cluster)
      case "starting":
        return start(cluster, pods, signal)
      case "ready":
        return watch(cluster, pods, signal)
      case "failed":
      case "ending":
      case "gone":
        return closeWhenEmpty(cluster)
    }
  }

  function forget(key: RayClusterKey): void {
    installs.giveUp(key)
    silent.delete(key)
    keeper.forget(key)
    ends.forget(key)
    options.lookAt(key, null)
  }

  /** While its head still answers. */
  async function keepWhatRan(
    cluster: RayCluster,
    pods: readonly RayPod[],
    signal: AbortSignal,
  ): Promise<void> {
    const ran = pods.some((pod) => pod.groupName === null && pod.handle !== null)
    if (ran) await keeper.lastLook(cluster.key, hands.dashboardOf(cluster), signal)
  }

  async function gatherWhenEmpty(cluster: RayCluster): Promise<void> {
    installs.giveUp(cluster.key)
    silent.delete(cluster.key)
    if (cluster.gangClaimId !== null) return options.lookAt(cluster.key, null)
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "waiting" || row.gangClaimId !== null) return
      if ((await rows.pods.live(tx, row.key)).length === 0) await life.gatherAgain(tx, row, nowMs)
    })
  }

  async function closeWhenEmpty(cluster: RayCluster): Promise<void> {
    installs.giveUp(cluster.key)
    if (cluster.state === "failed") return
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "ending" || (await rows.pods.live(tx, row.key)).length > 0) return
      await rows.clusters.update(tx, { ...row, state: "gone", endedAtMs: nowMs, address: null })
      await tx.emit(clusterEvent({ ...row, state: "gone" }, "gone", actor, nowMs))
    })
  }

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

  function loseHead(tx: Tx, row: RayCluster, message: string, nowMs: number): Promise<void> {
    const headFailures = row.headFailures + 1
    if (headFailures > mostHeadFailures)
      return life.fail(tx, row, `${message} It was started ${headFailures} times.`, nowMs)
    const why = { suspended: false, cause: "lost" as const, message, retryAtMs: nowMs + headFailures * 5000 }
    return life.scatter(tx, { ...row, headFailures }, why, nowMs)
  }

  async function headLost(cluster: RayCluster, message: string): Promise<void> {
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state === "starting" || row.state === "ready") await loseHead(tx, row, message, nowMs)
    })
  }

  /** @returns whether the pod is there now; false: the cluster was given another state */
  async function ensure(cluster: RayCluster, pod: RayPod, signal: AbortSignal): Promise<boolean> {
    const runtime = runtimeOf(cluster)
    const workspaceKey = options.workspaceKeyOf(cluster.workspaceId)
    if (!runtime || workspaceKey === undefined)
      throw new AppError(
        "internal",
        `The Ray cluster ${cluster.key} starts without a version or a workspace.`,
      )
    const head = pod.groupName === null ? null : cluster.address
    try {
      const parts = { runtime, token: hands.tokenOf(cluster), head, workspaceKey }
      const launch = await launchOf(store.committed, options, cluster, pod, parts)
      const started = await hands.backendOf(pod).ensure(launch, signal)
      await noteStarted(cluster, pod, started)
      return true
    } catch (thrown) {
      const error = AppError.from(thrown)
      if (error.code === "invalid") {
        await change(cluster.key, (tx, row, nowMs) => life.fail(tx, row, error.message, nowMs))
        return false
      }
      if (error.detail === "port_in_use") {
        await useNextBlock(cluster, pod, error.message)
        return false
      }
      throw error
    }
  }

  async function noteStarted(cluster: RayCluster, pod: RayPod, started: RayPodStarted): Promise<void> {
    await change(cluster.key, async (tx, row, nowMs) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (now?.state !== "placed") return
      await rows.pods.update(tx, { ...now, state: "starting", handle: started.handle, startedAtMs: nowMs })
      if (started.address) await rows.clusters.update(tx, { ...row, address: started.address })
      const isHead = pod.groupName === null
      const where = `${row.namespace}/${pod.name}`
      const message = isHead ? `Created head Pod ${where}` : `Created worker Pod ${where}`
      await note(tx, row, "Normal", isHead ? "CreatedHeadPod" : "CreatedWorkerPod", message, nowMs)
      if (started.ignoredParams.length > 0)
        await note(
          tx,
          row,
          "Warning",
          "IgnoredStartParameters",
          `Not passed on to Ray here: ${started.ignoredParams.join(", ")}.`,
          nowMs,
        )
    })
  }

  /** Somebody listens on one of its ports: it gets the next block that nobody has, round and round. */
  async function useNextBlock(cluster: RayCluster, pod: RayPod, message: string): Promise<void> {
    const backend = hands.backendOf(pod)
    await change(cluster.key, async (tx, row, nowMs) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (now?.state !== "placed" || now.clusterId === null) return
      const taken = new Set(await rows.pods.portBlocks(tx, now.clusterId))
      const count = backend.portBlocks
      const next = Array.from({ length: count }, (_, at) => ((now.portBlock ?? 0) + 1 + at) % count).find(
        (block) => !taken.has(block),
      )
      await note(tx, row, "Warning", "PortInUse", message, nowMs)
      if (next !== undefined) await rows.pods.update(tx, { ...now, portBlock: next })
    })
    options.lookAt(cluster.key, clock.nowMs() + startLookMs)
  }

  async function start(cluster: RayCluster, pods: readonly RayPod[], signal: AbortSignal): Promise<void> {
    const head = pods.find((pod) => pod.groupName === null && pod.state !== "ending")
    if (!head || head.state === "wanted") return headLost(cluster, "The head is gone.")
    const seen = await lookOrStart(cluster, head, signal)
    if (seen === "started") options.lookAt(cluster.key, clock.nowMs() + startLookMs)
    if (typeof seen === "string") return
    if (seen.state === "exited" || seen.state === "lost") return headLost(cluster, endOf(head, seen))
    const dashboard = hands.dashboardOf(cluster)
    const health = dashboard
      ? await dashboard.health(signal)
      : { isReady: false, message: "It has no address." }
    if (!dashboard || !health.isReady) {
      if (clock.nowMs() - (head.startedAtMs ?? 0) > startDeadlineMs)
        return headLost(
          cluster,
          `The head was not ready after ${startDeadlineMs / 1000} s: ${health.message}`,
        )
      return options.lookAt(cluster.key, clock.nowMs() + startLookMs)
    }
    await tendWorkers(cluster, pods, dashboard, signal)
    await fillGroups(cluster)
    await becomeReady(cluster)
  }

  function endOf(pod: RayPod, seen: { readonly exitCode: number | null; readonly message: string }): string {
    const code = seen.exitCode === null ? "" : ` with exit code ${seen.exitCode}`
    return `${pod.name} ended${code}${seen.message === "" ? "." : `: ${seen.message}`}`
  }

  /** Ready when the head and the least workers of every group run. */
  async function becomeReady(cluster: RayCluster): Promise<void> {
    let isReady = false
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "starting") return
      const running = (await rows.pods.live(tx, row.key)).filter((pod) => pod.state === "running")
      const hasHead = running.some((pod) => pod.groupName === null)
      const hasWorkers = row.spec.workers.every((group) => {
        const least = Math.min(Math.max(group.minReplicas, 0), wantedReplicas(group))
        return running.filter((pod) => pod.groupName === group.groupName).length >= least
      })
      if (!hasHead || !hasWorkers) return
      isReady = true
      const next: RayCluster = { ...row, state: "ready", readyAtMs: nowMs, message: "" }
      await rows.clusters.update(tx, next)
      await tx.emit(clusterEvent(next, "ready", actor, nowMs))
    })
    options.lookAt(cluster.key, clock.nowMs() + (isReady ? readyLookMs : startLookMs))
  }

  /** Starts workers that have a place, notes those that run, and takes away those that ended. */
  async function tendWorkers(
    cluster: RayCluster,
    pods: readonly RayPod[],
    dashboard: RayDashboard,
    signal: AbortSignal,
  ): Promise<void> {
    const nodes = await dashboard.nodes(signal)
    for (const pod of pods) {
      if (pod.groupName === null) {
        // it was looked at before
        if (pod.state === "starting") await noteRunning(pod)
        continue
      }
      if (!["placed", "starting", "running"].includes(pod.state)) continue
      const seen = await lookOrStart(cluster, pod, signal)
      if (seen === "changed") return
      const node = nodes.find((one) => one.name === pod.name)
      if (seen !== "started") await tendWorker(pod, seen, node)
    }
  }

  /** The backend's word on a pod; one that was not started, or whose start was cut off with the last server, is started. */
  async function lookOrStart(
    cluster: RayCluster,
    pod: RayPod,
    signal: AbortSignal,
  ): Promise<RayPodObservation | "started" | "changed"> {
    const seen = pod.state === "placed" ? undefined : (await hands.look(pod)).seen
    if (seen && seen.state !== "waiting") return seen
    return (await ensure(cluster, pod, signal)) ? "started" : "changed"
  }

  async function tendWorker(pod: RayPod, seen: RayPodObservation, node: RayNodeView | undefined) {
    const lost = endOfWorker(pod, seen, node)
    if (lost !== undefined) await loseWorker(pod, lost)
    else if (pod.state === "starting" && node?.isAlive) await noteRunning(pod)
  }

  /** How a worker ended: its processes, or to Ray alone. undefined: it has not. */
  function endOfWorker(
    pod: RayPod,
    seen: RayPodObservation,
    node: RayNodeView | undefined,
  ): string | undefined {
    if (seen.state === "exited" || seen.state === "lost") return endOf(pod, seen)
    return pod.state === "running" && node?.isAlive === false
      ? `Ray lost ${pod.name}: ${node.message}`
      : undefined
  }

  async function noteRunning(pod: RayPod): Promise<void> {
    await store.tx(async (tx) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (now?.state === "starting") await rows.pods.update(tx, { ...now, state: "running" })
    })
  }

  async function loseWorker(pod: RayPod, message: string): Promise<void> {
    await change(pod.clusterKey, async (tx, row, nowMs) => {
      const now = await rows.pods.byId(tx, pod.id)
      if (!now || now.state === "ending" || now.state === "gone") return
      await life.endPod(tx, now, "lost", message, nowMs)
      await note(tx, row, "Warning", "LostWorkerPod", message, nowMs)
    })
    options.lookAt(pod.clusterKey, clock.nowMs())
  }

  async function watch(cluster: RayCluster, pods: readonly RayPod[], signal: AbortSignal): Promise<void> {
    const head = pods.find((pod) => pod.groupName === null && pod.state !== "ending")
    if (!head) return headLost(cluster, "The head is gone.")
    const { seen } = await hands.look(head)
    if (seen.state === "exited" || seen.state === "lost") return headLost(cluster, endOf(head, seen))
    const dashboard = hands.dashboardOf(cluster)
    const health = dashboard
      ? await dashboard.health(signal)
      : { isReady: false, message: "It has no address." }
    const nowMs = clock.nowMs()
    options.lookAt(cluster.key, nowMs + readyLookMs)
    if (!dashboard || !health.isReady) {
      const sinceMs = silent.get(cluster.key) ?? nowMs
      silent.set(cluster.key, sinceMs)
      if (nowMs - sinceMs < silenceMs) return
      silent.delete(cluster.key)
      return headLost(cluster, `The head has not answered for ${silenceMs / 1000} s: ${health.message}`)
    }
    silent.delete(cluster.key)
    await tendWorkers(cluster, pods, dashboard, signal)
    await fillGroups(cluster)
    await keeper.look(cluster.key, dashboard, signal)
  }

  /** A worker for every place of a group that has none; and a cluster that was steady for long forgets its failures. */
  async function fillGroups(cluster: RayCluster): Promise<void> {
    await change(cluster.key, async (tx, row, nowMs) => {
      if (row.state !== "ready" && row.state !== "starting") return
      const pods = await rows.pods.live(tx, row.key)
      for (const group of row.spec.workers) {
        const own = pods.filter((pod) => pod.groupName === group.groupName)
        const isShortLived = own.some(
          (pod) => pod.state === "ending" && nowMs - (pod.startedAtMs ?? nowMs) < shortLifeMs,
        )
        const taken = new Set(own.filter((pod) => pod.state !== "ending").map((pod) => pod.index))
        for (let index = 0; index < wantedReplicas(group); index++) {
          if (taken.has(index)) continue
          const notBeforeMs = isShortLived ? nowMs + workerBackoffMs : null
          await life.want(tx, singleOf(row, group.groupName, index, options.ids, nowMs, notBeforeMs), nowMs)
        }
      }
      if (row.headFailures > 0 && row.readyAtMs !== null && nowMs - row.readyAtMs > steadyMs)
        await rows.clusters.update(tx, { ...row, headFailures: 0 })
    })
  }

  return { reconcile, close: installs.close }
}
