import type { RayDashboard, RayHeadAddress, RaySubmit } from "../domain/ray/index.ts"
import type { Clock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"
import type { JsonObject } from "../kit/json.ts"
import { isObject, listOf, member, nodeOf, parseJson, serveViewOf, submissionOf } from "./ray-answers.ts"
import { callRay, type RayAnswer } from "./ray-http.ts"
import { forwardToRay } from "./ray-forward.ts"

export interface RayDashboardOptions {
  readonly clock: Clock
  readonly address: RayHeadAddress
  /** null = the cluster knows none. */
  readonly token: string | null
  /** Where Serve is told to listen; members of the wanted state as Ray names them. */
  readonly serveOptions: JsonObject
}

const readMs = 2000
const writeMs = 10_000
const mostMessageLength = 4096
/** Ray's own HTTP API: dashboard, jobs, Serve. */
export function createRayDashboard(options: RayDashboardOptions): RayDashboard {
  const { clock, address } = options
  const credentials: Record<string, string> =
    options.token === null ? {} : { authorization: `Bearer ${options.token}` }

  function call(method: string, path: string, signal: AbortSignal, body?: JsonObject): Promise<RayAnswer> {
    const headers = { ...credentials, ...(body ? { "content-type": "application/json" } : {}) }
    const deadlineMs = method === "GET" ? readMs : writeMs
    const text = body ? JSON.stringify(body) : null
    return callRay(
      clock,
      { method, url: address.dashboardUrl + path, headers, body: text, deadlineMs },
      signal,
    )
  }

  /** @returns undefined for what Ray does not know */
  async function ofJob(method: string, id: string, path: string, signal: AbortSignal) {
    // in a path these name another place
    if (["", ".", ".."].includes(id)) return undefined
    const answer = await call(method, `/api/jobs/${encodeURIComponent(id)}${path}`, signal)
    return answer.status === 404 ? undefined : parseJson(good(answer).text)
  }

  async function healthOf(signal: AbortSignal): Promise<string> {
    good(await call("GET", "/api/version", signal))
    const url = `${address.agentUrl}/api/local_raylet_healthz`
    const agent = await callRay(
      clock,
      { method: "GET", url, headers: credentials, body: null, deadlineMs: readMs },
      signal,
    )
    return agent.status === 200 ? "" : `Ray's node on the head is not healthy: ${agent.text.slice(0, 200)}`
  }

  return {
    async health(signal) {
      try {
        const trouble = await healthOf(signal)
        return { isReady: trouble === "", message: trouble }
      } catch (error) {
        return { isReady: false, message: error instanceof Error ? error.message : "It was given up." }
      }
    },
    async nodes(signal) {
      const answer = good(await call("GET", "/api/v0/nodes?limit=10000", signal))
      const found = member(member(member(parseJson(answer.text), "data"), "result"), "result")
      return listOf(found).map(nodeOf)
    },
    submit: async (job, signal) => submitted(await call("POST", "/api/jobs/", signal, submission(job)), job),
    async job(id, signal) {
      const found = await ofJob("GET", id, "", signal)
      return found === undefined ? undefined : submissionOf(found)
    },
    jobs: async (signal) =>
      listOf(parseJson(good(await call("GET", "/api/jobs/", signal)).text)).map(submissionOf),
    async log(id, signal) {
      const found = await ofJob("GET", id, "/logs", signal)
      const text = member(found, "logs")
      return found === undefined ? undefined : typeof text === "string" ? text : ""
    },
    async stop(id, signal) {
      const found = await ofJob("POST", id, "/stop", signal)
      return found === undefined ? undefined : member(found, "stopped") === true
    },
    remove: async (id, signal) => member(await ofJob("DELETE", id, "", signal), "deleted") === true,
    async applyServe(config, signal) {
      good(await call("PUT", "/api/serve/applications/", signal, withServe(config, options.serveOptions)))
    },
    serve: async (signal) =>
      serveViewOf(parseJson(good(await call("GET", "/api/serve/applications/", signal)).text)),
    forward: (request, signal) =>
      forwardToRay({ clock, dashboardUrl: address.dashboardUrl, credentials }, request, signal),
  }
}

/** @throws AppError `invalid`, detail `refused`, for anything but a success */
function good(answer: RayAnswer): RayAnswer {
  if (answer.status >= 200 && answer.status < 300) return answer
  const message = answer.text.slice(0, mostMessageLength) || `Ray answered ${answer.status}.`
  throw new AppError("invalid", message, { detail: "refused", facts: { status: answer.status } })
}

function submission(job: RaySubmit): JsonObject {
  return {
    entrypoint: job.entrypoint,
    submission_id: job.submissionId,
    metadata: job.metadata,
    ...(job.runtimeEnv ? { runtime_env: job.runtimeEnv } : {}),
    ...(job.numCpus > 0 ? { entrypoint_num_cpus: job.numCpus } : {}),
    ...(job.numGpus > 0 ? { entrypoint_num_gpus: job.numGpus } : {}),
    ...(job.resources ? { entrypoint_resources: job.resources } : {}),
  }
}

/** Ray hands the agent's refusals on as 500 with the traceback of both. */
function submitted(answer: RayAnswer, job: RaySubmit): string {
  if (answer.status >= 400 && /submission_id .* already exists/.test(answer.text))
    throw new AppError("already_exists", `A job ${job.submissionId} is there already.`, {
      resource: "job",
      name: job.submissionId,
    })
  if (answer.status >= 500 && answer.text.includes("No available agent"))
    throw new AppError("unavailable", "Ray's head cannot take jobs yet.", { detail: "unreachable" })
  const id = member(parseJson(good(answer).text), "submission_id")
  return typeof id === "string" ? id : job.submissionId
}

/** The ports are the backend's to choose: they replace what the user wrote, the rest of the section stays. */
function withServe(config: JsonObject, options: JsonObject): JsonObject {
  const merged: Record<string, JsonObject[string]> = { ...config }
  for (const [section, values] of Object.entries(options)) {
    const asked = config[section]
    merged[section] = isObject(values) ? { ...(isObject(asked) ? asked : {}), ...values } : values
  }
  return merged
}
