import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { refusalBody } from "../errors.ts"
import { decodeProjectList, decodeServiceList, decodeStackList } from "./decode-list.ts"

const visit = "\n    For further information visit https://errors.pydantic.dev/2.12/v/value_error"
const whole =
  "[type=value_error, input_value={'sort_by': 'created', 'l...'pipeline_run_id': None}, input_type=dict]"
const dateText = "The datetime filter only works with values in the following format: %Y-%m-%d %H:%M:%S"
const listText =
  "When you are using the 'oneof:'/'notoneof:' filtering make sure that the provided value is a json formatted list."
const nullText =
  "When using 'isnull:'/'isnotnull:', use the explicit 'operator:' form without a value (e.g. 'isnull:')."

const id = "0123abcd-4567-89ab-cdef-0123456789ab"
const digits = id.replaceAll("-", "")

function search(query: string): string {
  return encodeURI(query).replaceAll("+", "%2B")
}

function decoded(query: string) {
  const read = decodeServiceList(search(query))
  if (!read.ok) throw new Error(JSON.stringify(read.refusal))
  return read.value
}

function refused(query: string) {
  const read = decodeServiceList(search(query))
  if (!read.ok) return refusalBody("list", read.refusal)
  return read.value.lateRefusal ? refusalBody("list", read.value.lateRefusal) : read.value
}

const valueError = (status: number, message: string) => ({
  status,
  body: { detail: ["ValueError", message] },
})
const filterError = (message: string) =>
  valueError(422, `1 validation error for ServiceFilter\n  Value error, ${message} ${whole}${visit}`)

describe("a list of services", () => {
  it("is the first twenty, oldest first, when nothing is said", () => {
    const all = {
      page: 1n,
      size: 20,
      hydrate: false,
      sort: { column: "created", isDescending: false },
      match: "all",
      filters: [],
      scopeUser: null,
      project: null,
    }
    expect(decoded("")).toEqual(all)
    expect(decoded("running=true&config=oneof:x&bogus=1&project=&&a")).toEqual(all)
  })

  it("reads every parameter, of one that is given twice the last", () => {
    expect(
      decoded(
        "page=9&page= 1_0.0&size=10000&hydrate=TRUE&sort_by=desc:user&logical_operator=or&project=p&project=q&scope_user={0123ABCD-4567-89ab-cdef-0123456789ab}&name=a&name=b",
      ),
    ).toEqual({
      page: 10n,
      size: 10_000,
      hydrate: true,
      sort: { column: "user", isDescending: true },
      match: "any",
      filters: [
        { column: "name", op: "equals", value: "a" },
        { column: "name", op: "equals", value: "b" },
      ],
      scopeUser: "0123abcd-4567-89ab-cdef-0123456789ab",
      project: "q",
    })
  })

  it.each([
    ["name", { column: "name", isDescending: false }],
    ["asc:name", { column: "name", isDescending: false }],
    ["desc:pipeline_name", { column: "pipeline_name", isDescending: true }],
    ["DESC:updated", { column: "updated", isDescending: false }],
    ["bad:id", { column: "id", isDescending: false }],
    [":type", { column: "type", isDescending: false }],
  ])("is sorted by %s", (sortBy, sort) => {
    expect(decoded(`sort_by=${sortBy}`).sort).toEqual(sort)
  })

  it.each([
    ["1", 1n],
    ["00001", 1n],
    ["+1", 1n],
    ["1.00", 1n],
    ["\t1\n", 1n],
    ["1_0", 10n],
    ["99999999999999999999999", 99999999999999999999999n],
  ])("begins at the page %j", (page, value) => {
    expect(decoded(`page=${page}`).page).toBe(value)
  })
})

