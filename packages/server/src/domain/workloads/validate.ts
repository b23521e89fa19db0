import { AppError, type Issue } from "../../kit/errors.ts"
import type { Capacity } from "../queue/index.ts"
import type { Scope, Workspace } from "../workspaces/index.ts"
import type { CreateWorkload } from "./commands.ts"
import { authoringEntryPoint, encodeEntryPoint } from "./entry-point.ts"
import { nameFault } from "./naming.ts"
import { checkProbe, checkService, normaliseProbe, normaliseService } from "./probes.ts"
import { checkRoom, readResources, type ReadResources } from "./resources.ts"
import { checkStartTimes } from "./start-times.ts"
import { isApplication } from "./states.ts"
import { hangCheckIssues } from "./supervision.ts"
import type { WorkloadKind, WorkloadSpec } from "./types.ts"
import { workloadKinds } from "./types.ts"

/** A request that holds, with every default filled in. */
export interface CheckedCreate {
  readonly workspace: Workspace
  readonly kind: WorkloadKind
  readonly displayName: string
  readonly description: string
  readonly priority: number
  readonly spec: WorkloadSpec
  /** When its last start time has passed; null = at once. */
  readonly startAtMs: number | null
  /** The next match of a schedule, which stands in no queue itself; null for everything else. */
  readonly nextMatchMs: number | null
}

/** Bounds of reference/workloads.md 2.1 and 11, and our own where upstream has none. */
const maxRetryLimit = 50
const defaultTtlSeconds = 60
const secondsLimit = 10 * 365 * 24 * 3600
const dependencyLimit = 100
const labelLimit = 64
const nodeNameLimit = 1000
const descriptionLimit = 64 * 1024
/** A value over this cannot be handed to a process (DESIGN 6). */
const envValueLimit = 128 * 1024
const envLimit = 1024 * 1024

const scopeOf: Record<WorkloadKind, Scope> = {
  PyTorchJob: "Train",
  Authoring: "Authoring",
  Deployment: "Infer",
  StatefulSet: "Infer",
}

export interface CheckPorts {
  /** @throws AppError not_found */
  readonly existing: (workspaceId: string) => Workspace
  readonly capacity: Pick<Capacity, "couldHold">
  readonly nowMs: number
}

/**
 * Normalises a request and checks it in the order of reference/workloads.md 2.10: the first failing group
 * wins, only the group of required fields reports several faults at once. Rights were checked before.
 * @throws AppError `invalid`, `insufficient`, `forbidden` (a scope the workspace does not take), `not_found` (workspace)
 */
export function checkCreate(command: CreateWorkload, ports: CheckPorts): CheckedCreate {
  const wanted = normalise(command)
  const resources = readResources(wanted.resource)
  refuse([...missing(wanted), ...resources.issues])
  const workspace = ports.existing(wanted.workspaceId)
  if (resources.size === null) throw new AppError("internal", "Resources were neither read nor refused.")
  checkRoom(
    { replica: wanted.resource.replica, text: resources.text, size: resources.size },
    workspace.clusters,
    ports.capacity,
  )
  refuseFirst([
    checkService(wanted.service),
    checkProbe("liveness", wanted.liveness),
    checkProbe("readiness", wanted.readiness),
  ])
  const kind = kindOf(wanted)
  refuseFirst([fault("displayName", nameFault(wanted.displayName))])
  checkScope(kind, workspace)
  refuseFirst([
    ...envIssues(wanted.env),
    ...hangCheckIssues(wanted.isSupervised, wanted.env),
    ...sizeIssues(wanted),
  ])
  const starts = checkStartTimes(wanted.cronJobs, ports.nowMs)
  if ("fault" in starts) throw invalid([{ path: ["cronJobs"], message: starts.fault }])
  refuseRecurring(kind, starts.nextMs)
  return {
    workspace,
    kind,
    displayName: wanted.displayName,
    description: wanted.description,
    priority: wanted.priority,
    spec: specOf(wanted, resources, starts.entries),
    startAtMs: starts.lastMs,
    nextMatchMs: starts.nextMs,
  }
}

