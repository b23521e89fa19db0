import type { Clock } from "../../../kit/clock.ts"
import type { Ids } from "../../../kit/ids.ts"
import type { Vault } from "../../../kit/vault.ts"
import type { Store } from "../../journal/index.ts"
import type { Capacity, QueueService } from "../../queue/index.ts"
import type { Workspace, WorkspaceRow } from "../../workspaces/index.ts"
import type { ClusterLife } from "../cluster-life.ts"
import type { RayBackend, RayDashboard } from "../ports.ts"
import type { RayCluster, RayStore } from "../types.ts"

/** What templates, config maps and secrets stand on. */
export interface RayConfigOptions {
  readonly store: Pick<Store, "tx" | "committed">
  readonly rows: Pick<RayStore, "templates" | "entries">
  readonly clock: Clock
  readonly vault: Pick<Vault, "seal">
  readonly limits: RayLimits
  /** The workspace that a namespace belongs to; in memory. */
  readonly namespaceOwner: (namespace: string) => string | undefined
  /** As the transaction sees it. */
  readonly workspaceRow: WorkspaceRow
}

/** Most of a kind in one workspace. */
export interface RayLimits {
  readonly mostTemplates: number
  /** Config maps, and as many secrets. */
  readonly mostEntries: number
  /** Live clusters, and as many live jobs and services each. */
  readonly mostLive: number
}

export const defaultRayLimits: RayLimits = { mostTemplates: 1_000, mostEntries: 1_000, mostLive: 5_000 }

/** What clusters stand on besides. */
export interface RayClustersOptions extends RayConfigOptions {
  readonly rows: RayStore
  readonly ids: Pick<Ids, "next">
  readonly life: Pick<ClusterLife, "begin" | "end">
  readonly queue: Pick<QueueService, "explain">
  readonly capacity: Pick<Capacity, "couldHold" | "couldHoldAll">
  readonly backends: ReadonlyMap<string, Pick<RayBackend, "readLog">>
  /** Whole paths of the machines that people who are not server owners may mount, with what is below them. */
  readonly hostPathAllow: readonly string[]
  /** In memory; undefined when there is none. */
  readonly workspace: (id: string) => Workspace | undefined
}

/** What needs a cluster that runs. */
export interface RayDashboardsOptions extends Pick<RayClustersOptions, "store" | "clock"> {
  readonly rows: RayStore
  readonly ids: Pick<Ids, "random">
  /** undefined while the head has no address. @throws AppError `unavailable` when its cluster has no backend */
  readonly dashboardOf: (cluster: RayCluster) => RayDashboard | undefined
}

export type RayObjectsOptions = RayClustersOptions & RayDashboardsOptions
