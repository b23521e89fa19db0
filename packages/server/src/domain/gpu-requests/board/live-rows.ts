import type { Workspace } from "../../workspaces/index.ts"
import { compareRequests } from "./request-order.ts"
import { isLive } from "../states.ts"
import type { GpuRequest, GpuRequestId, NodeHold } from "../types.ts"

/** The rows that plans are made on, as the store has them, with what has changed since the plan last took them over. */
export interface LiveRows {
  readonly requests: Map<GpuRequestId, GpuRequest>
  readonly byShownId: Map<string, GpuRequestId>
  /** Automatic ones, by whose work they were filed for: it may have left the nodes of one and wait for another. */
  readonly byOwner: Map<string, Map<GpuRequestId, GpuRequest>>
  /** By workspace, as the provisioned ones. */
  readonly queued: Map<string, Map<GpuRequestId, GpuRequest>>
  readonly provisioned: Map<string, Map<GpuRequestId, GpuRequest>>
  readonly holds: Map<string, NodeHold>
  readonly holdsOf: Map<GpuRequestId, Map<string, NodeHold>>
  /** Nodes on which work with GPUs is, held or not. */
  readonly inUse: Set<string>
  readonly workspaces: Map<string, Workspace>
  isPaused: boolean
  readonly changed: {
    readonly requests: Set<GpuRequestId>
    readonly nodes: Set<string>
    readonly workspaces: Set<string>
  }
}

export function createLiveRows(): LiveRows {
  return {
    requests: new Map(),
    byShownId: new Map(),
    byOwner: new Map(),
    queued: new Map(),
    provisioned: new Map(),
    holds: new Map(),
    holdsOf: new Map(),
    inUse: new Set(),
    workspaces: new Map(),
    isPaused: false,
    changed: { requests: new Set(), nodes: new Set(), workspaces: new Set() },
  }
}

/** Takes over a request's row. One that is older than what is known is left aside. */
export function putRequest(rows: LiveRows, request: GpuRequest): void {
  const known = rows.requests.get(request.id)
  if (known && known.version > request.version) return
  if (known) forget(rows, known)
  if (isLive(request)) remember(rows, request)
  rows.changed.requests.add(request.id)
  if (request.state === "provisioned" || known?.state === "provisioned")
    rows.changed.workspaces.add(request.workspaceId)
  for (const hold of rows.holdsOf.get(request.id)?.values() ?? []) rows.changed.nodes.add(hold.nodeId)
}

export function putHold(rows: LiveRows, hold: NodeHold, free: boolean): void {
  const known = rows.holds.get(hold.nodeId)
  if (known && known.requestId !== hold.requestId && free) return
  if (known) dropHold(rows, known)
  if (!free) {
    rows.holds.set(hold.nodeId, hold)
    group(rows.holdsOf, hold.requestId).set(hold.nodeId, hold)
  }
  rows.changed.nodes.add(hold.nodeId)
}

/** Work with GPUs came onto the node, or the last of it is gone. What is held is planned by its hold. */
export function putUse(rows: LiveRows, nodeId: string, inUse: boolean): void {
  if (rows.inUse.has(nodeId) === inUse) return
  if (inUse) rows.inUse.add(nodeId)
  else rows.inUse.delete(nodeId)
  if (!rows.holds.has(nodeId)) rows.changed.nodes.add(nodeId)
}

/** Whether nobody holds the node and no work with GPUs is left on it. */
export function isVacant(rows: LiveRows, nodeId: string): boolean {
  return !rows.holds.has(nodeId) && !rows.inUse.has(nodeId)
}

export function putWorkspace(rows: LiveRows, workspace: Workspace, gone: boolean): void {
  if (gone) rows.workspaces.delete(workspace.id)
  else rows.workspaces.set(workspace.id, workspace)
  rows.changed.workspaces.add(workspace.id)
}

/** Of one workspace, in the order of the queue. */
export function provisionedOf(rows: LiveRows, workspaceId: string): readonly GpuRequest[] {
  return [...(rows.provisioned.get(workspaceId)?.values() ?? [])].toSorted(compareRequests)
}

/** Of one workspace, in the order of the queue; many workspaces may have thousands together. */
export function queuedOf(rows: LiveRows, workspaceId: string): readonly GpuRequest[] {
  return [...(rows.queued.get(workspaceId)?.values() ?? [])].toSorted(compareRequests)
}

function remember(rows: LiveRows, request: GpuRequest): void {
  rows.requests.set(request.id, request)
  rows.byShownId.set(request.shownId, request.id)
  if (request.automatic) group(rows.byOwner, request.automatic.ownerId).set(request.id, request)
  const alike = request.state === "provisioned" ? rows.provisioned : rows.queued
  group(alike, request.workspaceId).set(request.id, request)
}

function forget(rows: LiveRows, request: GpuRequest): void {
  rows.requests.delete(request.id)
  rows.byShownId.delete(request.shownId)
  if (request.automatic) ungroup(rows.byOwner, request.automatic.ownerId, request.id)
  ungroup(rows.queued, request.workspaceId, request.id)
  ungroup(rows.provisioned, request.workspaceId, request.id)
}

function dropHold(rows: LiveRows, hold: NodeHold): void {
  rows.holds.delete(hold.nodeId)
  ungroup(rows.holdsOf, hold.requestId, hold.nodeId)
}

function group<K, L, V>(groups: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const known = groups.get(key)
  if (known) return known
  const made = new Map<L, V>()
  groups.set(key, made)
  return made
}

function ungroup<K, L, V>(groups: Map<K, Map<L, V>>, key: K, member: L): void {
  const members = groups.get(key)
  members?.delete(member)
  if (members?.size === 0) groups.delete(key)
}
