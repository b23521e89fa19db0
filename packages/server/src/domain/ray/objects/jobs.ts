import type { Principal } from "../../identity/index.ts"
import { canonicalQuantity } from "../../inventory/index.ts"
import type { Tx } from "../../journal/index.ts"
import type { NewRayJob, RayList, RayName, RayObjects } from "../commands.ts"
import { isWhereSent } from "../jobs/job-steps.ts"
import { answerOf } from "../jobs/kept-submissions.ts"
import type { RayDashboard } from "../ports.ts"
import type { RayClusterKey, RayJob, RayJobKey, RayPage } from "../types.ts"
import { rayPoked } from "../types.ts"
import { requireActive } from "../../workspaces/index.ts"
import { requireSeen, scopeToList, seenBy, workspaceToWrite } from "./access.ts"
import { type BuiltSpec, buildSpec, noVariables } from "./build-spec.ts"
import { refuseHostPaths } from "./host-paths.ts"
import { labelIssues, nameIssues } from "./metadata.ts"
import type { RayObjectsOptions } from "./options.ts"
import { alreadyThere, cannotBuild, refuseObject, tooMany } from "./refusals.ts"
import { checkRoom, lookUpTemplates } from "./shape.ts"
import { tellRay } from "./tell.ts"
import { unfitReason } from "./unfit.ts"

const resource = "ray-job"
const operation = "ray.write"
const selectorLabel = "ray.io/cluster"

/** What jobs stand on. */
type RayJobsOptions = Omit<RayObjectsOptions, "life" | "queue" | "backends">

/** Ray jobs: rules and rights. What runs them is told that there is one, or one to end. */
export function createRayJobs(options: RayJobsOptions): RayObjects["jobs"] {
  const { store, rows } = options
  return {
    create: (principal, wanted) => createJob(options, principal, wanted),
    async get(principal, at) {
      const row = await rows.jobs.byName(store.committed, at.namespace, at.name)
      return requireSeen(principal, "ray.get", row, { resource, at })
    },
    page: (principal, namespace, page) => pageOf(options, principal, namespace, page),
    delete: (principal, at) => deleteJob(options, principal, at),
    async log(principal, at) {
      const row = await rows.jobs.byName(store.committed, at.namespace, at.name)
      return logOf(options, requireSeen(principal, "ray.get", row, { resource, at }))
    },
  }
}

/** What Ray has, whole; else the end that was kept of it. @throws AppError Ray's, where nothing is kept */
async function logOf(options: RayJobsOptions, job: RayJob): Promise<string> {
  const { clusterKey, submissionId } = job
  if (clusterKey === null || submissionId === "") return ""
  const { store, rows } = options
  const row = await rows.submissions.get(store.committed, clusterKey, submissionId)
  const kept = row?.log ?? null
  const dashboard = await dashboardOfJob(options, job, clusterKey)
  const answer = dashboard?.log(submissionId, new AbortController().signal)
  const log = kept === null || !answer ? await answer : await answerOf(answer)
  return log ?? kept ?? ""
}

/** undefined where its submission is not on a cluster that is there. */
async function dashboardOfJob(
  { store, rows, dashboardOf }: RayJobsOptions,
  job: RayJob,
  clusterKey: RayClusterKey,
): Promise<RayDashboard | undefined> {
  const cluster = await rows.clusters.byKey(store.committed, clusterKey)
  return cluster?.state === "ready" && isWhereSent(job, cluster) ? dashboardOf(cluster) : undefined
}

