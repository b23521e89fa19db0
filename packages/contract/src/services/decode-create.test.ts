import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeServiceCreate } from "./decode-create.ts"
import { refusalBody } from "./errors.ts"
import { arbitraryJson } from "./json-values-suite.ts"
import { jsonText } from "./json/write.ts"

const project = "33b8cc29-a60f-4747-bd75-1b3d807adf4b"
const least = {
  project,
  name: "svc-min",
  service_type: { type: "model-serving", flavor: "ray" },
  config: {},
}
const states = "'inactive', 'active', 'pending_startup', 'pending_shutdown', 'error' or 'scaled_to_zero'"

function decode(body: unknown, contentType: string | undefined = "application/json") {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  return decodeServiceCreate(new TextEncoder().encode(text), contentType)
}

function decoded(body: unknown) {
  const read = decode(body)
  if (!read.ok) throw new Error(JSON.stringify(read.refusal))
  return read.value
}

/** The answer's body, or the lines of its issues. */
function refused(body: unknown, contentType?: string) {
  const read = decode(body, contentType)
  if (read.ok) return read.value
  const { body: answer } = refusalBody("create", read.refusal)
  if (!Array.isArray(answer)) return answer
  const [count, ...lines] = String(answer[1]).split("\n\n")[0]?.split("\n") ?? []
  expect(count).toBe(`${lines.length} validation error${lines.length === 1 ? "" : "s"}:`)
  return lines.map((line) => line.trim())
}

describe("a service to be registered", () => {
  it("needs a project, a name, a kind and a config", () => {
    expect(decoded({ ...least, unknown: 1, service_type: { ...least.service_type, extra: 2 } })).toEqual({
      project,
      name: "svc-min",
      serviceType: { type: "model-serving", flavor: "ray", name: "", description: "", logo_url: "" },
      serviceSource: null,
      adminState: null,
      config: "{}",
      pipelineName: null,
      pipelineStepName: null,
      labels: null,
      status: null,
      state: null,
      endpoint: null,
      predictionUrl: null,
      healthCheckUrl: null,
      modelVersionId: null,
      pipelineRunId: null,
    })
  })

  it("may say everything", () => {
    const body = `{"user":"${project}","project":"{${project.toUpperCase()}}","name":"svc-full",
      "service_type":{"type":"model-serving","flavor":"vllm","name":"n","description":"d","logo_url":"l"},
      "service_source":"a.B","admin_state":"active","config":{"pipeline_name":"p","pipeline_step_name":"s","port":8000.0},
      "labels":{"b":"é","2":"x"},"status":{"state":"active","last_error":""},"endpoint":{"status":{"port":8000}},
      "prediction_url":"http://a/v1","health_check_url":"","model_version_id":"${project}","pipeline_run_id":null}`
    expect(decoded(body)).toEqual({
      project,
      name: "svc-full",
      serviceType: { type: "model-serving", flavor: "vllm", name: "n", description: "d", logo_url: "l" },
      serviceSource: "a.B",
      adminState: "active",
      config: '{"pipeline_name": "p", "pipeline_step_name": "s", "port": 8000.0}',
      pipelineName: "p",
      pipelineStepName: "s",
      labels: String.raw`{"b": "\u00e9", "2": "x"}`,
      status: '{"state": "active", "last_error": ""}',
      state: "active",
      endpoint: '{"status": {"port": 8000}}',
      predictionUrl: "http://a/v1",
      healthCheckUrl: "",
      modelVersionId: project,
      pipelineRunId: null,
    })
  })

  it("has nothing where an object or an address is empty", () => {
    const empty = { ...least, labels: {}, status: {}, endpoint: {}, prediction_url: "" }
    expect(decoded(empty)).toMatchObject({ labels: null, status: null, endpoint: null, predictionUrl: null })
  })

  it.each([
    [5, "5"],
    [1.5, "1.5"],
    [true, "1"],
    [null, null],
    [{}, null],
    [["p"], null],
    ["a\u0000", null],
  ])("is found by the pipeline's name %j as %j", (name, expected) => {
    expect(decoded({ ...least, config: { pipeline_name: name } }).pipelineName).toBe(expected)
  })

  it("keeps any config as it is", () => {
    fc.assert(
      fc.property(arbitraryJson, (value) => {
        const config = jsonText({ kind: "object", members: new Map([["k", value]]) })
        const body = `{"config":${config},${JSON.stringify(least).slice(1).replace(',"config":{}', "")}`
        expect(decoded(body).config).toBe(config)
      }),
    )
  })
})

