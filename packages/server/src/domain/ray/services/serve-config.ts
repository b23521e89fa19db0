import type { Json, JsonObject } from "../../../kit/json.ts"
import { readYaml } from "../yaml.ts"

/** The wanted state of Serve that a service's YAML says, or why it says none. */
export type ServeConfig =
  | {
      readonly ok: true
      readonly config: JsonObject
      /** The names of its applications, in order. */
      readonly applications: readonly string[]
    }
  /** A sentence; nothing of the text is in it, for it may hold secrets. */
  | { readonly ok: false; readonly message: string }

/** Far above any that people write; what is longer would hold up everybody for seconds while it is read. */
const mostBytes = 128 * 1024
/** Ray's own name for an application that has none. */
const nameless = "default"

/** Total: whatever the text is, it gives one of the two. */
export function readServeConfig(text: string): ServeConfig {
  if (Buffer.byteLength(text) > mostBytes) return refused("is larger than 128 KiB")
  const read = readYaml(text, { merges: true })
  if (!read.ok) return refused(`is no YAML: line ${read.line}, column ${read.column} (${read.what})`)
  const { value } = read
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return refused("is no YAML mapping")
  const config = value as JsonObject
  return { ok: true, config, applications: namesIn(config["applications"]) }
}

function namesIn(applications: Json | undefined): readonly string[] {
  if (!Array.isArray(applications)) return []
  return (applications as readonly Json[]).map((each) => {
    const name = typeof each === "object" && each !== null && "name" in each ? each["name"] : undefined
    return typeof name === "string" ? name : nameless
  })
}

function refused(why: string): ServeConfig {
  return { ok: false, message: `The serve configuration ${why}.` }
}
