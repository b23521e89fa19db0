import { LineCounter, parseDocument } from "yaml"
import type { Json, JsonObject } from "../../../kit/json.ts"

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
/** A small text can mean a huge one by names for parts that hold names for parts. */
const mostAliases = 100
/** Ray's own name for an application that has none. */
const nameless = "default"

/** Total: whatever the text is, it gives one of the two. */
export function readServeConfig(text: string): ServeConfig {
  if (Buffer.byteLength(text) > mostBytes) return refused("is larger than 128 KiB")
  try {
    return configIn(text)
  } catch {
    // too many names for parts, or too deep
    return refused("cannot be read: it is nested too deeply, or its aliases stand for too much")
  }
}

function configIn(text: string): ServeConfig {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    logLevel: "silent",
    prettyErrors: false,
    lineCounter: lines,
    merge: true,
  })
  const [fault] = document.errors
  if (fault) {
    const { line, col } = lines.linePos(fault.pos[0])
    const what = fault.code.toLowerCase().replaceAll("_", " ")
    return refused(`is no YAML: line ${line}, column ${col} (${what})`)
  }
  const value: unknown = document.toJS({ maxAliasCount: mostAliases })
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return refused("is no YAML mapping")
  const config = JSON.parse(JSON.stringify(value)) as JsonObject
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
