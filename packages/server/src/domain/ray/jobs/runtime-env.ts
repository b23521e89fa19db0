import type { Json, JsonObject } from "../../../kit/json.ts"
import { readYaml } from "../yaml.ts"

export type RuntimeEnv =
  | { readonly ok: true; readonly value: JsonObject | null }
  | { readonly ok: false; readonly fault: string }

/** Far above any that people write; what is longer would hold up everybody while it is read. */
const mostLetters = 65_536

/** Letters of a value: what is shorter is no secret, and is in words. */
const leastHidden = 4

/**
 * A runtime environment as Ray takes it.
 * @param text YAML
 * @returns null where there is none; else what is wrong, worded as upstream where that is known, with nothing of the
 *   text: there may be secrets in it
 */
export function readRuntimeEnv(text: string): RuntimeEnv {
  if (text.length > mostLetters) return fault(`yaml: it has more than ${mostLetters} characters`)
  const read = readYaml(text, { merges: false })
  if (!read.ok) return fault(`yaml: line ${read.line}: ${read.what}`)
  const { value } = read
  if (value === null) return { ok: true, value: null }
  if (typeof value === "object" && !Array.isArray(value)) return { ok: true, value: value as JsonObject }
  return fault(`json: cannot unmarshal ${kindOf(value)} into Go value of type map[string]interface {}`)
}

/** What Ray says of a runtime environment without the values of variables in it: everybody reads it, Viewers too. */
export function withoutVariables(message: string, runtimeEnv: JsonObject | null): string {
  const values = textsIn(runtimeEnv?.["env_vars"] ?? null)
    .filter((text) => text.length >= leastHidden)
    .toSorted((a, b) => b.length - a.length)
  // as Python writes them too
  const written = values.flatMap((text) => [text, JSON.stringify(text).slice(1, -1)])
  return written.reduce((left, text) => left.replaceAll(text, "***"), message)
}

function textsIn(value: Json): readonly string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(textsIn)
  return typeof value === "string" || typeof value === "number" ? [String(value)] : []
}

function fault(text: string): RuntimeEnv {
  return { ok: false, fault: text }
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return "array"
  return typeof value === "boolean" ? "bool" : typeof value
}
