import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeListQuery } from "./decode-list-query.ts"
import { decodeLogQuery } from "./decode-log-query.ts"
import { decodeStopQuery } from "./decode-stop-query.ts"
import { parseInstant } from "./instant.ts"

function list(query: Record<string, unknown>) {
  const result = decodeListQuery(query)
  if (!result.ok) throw new Error(result.issues.map((issue) => issue.message).join("; "))
  return result.value
}

function faults(result: ReturnType<typeof decodeListQuery> | ReturnType<typeof decodeLogQuery>) {
  return result.ok ? [] : result.issues.map((issue) => issue.message)
}

const tagFault = (field: string, tag: string) =>
  `invalid query: Key: 'ListWorkloadRequest.${field}' Error:Field validation for '${field}' failed on the '${tag}' tag`

describe("a list query", () => {
  it("is the newest hundred of everything when it is empty", () => {
    const all = { sortBy: "creationTime", order: "desc", offset: 0, limit: 100 }
    expect(list({})).toEqual(all)
    expect(list({ workspaceId: "", phase: " ", limit: "0", since: "", unknown: "x" })).toEqual(all)
  })

  it("reads every filter", () => {
    expect(
      list({
        workspaceId: " team ",
        phase: "Failed,Running,Failed,Nonsense, Pending",
        clusterId: "c",
        userId: "u",
        userName: "ann%_",
        kind: "PyTorchJob,Deployment",
        description: "a+b",
        offset: "3",
        limit: "7",
        sortBy: "startTime",
        order: "asc",
        since: "2025-01-02T03:04:05.678Z",
        until: "2025-01-02T03:04:05",
        workloadId: "train",
      }),
    ).toEqual({
      workspaceId: "team",
      phases: ["Failed", "Running", "Nonsense", " Pending"],
      clusterId: "c",
      userId: "u",
      userName: "ann%_",
      kinds: ["PyTorchJob", "Deployment"],
      description: "a+b",
      offset: 3,
      limit: 7,
      sortBy: "startTime",
      order: "asc",
      createdFromMs: Date.UTC(2025, 0, 2, 3, 4, 5, 678),
      createdToMs: Date.UTC(2025, 0, 2, 3, 4, 5, 999),
      workloadId: "train",
    })
  })

  it("takes the first of parameters that are given twice", () => {
    expect(list({ limit: ["5", "x"], order: ["asc", "desc"] })).toMatchObject({ limit: 5, order: "asc" })
  })

  it.each([
    ["createTime", "creationTime"],
    ["create_time", "creationTime"],
    ["creationTime", "creationTime"],
    ["CREATION_TIME", "creationTime"],
    ["start_time", "startTime"],
    ["deleteTime", "deletionTime"],
    ["deletion_time", "deletionTime"],
    ["workspace", "workspaceId"],
    ["cluster", "clusterId"],
    ["username", "userName"],
    ["dispatch_count", "dispatchCount"],
    ["ttlSecond", "ttlSecondsAfterFinished"],
    ["constructor", "creationTime"],
    ["drop table workload", "creationTime"],
  ])("sorts by %s as %s", (sortBy, field) => {
    expect(list({ sortBy }).sortBy).toBe(field)
  })

  it.each([
    [{ limit: "-1" }, tagFault("Limit", "min")],
    [{ offset: "-1" }, tagFault("Offset", "min")],
    [{ order: "up" }, tagFault("Order", "oneof")],
    [{ order: "ASC" }, tagFault("Order", "oneof")],
    [{ workspaceId: "x".repeat(65) }, tagFault("WorkspaceId", "max")],
    [{ workloadId: "x".repeat(65) }, tagFault("WorkloadId", "max")],
    [{ limit: "x" }, 'invalid query: strconv.ParseInt: parsing "x": invalid syntax'],
    [{ limit: "1.5" }, 'invalid query: strconv.ParseInt: parsing "1.5": invalid syntax'],
    [{ offset: "0x10" }, 'invalid query: strconv.ParseInt: parsing "0x10": invalid syntax'],
    [
      { limit: "9223372036854775808" },
      'invalid query: strconv.ParseInt: parsing "9223372036854775808": value out of range',
    ],
    [{ since: "yesterday" }, "invalid query: the since time must look like 2006-01-02T15:04:05.000Z"],
    [
      { until: "2025-02-30T00:00:00Z" },
      "invalid query: the until time must look like 2006-01-02T15:04:05.000Z",
    ],
    [{ userId: "a\nb" }, "the userId must not contain control characters"],
    [
      { description: "%".repeat(10_000) },
      "invalid query: Key: 'ListWorkloadRequest.Description' Error:Field validation for 'Description' failed on the 'max' tag",
    ],
    [
      { userName: "'".repeat(1_025) },
      "invalid query: Key: 'ListWorkloadRequest.UserName' Error:Field validation for 'UserName' failed on the 'max' tag",
    ],
    [{ description: "a\0b" }, "the description must not contain NUL characters"],
  ])("refuses %j", (query, message) => {
    expect(faults(decodeListQuery(query))).toEqual([message])
  })

  it("names every fault", () => {
    expect(faults(decodeListQuery({ limit: "-1", order: "x", workspaceId: "y".repeat(99) }))).toHaveLength(3)
  })

  it("gives at most a thousand, and takes an offset beyond everything", () => {
    expect(list({ limit: "5000" }).limit).toBe(1000)
    expect(list({ limit: "9223372036854775807", offset: "9223372036854775807" })).toMatchObject({
      limit: 1000,
      offset: Number.MAX_SAFE_INTEGER,
    })
  })

  it("never throws and stays in its bounds, whatever the text", () => {
    const keys = ["limit", "offset", "order", "sortBy", "since", "until", "phase", "userName", "workloadId"]
    const query = fc.dictionary(
      fc.constantFrom(...keys),
      fc.oneof(fc.string({ unit: "binary" }), fc.integer().map(String)),
    )
    fc.assert(
      fc.property(query, (given) => {
        const result = decodeListQuery(given)
        const { limit, offset } = result.ok ? result.value : { limit: 1, offset: 0 }
        expect(limit >= 1 && limit <= 1000 && offset >= 0 && Number.isSafeInteger(offset)).toBe(true)
      }),
    )
  })
})