describe("a filter of services", () => {
  it.each([
    ["name=x", { column: "name", op: "equals", value: "x" }],
    ["name=", { column: "name", op: "equals", value: "" }],
    ["type=equals:a:b", { column: "type", op: "equals", value: "a:b" }],
    ["flavor=http://x", { column: "flavor", op: "equals", value: "http://x" }],
    ["name=EQUALS:a", { column: "name", op: "equals", value: "EQUALS:a" }],
    ["name=isnull", { column: "name", op: "equals", value: "isnull" }],
    ["name=isempty:", { column: "name", op: "equals", value: "isempty:" }],
    ["name=contains:50%25_", { column: "name", op: "contains", value: "50%_" }],
    ["pipeline_name=notcontains:", { column: "pipeline_name", op: "notcontains", value: "" }],
    ["id=startswith:0123-4", { column: "id", op: "startswith", value: "01234" }],
    ["model_version_id=nope", { column: "model_version_id", op: "oneof", values: [] }],
    ["model_version_id=notequals:nope", { column: "model_version_id", op: "notoneof", values: [] }],
    [`id=${id.toUpperCase()}`, { column: "id", op: "equals", value: digits }],
    [`id=notequals:urn:uuid:{${id}}`, { column: "id", op: "notequals", value: digits }],
    ["user=a-b", { column: "user", id: { op: "oneof", values: [] }, name: { op: "equals", value: "a-b" } }],
    [
      `user=${id}`,
      { column: "user", id: { op: "equals", value: digits }, name: { op: "equals", value: id } },
    ],
    [
      "user=contains:a-b",
      { column: "user", id: { op: "contains", value: "ab" }, name: { op: "contains", value: "a-b" } },
    ],
    ["name=isnull:", { column: "name", op: "isnull" }],
    ["created=isnotnull:", { column: "created", op: "isnotnull" }],
    [
      'name=oneof:["a", 1, 1.50, true, null]',
      { column: "name", op: "oneof", values: ["a", "1", "1.5", "1", null] },
    ],
    ['id=notoneof:["A-b"]', { column: "id", op: "notoneof", values: ["Ab"] }],
    ["name=oneof:[null]", { column: "name", op: "oneof", values: [null] }],
    ["name=notoneof:[null]", { column: "name", op: "isnotnull" }],
    ["id=oneof:[null]", { column: "id", op: "oneof", values: [] }],
    ["name=oneof:[]", { column: "name", op: "notoneof", values: [] }],
    ["name=gt:1e3", { column: "name", op: "gt", number: 1000 }],
    ["id=lte:0-5", { column: "id", op: "lte", number: 5 }],
    ["type=lt:inf", { column: "type", op: "lt", number: Number.POSITIVE_INFINITY }],
    ["user=lt:-5", { column: "user", id: { op: "lt", number: 5 }, name: { op: "lt", number: -5 } }],
    ["name=gt:nan", { column: "name", op: "oneof", values: [] }],
    [
      "created=2025-01-31 08:05:09",
      { column: "created", op: "equals", atMs: Date.UTC(2025, 0, 31, 8, 5, 9) },
    ],
    ["updated=gte:2025-1-1  0:0:0", { column: "updated", op: "gte", atMs: Date.UTC(2025, 0, 1) }],
    ["created=lt:0001-01-01 00:00:00", { column: "created", op: "lt", atMs: -62_135_596_800_000 }],
    [
      "created=in:2025-01-01 00:00:00,2024-02-29 23:59:59",
      {
        column: "created",
        op: "in",
        fromMs: Date.UTC(2025, 0, 1),
        toMs: Date.UTC(2024, 1, 29, 23, 59, 59),
      },
    ],
    ["name=a%00", { column: "name", op: "oneof", values: [] }],
    ["name=notequals:a%00", { column: "name", op: "isnotnull" }],
    ['name=oneof:["\\ud800","a\\u0000"]', { column: "name", op: "oneof", values: [] }],
  ])("%s", (query, filter) => {
    expect(decodeServiceList(query.replaceAll(" ", "+"))).toMatchObject({ value: { filters: [filter] } })
  })

  it("comes in the order in which filters are checked", () => {
    const columns = decoded("user=a&pipeline_run_id=b&flavor=c&name=d&id=e").filters.map(
      ({ column }) => column,
    )
    expect(columns).toEqual(["id", "name", "flavor", "pipeline_run_id", "user"])
  })
})

