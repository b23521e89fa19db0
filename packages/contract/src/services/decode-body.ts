import type { ServiceIssue, ServiceRead } from "./issues.ts"
import { readJson } from "./json/read.ts"
import type { JsonValue } from "./json/value.ts"
import { readFields, type Fields } from "./fields.ts"
import { reprOfBytes } from "./python/repr.ts"

/** Without a byte order mark, which is passed over. */
const utf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * The members of a body. JSON is read when the content type says JSON; any other body is refused as the bytes it is.
 * @param contentType the header, undefined when there is none
 */
export function readBody(bytes: Uint8Array, contentType: string | undefined): ServiceRead<Fields> {
  const issues: ServiceIssue[] = []
  const place = { loc: ["body"], issues }
  if (bytes.length === 0) return missing()
  if (!isJson(contentType)) {
    return issue({
      type: "model_attributes_type",
      loc: ["body"],
      msg: "Input should be a valid dictionary or object to extract fields from",
      input: reprOfBytes(bytes),
    })
  }
  const read = readBytes(bytes)
  if (!read.ok) return read
  if (read.value.kind === "null") return missing()
  const fields = readFields(read.value, place)
  return fields ? { ok: true, value: fields } : { ok: false, refusal: { kind: "issues", issues } }
}

function missing(): ServiceRead<never> {
  return issue({ type: "missing", loc: ["body"], msg: "Field required", input: "None" })
}

function issue(one: ServiceIssue): ServiceRead<never> {
  return { ok: false, refusal: { kind: "issues", issues: [one] } }
}

function readBytes(bytes: Uint8Array): ServiceRead<JsonValue> {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return { ok: false, refusal: { kind: "unreadable" } }
  }
  const read = readJson(text)
  if (read.ok) return read
  if (read.fault.kind === "too much") return { ok: false, refusal: { kind: "unreadable" } }
  const invalid: ServiceIssue = {
    type: "json_invalid",
    loc: ["body", read.fault.at],
    msg: "JSON decode error",
    input: "{}",
    ctx: { error: read.fault.message },
  }
  return { ok: false, refusal: { kind: "issues", issues: [invalid], isAlone: true } }
}

/** `application/json` and `application/…+json`, whatever parameters follow. */
function isJson(contentType: string | undefined): boolean {
  const type = (contentType ?? "").split(";", 1)[0]?.trim() ?? ""
  return /^application\/(?:json|[^/]*\+json)$/i.test(type)
}
