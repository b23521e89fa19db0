import { AppError } from "../../kit/errors.ts"
import type { Capacity, Claim, Gate } from "../queue/index.ts"
import type { PatchWorkload } from "./commands.ts"
import { encodeEntryPoint } from "./entry-point.ts"
import { checkRoom, readResources } from "./resources.ts"
import { checkStartTimes } from "./start-times.ts"
import { isSameSize } from "./applications/rollout.ts"
import { isApplication, isTerminal } from "./states.ts"
import { hangCheckIssues } from "./supervision.ts"
import { runsForMsOf } from "./claim-for.ts"
import type { Workload, WorkloadSpec } from "./types.ts"
import {
  envIssues,
  positiveOrNull,
  refuse,
  refuseRecurring,
  secondsIssues,
  withoutEmpty,
} from "./validate.ts"

export interface Patched {
  readonly workload: Workload
  /** What the claim has to follow; null = nothing. */
  readonly claim: Partial<Pick<Claim, "priority" | "gates" | "size" | "pods" | "runsForMs">> | null
  /** Set when it is a schedule no longer and enters its queue: when it may start, null = at once. */
  readonly startAtMs?: number | null
  /** Names of what changed, for the event. */
  readonly fields: readonly string[]
}

const descriptionLimit = 64 * 1024

/**
 * A PATCH applied to a workload as it stands (reference/workloads.md 2.11): all of it or nothing.
 * @returns null when nothing would change
 * @throws AppError `conflict` detail `ended` or `scheduled`, `invalid`, `insufficient`
 */
export function applyPatch(given: {
  readonly workload: Workload
  readonly claim: Claim | undefined
  readonly change: PatchWorkload
  readonly nowMs: number
  readonly clusters: readonly string[]
  readonly capacity: Pick<Capacity, "couldHold">
}): Patched | null {
  const { workload, claim, change, nowMs } = given
  if (isTerminal(workload.phase))
    throw new AppError("conflict", "The workload can only be edited when it is running.", {
      detail: "ended",
      resource: "workload",
      name: workload.id,
    })
  const isApplied = isApplication(workload.kind)
  const isScheduled = claim !== undefined && claim.state !== "wanted" && !isApplied
  const resources = patchResources(workload, change, { ...given, isScheduled })
  const launch = patchLaunch(workload, change, isScheduled)
  const starts = patchStarts(workload, change, claim, nowMs)
  const plain = patchPlain(workload, change)
  const spec: WorkloadSpec = { ...workload.spec, ...resources, ...launch, ...starts.spec, ...plain.spec }
  const rollout = rolloutAfter(workload, spec)
  const next: Workload = { ...workload, ...plain.row, ...starts.row, spec, rollout }
  const fields = changedFields(workload, next)
  if (fields.length === 0) return null
  const leaves = workload.schedule !== null && next.schedule === null
  const turn = leaves ? { startAtMs: starts.lastMs } : {}
  return { workload: next, claim: claimChange(workload, next, claim, starts.gates), fields, ...turn }
}

/** What was changed of an application that runs is rolled out; of a revision only when its pods change. */
function rolloutAfter(workload: Workload, spec: WorkloadSpec): Workload["rollout"] {
  const { rollout, spec: before } = workload
  if (rollout === null) return null
  const isNewTemplate =
    before.image !== spec.image ||
    before.entryPoint !== spec.entryPoint ||
    before.env !== spec.env ||
    !isSameSize(before.size, spec.size)
  if (!isNewTemplate && before.resource.replica === spec.resource.replica) return rollout
  return {
    ...rollout,
    generation: rollout.generation + 1,
    revision: rollout.revision + (isNewTemplate ? 1 : 0),
  }
}

/** Jobs keep their size once they have been given nodes. */
function patchResources(
  workload: Workload,
  change: PatchWorkload,
  given: Pick<Parameters<typeof applyPatch>[0], "clusters" | "capacity"> & { readonly isScheduled: boolean },
): Partial<WorkloadSpec> {
  const { replica, cpu, gpu, memory, ephemeralStorage, sharedMemory } = change
  const texts = { cpu, gpu, memory, ephemeralStorage, sharedMemory }
  const sent = Object.fromEntries(
    Object.entries(texts).filter(([, value]) => value !== undefined && value !== ""),
  )
  if (replica === undefined && Object.keys(sent).length === 0) return {}
  const before = workload.spec
  if (replica !== undefined && replica !== before.resource.replica) refuseOtherCount(workload)
  // an application that runs may have none for a while
  const least = workload.rollout === null ? 1 : 0
  const asked = { ...before.resource, ...sent, ...(replica === undefined ? {} : { replica }) }
  const read = readResources(asked, least)
  refuse(read.issues)
  const { size, text } = read
  if (size === null) throw new AppError("internal", "Resources were neither read nor refused.")
  const same = text.replica === before.resource.replica && isSameSize(size, before.size)
  if (same) return { resource: { ...before.resource, sharedMemory: text.sharedMemory } }
  if (given.isScheduled) throw alreadyScheduled("Resources")
  checkRoom({ replica: text.replica, text, size }, given.clusters, given.capacity)
  return { resource: text, size }
}

function refuseOtherCount(workload: Workload): void {
  if (workload.spec.specifiedNodes.length > 0)
    refuse([{ path: ["replica"], message: "cannot update replica when specifying nodes" }])
  if (workload.kind === "Authoring")
    refuse([{ path: ["replica"], message: "the authoring can only be created with one node" }])
}

