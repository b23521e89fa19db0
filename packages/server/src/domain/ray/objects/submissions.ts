import { AppError } from "../../../kit/errors.ts"
import type { Principal } from "../../identity/index.ts"
import type { Tx } from "../../journal/index.ts"
import type { RayName, RayObjects } from "../commands.ts"
import { type EntryPoint, readEntryPoint } from "../jobs/entry-point.ts"
import { hasEndedAs, newSubmissionInfo } from "../jobs/kept-submissions.ts"
import type { RayDashboard } from "../ports.ts"
import type { RayCluster, RayEntrypoint, RaySubmission } from "../types.ts"
import { rayPoked } from "../types.ts"
import { readyCluster, refuseOthersCode } from "./dashboards.ts"
import type { RayDashboardsOptions } from "./options.ts"
import { notThere } from "./refusals.ts"
import { tellRay } from "./tell.ts"

const resource = "ray-submission"
const operation = "ray.write"
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const idLetters = 16
/** Of an id that was sent: as long as any name of Kubernetes. */
const mostIdLetters = 253

/** Jobs handed to clusters that run. What is submitted is kept beside what Ray knows of it. */
export function createSubmissions(options: RayDashboardsOptions): RayObjects["submissions"] {
  const { store, rows } = options
  const never = () => new AbortController().signal

  /** What is kept of one that Ray has forgotten: its head was lost. */
  const kept = (cluster: RayCluster, id: string) => rows.submissions.get(store.committed, cluster.key, id)

  return {
    async submit(principal, at, job) {
      const ready = await readyCluster(options, principal, at, operation)
      refuseOthersCode(principal, ready.cluster)
      const submissionId = idOf(options, job.submissionId)
      const submit = { ...readSubmit(job), submissionId }
      const row = newRow(ready.cluster, principal, job, { submissionId, createdAtMs: options.clock.nowMs() })
      return send(options, principal, row, {
        ...ready,
        submit: () => ready.dashboard.submit(submit, never()),
      })
    },
    async get(principal, at, id) {
      const { cluster, dashboard } = await readyCluster(options, principal, at, "ray.get")
      return known((await dashboard.job(id, never())) ?? (await kept(cluster, id))?.info, at, id)
    },
    async log(principal, at, id) {
      const { cluster, dashboard } = await readyCluster(options, principal, at, "ray.get")
      return known((await dashboard.log(id, never())) ?? (await kept(cluster, id))?.log ?? undefined, at, id)
    },
    async list(principal, at) {
      const { dashboard } = await readyCluster(options, principal, at, "ray.list")
      return dashboard.jobs(never())
    },
    async stop(principal, at, id) {
      const { cluster, dashboard } = await readyCluster(options, principal, at, operation)
      if (!known(await dashboard.stop(id, never()), at, id)) return
      await store.tx((tx) => tell(options, tx, principal, cluster, id, "stopped"))
    },
    async delete(principal, at, id) {
      const { cluster, dashboard } = await readyCluster(options, principal, at, operation)
      await remove(options, principal, cluster, { id, dashboard, signal: never() })
    },
  }
}

function known<T>(found: T | undefined, { namespace }: RayName, name: string): T {
  if (found === undefined) throw notThere(resource, { namespace, name })
  return found
}

/** As Ray makes one, where none was asked for: what is sent is written down before. */
function idOf({ ids }: RayDashboardsOptions, asked: string): string {
  if (asked.length > mostIdLetters)
    throw new AppError("invalid", `A submission's id has at most ${mostIdLetters} characters.`, {
      resource,
      detail: "entry_point",
    })
  if (asked === "." || asked === "..")
    throw new AppError("invalid", `"${asked}" cannot be the id of a submission.`, {
      resource,
      detail: "entry_point",
    })
  if (asked !== "") return asked
  const random = () => letters[Math.floor(ids.random() * letters.length)]
  return `raysubmit_${Array.from({ length: idLetters }, random).join("")}`
}

/** @throws AppError `invalid`, detail `entry_point`: something of it cannot be handed on */
function readSubmit(job: RayEntrypoint): Extract<EntryPoint, { ok: true }>["submit"] {
  const read = readEntryPoint(job)
  if (read.ok) return read.submit
  throw new AppError("invalid", read.fault.message, { resource, detail: "entry_point" })
}

function newRow(
  { key: clusterKey }: RayCluster,
  { userId }: Principal,
  job: Pick<RayEntrypoint, "entrypoint" | "metadata">,
  made: Pick<RaySubmission, "submissionId" | "createdAtMs">,
): RaySubmission {
  const info = newSubmissionInfo(job, made.submissionId, made.createdAtMs)
  return { ...made, clusterKey, jobKey: null, userId, info, log: null, deleting: false }
}

/** Written down, sent, told of: whatever happens between, what Ray runs is not forgotten here. */
async function send(
  options: RayDashboardsOptions,
  principal: Principal,
  row: RaySubmission,
  to: { readonly cluster: RayCluster; readonly submit: () => Promise<string> },
): Promise<string> {
  const { store, rows } = options
  const { clusterKey, submissionId } = row
  // in one transaction: of two that come at once with one id, the refused one must not take the other's row along
  const before = await store.tx(async (tx) => {
    const known = await rows.submissions.get(tx, clusterKey, submissionId)
    if (!known) await rows.submissions.put(tx, row)
    return known
  })
  try {
    await to.submit()
  } catch (error) {
    const { code } = AppError.from(error)
    const isRefused = code === "invalid" || code === "already_exists"
    if (!before && isRefused) await store.tx((tx) => rows.submissions.delete(tx, clusterKey, submissionId))
    throw error
  }
  await store.tx(async (tx) => {
    // one of a head that was lost had the id before: its log goes with it
    if (before) await rows.submissions.delete(tx, clusterKey, submissionId)
    if (before) await rows.submissions.put(tx, row)
    await tell(options, tx, principal, to.cluster, submissionId, "created")
  })
  return submissionId
}

/** What runs is told to stop, and goes when it has: Ray keeps what has not ended. No-op for one that is not there. */
async function remove(
  options: RayDashboardsOptions,
  principal: Principal,
  cluster: RayCluster,
  what: { readonly id: string; readonly dashboard: RayDashboard; readonly signal: AbortSignal },
): Promise<void> {
  const { store, rows, clock } = options
  const { id, dashboard, signal } = what
  const info = await dashboard.job(id, signal)
  const isRunning = info !== undefined && !hasEndedAs(info.status)
  if (isRunning) await dashboard.stop(id, signal)
  else if (info) await dashboard.remove(id, signal)
  await store.tx(async (tx) => {
    const row = await rows.submissions.get(tx, cluster.key, id)
    if (!info && !row) return
    const made = { submissionId: id, createdAtMs: clock.nowMs() }
    if (isRunning)
      await rows.submissions.put(tx, {
        ...(row ?? newRow(cluster, principal, info, made)),
        info,
        deleting: true,
      })
    else await rows.submissions.delete(tx, cluster.key, id)
    await tell(options, tx, principal, cluster, id, "deleted")
    tx.publish(rayPoked, cluster.key)
  })
}

function tell(
  { clock }: RayDashboardsOptions,
  tx: Tx,
  principal: Principal,
  { namespace, workspaceId, name: cluster }: RayCluster,
  submissionId: string,
  did: "created" | "stopped" | "deleted",
): Promise<void> {
  const about = { namespace, name: submissionId, workspaceId }
  return tellRay(tx, principal, about, { resource, did, operation, atMs: clock.nowMs(), data: { cluster } })
}
