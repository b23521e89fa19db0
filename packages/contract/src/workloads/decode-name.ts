import { hasControlCharacters } from "./members.ts"
import type { Decoded } from "./result.ts"

/** Reads a name from a path, already unescaped: control characters are a fault, anything else may be looked up. */
export function decodeName(field: "workloadId" | "podId", value: string): Decoded<string> {
  if (!hasControlCharacters(value)) return { ok: true, value: value.trim().toWellFormed() }
  const message = `the ${field} must not contain control characters`
  return { ok: false, issues: [{ path: [field], message }] }
}
