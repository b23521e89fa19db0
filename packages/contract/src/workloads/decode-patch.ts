import type { DecodedCronJob } from "./decode-parts.ts"
import { dropAbsent, readCronJobs } from "./decode-parts.ts"
import { bodyMembers, readInt, readText, readTextMap } from "./members.ts"
import type { DecodeIssue, Decoded } from "./result.ts"
import { decoded } from "./result.ts"

/** A change, typed but not checked. Absent members stay as they are. */
export interface DecodedPatch {
  readonly priority?: number
  readonly replica?: number
  readonly cpu?: string
  readonly gpu?: string
  readonly memory?: string
  readonly ephemeralStorage?: string
  readonly sharedMemory?: string
  readonly image?: string
  readonly entryPoint?: string
  readonly env?: Readonly<Record<string, string>>
  readonly description?: string
  readonly timeout?: number
  readonly maxRetry?: number
  readonly cronJobs?: readonly DecodedCronJob[]
}

/** Reads the body of PATCH /workloads/{id}; null members are absent. */
export function decodePatch(body: unknown): Decoded<DecodedPatch> {
  const issues: DecodeIssue[] = []
  const members = bodyMembers(body, "PatchWorkloadRequest", issues)
  const value = dropAbsent({
    priority: readInt(members, "priority"),
    replica: readInt(members, "replica"),
    cpu: readText(members, "cpu"),
    gpu: readText(members, "gpu"),
    memory: readText(members, "memory"),
    ephemeralStorage: readText(members, "ephemeralStorage"),
    sharedMemory: readText(members, "sharedMemory"),
    image: readText(members, "image"),
    entryPoint: readText(members, "entryPoint"),
    env: readTextMap(members, "env"),
    description: readText(members, "description"),
    timeout: readInt(members, "timeout"),
    maxRetry: readInt(members, "maxRetry"),
    cronJobs: readCronJobs(members),
  })
  return decoded(value, issues)
}