describe("a service that is refused", () => {
  it("is told everything that is missing", () => {
    expect(decode({})).toEqual({
      ok: false,
      refusal: {
        kind: "issues",
        issues: ["project", "name", "service_type", "config"].map((key) => ({
          type: "missing",
          loc: ["body", key],
          msg: "Field required",
          input: "{}",
        })),
      },
    })
  })

  it("is told everything that is wrong, in the order of the members", () => {
    const wrong = Object.fromEntries(
      [
        "pipeline_run_id",
        "user",
        "labels",
        "project",
        "name",
        "service_type",
        "admin_state",
        "config",
        "prediction_url",
      ].map((key) => [key, 5]),
    )
    expect(refused(wrong)).toEqual([
      "{'type': 'uuid_type', 'loc': ('body', 'user'), 'msg': 'UUID input should be a string, bytes or UUID object', 'input': 5}",
      "{'type': 'uuid_type', 'loc': ('body', 'project'), 'msg': 'UUID input should be a string, bytes or UUID object', 'input': 5}",
      "{'type': 'string_type', 'loc': ('body', 'name'), 'msg': 'Input should be a valid string', 'input': 5}",
      "{'type': 'model_attributes_type', 'loc': ('body', 'service_type'), 'msg': 'Input should be a valid dictionary or object to extract fields from', 'input': 5}",
      `{'type': 'enum', 'loc': ('body', 'admin_state'), 'msg': "Input should be ${states}", 'input': 5, 'ctx': {'expected': "${states}"}}`,
      "{'type': 'dict_type', 'loc': ('body', 'config'), 'msg': 'Input should be a valid dictionary', 'input': 5}",
      "{'type': 'dict_type', 'loc': ('body', 'labels'), 'msg': 'Input should be a valid dictionary', 'input': 5}",
      "{'type': 'string_type', 'loc': ('body', 'prediction_url'), 'msg': 'Input should be a valid string', 'input': 5}",
      "{'type': 'uuid_type', 'loc': ('body', 'pipeline_run_id'), 'msg': 'UUID input should be a string, bytes or UUID object', 'input': 5}",
    ])
  })

  it.each([
    [
      { name: "n".repeat(256) },
      `{'type': 'string_too_long', 'loc': ('body', 'name'), 'msg': 'String should have at most 255 characters', 'input': '${"n".repeat(256)}', 'ctx': {'max_length': 255}}`,
    ],
    [
      { name: null },
      "{'type': 'string_type', 'loc': ('body', 'name'), 'msg': 'Input should be a valid string', 'input': None}",
    ],
    [
      { service_type: { type: "t" } },
      "{'type': 'missing', 'loc': ('body', 'service_type', 'flavor'), 'msg': 'Field required', 'input': {'type': 't'}}",
    ],
    [
      { config: [] },
      "{'type': 'dict_type', 'loc': ('body', 'config'), 'msg': 'Input should be a valid dictionary', 'input': []}",
    ],
    [
      { labels: { a: 1 } },
      "{'type': 'string_type', 'loc': ('body', 'labels', 'a'), 'msg': 'Input should be a valid string', 'input': 1}",
    ],
    [
      { admin_state: "ACTIVE" },
      `{'type': 'enum', 'loc': ('body', 'admin_state'), 'msg': "Input should be ${states}", 'input': 'ACTIVE', 'ctx': {'expected': "${states}"}}`,
    ],
    [
      { project: "x" },
      "{'type': 'uuid_parsing', 'loc': ('body', 'project'), 'msg': 'Input should be a valid UUID, invalid character: expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `x` at 1', 'input': 'x', 'ctx': {'error': 'invalid character: expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `x` at 1'}}",
    ],
    [
      { name: "\ud800" },
      String.raw`{'type': 'string_unicode', 'loc': ('body', 'name'), 'msg': 'Input should be a valid string, unable to parse raw data as a unicode string', 'input': '\ud800'}`,
    ],
    [
      { service_source: "a\u0000" },
      String.raw`{'type': 'value_error', 'loc': ('body', 'service_source'), 'msg': 'Value error, NUL characters are not allowed', 'input': 'a\x00'}`,
    ],
    [
      { labels: { "\ud800": "x" } },
      String.raw`{'type': 'string_unicode', 'loc': ('body', 'labels', '\ud800', '[key]'), 'msg': 'Input should be a valid string, unable to parse raw data as a unicode string', 'input': '\ud800'}`,
    ],
  ])("for %j", (change, line) => {
    expect(refused({ ...least, ...change })).toEqual([line])
  })

  it("may have a name of 255 characters, each of two units", () => {
    expect(decoded({ ...least, name: "😀".repeat(255) }).name).toHaveLength(510)
  })

  it.each([
    ["x", "'x'", "str"],
    ["", "''", "str"],
    [5, "'5'", "str"],
    [1.5, "'1.5'", "str"],
    [true, "'1'", "str"],
    [[1], "[1]", "list"],
    [{ a: 1 }, "{'a': 1}", "dict"],
    ["x".repeat(80), `'${"x".repeat(24)}...${"x".repeat(23)}'`, "str"],
  ])("for the state %j, before anything is written", (state, input, type) => {
    expect(refused({ ...least, status: { state } })).toEqual({
      detail: [
        "ValueError",
        `1 validation error for ServiceResponseBody\nstate\n  Input should be ${states} [type=enum, input_value=${input}, input_type=${type}]\n    For further information visit https://errors.pydantic.dev/2.12/v/enum`,
      ],
    })
  })

  it("says no more than a few times what it was sent", () => {
    const huge = refused(JSON.stringify({ name: "é".repeat(2 ** 19) }))
    expect(JSON.stringify(huge).length).toBeLessThan(100_000)
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, 1]))
    const read = decode({ ...least, labels: many })
    const answer = read.ok ? "" : JSON.stringify(refusalBody("create", read.refusal))
    expect(answer).toContain("100000 validation errors:")
    expect(answer.length).toBeLessThan(200_000)
  })
})

