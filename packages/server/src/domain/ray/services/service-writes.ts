import type { Tx } from "../../journal/index.ts"
import { systemActor } from "../../journal/index.ts"
import type { ClusterLife } from "../cluster-life.ts"
import { noteRayEvent } from "../events.ts"
import type { ServeView } from "../ports.ts"
import type { RayRunnerOptions } from "../runner-options.ts"
import type { RayCluster, RayClusterKey, RayEvent, RayService } from "../types.ts"
import { applicationsOf } from "./serve-health.ts"
import { refusedMark, serveMark } from "./serve-mark.ts"
import { newServiceCluster, resizeCluster } from "./service-cluster.ts"
import type { ServiceStep } from "./service-steps.ts"

type StepOf<Do extends ServiceStep["do"]> = Extract<ServiceStep, { readonly do: Do }>

/**
 * What a look writes: each in one transaction, on the row as it was looked at. Where it has changed in between nothing
 * is written: who changed it asked for another look.
 */
export interface ServiceWrites {
  makePending(seen: RayService, step: StepOf<"make_pending">): Promise<void>
  resize(seen: RayService, step: StepOf<"resize">): Promise<void>
  /** @param refusal why the cluster did not take it, a sentence; undefined = it did */
  applied(seen: RayService, step: StepOf<"apply">, to: RayCluster, refusal?: string): Promise<void>
  promote(seen: RayService, step: StepOf<"promote">, view: ServeView | undefined): Promise<void>
  endCluster(seen: RayService, step: StepOf<"end_cluster">): Promise<void>
  write(seen: RayService, step: StepOf<"write">): Promise<void>
  /** The row, and with it its name's last trace, goes. */
  delete(seen: RayService): Promise<void>
  /** Its workspace is being deleted: it is to end as if somebody had said so. */
  doom(seen: RayService): Promise<void>
  warn(seen: RayService, reason: string, message: string): Promise<void>
}

const actor = systemActor("ray")
const failedUpdate = "FailedToUpdateServeApplications"

