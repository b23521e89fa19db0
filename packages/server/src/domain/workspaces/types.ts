import type { Reads, Topic, Tx } from "../journal/index.ts"
import { topic } from "../journal/index.ts"

export type QueuePolicy = "fifo" | "balance"
export const scopes = ["Train", "Infer", "Authoring"] as const
export type Scope = (typeof scopes)[number]

/** The built-in workspace: always there, open to all unless its policy says otherwise. */
export const defaultWorkspaceId = "default"

export interface WorkspacePolicy {
  /** Order inside the queue when the head does not fit (DESIGN 4). */
  readonly queuePolicy: QueuePolicy
  /** Work of lower priority gives way. */
  readonly enablePreempt: boolean
  /** 0–600: between TERM and KILL. */
  readonly stopGraceSeconds: number
  /** Every user is an Editor here. */
  readonly openToAll: boolean
  /** Kinds of work it takes; empty = all. */
  readonly scopes: readonly Scope[]
  /** Node ports of its services are listened on on every interface; set by server Owners only. */
  readonly publishServices: boolean
  /** Provisioned GPU requests at a time: 1–1,000; null = any number (DESIGN 4; `default` has no limit). */
  readonly mostGpuRequests: number | null
  /** Work that asks for GPUs and finds no room in a hold files a GPU request by itself. */
  readonly autoGpuRequest: boolean
  /** Whether work may use a GPU request of somebody else that ends before its time-out, or that it has none. */
  readonly joinGpuRequests: boolean
}

export interface Workspace {
  /** Its name: a DNS-1123 label, immutable. */
  readonly id: string
  /** ULID: the 128-bit key (`ws_<key>` in berth, the same bytes as UUID in ZenML). */
  readonly key: string
  readonly description: string
  /** Ordered; a gang goes to one of them. */
  readonly clusters: readonly string[]
  readonly policy: WorkspacePolicy
  /** Asked for by name, beside the one of its own name; each belongs to one workspace on the whole server. */
  readonly namespaces: readonly string[]
  /** Who it is for, as free text; "" where nothing was said. */
  readonly contact: { readonly name: string; readonly email: string }
  readonly queuePaused: boolean
  readonly state: "active" | "deleting"
  readonly createdAtMs: number
  readonly version: number
}

export interface WorkspaceStore {
  workspaces(from: Reads): Promise<readonly Workspace[]>
  byId(from: Reads, id: string): Promise<Workspace | undefined>
  insert(tx: Tx, workspace: Workspace): Promise<void>
  /** @throws AppError `stale` when the version moved. Writes version + 1. */
  update(tx: Tx, workspace: Workspace): Promise<void>
  delete(tx: Tx, id: string): Promise<void>
}

/** `gone` true after deletion. */
export const workspaceChanged: Topic<{ readonly workspace: Workspace; readonly gone: boolean }> =
  topic("workspace-changed")
