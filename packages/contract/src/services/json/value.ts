/**
 * What a text of JSON says, with nothing lost that Python's `json` keeps: the order of members, integers of any length,
 * whole floats as floats, floats that are not finite, and halves of characters.
 */
export type JsonValue =
  | { readonly kind: "null" }
  | { readonly kind: "boolean"; readonly value: boolean }
  /** In decimal, without zeros in front; `-0` is `0`. */
  | { readonly kind: "integer"; readonly digits: string }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "array"; readonly items: readonly JsonValue[] }
  | JsonObject

/** Of a key that is given twice the last value counts, at the place of the first. */
export interface JsonObject {
  readonly kind: "object"
  readonly members: ReadonlyMap<string, JsonValue>
}

/**
 * A text of JSON as Python's `json.dumps` writes it: `", "` and `": "` between, only ASCII, floats as `repr` writes
 * them, `NaN` and `Infinity` as words. Two values are the same to the API when these texts are.
 */
export type JsonText = string & { readonly __form: "python json" }