describe("a body", () => {
  const notRead = (input: string) =>
    `{'type': 'model_attributes_type', 'loc': ('body',), 'msg': 'Input should be a valid dictionary or object to extract fields from', 'input': ${input}}`
  const missing = "{'type': 'missing', 'loc': ('body',), 'msg': 'Field required', 'input': None}"

  it.each([
    ["", missing],
    ["null", missing],
    ["[]", notRead("[]")],
    ["5", notRead("5")],
    ['"x"', notRead("'x'")],
    ["[NaN,Infinity,-Infinity]", notRead("[nan, inf, -inf]")],
    [
      "{bad",
      "{'type': 'json_invalid', 'loc': ('body', 1), 'msg': 'JSON decode error', 'input': {}, 'ctx': {'error': 'Expecting property name enclosed in double quotes'}}",
    ],
    [
      String.raw`"\x"`,
      String.raw`{'type': 'json_invalid', 'loc': ('body', 1), 'msg': 'JSON decode error', 'input': {}, 'ctx': {'error': 'Invalid \\escape'}}`,
    ],
  ])("of %j is refused", (body, line) => {
    expect(refused(body)).toEqual([line])
  })

  it.each([
    "application/json",
    "application/json; charset=latin-1",
    "APPLICATION/JSON",
    "application/vnd.x+json",
    " application/json",
    "application/geo+json;x",
  ])("is JSON when it is said to be %j", (contentType) => {
    expect(decode(least, contentType).ok).toBe(true)
  })

  it.each([
    "",
    "text/json",
    "application/json-patch",
    "application/ json",
    "application/json, text/plain",
    "application/json/x",
    "multipart/form-data; boundary=x",
  ])("is bytes when it is said to be %j", (contentType) => {
    expect(refused('{"name":1}', contentType)).toEqual([notRead(`b'{"name":1}'`)])
  })

  it("is bytes when nothing is said of it", () => {
    const read = decodeServiceCreate(new TextEncoder().encode("a'b"), undefined)
    expect(read).toMatchObject({ refusal: { issues: [{ type: "model_attributes_type", input: `b"a'b"` }] } })
  })

  it.each([
    ["no UTF-8", Uint8Array.from([0x22, 0xff, 0x22])],
    ["too deep", new TextEncoder().encode("[".repeat(990) + "]".repeat(990))],
    ["a number that is too long", new TextEncoder().encode(`[1${"0".repeat(4300)}]`)],
  ])("cannot be read when it is %s", (_, bytes) => {
    const read = decodeServiceCreate(bytes, "application/json")
    expect(read).toEqual({ ok: false, refusal: { kind: "unreadable" } })
    expect(refusalBody("create", { kind: "unreadable" })).toEqual({
      status: 400,
      body: { detail: "There was an error parsing the body" },
    })
  })

  it("may begin with a byte order mark", () => {
    expect(decode(`\ufeff${JSON.stringify(least)}`).ok).toBe(true)
  })
})
