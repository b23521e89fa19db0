import type {
  Amounts as WireAmounts,
  ApiKey as WireKey,
  AuditRecord as WireAuditRecord,
  Cluster as WireCluster,
  Event as WireEvent,
  Member,
  Reason as WireReason,
  User as WireUser,
  Workspace as WireWorkspace,
} from "@berth/contract/berth"
import type { ApiKey, Directory, Membership, Principal, User } from "../../domain/identity/index.ts"
import type { Amounts, InventoryService, ResourceName } from "../../domain/inventory/index.ts"
import type { AuditRecord, StoredEvent } from "../../domain/journal/index.ts"
import type { Reason } from "../../domain/queue/index.ts"
import type { Workspace } from "../../domain/workspaces/index.ts"

/** RFC 3339 in UTC with milliseconds. */
export function instant(atMs: number): string {
  return new Date(atMs).toISOString()
}
export function instantOrNull(atMs: number | null): string | null {
  return atMs === null ? null : instant(atMs)
}

export function toAmounts(amounts: Amounts): WireAmounts {
  return {
    cpuMilli: amounts.cpuMilli,
    memoryBytes: amounts.memoryBytes,
    gpus: amounts.gpus,
    ephemeralStorageBytes: amounts.ephemeralBytes,
  }
}

export function toCluster(cluster: Awaited<ReturnType<InventoryService["clusters"]>>[number]): WireCluster {
  return {
    id: cluster.id,
    driver: cluster.driver,
    nodes: cluster.nodes,
    healthyNodes: cluster.healthyNodes,
    driverMessage: cluster.driverMessage,
  }
}

export function toWorkspace(workspace: Workspace, principal: Principal): WireWorkspace {
  return {
    id: workspace.id,
    key: `ws_${workspace.key}`,
    description: workspace.description,
    clusters: [...workspace.clusters],
    policy: { ...workspace.policy, scopes: [...workspace.policy.scopes] },
    namespaces: [...workspace.namespaces],
    contact: { ...workspace.contact },
    queuePaused: workspace.queuePaused,
    state: workspace.state,
    role: principal.roleIn(workspace.id),
    createdAt: instant(workspace.createdAtMs),
  }
}

/** A user that is gone from the directory shows by its id. */
export function toMember(membership: Membership, directory: Directory): Member {
  return {
    userId: membership.userId,
    userName: directory.user(membership.userId)?.name ?? membership.userId,
    role: membership.role,
  }
}

export function toUser(user: User): WireUser {
  return {
    id: user.id,
    name: user.name,
    email: user.email,
    serverRole: user.serverRole,
    frozen: user.frozen,
    createdAt: instant(user.createdAtMs),
  }
}

/** Never the hash. */
export function toKey(key: ApiKey, directory: Directory): WireKey {
  return {
    id: key.id,
    name: key.name,
    description: key.description,
    userId: key.userId,
    userName: directory.user(key.userId)?.name ?? key.userId,
    prefix: key.prefix,
    role: key.role,
    workspaceId: key.workspaceId,
    expiresAt: instantOrNull(key.expiresAtMs),
    revokedAt: instantOrNull(key.revokedAtMs),
    createdAt: instant(key.createdAtMs),
    lastUsedAt: instantOrNull(key.lastUsedAtMs),
  }
}

/** A CloudEvent. Request ids and addresses of the actor are the audit record's. */
export function toEvent(event: StoredEvent): WireEvent {
  return {
    specversion: "1.0",
    id: event.seq,
    source: "/berth/v1",
    type: event.type,
    subject: `${event.subject.kind}/${event.subject.id}`,
    time: instant(event.atMs),
    datacontenttype: "application/json",
    data: { ...event.data },
    ...(event.workspace === null ? {} : { workspace: event.workspace }),
    actorkind: event.actor.kind,
    actorid: event.actor.id,
    actorname: event.actor.name,
  }
}

export function toAuditRecord(record: AuditRecord): WireAuditRecord {
  const { actor } = record
  return {
    id: record.seq,
    operation: record.operation,
    subject: { kind: record.subject.kind, id: record.subject.id },
    workspaceId: record.workspace,
    actor: {
      kind: actor.kind,
      id: actor.id,
      name: actor.name,
      keyId: actor.keyId,
      address: actor.address,
      requestId: actor.requestId,
    },
    outcome: record.outcome,
    at: instant(record.atMs),
    data: { ...record.data },
  }
}

const units: Readonly<Record<ResourceName, "gpus" | "cpuMilli" | "bytes">> = {
  gpu: "gpus",
  cpu: "cpuMilli",
  memory: "bytes",
  "ephemeral-storage": "bytes",
}

/** @param inTheWay workloads that the reader may see, and how many others there are */
export function toReason(
  reason: Reason,
  inTheWay: { readonly ids: readonly string[]; readonly hidden: number },
): WireReason {
  return {
    code: reason.code,
    resource: reason.resource ?? null,
    unit: reason.resource === undefined ? null : units[reason.resource],
    needed: reason.needed ?? null,
    free: reason.free ?? null,
    nodes: [...(reason.nodes ?? [])],
    workloads: [...inTheWay.ids],
    workloadsHidden: inTheWay.hidden,
    dependsOn: [...(reason.on ?? [])],
    until: instantOrNull(reason.untilMs ?? null),
  }
}
