import { LineCounter, parseDocument } from "yaml"
import type { Json, JsonObject } from "../../../kit/json.ts"

export type RuntimeEnv =
  | { readonly ok: true; readonly value: JsonObject | null }
  | { readonly ok: false; readonly fault: string }

/** Far above any that people write; what is longer would hold up everybody while it is read. */
const mostLetters = 262_144
/** Of all aliases of a document together: a few lines of them can stand for gigabytes. */
const mostAliases = 100

/**
 * A runtime environment as Ray takes it.
 * @param text YAML
 * @returns null where there is none; else what is wrong, worded as upstream where that is known, with nothing of the
 *   text: there may be secrets in it
 */
export function readRuntimeEnv(text: string): RuntimeEnv {
  if (text.length > mostLetters) return fault(`yaml: it has more than ${mostLetters} characters`)
  const lines = new LineCounter()
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines, logLevel: "silent" })
  const [error] = document.errors
  if (error) return fault(`yaml: line ${lines.linePos(error.pos[0]).line}: ${error.message}`)
  const value = jsonOf(() => document.toJS({ maxAliasCount: mostAliases }))
  if (value === undefined) return fault("yaml: it has an alias to nothing, or too many of them")
  if (value === null) return { ok: true, value: null }
  if (typeof value === "object" && !Array.isArray(value)) return { ok: true, value: value as JsonObject }
  return fault(`json: cannot unmarshal ${kindOf(value)} into Go value of type map[string]interface {}`)
}

function fault(text: string): RuntimeEnv {
  return { ok: false, fault: text }
}

/** @returns undefined where it cannot be made */
function jsonOf(make: () => unknown): Json | undefined {
  try {
    // keys and values of kinds that only YAML has become what JSON makes of them
    return JSON.parse(JSON.stringify(make())) as Json
  } catch {
    return undefined
  }
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return "array"
  return typeof value === "boolean" ? "bool" : typeof value
}
