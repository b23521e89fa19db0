import { storedText } from "./fields.ts"
import { filterFrame } from "./filter-frame.ts"
import type { ServiceRead } from "./issues.ts"
import type { JsonObject, JsonText, JsonValue } from "./json/value.ts"
import { reprOf, reprOfJson } from "./python/repr.ts"
import { isServiceState, type ServiceState } from "../common/index.ts"
import { stateFault } from "./states.ts"

/** A status as it is stored, and the state it tells. */
export interface ReadStatus {
  readonly status: JsonText | null
  readonly state: ServiceState | null
}

/**
 * Takes the state out of a status. One that is no state is refused before anything is written; the documented server
 * refuses with the same words, but leaves a row behind that nothing can read.
 */
export function readStatus(status: JsonObject | null): ServiceRead<ReadStatus> {
  const state = status?.members.get("state")
  const text = storedText(status)
  if (state === undefined || state.kind === "null") return { ok: true, value: { status: text, state: null } }
  if (state.kind === "string" && isServiceState(state.value))
    return { ok: true, value: { status: text, state: state.value } }
  const message = filterFrame({
    model: "ServiceResponseBody",
    member: "state",
    type: stateFault.type,
    message: stateFault.msg,
    ...shownInput(state),
  })
  return { ok: false, refusal: { kind: "error", status: 422, message } }
}

/** Scalars are strings by the time they are looked at. */
function shownInput(state: JsonValue): { input: string; inputType: string } {
  if (state.kind === "array") return { input: reprOfJson(state), inputType: "list" }
  if (state.kind === "object") return { input: reprOfJson(state), inputType: "dict" }
  const text = state.kind === "string" ? reprOf(state.value) : reprOf(scalarText(state))
  return { input: text, inputType: "str" }
}

function scalarText(state: JsonValue): string {
  return state.kind === "boolean" ? (state.value ? "1" : "0") : reprOfJson(state)
}
