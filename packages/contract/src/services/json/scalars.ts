import { pythonFloat } from "../python/floats.ts"
import type { JsonValue } from "./value.ts"

/** Whether every store can keep the text: no halves of characters, no NUL. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\u0000")
}

/**
 * What a column of text holds of a value: numbers in decimal, booleans as 1 and 0. Undefined: nothing, as of null, of
 * objects and lists, and of what no store keeps.
 */
export function columnText(value: JsonValue): string | undefined {
  switch (value.kind) {
    case "string":
      return isStorable(value.value) ? value.value : undefined
    case "integer":
      return value.digits
    case "boolean":
      return value.value ? "1" : "0"
    case "float":
      return Number.isFinite(value.value) ? pythonFloat(value.value) : undefined
    case "null":
    case "array":
    case "object":
      return undefined
  }
}
