import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf"
import { create, equals, ScalarType } from "@bufbuild/protobuf"
import { TimestampSchema } from "@bufbuild/protobuf/wkt"
import fc from "fast-check"
import { expect, test } from "vitest"
import { propertyRuns } from "../../../../server/src/kit/property-runs.ts"
import { decodeBody, encodeBody, kuberayRoutes } from "../index.ts"

const text = fc.string({ unit: "binary", maxLength: 8 }).map((said) => said.toWellFormed())
// Maps of the library have a prototype: a member of this name would not be one of theirs.
const key = text.filter((said) => said !== "__proto__")
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const scalars = new Map<ScalarType, fc.Arbitrary<unknown>>([
  [ScalarType.STRING, text],
  [ScalarType.BOOL, fc.boolean()],
  [ScalarType.INT32, int32],
  [ScalarType.UINT32, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  [ScalarType.INT64, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [ScalarType.UINT64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  // The library takes -0 for 0 when it compares.
  [ScalarType.FLOAT, fc.float({ noNaN: true }).filter((value) => !Object.is(value, -0))],
])

function oneOf(field: Pick<DescField, "message" | "enum" | "scalar">): fc.Arbitrary<unknown> {
  if (field.message) return messageOf(field.message)
  return field.enum ? int32 : (scalars.get(field.scalar ?? ScalarType.STRING) ?? fc.constant(undefined))
}

function valueOf(field: DescField): fc.Arbitrary<unknown> {
  if (field.fieldKind === "list") return fc.array(oneOf(field), { maxLength: 2 })
  if (field.fieldKind === "map") return fc.dictionary(key, oneOf(field), { maxKeys: 2 })
  return oneOf(field)
}

const timestamp = fc
  .tuple(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), fc.integer({ min: 0, max: 999_999_999 }))
  .map(([seconds, nanos]) => create(TimestampSchema, { seconds: BigInt(seconds), nanos }))

/** Any message of that kind, each field there or not. */
function messageOf(desc: DescMessage): fc.Arbitrary<MessageShape<DescMessage>> {
  if (desc.typeName === TimestampSchema.typeName) return timestamp
  const fields = desc.fields.map((field): [string, fc.Arbitrary<unknown>] => [
    field.localName,
    valueOf(field),
  ])
  return fc
    .record(Object.fromEntries(fields), { requiredKeys: [], noNullPrototype: true })
    .map((init) => create(desc, init as never))
}

const messages = new Map(
  Object.values(kuberayRoutes)
    .flatMap(({ rpc }): DescMessage[] => [rpc.input, rpc.output])
    .map((desc) => [desc.name, desc]),
)

test.each([...messages])("any %s is read as it was said", (_, desc) => {
  const { runs, ...seeded } = propertyRuns(30)
  fc.assert(
    fc.property(messageOf(desc), (message) => {
      const read = decodeBody(desc, new TextEncoder().encode(encodeBody(desc, message)))
      if (!read.ok) throw new Error(read.fault)
      expect(equals(desc, read.value, message)).toBe(true)
    }),
    { numRuns: runs, ...seeded },
  )
})
