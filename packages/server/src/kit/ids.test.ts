import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createIds, ulidToUuid, uuidToUlid } from "./ids.ts"

describe("a ULID as a UUID", () => {
  it("has the same 128 bits, both ways", () => {
    expect(ulidToUuid("00000000000000000000000000")).toBe("00000000-0000-0000-0000-000000000000")
    expect(ulidToUuid("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")).toBe("ffffffff-ffff-ffff-ffff-ffffffffffff")
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(ulidToUuid(uuidToUlid(uuid))).toBe(uuid)
      }),
    )
  })

  it("is read with and without hyphens", () => {
    const ulid = createIds(() => 1_700_000_000_000).ulid()
    expect(uuidToUlid(ulidToUuid(ulid))).toBe(ulid)
    expect(uuidToUlid(ulidToUuid(ulid).replaceAll("-", ""))).toBe(ulid)
  })
})