describe("a filter that is refused", () => {
  it.each([
    ["created=x", dateText],
    ["created=", dateText],
    ["created=2025-01-01", dateText],
    ["created=2025-01-01T00:00:00Z", dateText],
    ["created=1735689600", dateText],
    ["created=2025-02-29 00:00:00", dateText],
    ["created=2025-13-01 00:00:00", dateText],
    ["created=2025-01-01 24:00:00", dateText],
    ["created=2025-01-01 00:00:60", dateText],
    ["created= 2025-01-01 00:00:00", dateText],
    ["created=0000-01-01 00:00:00", dateText],
    ["created=25-01-01 00:00:00", dateText],
    ["created=in:a", dateText],
    ["created=in:2025-01-01 00:00:00,x", dateText],
    ["created=in:2025-01-01 00:00:00,2026-01-01 00:00:00,2027-01-01 00:00:00", dateText],
    [
      "created=in:2025-01-01 00:00:00",
      "Two comma separated datetime values are required for the `in` operator.",
    ],
    [
      "created=lte:2025-01-01 00:00:00,2026-01-01 00:00:00",
      "Only a single datetime value is allowed for operator lte.",
    ],
    ["created=oneof:x", listText],
    ["name=oneof:x", listText],
    ["name=oneof:{}", listText],
    ["name=oneof:[{}]", listText],
    ["id=notoneof:", listText],
    ["name=isnull:x", nullText],
    ["created=isnotnull:x", nullText],
    ["name=oneof:x&created=2025-01-01 00:00:00&sort_by=created", listText],
    ["type=isnull:x&created=x", dateText],
    ["created=oneof:x&name=in:a", listText],
  ])("%s", (query, message) => {
    expect(refused(query)).toEqual(filterError(message))
  })

  it("shows the ends of the query", () => {
    const shown = (query: string) => /input_value=(.*), input_type/.exec(JSON.stringify(refused(query)))?.[1]
    expect(shown("created=x&sort_by=")).toBe("{'sort_by': '', 'logical_...'pipeline_run_id': None}")
    expect(shown("created=x&sort_by=bogus&pipeline_run_id=a&pipeline_run_id=b")).toBe(
      "{'sort_by': 'bogus', 'log...ine_run_id': ['a', 'b']}",
    )
    expect(shown("created=x&sort_by=中文中文中文中文")).toBe(
      "{'sort_by': '中文中文...'pipeline_run_id': None}",
    )
    expect(shown("created=x&pipeline_run_id=")).toBe("{'sort_by': 'created', 'l...'pipeline_run_id': ['']}")
  })

  const operators = (names: string) =>
    names
      .split(" ")
      .map((name) => `<GenericFilterOps.${name}: '${name.replaceAll("_", "").toLowerCase()}'>`)
      .join(", ")
  const textOperators =
    "EQUALS NOT_EQUALS STARTSWITH CONTAINS ENDSWITH ONEOF NOT_ONEOF NOT_CONTAINS IS_NULL IS_NOT_NULL GT GTE LT LTE"
  const notAllowed = (model: string, name: string, allowed: string) =>
    valueError(
      422,
      `1 validation error for ${model}\noperation\n  Value error, This datatype can not be filtered using this operation: '${name.toLowerCase()}'. The allowed operations are: [${operators(allowed)}] [type=value_error, input_value=${operators(name)}, input_type=GenericFilterOps]${visit}`,
    )

  it("for an operator that the column does not have", () => {
    expect(refused("name=in:a&sort_by=bogus")).toEqual(notAllowed("ServiceFilter", "IN", textOperators))
    expect(refused("id=in:a")).toEqual(notAllowed("ServiceFilter", "IN", textOperators))
    const dates = "EQUALS NOT_EQUALS IS_NULL IS_NOT_NULL GT GTE LT LTE IN"
    for (const name of ["CONTAINS", "STARTSWITH"])
      expect(refused(`created=${name.toLowerCase()}:2025-01-01 00:00:00`)).toEqual(
        notAllowed("ServiceFilter", name, dates),
      )
    expect(refused("created=oneof:[]")).toEqual(notAllowed("ServiceFilter", "ONEOF", dates))
    expect(refused("user=in:a")).toEqual(notAllowed("UUIDFilter", "IN", textOperators))
  })

  const notNumeric = (column: string, value: string, repr = `'${value}'`) =>
    valueError(
      400,
      `Failed to compare the column '${column}' to the value '${value}' (must be numeric): could not convert string to float: ${repr}`,
    )

  it.each([
    ["name=gt:x", notNumeric("ServiceSchema.name", "x")],
    ["name=gt:", notNumeric("ServiceSchema.name", "")],
    ["name=gt:'", notNumeric("ServiceSchema.name", "'", `"'"`)],
    ["id=gte:-", notNumeric("service.id", "")],
    ["user=gt:x&type=lt:y&name=gt:x", notNumeric("ServiceSchema.name", "x")],
    ["user=gt:x-", notNumeric('"user".id', "x")],
    ["user=gt:1-", notNumeric("UserSchema.name", "1-")],
    ["user=oneof:x&user=in:a", valueError(400, listText)],
    ["user=isnull:x", valueError(400, nullText)],
  ])("only when columns are compared: %s", (query, refusal) => {
    expect(decodeServiceList(search(query)).ok).toBe(true)
    expect(refused(query)).toEqual(refusal)
  })
})

