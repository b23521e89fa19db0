import type { DescMessage, MessageShape } from "@bufbuild/protobuf"
import { equals, toJson } from "@bufbuild/protobuf"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { propertyRuns } from "../../../../server/src/kit/property-runs.ts"
import { ComputeTemplateSchema, RayJobSchema, decodeBody, encodeBody } from "../index.ts"

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function read<D extends DescMessage>(schema: D, text: string): MessageShape<D> {
  const result = decodeBody(schema, bytesOf(text))
  if (!result.ok) throw new Error(result.fault)
  return result.value
}

const job = (text: string): string => encodeBody(RayJobSchema, read(RayJobSchema, text))

const text = fc.string({ unit: "binary" }).map((said) => said.toWellFormed())
// The other reader loses this key; ours has a row above.
const key = text.filter((said) => said !== "__proto__")
const template$ = fc.record({
  name: text,
  namespace: text,
  cpu: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  memory: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  gpuAccelerator: text,
  tolerations: fc.array(fc.record({ key: text, operator: text, value: text, effect: text })),
  extendedResources: fc.dictionary(key, fc.integer({ min: 0, max: 2 ** 32 - 1 })),
})

describe("properties", () => {
  test("what is said is read as the same message, and by another reader too", () => {
    fc.assert(
      fc.property(template$, (said) => {
        const message = read(ComputeTemplateSchema, JSON.stringify(said))
        const again = read(ComputeTemplateSchema, encodeBody(ComputeTemplateSchema, message))
        expect(equals(ComputeTemplateSchema, again, message)).toBe(true)
        expect(JSON.parse(encodeBody(ComputeTemplateSchema, message))).toEqual(
          toJson(ComputeTemplateSchema, message, { enumAsInteger: true }),
        )
      }),
      runsOf(200),
    )
  })

  test("floats are said so that they are read as the same", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const said = job(`{"entrypointNumCpus":${Object.is(value, -0) ? "-0" : String(value)}}`)
        expect(read(RayJobSchema, said).entrypointNumCpus).toBe(value)
      }),
      runsOf(300),
    )
  })

  test("any bytes give a message or a fault, and what is JSON only a fault of the message", () => {
    const words = ["name", "cpu", "tolerations", "1", "-", "e", "\\ud800", "null", "true", "é", '"cpu":1']
    const pieces = fc.constantFrom(...'{"[]}:, \\\n\u0000', ...words, '{"tolerations":[', "{}")
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(pieces, { maxLength: 12 }).map((parts) => bytesOf(parts.join(""))),
    )
    fc.assert(
      fc.property(bodies, (body) => {
        const result = decodeBody(ComputeTemplateSchema, body)
        if (result.ok) expect(result.value.$typeName).toBe("proto.ComputeTemplate")
        else if (isJson(body)) expect(result.fault).toMatch(/^proto: /)
        else expect(result.fault).not.toBe("")
      }),
      runsOf(2000),
    )
  })

  test.each([
    ["zeros", `{"cpu":1${"0".repeat(1_000_000)}1${"0".repeat(1_000_000)}1}`],
    ["levels", "[".repeat(2_000_000)],
    ["escapes", `{"name":"${"\\u0041".repeat(330_000)}\\ud800"}`],
    ["keys", `{"extendedResources":{${Array.from({ length: 150_000 }, (_, i) => `"k${i}":1`).join(",")}}}`],
    ["lines", `${"\n".repeat(2_000_000)}{"cpu":\n"x"}`],
  ])("2 MB of %s are read in a bounded time", (_, body) => {
    const result = decodeBody(ComputeTemplateSchema, bytesOf(body))
    expect(result.ok || result.fault !== "").toBe(true)
  })
})

function runsOf(usual: number): { numRuns: number; seed?: number } {
  const { runs, ...seeded } = propertyRuns(usual)
  return { numRuns: runs, ...seeded }
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body))
    return true
  } catch {
    return false
  }
}
