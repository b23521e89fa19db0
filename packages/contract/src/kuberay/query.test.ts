import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { propertyRuns } from "../../../server/src/kit/property-runs.ts"
import type { KuberayRouteName } from "./index.ts"
import { decodeQuery } from "./index.ts"

function fault(name: KuberayRouteName, raw: string): string {
  const result = decodeQuery(name, raw)
  return result.ok ? "no fault" : result.fault
}

describe("what a query fills", () => {
  test.each<[KuberayRouteName, string, object]>([
    ["listCluster", "", {}],
    ["listCluster", "limit=10&continue=a%2Bb+c", { limit: 10n, continue: "a+b c" }],
    ["listCluster", "limit=0&continue=", { limit: 0n, continue: "" }],
    ["listCluster", "limit=-1", { limit: -1n }],
    ["listCluster", "limit=%2B7", { limit: 7n }],
    ["listCluster", "limit=9223372036854775807", { limit: 9223372036854775807n }],
    ["listCluster", "continue", { continue: "" }],
    ["listCluster", "continue=a=b", { continue: "a=b" }],
    ["listCluster", "continue=%ff%41", { continue: "\uFFFDA" }],
    ["listCluster", "&&other=1&other=2&=3&Limit=x&pageSize=x&other.limit=1", {}],
    ["listCluster", "namespace=elsewhere&namespace.x=1", {}],
    ["listAllRayJobs", "limit=1", { limit: 1n }],
    ["listRayServices", "pageSize=3&pageToken=t", { pageSize: 3, pageToken: "t" }],
    ["listRayServices", "page_size=1&page_token=t", { pageSize: 1, pageToken: "t" }],
    ["listRayServices", "page_size=1&pageSize=3", { pageSize: 3 }],
    ["listAllRayServices", "limit=x", {}],
    ["listComputeTemplates", "limit=x&limit=y;&%zz", {}],
    ["createCluster", "limit=x;", {}],
    ["getRayJob", "name=x&name=y&%zz", {}],
  ])("%s?%s", (name, raw, value) => {
    expect(decodeQuery(name, raw)).toEqual({ ok: true, value })
  })
})

describe("what a query is refused with", () => {
  const number = "strconv.ParseInt: parsing"
  test.each<[KuberayRouteName, string, string]>([
    ["listCluster", "limit=abc", `parsing field "limit": ${number} "abc": invalid syntax`],
    ["listCluster", "limit=+1", `parsing field "limit": ${number} " 1": invalid syntax`],
    ["listCluster", "limit=1_0", `parsing field "limit": ${number} "1_0": invalid syntax`],
    ["listCluster", "limit=", `parsing field "limit": ${number} "": invalid syntax`],
    ["listCluster", "limit", `parsing field "limit": ${number} "": invalid syntax`],
    [
      "listCluster",
      "limit=9223372036854775808",
      `parsing field "limit": ${number} "9223372036854775808": value out of range`,
    ],
    [
      "listCluster",
      "limit=-1000000000000000000000",
      `parsing field "limit": ${number} "-1000000000000000000000": value out of range`,
    ],
    ["listCluster", "limit=1&limit=2", 'too many values for field "limit": 1, 2'],
    ["listCluster", "continue=1&x=&continue=2", 'too many values for field "continue": 1, 2'],
    ["listCluster", "limit[a]=1", 'too many values for field "limit": a, 1'],
    ["listCluster", "limit.foo=1", 'invalid path: "limit" is not a message'],
    ["listCluster", "limit=1;continue=2", "invalid semicolon separator in query"],
    ["listCluster", "x=%zz", 'invalid URL escape "%zz"'],
    ["listCluster", "x=1%2", 'invalid URL escape "%2"'],
    ["listRayServices", "pageSize=abc", `parsing field "page_size": ${number} "abc": invalid syntax`],
    [
      "listRayServices",
      "pageSize=2147483648",
      `parsing field "page_size": ${number} "2147483648": value out of range`,
    ],
    ["listRayServices", "pageSize=1&pageSize=2", 'too many values for field "page_size": 1, 2'],
  ])("%s?%s", (name, raw, text) => {
    expect(fault(name, raw)).toBe(text)
  })

  test("any text gives fields or a fault", () => {
    const { runs, ...seeded } = propertyRuns(500)
    const raw = fc.array(
      fc.constantFrom("limit", "=", "&", "%", "f", "9", "[", "]", ".", ";", "continue", "é"),
    )
    fc.assert(
      fc.property(raw, (parts) => {
        const result = decodeQuery("listCluster", parts.join(""))
        if (result.ok)
          expect(Object.keys(result.value).every((key) => /^(limit|continue)$/.test(key))).toBe(true)
        else expect(result.fault).not.toBe("")
      }),
      { numRuns: runs, ...seeded },
    )
  })
})