describe("a column that a list is not sorted by", () => {
  const sortError = (message: string, input: string) =>
    valueError(
      422,
      `1 validation error for ServiceFilter\nsort_by\n  Value error, ${message} [type=value_error, input_value=${input}, input_type=str]${visit}`,
    )
  const unknown = "You can only sort by valid fields of this resource"

  it.each([
    ["bogus", unknown, "'bogus'"],
    ["", unknown, "''"],
    ["asc:", unknown, "'asc:'"],
    ["created ", unknown, "'created '"],
    ["hydrate", unknown, "'hydrate'"],
    ["user_id", unknown, "'user_id'"],
    ["a:b:created", unknown, "'a:b:created'"],
    ["__proto__", unknown, "'__proto__'"],
    ["a".repeat(48), unknown, `'${"a".repeat(48)}'`],
    ["a".repeat(49), unknown, `'${"a".repeat(24)}...${"a".repeat(23)}'`],
    ["中".repeat(20), unknown, `'${"中".repeat(8)}...${"中".repeat(7)}'`],
    ["size", "This resource can not be sorted by this field: 'size'", "'size'"],
    ["desc:project", "This resource can not be sorted by this field: 'desc:project'", "'desc:project'"],
    ["bogus:running", "This resource can not be sorted by this field: 'running'", "'bogus:running'"],
    ["DESC:size", "This resource can not be sorted by this field: 'size'", "'DESC:size'"],
    [":size", "This resource can not be sorted by this field: 'size'", "':size'"],
  ])("%s", (sortBy, message, input) => {
    expect(refused(`sort_by=${sortBy}`)).toEqual(sortError(message, input))
  })
})

