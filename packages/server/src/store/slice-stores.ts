import type { GpuRequestStore, GpuSettingsStore } from "../domain/gpu-requests/index.ts"
import type { IdentityStore, SigningKeyStore } from "../domain/identity/index.ts"
import type { InventoryStore } from "../domain/inventory/index.ts"
import type { IdempotencyStore, JournalReads } from "../domain/journal/index.ts"
import type { ClaimStore } from "../domain/queue/index.ts"
import type { RayStore } from "../domain/ray/index.ts"
import type { ServiceStore } from "../domain/services/index.ts"
import type { EndpointStore, ReplicaStore, WorkloadStore } from "../domain/workloads/index.ts"
import type { WorkspaceStore } from "../domain/workspaces/index.ts"
import { claimStore } from "./claims.ts"
import { gpuRequestStore } from "./gpu-requests.ts"
import { gpuSettingsStore } from "./gpu-settings.ts"
import { identityStore } from "./identity.ts"
import { idempotencyStore } from "./idempotency.ts"
import { inventoryStore } from "./inventory.ts"
import { journalReads } from "./journal.ts"
import { endpointStore } from "./endpoints.ts"
import { rayStore } from "./ray.ts"
import { replicaStore } from "./replicas.ts"
import { serviceStore } from "./services.ts"
import { signingKeyStore } from "./signing-keys.ts"
import { workloadStore } from "./workloads.ts"
import { workspaceStore } from "./workspaces.ts"

/** The ports of all slices. They hold nothing: where a call runs is decided by the handle it is given. */
export interface SliceStores {
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

export const sliceStores: SliceStores = {
  journal: journalReads,
  idempotency: idempotencyStore,
  identity: identityStore,
  signingKeys: signingKeyStore,
  inventory: inventoryStore,
  workspaces: workspaceStore,
  claims: claimStore,
  workloads: workloadStore,
  replicas: replicaStore,
  endpoints: endpointStore,
  gpuRequests: gpuRequestStore,
  gpuSettings: gpuSettingsStore,
  ray: rayStore,
  services: serviceStore,
}
