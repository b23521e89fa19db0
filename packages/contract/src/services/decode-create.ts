import { readBody } from "./decode-body.ts"
import {
  defaulted,
  optional,
  readFields,
  readLabels,
  readName,
  readObject,
  readState,
  readText,
  readUuid,
  required,
  storedText,
  type Fields,
  type Place,
} from "./fields.ts"
import { columnText } from "./json/scalars.ts"
import type { JsonObject, JsonText, JsonValue } from "./json/value.ts"
import { jsonText } from "./json/write.ts"
import { readUnless, type ServiceRead } from "./issues.ts"
import { readStatus } from "./status.ts"
import type { ServiceState } from "../common/index.ts"

/** What kind of service it is. */
export interface ServiceKind {
  readonly type: string
  readonly flavor: string
  readonly name: string
  readonly description: string
  readonly logo_url: string
}

/** A service to be registered; what was absent, null or empty is null. */
export interface DecodedServiceCreate {
  /** UUID; the query may name another. */
  readonly project: string
  /** At most 255 characters, may be empty, need not be unique. */
  readonly name: string
  readonly serviceType: ServiceKind
  readonly serviceSource: string | null
  readonly adminState: ServiceState | null
  /** An object. No two services have the same text. */
  readonly config: JsonText
  /** Of `config`, for filters: a string, number or boolean as text. */
  readonly pipelineName: string | null
  readonly pipelineStepName: string | null
  readonly labels: JsonText | null
  readonly status: JsonText | null
  /** `state` of the status. */
  readonly state: ServiceState | null
  readonly endpoint: JsonText | null
  readonly predictionUrl: string | null
  /** "" stays "". */
  readonly healthCheckUrl: string | null
  readonly modelVersionId: string | null
  readonly pipelineRunId: string | null
}

/**
 * Reads the body of POST /services. `user` is checked and ignored, unknown members are ignored.
 * @param contentType the header, undefined when there is none
 */
export function decodeServiceCreate(
  bytes: Uint8Array,
  contentType: string | undefined,
): ServiceRead<DecodedServiceCreate> {
  const body = readBody(bytes, contentType)
  return body.ok ? readCreate(body.value) : body
}

function readCreate(fields: Fields): ServiceRead<DecodedServiceCreate> {
  optional(fields, "user", readUuid)
  const project = required(fields, "project", readUuid)
  const name = required(fields, "name", readName)
  const serviceType = required(fields, "service_type", readKind)
  const serviceSource = optional(fields, "service_source", readText)
  const adminState = optional(fields, "admin_state", readState)
  const config = required(fields, "config", readObject)
  const labels = optional(fields, "labels", readLabels)
  const status = optional(fields, "status", readObject)
  const endpoint = optional(fields, "endpoint", readObject)
  const predictionUrl = optional(fields, "prediction_url", readText)
  const healthCheckUrl = optional(fields, "health_check_url", readText)
  const modelVersionId = optional(fields, "model_version_id", readUuid)
  const pipelineRunId = optional(fields, "pipeline_run_id", readUuid)
  const read = readUnless(
    () => ({ serviceSource, adminState, healthCheckUrl, modelVersionId, pipelineRunId }),
    fields.place.issues,
  )
  if (!read.ok) return read
  const known = readStatus(status)
  if (!known.ok) return known
  if (project === undefined || name === undefined || !serviceType || !config)
    throw new Error("What is missing is an issue.")
  return {
    ok: true,
    value: {
      ...read.value,
      project,
      name,
      serviceType,
      config: jsonText(config),
      pipelineName: namedIn(config, "pipeline_name"),
      pipelineStepName: namedIn(config, "pipeline_step_name"),
      labels: storedText(labels),
      ...known.value,
      endpoint: storedText(endpoint),
      predictionUrl: predictionUrl || null,
    },
  }
}

function readKind(value: JsonValue, place: Place): ServiceKind | undefined {
  const fields = readFields(value, place)
  if (!fields) return undefined
  const type = required(fields, "type", readText)
  const flavor = required(fields, "flavor", readText)
  const name = defaulted(fields, "name", "", readText)
  const description = defaulted(fields, "description", "", readText)
  const logo = defaulted(fields, "logo_url", "", readText)
  if (type === undefined || flavor === undefined || name === undefined) return undefined
  if (description === undefined || logo === undefined) return undefined
  return { type, flavor, name, description, logo_url: logo }
}

/** What a filter compares with. An object or a list, which the documented server fails on, is no name. */
function namedIn(config: JsonObject, key: string): string | null {
  return columnText(config.members.get(key) ?? { kind: "null" }) ?? null
}
