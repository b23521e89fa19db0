import { parse } from "yaml"
import { AppError } from "../../../kit/errors.ts"
import type { JsonObject } from "../../../kit/json.ts"
import type { Principal } from "../../identity/index.ts"
import type { RayName, RayObjects } from "../commands.ts"
import type { RayCluster, RayEntrypoint, SubmissionInfo } from "../types.ts"
import { readyCluster } from "./dashboards.ts"
import type { RayDashboardsOptions } from "./options.ts"
import { notThere } from "./refusals.ts"
import { tellRay } from "./tell.ts"

const resource = "ray-submission"

/** Jobs handed to clusters that run. What is submitted is kept beside what Ray knows of it. */
export function createSubmissions(options: RayDashboardsOptions): RayObjects["submissions"] {
  const never = () => new AbortController().signal

  return {
    async submit(principal, at, job) {
      const { cluster, dashboard } = await readyCluster(options, principal, at, "ray.write")
      const submissionId = await dashboard.submit(
        {
          entrypoint: job.entrypoint,
          submissionId: job.submissionId,
          metadata: job.metadata,
          runtimeEnv: mappingOf(job.runtimeEnv),
          numCpus: job.numCpus,
          numGpus: job.numGpus,
          resources: amountsOf(job.resources),
        },
        never(),
      )
      await keep(options, principal, cluster, job, submissionId)
      return submissionId
    },
    async get(principal, at, id) {
      const { dashboard } = await readyCluster(options, principal, at, "ray.get")
      return known(await dashboard.job(id, never()), at, id)
    },
    async log(principal, at, id) {
      const { dashboard } = await readyCluster(options, principal, at, "ray.get")
      return known(await dashboard.log(id, never()), at, id)
    },
    async list(principal, at) {
      const { dashboard } = await readyCluster(options, principal, at, "ray.list")
      return dashboard.jobs(never())
    },
    async stop(principal, at, id) {
      const { dashboard } = await readyCluster(options, principal, at, "ray.write")
      known(await dashboard.stop(id, never()), at, id)
    },
    async delete(principal, at, id) {
      const { cluster, dashboard } = await readyCluster(options, principal, at, "ray.write")
      await dashboard.remove(id, never())
      await options.store.tx((tx) => options.rows.submissions.delete(tx, cluster.key, id))
    },
  }
}

function known<T>(found: T | undefined, { namespace }: RayName, name: string): T {
  if (found === undefined) throw notThere(resource, { namespace, name })
  return found
}

async function keep(
  { store, rows, clock }: RayDashboardsOptions,
  principal: Principal,
  { key: clusterKey, namespace, workspaceId }: RayCluster,
  { entrypoint, metadata }: RayEntrypoint,
  submissionId: string,
): Promise<void> {
  const atMs = clock.nowMs()
  const info: SubmissionInfo = {
    entrypoint,
    jobId: "",
    submissionId,
    status: "PENDING",
    message: "",
    errorType: "",
    startTimeMs: atMs,
    endTimeMs: null,
    metadata,
    runtimeEnv: {},
  }
  const { userId } = principal
  await store.tx(async (tx) => {
    await rows.submissions.put(tx, {
      clusterKey,
      submissionId,
      jobKey: null,
      userId,
      info,
      log: null,
      createdAtMs: atMs,
    })
    const about = { namespace, name: submissionId, workspaceId }
    await tellRay(tx, principal, about, { resource, did: "created", operation: "ray.write", atMs })
  })
}

function mappingOf(text: string): JsonObject | null {
  if (text.trim() === "") return null
  const found: unknown = read(text)
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as JsonObject
  throw new AppError("invalid", "The runtime environment is no YAML mapping.", { detail: "runtime_env" })
}

function read(text: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    throw new AppError("invalid", "The runtime environment is no YAML.", { detail: "runtime_env", cause })
  }
}

function amountsOf(text: string): Readonly<Record<string, number>> | null {
  if (text === "") return null
  const entries = Object.entries(JSON.parse(text) as Record<string, unknown>)
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const amount = Number(value)
      if (Number.isFinite(amount) && amount >= 0) return [name, amount]
      throw new AppError("invalid", `The resource ${name} of the entry point is no number.`, {
        detail: "entrypoint_resources",
      })
    }),
  )
}
