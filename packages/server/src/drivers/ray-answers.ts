import type { RayNodeView, ServeView, SubmissionInfo } from "../domain/ray/index.ts"
import { AppError } from "../kit/errors.ts"
import type { Json, JsonObject } from "../kit/json.ts"

/** @throws AppError `unavailable` (detail `unreachable`): what answers there is not Ray */
export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw strange(cause)
  }
}

/** @throws as `parseJson` when it is no list */
export function listOf(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw strange()
  return value as readonly Json[]
}

function strange(cause?: unknown): AppError {
  const message = "What answers at the place of Ray's dashboard does not speak as Ray does."
  return new AppError("unavailable", message, { detail: "unreachable", cause })
}

/** The member of what may be anything; undefined where it has none. */
export function member(value: Json | undefined, name: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function textOf(value: Json | undefined, name: string): string {
  const found = member(value, name)
  return typeof found === "string" ? found : ""
}

function timeOf(value: Json | undefined, name: string): number | null {
  const found = member(value, name)
  return typeof found === "number" && Number.isFinite(found) ? Math.round(found) : null
}

/** One of Ray's jobs (reference/ray-local.md). */
export function submissionOf(value: Json): SubmissionInfo {
  const metadata = member(value, "metadata")
  const runtimeEnv = member(value, "runtime_env")
  return {
    entrypoint: textOf(value, "entrypoint"),
    jobId: textOf(value, "job_id"),
    submissionId: textOf(value, "submission_id"),
    status: textOf(value, "status"),
    message: textOf(value, "message"),
    errorType: textOf(value, "error_type"),
    startTimeMs: timeOf(value, "start_time"),
    endTimeMs: timeOf(value, "end_time"),
    metadata: isObject(metadata)
      ? Object.fromEntries(
          Object.entries(metadata).map(([name, text]) => [
            name,
            typeof text === "string" ? text : JSON.stringify(text),
          ]),
        )
      : {},
    runtimeEnv: isObject(runtimeEnv) ? runtimeEnv : {},
  }
}

export function nodeOf(value: Json): RayNodeView {
  return {
    name: textOf(value, "node_name"),
    isHead: member(value, "is_head_node") === true,
    isAlive: member(value, "state") === "ALIVE",
    message: textOf(value, "state_message"),
  }
}

export function serveViewOf(value: Json): ServeView {
  return {
    applications: entriesOf(member(value, "applications")).map(([name, application]) => ({
      name,
      status: textOf(application, "status"),
      message: textOf(application, "message"),
      deployments: entriesOf(member(application, "deployments")).map(([deployment, state]) => ({
        name: deployment,
        status: textOf(state, "status"),
        message: textOf(state, "message"),
      })),
    })),
  }
}

function entriesOf(value: Json | undefined): readonly [string, Json][] {
  return isObject(value) ? Object.entries(value) : []
}
