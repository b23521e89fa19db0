import type { DecodeIssue, Decoded } from "../common/index.ts"
import { decoded } from "../common/index.ts"
import { optionalDuration, requiredDuration } from "./duration.ts"
import type { Members } from "./members.ts"
import {
  fault,
  isGiven,
  membersOf,
  optionalFlag,
  optionalInt,
  optionalText,
  optionalTexts,
  requiredInt,
  requiredText,
} from "./members.ts"

/** The bounds of a priority (DESIGN 9.1). */
export const priorityBounds = { min: 0, max: 300 } as const
/** What a template, or a question about a wait, has where it names none (reference/egs.md 2.5). */
export const usualPriority = 101

/** What a GPU request asks for, typed but not checked against limits or inventory. */
export interface DecodedGpr {
  /** "" only in a question about a wait. */
  readonly gprName: string
  readonly sliceName: string
  /** In the order in which they are tried; null = the workspace's own. */
  readonly clusterNames: readonly string[] | null
  /** Per node. */
  readonly numberOfGPUs: number
  readonly numberOfGPUNodes: number
  /** null = any. */
  readonly instanceType: string | null
  /** The GPU model; null = any. */
  readonly gpuShape: string | null
  /** Whole GB per GPU; null = any. */
  readonly memoryPerGPU: number | null
  readonly exitDurationMs: number
  readonly priority: number
  /** null = none asked for. */
  readonly idleTimeOutMs: number | null
  readonly multiNode: boolean
  readonly enableEviction: boolean
  readonly requeueOnFailure: boolean
}

/** A change of a GPU request; absent members stay as they are. */
export interface DecodedGprChange {
  readonly gprId: string
  readonly gprName?: string
  readonly priority?: number
  /** false changes nothing. */
  readonly earlyRelease: boolean
}

/** Reads the body of POST /gpr. */
export function decodeGpr(body: unknown): Decoded<DecodedGpr> {
  return decodeWish(body, (members) => requiredText(members, "gprName", "requestName"), undefined)
}

/** Reads the body of POST /gpr/waittime: the same, but it needs neither a name nor a priority. */
export function decodeWaitTime(body: unknown): Decoded<DecodedGpr> {
  return decodeWish(body, (members) => optionalText(members, "requestName", "gprName") ?? "", usualPriority)
}

/** Reads the body of PUT /gpr. */
export function decodeGprChange(body: unknown): Decoded<DecodedGprChange> {
  const issues: DecodeIssue[] = []
  const members = membersOf(body, issues)
  const gprId = requiredText(members, "gprId")
  const priority = optionalInt(members, "priority", priorityBounds)
  const earlyRelease = optionalFlag(members, "earlyRelease") ?? false
  const gprName = optionalText(members, "gprName", "requestName")
  return decoded(
    {
      gprId,
      earlyRelease,
      ...(priority === undefined ? {} : { priority }),
      ...(gprName === undefined ? {} : { gprName }),
    },
    issues,
  )
}

/** Reads one name that must be there, from a body or a query: `gprId`, `sliceName`, … Of several the first given. */
export function decodeName(from: unknown, ...keys: readonly [string, ...string[]]): Decoded<string> {
  const issues: DecodeIssue[] = []
  return decoded(requiredText(membersOf(from, issues), ...keys), issues)
}

/** In the order of the document's body, for the first fault is the one that is answered. */
function decodeWish(
  body: unknown,
  readName: (members: Members) => string,
  priority: number | undefined,
): Decoded<DecodedGpr> {
  const issues: DecodeIssue[] = []
  const members = membersOf(body, issues)
  const isAnyGpu = isTrue(members, "enableAutoGpuSelection")
  const readShape = (key: string) => {
    if (!isAnyGpu) return requiredText(members, key)
    optionalText(members, key)
    return null
  }
  const gprName = readName(members)
  const sliceName = requiredText(members, "sliceName")
  const clusterNames = readClusters(members)
  const numberOfGPUs = requiredInt(members, "numberOfGPUs", { min: 1 })
  const instanceType = readShape("instanceType")
  const exitDurationMs = requiredDuration(members, "exitDuration")
  const numberOfGPUNodes = requiredInt(members, "numberOfGPUNodes", { min: 1 })
  const value: DecodedGpr = {
    gprName,
    sliceName,
    clusterNames,
    numberOfGPUs,
    numberOfGPUNodes,
    instanceType,
    exitDurationMs,
    priority: readPriority(members, priority),
    memoryPerGPU: readMemory(members),
    gpuShape: readShape("gpuShape"),
    idleTimeOutMs: readIdleTimeOut(members),
    multiNode: optionalFlag(members, "multiNode") ?? false,
    enableEviction: optionalFlag(members, "enableEviction") ?? false,
    requeueOnFailure: optionalFlag(members, "requeueOnFailure") ?? true,
  }
  return decoded(value, issues)
}

/** Whole GB per GPU, by either spelling; null = any. */
export function readMemory(members: Members): number | null {
  const memory = optionalInt(members, ["memoryPerGPU", "memoryPerGpu"], { min: 0 }) ?? 0
  return memory === 0 ? null : memory
}

/** A length only where one is given, and not switched off; switched on it must be there. */
export function readIdleTimeOut(members: Members): number | null {
  const isEnforced = optionalFlag(members, "enforceIdleTimeOut")
  const lengthMs = optionalDuration(members, "idleTimeOutDuration")
  if (isEnforced === true && !isGiven(members, "idleTimeOutDuration"))
    fault(members, "idleTimeOutDuration", "is required")
  return isEnforced === false ? null : (lengthMs ?? null)
}

function readPriority(members: Members, usual: number | undefined): number {
  if (usual === undefined) return requiredInt(members, "priority", priorityBounds)
  return optionalInt(members, "priority", priorityBounds) ?? usual
}

/** `clusterName` first, then the preferred ones; with automatic choice both only have to be well-formed. */
function readClusters(members: Members): readonly string[] | null {
  const isAny = isTrue(members, "enableAutoClusterSelection")
  const cluster = optionalText(members, "clusterName")
  const preferred = optionalTexts(members, "preferredClusters") ?? []
  const names = new Set(cluster === undefined ? preferred : [cluster, ...preferred])
  return isAny || names.size === 0 ? null : [...names]
}

function isTrue(members: Members, key: string): boolean {
  return optionalFlag(members, key) ?? false
}