export function createServiceWrites(
  options: Pick<RayRunnerOptions, "store" | "rows" | "ids" | "clock"> & {
    readonly life: Pick<ClusterLife, "begin" | "end" | "endPod">
  },
): ServiceWrites {
  const { store, rows, ids, clock, life } = options

  function change(
    { key, version }: RayService,
    write: (tx: Tx, row: RayService, nowMs: number) => Promise<void>,
  ): Promise<void> {
    const nowMs = clock.nowMs()
    return store.tx(async (tx) => {
      const row = await rows.services.byKey(tx, key)
      if (row?.version === version) await write(tx, row, nowMs)
    })
  }

  function note(
    tx: Tx,
    { key, name }: RayService,
    nowMs: number,
    event: Pick<RayEvent, "type" | "reason" | "message">,
  ): Promise<void> {
    return noteRayEvent(tx, rows, { of: { key, name }, nowMs, ...event })
  }

  function emit(tx: Tx, service: RayService, type: string, nowMs: number, data: Record<string, string> = {}) {
    return tx.emit({
      type: `ray-service.${type}`,
      subject: { kind: "ray-service", id: shown(service) },
      workspace: service.workspaceId,
      actor,
      atMs: nowMs,
      data,
    })
  }

  return {
    makePending: (seen, { why }) =>
      change(seen, async (tx, row, nowMs) => {
        const cluster = newServiceCluster(row, ids, nowMs)
        if (why !== "")
          await note(tx, row, nowMs, { type: "Warning", reason: "UnhealthyRayCluster", message: why })
        await life.begin(tx, cluster, actor, nowMs)
        await rows.services.update(tx, { ...row, pendingClusterKey: cluster.key, appliedToPending: null })
        const message = `Created RayCluster ${shown(cluster)}`
        await note(tx, row, nowMs, { type: "Normal", reason: "CreatedRayCluster", message })
      }),
    resize: (seen, { key }) =>
      change(seen, async (tx, row, nowMs) => {
        const cluster = await rows.clusters.byKey(tx, key)
        if (!cluster || hasEnded(cluster) || cluster.state === "failed") return
        await resizeCluster(tx, { rows, life }, cluster, row.spec, nowMs)
        const message = `Updated the RayCluster ${shown(cluster)}`
        await note(tx, row, nowMs, { type: "Normal", reason: "UpdatedRayCluster", message })
      }),
    applied: (seen, { to, mark }, cluster, refusal) =>
      change(seen, async (tx, row, nowMs) => {
        const applied = refusal === undefined ? mark : refusedMark(mark)
        await rows.services.update(tx, {
          ...row,
          message: refusal ?? "",
          ...(to === "active" ? { appliedToActive: applied } : { appliedToPending: applied }),
        })
        const where = `serve applications to the RayCluster ${shown(cluster)}`
        await note(
          tx,
          row,
          nowMs,
          refusal === undefined
            ? { type: "Normal", reason: "UpdatedServeApplications", message: `Updated ${where}` }
            : { type: "Warning", reason: failedUpdate, message: `Failed to update ${where}: ${refusal}` },
        )
      }),
    promote: (seen, { oldEndsAtMs }, view) =>
      change(seen, async (tx, row, nowMs) => {
        const { pendingClusterKey: key, activeClusterKey: old } = row
        const cluster = key === null ? undefined : await rows.clusters.byKey(tx, key)
        if (!cluster || serveMark(cluster, row.serveConfig) !== row.appliedToPending) return
        const retired = old === null ? [] : [{ clusterKey: old, endsAtMs: oldEndsAtMs }]
        await rows.services.update(tx, {
          ...row,
          activeClusterKey: key,
          appliedToActive: row.appliedToPending,
          pendingClusterKey: null,
          appliedToPending: null,
          retiring: [...row.retiring, ...retired],
          applications: view ? applicationsOf(view) : [],
          unhealthySinceMs: null,
          message: "",
        })
        await emit(tx, row, "serving", nowMs, { rayCluster: cluster.name })
      }),
    endCluster: (seen, { key }) =>
      change(seen, async (tx, row, nowMs) => {
        const cluster = await rows.clusters.byKey(tx, key)
        await rows.services.update(tx, without(row, key))
        if (!cluster || hasEnded(cluster)) return
        await life.end(
          tx,
          cluster,
          { actor, message: `It is not used by the service ${row.name} any more.` },
          nowMs,
        )
        const message = `Deleted RayCluster ${shown(cluster)}`
        await note(tx, row, nowMs, { type: "Normal", reason: "DeletedRayCluster", message })
      }),
    write: (seen, { changes, tells }) =>
      change(seen, async (tx, row, nowMs) => {
        await rows.services.update(tx, { ...row, ...changes })
        if (tells) await note(tx, row, nowMs, { type: "Warning", ...tells })
      }),
    delete: (seen) =>
      change(seen, async (tx, row, nowMs) => {
        await rows.services.delete(tx, row.key)
        await emit(tx, row, "gone", nowMs)
      }),
    doom: (seen) =>
      change(seen, async (tx, row, nowMs) => {
        await rows.services.update(tx, { ...row, deletingAtMs: nowMs })
        await emit(tx, row, "deleted", nowMs)
      }),
    warn: (seen, reason, message) =>
      change(seen, (tx, row, nowMs) => note(tx, row, nowMs, { type: "Warning", reason, message })),
  }
}

function shown({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`
}

function hasEnded({ state }: RayCluster): boolean {
  return state === "ending" || state === "gone"
}

/** The row without a cluster, whatever it was for the service. */
function without(row: RayService, key: RayClusterKey): RayService {
  const retiring = row.retiring.filter(({ clusterKey }) => clusterKey !== key)
  const withoutPending =
    row.pendingClusterKey === key ? { ...row, pendingClusterKey: null, appliedToPending: null } : row
  if (row.activeClusterKey !== key) return { ...withoutPending, retiring }
  return {
    ...withoutPending,
    retiring,
    activeClusterKey: null,
    appliedToActive: null,
    applications: [],
    unhealthySinceMs: null,
  }
}