async function createJob(options: RayJobsOptions, principal: Principal, wanted: NewRayJob): Promise<RayJob> {
  const { store, rows, ids, clock } = options
  const { namespace, name } = wanted
  const workspaceId = workspaceToWrite(options, principal, namespace, operation)
  const key = ids.next("rjb") as RayJobKey
  const atMs = clock.nowMs()
  return store.tx(async (tx) => {
    await requireActive(options.workspaceRow, tx, workspaceId)
    refuseHostPaths(options, principal, wanted.spec)
    const built = await builtSpec(options, tx, workspaceId, wanted)
    const submitter = builtSubmitter(wanted)
    const issues = [...nameIssues(name), ...labelIssues([name, wanted.user]), ...(built?.issues ?? [])]
    refuseObject(resource, name, issues)
    if (await rows.jobs.byName(tx, namespace, name)) throw alreadyThere(resource, wanted)
    const { mostLive } = options.limits
    if ((await rows.jobs.liveIn(tx, workspaceId)) >= mostLive)
      throw tooMany(workspaceId, "Ray jobs", mostLive)
    const spec = built?.spec ?? null
    const unfit = unfitReason("RayJob", name, spec)
    // A job that selects a cluster makes none.
    if (spec && !unfit && !selects(wanted)) checkRoom(options, workspaceId, wanted, spec)
    const made = { key, workspaceId, createdAtMs: atMs, unfit: unfit?.message ?? null }
    const job = newJob({ ...wanted, submitter }, spec, principal, made)
    await rows.jobs.insert(tx, job)
    await tellRay(tx, principal, job, { resource, did: "created", operation, atMs })
    tx.publish(rayPoked, key)
    return job
  })
}

function selects({ clusterSelector }: NewRayJob): boolean {
  return Object.keys(clusterSelector).length > 0
}

async function builtSpec(
  options: RayJobsOptions,
  tx: Tx,
  workspaceId: string,
  { namespace, name, spec }: NewRayJob,
): Promise<BuiltSpec | null> {
  if (!spec) return null
  const resourcesOf = await lookUpTemplates(options, tx, namespace, workspaceId, spec)
  return buildSpec(spec, { resource, name, resourcesOf, envs: noVariables })
}

function builtSubmitter({ name, submitter }: NewRayJob): RayJob["submitter"] {
  if (!submitter) return null
  const canonical = (value: string, what: "submitter_cpu" | "submitter_memory") => {
    if (value === "") return ""
    const read = canonicalQuantity(value)
    if (!read.ok) throw cannotBuild(resource, name, what, { value, fault: read.message })
    return read.text
  }
  return {
    image: submitter.image,
    cpu: canonical(submitter.cpu, "submitter_cpu"),
    memory: canonical(submitter.memory, "submitter_memory"),
  }
}

function newJob(
  wanted: NewRayJob,
  spec: RayJob["spec"],
  principal: Principal,
  made: Pick<RayJob, "key" | "workspaceId" | "createdAtMs"> & { readonly unfit: string | null },
): RayJob {
  const { unfit, ...row } = made
  return {
    ...wanted,
    ...row,
    spec,
    userId: principal.userId,
    asServerOwner: principal.serverRole === "owner",
    status: "",
    phase: unfit === null ? "" : "ValidationFailed",
    message: unfit ?? "",
    submissionId: "",
    clusterName: wanted.clusterSelector[selectorLabel] ?? "",
    clusterKey: null,
    suspensions: 0,
    startedAtMs: null,
    endedAtMs: null,
    finishedAtMs: unfit === null ? null : row.createdAtMs,
    deletingAtMs: null,
    clusterShutDown: false,
    version: 1,
  }
}

/** Hidden at once; what runs for it ends by what is told now. */
async function deleteJob(options: RayJobsOptions, principal: Principal, at: RayName): Promise<void> {
  const { store, rows, clock } = options
  const atMs = clock.nowMs()
  await store.tx(async (tx) => {
    const row = await rows.jobs.byName(tx, at.namespace, at.name)
    const job = requireSeen(principal, operation, row, { resource, at })
    await rows.jobs.update(tx, { ...job, deletingAtMs: atMs })
    await tellRay(tx, principal, job, { resource, did: "deleted", operation, atMs })
    tx.publish(rayPoked, job.key)
  })
}

async function pageOf(
  options: RayJobsOptions,
  principal: Principal,
  namespace: string | null,
  page: RayPage,
): Promise<RayList<RayJob>> {
  const scope = scopeToList(options, principal, namespace, "ray.list")
  if (!scope) return { items: [], next: null }
  const { items, hasMore } = await options.rows.jobs.page(options.store.committed, scope, page)
  const last = items.at(-1)
  return {
    items: seenBy(principal, "ray.list", items),
    next: hasMore && last ? { namespace: last.namespace, name: last.name } : null,
  }
}
