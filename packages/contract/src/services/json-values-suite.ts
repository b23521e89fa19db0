import * as fc from "fast-check"
import type { JsonValue } from "./json/value.ts"

const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String)
/** A string, with halves of characters. */
export const anyString = fc.string({
  unit: fc.integer({ min: 0, max: 0xff_ff }).map((unit) => String.fromCharCode(unit)),
})

/** Any value of JSON, with what only Python's `json` reads. */
export const arbitraryJson: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant<JsonValue>({ kind: "null" }),
    fc.boolean().map((value): JsonValue => ({ kind: "boolean", value })),
    digits.map((text): JsonValue => ({ kind: "integer", digits: text })),
    fc.double().map((value): JsonValue => ({ kind: "float", value })),
    anyString.map((value): JsonValue => ({ kind: "string", value })),
    fc.array(tie("value"), { maxLength: 4 }).map((items): JsonValue => ({ kind: "array", items })),
    fc
      .array(fc.tuple(anyString, tie("value")), { maxLength: 4 })
      .map((members): JsonValue => ({ kind: "object", members: new Map(members) })),
  ),
})).value