describe("a parameter that is not of its form", () => {
  const issues = (query: string) => {
    const read = decodeServiceList(search(query))
    return read.ok || read.refusal.kind !== "issues" ? [] : read.refusal.issues
  }
  const integer = {
    type: "int_parsing",
    msg: "Input should be a valid integer, unable to parse string as an integer",
  }
  const flag = { type: "bool_parsing", msg: "Input should be a valid boolean, unable to interpret input" }
  const least = {
    type: "greater_than_equal",
    msg: "Input should be greater than or equal to 1",
    ctx: { ge: 1 },
  }
  const most = {
    type: "less_than_equal",
    msg: "Input should be less than or equal to 10000",
    ctx: { le: 10_000 },
  }
  const word = { type: "enum", msg: "Input should be 'or' or 'and'", ctx: { expected: "'or' or 'and'" } }

  it.each([
    ["page", "", integer],
    ["page", "x", integer],
    ["page", "1.5", integer],
    ["page", "1.", integer],
    ["page", "1e2", integer],
    ["page", "1__0", integer],
    ["page", "--1", integer],
    ["page", "True", integer],
    ["page", "0", least],
    ["page", "-0", least],
    ["page", "-99999999999999999999", least],
    ["size", "0.0", least],
    ["size", "10001", most],
    ["size", "99999999999999999999", most],
    ["hydrate", "2", flag],
    ["hydrate", "", flag],
    ["hydrate", " true", flag],
    ["running", "maybe", flag],
    ["logical_operator", "OR", word],
    ["logical_operator", "", word],
  ])("%s=%j", (name, value, facts) => {
    expect(issues(`${name}=${value}`)).toEqual([{ ...facts, loc: ["query", name], input: `'${value}'` }])
  })

  it("is refused when it has more digits than are read", () => {
    expect(issues(`page=${"9".repeat(4300)}`)).toEqual([])
    expect(issues(`page=${"9".repeat(4301)}`)).toMatchObject([{ type: "int_parsing_size" }])
  })

  it("is told with all the others, before any filter", () => {
    const all =
      "created=x&hydrate=maybe&running=maybe&scope_user=x&size=0&page=0&logical_operator=xor&sort_by=bogus"
    expect(issues(all).map(({ loc }) => loc[1])).toEqual([
      "logical_operator",
      "page",
      "size",
      "scope_user",
      "running",
      "hydrate",
    ])
  })

  it("is told after a filter when it is hydrate", () => {
    expect(refused("created=x&hydrate=maybe")).toEqual(filterError(dateText))
    expect(issues("hydrate=maybe&user=in:a")).toMatchObject([{ loc: ["query", "hydrate"] }])
  })
})

describe("any query", () => {
  it("is taken or refused", () => {
    const names = fc.constantFrom("name", "created", "id", "user", "page", "sort_by", "scope_user")
    const values = fc.tuple(fc.constantFrom("", "in:", "oneof:", "gt:", "contains:", "desc:"), fc.string())
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values)), (parameters) => {
        const query = parameters
          .map(([name, value]) => `${name}=${encodeURIComponent(value.join(""))}`)
          .join("&")
        const read = decodeServiceList(query)
        const body = read.ok ? "ValueError" : JSON.stringify(refusalBody("list", read.refusal))
        expect(body).toContain("ValueError")
      }),
    )
  })

  it.each([
    ["numbers", `name=gt:${"1".repeat(2 ** 19)}x`],
    ["blanks", `page=${"%20".repeat(2 ** 18)}x`],
    ["underscores", `page=1${"_1".repeat(2000)}_`],
    ["brackets", `name=oneof:${"[".repeat(2 ** 19)}`],
    ["parameters", "name=a&".repeat(2 ** 16)],
    ["hyphens", `id=${"-".repeat(2 ** 19)}`],
    ["a long column", `sort_by=${"é".repeat(2 ** 17)}`],
    ["a long date", `created=2025-01-01${"+".repeat(2 ** 19)}x`],
  ])("of many %s is taken or refused", (_, query) => {
    expect(decodeServiceList(query)).toHaveProperty("ok")
  })
})

it("projects and stacks are listed likewise", () => {
  expect(decodeProjectList("name=default&hydrate=True&display_name=contains:x&type=a")).toMatchObject({
    value: {
      hydrate: true,
      filters: [
        { column: "name", op: "equals", value: "default" },
        { column: "display_name", op: "contains", value: "x" },
      ],
    },
  })
  expect(decodeStackList("name=default&scope_user=x")).toMatchObject({
    refusal: { issues: [{ loc: ["query", "scope_user"] }] },
  })
  const message = (read: ReturnType<typeof decodeProjectList> | ReturnType<typeof decodeStackList>) =>
    !read.ok && read.refusal.kind === "error" ? read.refusal.message : ""
  expect(message(decodeProjectList("created=x"))).toContain(
    "input_value={'sort_by': 'created', 'l...e, 'display_name': None}",
  )
  expect(message(decodeStackList("created=x"))).toContain(
    "input_value={'sort_by': 'created', 'l...None, 'component': None}",
  )
  expect(message(decodeStackList("sort_by=size"))).toContain("1 validation error for StackFilter\nsort_by\n")
})
