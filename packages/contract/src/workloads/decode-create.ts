import type { DecodedCronJob } from "./decode-parts.ts"
import { readCronJobs, readProbe, readService } from "./decode-parts.ts"
import type { Members } from "./members.ts"
import {
  bodyMembers,
  readFlag,
  readInt,
  readMembers,
  readName,
  readNames,
  readText,
  readTextMap,
} from "./members.ts"
import type { DecodeIssue, Decoded } from "./result.ts"
import { decoded } from "./result.ts"
import type { Probe, ServiceSpec } from "./schemas.ts"

/** A create request, typed but neither defaulted nor checked: absent strings are "", numbers 0 or null. */
export interface DecodedCreate {
  readonly displayName: string
  readonly description: string
  readonly workspaceId: string
  readonly kind: string
  readonly version: string
  readonly resource: {
    readonly replica: number
    readonly cpu: string
    readonly gpu: string
    readonly memory: string
    readonly ephemeralStorage: string
    readonly sharedMemory: string
  }
  readonly image: string
  readonly entryPoint: string
  readonly isSupervised: boolean
  readonly priority: number
  readonly timeout: number | null
  readonly maxRetry: number
  readonly ttlSecondsAfterFinished: number | null
  readonly customerLabels: Readonly<Record<string, string>>
  readonly specifiedNodes: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly liveness: Partial<Probe> | null
  readonly readiness: Partial<Probe> | null
  readonly service: Partial<ServiceSpec> | null
  readonly dependencies: readonly string[]
  readonly cronJobs: readonly DecodedCronJob[]
  readonly isTolerateAll: boolean
}

/** Reads the body of POST /workloads; null and undefined are an empty one. `workspaceId` wins over `workspace`. */
export function decodeCreate(body: unknown): Decoded<DecodedCreate> {
  const issues: DecodeIssue[] = []
  const members = bodyMembers(body, "CreateWorkloadRequest", issues)
  const text = (key: string) => readText(members, key) ?? ""
  const int = (key: string) => readInt(members, key) ?? 0
  const flag = (key: string) => readFlag(members, key) ?? false
  const names = (key: string) => readNames(members, key) ?? []
  const value: DecodedCreate = {
    displayName: text("displayName"),
    description: text("description"),
    workspaceId: readWorkspaceId(members),
    specifiedNodes: names("specifiedNodes"),
    resource: readResource(members),
    image: text("image"),
    entryPoint: text("entryPoint"),
    isSupervised: flag("isSupervised"),
    priority: int("priority"),
    timeout: readInt(members, "timeout") ?? null,
    maxRetry: int("maxRetry"),
    ttlSecondsAfterFinished: readInt(members, "ttlSecondsAfterFinished") ?? null,
    customerLabels: readTextMap(members, "customerLabels") ?? {},
    env: readTextMap(members, "env") ?? {},
    liveness: readProbe(members, "liveness"),
    readiness: readProbe(members, "readiness"),
    service: readService(members),
    dependencies: names("dependencies"),
    cronJobs: readCronJobs(members) ?? [],
    ...readKind(members),
    isTolerateAll: flag("isTolerateAll"),
  }
  return decoded(value, issues)
}

function readWorkspaceId(members: Members): string {
  const workspaceId = readName(members, "workspaceId")
  const workspace = readName(members, "workspace")
  return workspaceId || workspace || ""
}

function readResource(members: Members): DecodedCreate["resource"] {
  const resource = readMembers(members, "resource", "v1.WorkloadResource")
  const text = (key: string) => (resource && readText(resource, key)) ?? ""
  return {
    replica: (resource && readInt(resource, "replica")) ?? 0,
    cpu: text("cpu"),
    gpu: text("gpu"),
    memory: text("memory"),
    ephemeralStorage: text("ephemeralStorage"),
    sharedMemory: text("sharedMemory"),
  }
}

function readKind(members: Members): Pick<DecodedCreate, "version" | "kind"> {
  const kind = readMembers(members, "groupVersionKind", "v1.GroupVersionKind")
  if (!kind) return { version: "", kind: "" }
  return { version: readText(kind, "version") ?? "", kind: readText(kind, "kind") ?? "" }
}