describe("an instant of a query", () => {
  it.each([
    ["2025-10-29T08:00:00Z", Date.UTC(2025, 9, 29, 8), false],
    ["2025-10-29T08:00:00", Date.UTC(2025, 9, 29, 8), false],
    ["2025-10-29T08:00:00.000Z", Date.UTC(2025, 9, 29, 8), false],
    ["2024-02-29T23:59:59.9Z", Date.UTC(2024, 1, 29, 23, 59, 59, 900), true],
  ])("reads %s", (text, ms, hasFraction) => {
    expect(parseInstant(text)).toMatchObject({ ms, hasFraction })
  })

  it.each([
    "",
    "2025-10-29",
    "2025-10-29 08:00:00",
    "2025-10-29T08:00Z",
    "2025-10-29T08:00:00+01:00",
    "2025-02-29T00:00:00Z",
    "2025-01-01T24:00:00Z",
    "2025-01-01T00:00:60Z",
    "2025-13-01T00:00:00Z",
    "2025-10-29T08:00:00.Z",
    "2025-10-29T08:00:00Zx",
    "１２３４-10-29T08:00:00Z",
  ])("refuses %j", (text) => {
    expect(parseInstant(text)).toBeUndefined()
  })

  it("includes the shown second of a creation time in both directions", () => {
    const shown = "2025-10-29T08:00:00"
    const createdAtMs = Date.UTC(2025, 9, 29, 8, 0, 0, 412)
    const { createdFromMs = NaN, createdToMs = NaN } = list({ since: shown, until: shown })
    expect(createdFromMs <= createdAtMs && createdAtMs <= createdToMs).toBe(true)
  })

  it("rounds digits beyond a millisecond inwards", () => {
    const text = "2025-10-29T08:00:00.1234Z"
    expect(list({ since: text }).createdFromMs).toBe(Date.UTC(2025, 9, 29, 8, 0, 0, 124))
    expect(list({ until: text }).createdToMs).toBe(Date.UTC(2025, 9, 29, 8, 0, 0, 123))
  })
})

describe("a log query", () => {
  it.each([
    [{}, { tailLines: 1000, container: "", sinceSeconds: null }],
    [{ tailLines: "0" }, { tailLines: 1000, container: "", sinceSeconds: null }],
    [
      { tailLines: "5", container: "pytorch", sinceSeconds: "60" },
      { tailLines: 5, container: "pytorch", sinceSeconds: 60 },
    ],
    [{ tailLines: "99999999" }, { tailLines: 100_000, container: "", sinceSeconds: null }],
    [
      { sinceSeconds: "-5", run: "0" },
      { tailLines: 1000, container: "", sinceSeconds: null },
    ],
    [{ run: "2" }, { tailLines: 1000, container: "", sinceSeconds: null, run: 2 }],
  ])("%j means %j", (query, value) => {
    expect(decodeLogQuery(query)).toEqual({ ok: true, value })
  })

  it("refuses what is no number, or a negative one", () => {
    expect(faults(decodeLogQuery({ tailLines: "-1", sinceSeconds: "1h", container: "a\tb" }))).toEqual([
      "invalid query: Key: 'GetPodLogRequest.TailLines' Error:Field validation for 'TailLines' failed on the 'min' tag",
      "the container must not contain control characters",
      'invalid query: strconv.ParseInt: parsing "1h": invalid syntax',
    ])
  })
})

describe("the query of a stop", () => {
  it.each([
    [{}, null],
    [{ graceSeconds: "" }, null],
    [{ graceSeconds: "0" }, 0],
    [{ graceSeconds: "600" }, 600],
  ])("%j gives a grace of %s", (query, graceSeconds) => {
    expect(decodeStopQuery(query)).toEqual({ ok: true, value: { graceSeconds } })
  })

  it.each(["-1", "601", "1h"])("refuses a grace of %s", (graceSeconds) => {
    expect(decodeStopQuery({ graceSeconds }).ok).toBe(false)
  })
})
