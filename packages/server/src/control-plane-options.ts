import type { GpuStart } from "./control/gpu-figures.ts"
import type { createSchedulerLoop } from "./control/scheduler-loop.ts"
import type { GpuRequestLimits, GpuRequestStore, GpuSettingsStore } from "./domain/gpu-requests/index.ts"
import type { IdentityStore, SigningKeyStore } from "./domain/identity/index.ts"
import type { Cluster, InventoryStore, NodeSource } from "./domain/inventory/index.ts"
import type { IdempotencyStore, JournalReads, Store } from "./domain/journal/index.ts"
import type { ClaimStore } from "./domain/queue/index.ts"
import type { RayBackend, RayStore } from "./domain/ray/index.ts"
import type { Prober, ServiceStore } from "./domain/services/index.ts"
import type {
  EndpointStore,
  PodDriver,
  ReplicaStore,
  ServiceNetwork,
  WorkloadStore,
} from "./domain/workloads/index.ts"
import type { WorkspaceStore } from "./domain/workspaces/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Ids } from "./kit/ids.ts"
import type { Log } from "./kit/log.ts"
import type { Vault } from "./kit/vault.ts"

/** The rows of every slice. */
export interface Rows {
  readonly journal: JournalReads
  readonly idempotency: IdempotencyStore
  readonly identity: IdentityStore
  readonly signingKeys: SigningKeyStore
  readonly inventory: InventoryStore
  readonly workspaces: WorkspaceStore
  readonly claims: ClaimStore
  readonly workloads: WorkloadStore
  readonly replicas: ReplicaStore
  readonly endpoints: EndpointStore
  readonly gpuRequests: GpuRequestStore
  readonly gpuSettings: GpuSettingsStore
  readonly ray: RayStore
  readonly services: ServiceStore
}

export interface ControlPlaneOptions {
  readonly store: Store
  readonly rows: Rows
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly clusters: readonly Cluster[]
  readonly drivers: readonly PodDriver[]
  /** What services are listened for with, by cluster; none = they have addresses, but nothing answers there. */
  readonly networks?: ReadonlyMap<string, ServiceNetwork>
  /** What runs Ray, at most one for each cluster; none = Ray clusters wait. */
  readonly rayBackends?: readonly RayBackend[]
  /** Paths of the machines that Ray clusters of people who are not server owners may mount. Default none. */
  readonly hostPathAllow?: readonly string[]
  /** What addresses of watched records are asked with; none = they are not. */
  readonly prober?: Prober
  readonly sources: readonly NodeSource[]
  readonly noAuth: boolean
  /** What hashing a password costs, as `createPasswordHasher` takes it; tests take less. */
  readonly passwordCost?: number
  /** Seals what is secret in the rows. Default: one that opens nothing after this process. */
  readonly vault?: Vault
  readonly gpuLimits?: GpuRequestLimits
  /** `stopGraceSeconds` that new workspaces start with. */
  readonly stopGraceSeconds?: number
  /** More periodic work (log retention). */
  readonly chores?: readonly {
    readonly name: string
    readonly everyMs: number
    readonly isDueAtStart?: boolean
    readonly run: () => Promise<void>
  }[]
  readonly onTurn?: Parameters<typeof createSchedulerLoop>[0]["onTurn"]
  readonly onGpuTurn?: Parameters<typeof createSchedulerLoop>[0]["onGpuTurn"]
  readonly onGpuStart?: (start: GpuStart) => void
}
