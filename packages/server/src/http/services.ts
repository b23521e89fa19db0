import type { Readable } from "node:stream"
import type { Clock } from "../kit/clock.ts"
import type { Ids } from "../kit/ids.ts"
import type { GpuRequestService, GpuSettingsService } from "../domain/gpu-requests/index.ts"
import type { Directory, IdentityService, Principal, Tokens } from "../domain/identity/index.ts"
import type { InventoryService } from "../domain/inventory/index.ts"
import type { Idempotency, JournalReads, Store } from "../domain/journal/index.ts"
import type { Capacity, QueueService } from "../domain/queue/index.ts"
import type { RayObjects } from "../domain/ray/index.ts"
import type {
  ServiceEntries,
  ServiceJoins,
  ServiceRecords,
  ServiceRegisters,
  ServiceWatches,
} from "../domain/services/index.ts"
import type { EndpointService, WorkloadService } from "../domain/workloads/index.ts"
import type { WorkspaceService } from "../domain/workspaces/index.ts"

/** What the HTTP families are given: domain services and nothing below them. */
export interface Services {
  readonly clock: Clock
  readonly ids: Ids
  readonly directory: Directory
  readonly identity: IdentityService
  readonly tokens: Tokens
  readonly inventory: InventoryService
  readonly workspaces: WorkspaceService
  readonly gpuRequests: GpuRequestService
  /** Templates, bindings, prices. */
  readonly gpuSettings: GpuSettingsService
  /** How many GPU requests are live, of everybody; cheap. */
  readonly gpuReading: () => {
    readonly requests: readonly {
      readonly workspaceId: string
      readonly state: "queued" | "provisioned"
      readonly count: number
    }[]
  }
  readonly queue: QueueService
  readonly capacity: Capacity
  readonly workloads: WorkloadService
  readonly endpoints: EndpointService
  /** Absent: the server has no Ray. */
  readonly ray?: RayObjects
  /** Records of model servers, and what they link to. */
  readonly serviceRecords: ServiceRecords
  readonly serviceRegisters: ServiceRegisters
  readonly serviceEntries: ServiceEntries
  readonly serviceWatches: ServiceWatches
  readonly serviceJoins: Pick<ServiceJoins, "register">
  readonly idempotency: Pick<Idempotency, "begin">
  readonly journal: JournalReads
  readonly store: Pick<Store, "committed" | "subscribe">
  /** `/readyz`: recovered and planning; the sentence says what is missing. */
  readonly readiness: () => { readonly isReady: boolean; readonly message: string }
  /** SIGTERM by HTTP for `berth down`; `pods` stops them too. Resolves when begun, with how many pods stay. */
  readonly shutdown: (options: { readonly pods: boolean }) => Promise<{ readonly podsLeft: number }>
  /** Refuses without the right. The archive ends by itself or is destroyed; until then there is no other one. */
  readonly backups: {
    create(principal: Principal): Promise<{ readonly madeAt: string; readonly archive: Readable }>
  }
  readonly version: string
}