/** An application runs until it is stopped: there is nothing to start anew. @throws AppError `invalid` */
export function refuseRecurring(kind: WorkloadKind, nextMatchMs: number | null): void {
  if (nextMatchMs === null || !isApplication(kind)) return
  const message = `a ${kind} runs until it is stopped: its cronJobs may only be single start times`
  throw invalid([{ path: ["cronJobs"], message }])
}

/** What a request means before it is checked: trimmed and defaulted (reference 2.1). */
function normalise(command: CreateWorkload): CreateWorkload {
  const specifiedNodes = command.specifiedNodes.map((name) => name.trim()).filter((name) => name !== "")
  const replica = specifiedNodes.length > 0 ? specifiedNodes.length : command.resource.replica
  const wanted: CreateWorkload = {
    ...command,
    displayName: command.displayName.trim(),
    kind: command.kind.trim() || "PyTorchJob",
    version: command.version.trim() || "v1",
    image: command.image.trim(),
    entryPoint: encodeEntryPoint(command.entryPoint),
    resource: { ...command.resource, replica },
    specifiedNodes,
    maxRetry: Math.min(maxRetryLimit, Math.max(0, command.maxRetry)),
    timeout: positiveOrNull(command.timeout),
    dependencies: uniqueNonEmpty(command.dependencies),
    customerLabels: withoutEmpty(command.customerLabels),
    env: withoutEmpty(command.env),
    liveness: normaliseProbe(command.liveness),
    readiness: normaliseProbe(command.readiness),
    service: normaliseService(command.service, command.kind.trim() === "Deployment"),
  }
  if (wanted.kind === "Authoring") return asAuthoring(wanted)
  // its pods are restarted in place however often they end
  return isApplication(wanted.kind as WorkloadKind) ? { ...wanted, isSupervised: false, maxRetry: 0 } : wanted
}

/** The values that an interactive workload has whatever was sent (reference 2.5). */
function asAuthoring(wanted: CreateWorkload): CreateWorkload {
  if (wanted.specifiedNodes.length > 1)
    throw invalid([{ path: ["specifiedNodes"], message: "the authoring can only be created with one node" }])
  return {
    ...wanted,
    image: wanted.image || "authoring",
    entryPoint: authoringEntryPoint,
    resource: { ...wanted.resource, replica: 1 },
    isSupervised: false,
    maxRetry: 0,
    timeout: null,
    dependencies: [],
  }
}

/** 0, absent and negative mean none. */
export function positiveOrNull(seconds: number | null): number | null {
  return seconds !== null && seconds > 0 ? seconds : null
}

function uniqueNonEmpty(ids: readonly string[]): string[] {
  return [...new Set(ids.map((id) => id.trim()).filter((id) => id !== ""))]
}

/** Entries with an empty key or value are dropped (reference 2.1). */
export function withoutEmpty(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).filter(([key, value]) => key !== "" && value !== ""))
}

function missing(wanted: CreateWorkload): Issue[] {
  const required = {
    displayName: wanted.displayName,
    workspace: wanted.workspaceId,
    image: wanted.image,
    entryPoint: wanted.entryPoint,
  }
  return Object.entries(required).flatMap(([name, value]) =>
    value === "" ? [{ path: [name], message: `the ${name} is empty` }] : [],
  )
}

function kindOf(wanted: CreateWorkload): WorkloadKind {
  const kind = workloadKinds.find((one) => one === wanted.kind)
  if (kind && wanted.version === "v1") return kind
  const what = kind ? `version of ${wanted.kind}, ${wanted.version}` : `kind, ${wanted.kind}`
  throw invalid([{ path: ["groupVersionKind"], message: `unknown workload ${what}` }])
}