function patchLaunch(workload: Workload, change: PatchWorkload, isScheduled: boolean): Partial<WorkloadSpec> {
  const { spec } = workload
  const next: { image?: string; entryPoint?: string; env?: Readonly<Record<string, string>> } = {}
  const image = change.image?.trim() ?? ""
  if (image !== "" && image !== spec.image) next.image = image
  const entryPoint = workload.kind === "Authoring" ? "" : encodeEntryPoint(change.entryPoint ?? "")
  if (entryPoint !== "" && entryPoint !== spec.entryPoint) next.entryPoint = entryPoint
  if (change.env !== undefined) {
    const env = withoutEmpty(change.env)
    refuse([...envIssues(env), ...hangCheckIssues(spec.isSupervised, env)])
    if (!sameMap(env, spec.env)) next.env = env
  }
  if (isScheduled) refuseLaunchChange(next)
  return next
}

function refuseLaunchChange(next: {
  readonly image?: string
  readonly entryPoint?: string
  readonly env?: Readonly<Record<string, string>>
}): void {
  if (next.image !== undefined) throw alreadyScheduled("Image")
  if (next.entryPoint !== undefined) throw alreadyScheduled("EntryPoint")
  if (next.env !== undefined) throw alreadyScheduled("Env")
}

interface PatchedStarts {
  readonly spec: Partial<WorkloadSpec>
  readonly row: Partial<Pick<Workload, "schedule">>
  readonly gates: readonly Gate[] | null
  readonly lastMs: number | null
}

function patchStarts(
  workload: Workload,
  change: PatchWorkload,
  claim: Claim | undefined,
  nowMs: number,
): PatchedStarts {
  const same: PatchedStarts = { spec: {}, row: {}, gates: null, lastMs: null }
  if (change.cronJobs === undefined || sameStarts(change.cronJobs, workload.spec.cronJobs)) return same
  const starts = checkStartTimes(change.cronJobs, nowMs)
  if ("fault" in starts) {
    refuse([{ path: ["cronJobs"], message: starts.fault }])
    return same
  }
  const { entries, lastMs } = starts
  const schedule = patchSchedule(workload, claim, starts.nextMs)
  const others = claim?.gates.filter((gate) => gate.kind !== "time") ?? []
  const gates = lastMs === null ? others : [{ kind: "time" as const, untilMs: lastMs }, ...others]
  const opens = workload.dispatchCount === 0 && schedule === null
  return { spec: { cronJobs: entries }, row: { schedule }, gates: opens ? gates : null, lastMs }
}

/** A schedule is planned anew; only what has never run may become one. */
function patchSchedule(
  workload: Workload,
  claim: Claim | undefined,
  nextMatchMs: number | null,
): Workload["schedule"] {
  if (nextMatchMs === null) return null
  refuseRecurring(workload.kind, nextMatchMs)
  if (workload.schedule) return { ...workload.schedule, nextAtMs: nextMatchMs }
  if (workload.dispatchCount > 0 || claim?.state !== "wanted") throw alreadyScheduled("CronJobs")
  return { nextAtMs: nextMatchMs, lastAtMs: null, lastKey: null }
}

function patchPlain(workload: Workload, change: PatchWorkload) {
  const spec: { timeout?: number | null; maxRetry?: number } = {}
  const row: { priority?: number; description?: string } = {}
  if (change.timeout !== undefined && workload.kind !== "Authoring") {
    refuse(secondsIssues("timeout", change.timeout))
    spec.timeout = positiveOrNull(change.timeout)
  }
  if (change.maxRetry !== undefined && workload.kind !== "Authoring")
    spec.maxRetry = Math.min(50, Math.max(0, change.maxRetry))
  if (change.priority !== undefined) row.priority = Math.min(2, Math.max(0, change.priority))
  if (change.description !== undefined) {
    if (change.description.length > descriptionLimit)
      refuse([{ path: ["description"], message: `the description is over ${descriptionLimit} characters` }])
    row.description = change.description
  }
  return { spec, row }
}

function claimChange(
  before: Workload,
  next: Workload,
  claim: Claim | undefined,
  gates: readonly Gate[] | null,
): Patched["claim"] {
  if (!claim || claim.state === "gone" || claim.state === "releasing") return null
  const change = {
    ...(next.priority === before.priority ? {} : { priority: next.priority }),
    ...(claim.state === "wanted" ? wishChange(before, next, gates) : {}),
  }
  return Object.keys(change).length > 0 ? change : null
}

/** What a claim asks for, where that has changed; it may as long as it is not bound. */
function wishChange(before: Workload, next: Workload, gates: readonly Gate[] | null) {
  const { size, resource, timeout } = next.spec
  return {
    ...(size === before.spec.size ? {} : { size }),
    ...(resource.replica === before.spec.resource.replica ? {} : { pods: resource.replica }),
    ...(gates === null ? {} : { gates }),
    ...(timeout === before.spec.timeout ? {} : { runsForMs: runsForMsOf(next.spec) }),
  }
}

function changedFields(before: Workload, next: Workload): string[] {
  const names = ["priority", "description"] as const
  const specNames = ["resource", "image", "entryPoint", "env", "timeout", "maxRetry", "cronJobs"] as const
  return [
    ...names.filter((name) => before[name] !== next[name]),
    ...specNames.filter((name) => JSON.stringify(before.spec[name]) !== JSON.stringify(next.spec[name])),
  ]
}

function sameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}

function sameStarts(
  a: readonly { readonly schedule: string; readonly action: string }[],
  b: readonly { readonly schedule: string }[],
): boolean {
  return a.length === b.length && a.every((entry, at) => entry.schedule.trim() === b[at]?.schedule)
}

function alreadyScheduled(what: string): AppError {
  return new AppError("conflict", `${what} cannot be changed once the workload has been scheduled`, {
    detail: "scheduled",
  })
}
