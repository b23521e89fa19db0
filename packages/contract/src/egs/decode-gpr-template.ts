import type { DecodeIssue, Decoded } from "../common/index.ts"
import { decoded } from "../common/index.ts"
import { priorityBounds, readIdleTimeOut, readMemory, usualPriority } from "./decode-gpr.ts"
import { requiredDuration } from "./duration.ts"
import { membersOf, optionalFlag, optionalInt, optionalText, requiredInt, requiredText } from "./members.ts"

/** A template as somebody writes it (reference/egs.md 2.9). */
export interface DecodedGprTemplate {
  readonly name: string
  /** Whose Editors may change it; null where the body does not say. */
  readonly workspaceName: string | null
  readonly clusterName: string
  readonly numberOfGPUs: number
  readonly numberOfGPUNodes: number
  /** Whole GB per GPU; null = any. */
  readonly memoryPerGpu: number | null
  readonly gpuShape: string
  readonly instanceType: string
  readonly exitDurationMs: number
  readonly priority: number
  readonly idleTimeOutMs: number | null
  readonly enableEviction: boolean
  readonly requeueOnFailure: boolean
}

/** Reads the body of POST and PUT /gpr-template. */
export function decodeGprTemplate(body: unknown): Decoded<DecodedGprTemplate> {
  const issues: DecodeIssue[] = []
  const members = membersOf(body, issues)
  const value: DecodedGprTemplate = {
    name: requiredText(members, "name", "gprTemplateName"),
    workspaceName: optionalText(members, "workspaceName") ?? null,
    clusterName: requiredText(members, "clusterName"),
    numberOfGPUs: requiredInt(members, "numberOfGPUs", { min: 1 }),
    numberOfGPUNodes: requiredInt(members, "numberOfGPUNodes", { min: 1 }),
    memoryPerGpu: readMemory(members),
    gpuShape: requiredText(members, "gpuShape"),
    instanceType: requiredText(members, "instanceType"),
    exitDurationMs: requiredDuration(members, "exitDuration"),
    priority: optionalInt(members, "priority", priorityBounds) ?? usualPriority,
    idleTimeOutMs: readIdleTimeOut(members),
    enableEviction: optionalFlag(members, "enableEviction") ?? false,
    requeueOnFailure: optionalFlag(members, "requeueOnFailure") ?? true,
  }
  return decoded(value, issues)
}