function checkScope(kind: WorkloadKind, workspace: Workspace): void {
  const scope = scopeOf[kind]
  const { scopes } = workspace.policy
  if (scopes.length === 0 || scopes.includes(scope)) return
  throw new AppError(
    "forbidden",
    `The workspace only supports [${scopes.join(" ")}] and does not support ${scope}`,
  )
}

/** What a process could not be given: refused at submit, not at the start (DESIGN 6). */
export function envIssues(env: Readonly<Record<string, string>>): Issue[] {
  const issues: Issue[] = []
  let total = 0
  for (const [name, value] of Object.entries(env)) {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2
    total += bytes
    if (/[=\0]/.test(name))
      issues.push({ path: ["env", name], message: `the env name ${JSON.stringify(name)} is invalid` })
    else if (value.includes("\0"))
      issues.push({ path: ["env", name], message: `the env ${name} contains a NUL character` })
    else if (bytes > envValueLimit)
      issues.push({
        path: ["env", name],
        message: `the env ${name.slice(0, 100)} is over ${envValueLimit} bytes`,
      })
  }
  if (total > envLimit) issues.push({ path: ["env"], message: `the env is over ${envLimit} bytes in all` })
  return issues
}

function sizeIssues(wanted: CreateWorkload): Issue[] {
  const tooMany = (path: string, count: number, limit: number) =>
    count > limit ? [{ path: [path], message: `the ${path} has ${count} entries, the most is ${limit}` }] : []
  return [
    ...tooMany("dependencies", wanted.dependencies.length, dependencyLimit),
    ...tooMany("customerLabels", Object.keys(wanted.customerLabels).length, labelLimit),
    ...tooMany("specifiedNodes", wanted.specifiedNodes.length, nodeNameLimit),
    ...(wanted.description.length > descriptionLimit
      ? [{ path: ["description"], message: `the description is over ${descriptionLimit} characters` }]
      : []),
    ...secondsIssues("timeout", wanted.timeout),
    ...secondsIssues("ttlSecondsAfterFinished", wanted.ttlSecondsAfterFinished),
  ]
}

export function secondsIssues(name: string, seconds: number | null): Issue[] {
  return seconds !== null && seconds > secondsLimit
    ? [{ path: [name], message: `the ${name} is over ${secondsLimit} seconds` }]
    : []
}

function specOf(
  wanted: CreateWorkload,
  resources: ReadResources,
  cronJobs: WorkloadSpec["cronJobs"],
): WorkloadSpec {
  if (resources.size === null) throw new AppError("internal", "Resources were neither read nor refused.")
  const ttl = wanted.ttlSecondsAfterFinished
  return {
    resource: resources.text,
    size: resources.size,
    image: wanted.image,
    entryPoint: wanted.entryPoint,
    env: wanted.env,
    isSupervised: wanted.isSupervised,
    maxRetry: wanted.maxRetry,
    timeout: wanted.timeout,
    ttlSecondsAfterFinished: ttl === null ? defaultTtlSeconds : Math.max(0, ttl),
    customerLabels: wanted.customerLabels,
    specifiedNodes: wanted.specifiedNodes,
    isTolerateAll: wanted.isTolerateAll,
    dependencies: wanted.dependencies,
    cronJobs,
    liveness: wanted.liveness,
    readiness: wanted.readiness,
    service: wanted.service,
    stopGraceSeconds: null,
  }
}

function fault(path: string, message: string | null): Issue | null {
  return message === null ? null : { path: [path], message }
}

function invalid(issues: readonly Issue[]): AppError {
  return new AppError("invalid", issues.map((issue) => issue.message).join(", "), { issues })
}

/** Throws all issues of a group at once. */
export function refuse(issues: readonly Issue[]): void {
  if (issues.length > 0) throw invalid(issues)
}

/** Throws the first fault of a group. */
export function refuseFirst(issues: readonly (Issue | null)[]): void {
  const first = issues.find((issue) => issue !== null)
  if (first) throw invalid([first])
}
