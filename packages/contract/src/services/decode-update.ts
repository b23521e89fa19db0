import { readBody } from "./decode-body.ts"
import {
  optional,
  readLabels,
  readName,
  readObject,
  readState,
  readText,
  readUuid,
  storedText,
} from "./fields.ts"
import type { Fields } from "./fields.ts"
import { readUnless, type ServiceRead } from "./issues.ts"
import type { JsonText } from "./json/value.ts"
import type { ServiceState } from "../common/index.ts"
import { readStatus } from "./status.ts"

/** What changes of a service. Absent: stays as it is; null: nothing is there afterwards. */
export interface DecodedServiceUpdate {
  readonly name?: string
  readonly adminState?: ServiceState
  readonly serviceSource?: string
  /** An empty object clears it; `state` goes with it. */
  readonly status?: JsonText | null
  /** Given exactly when `status` is. */
  readonly state?: ServiceState | null
  readonly endpoint?: JsonText | null
  /** "" clears it. */
  readonly predictionUrl?: string | null
  /** "" stays "". */
  readonly healthCheckUrl?: string
  readonly labels?: JsonText | null
  readonly modelVersionId?: string
}

/**
 * Reads the body of PUT /services/{service_id}. null is the same as absent, unknown members are ignored; so are those
 * that cannot change.
 * @param contentType the header, undefined when there is none
 */
export function decodeServiceUpdate(
  bytes: Uint8Array,
  contentType: string | undefined,
): ServiceRead<DecodedServiceUpdate> {
  const body = readBody(bytes, contentType)
  return body.ok ? readUpdate(body.value) : body
}

function readUpdate(fields: Fields): ServiceRead<DecodedServiceUpdate> {
  const name = optional(fields, "name", readName)
  const adminState = optional(fields, "admin_state", readState)
  const serviceSource = optional(fields, "service_source", readText)
  const status = optional(fields, "status", readObject)
  const endpoint = optional(fields, "endpoint", readObject)
  const predictionUrl = optional(fields, "prediction_url", readText)
  const healthCheckUrl = optional(fields, "health_check_url", readText)
  const labels = optional(fields, "labels", readLabels)
  const modelVersionId = optional(fields, "model_version_id", readUuid)
  const read = readUnless(
    () => ({
      ...given({ name, adminState, serviceSource, healthCheckUrl, modelVersionId }),
      ...(endpoint && { endpoint: storedText(endpoint) }),
      ...(labels && { labels: storedText(labels) }),
      ...(predictionUrl !== null && { predictionUrl: predictionUrl || null }),
    }),
    fields.place.issues,
  )
  if (!read.ok || !status) return read
  const known = readStatus(status)
  return known.ok ? { ok: true, value: { ...read.value, ...known.value } } : known
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], null> }

/** The same object without the members that are null. */
function given<T extends object>(value: T): Given<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null)) as Given<T>
}
