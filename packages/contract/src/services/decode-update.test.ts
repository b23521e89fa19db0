import { describe, expect, it } from "vitest"
import { decodeGetQuery, decodeCreateQuery, decodeServiceId } from "./decode-parts.ts"
import { decodeServiceUpdate } from "./decode-update.ts"
import { refusalBody } from "./errors.ts"
import { refusalOf } from "./issues.ts"

const id = "0123abcd-4567-89ab-cdef-0123456789ab"

function decode(body: string) {
  return decodeServiceUpdate(new TextEncoder().encode(body), "application/json")
}

describe("a change of a service", () => {
  it.each([
    ["{}", {}],
    [
      '{"name":null,"admin_state":null,"service_source":null,"status":null,"endpoint":null,"prediction_url":null,"health_check_url":null,"labels":null,"model_version_id":null}',
      {},
    ],
    ['{"config":{"a":1},"service_type":5,"project":5,"user":5}', {}],
    ['{"name":""}', { name: "" }],
    [
      '{"admin_state":"scaled_to_zero","service_source":"","health_check_url":""}',
      { adminState: "scaled_to_zero", serviceSource: "", healthCheckUrl: "" },
    ],
    ['{"status":{"state":"active","a":1.0}}', { status: '{"state": "active", "a": 1.0}', state: "active" }],
    ['{"status":{"a":1}}', { status: '{"a": 1}', state: null }],
    ['{"status":{},"endpoint":{},"labels":{}}', { status: null, state: null, endpoint: null, labels: null }],
    ['{"prediction_url":""}', { predictionUrl: null }],
    [
      '{"prediction_url":"u","labels":{"a":"b"},"endpoint":{"a":[]}}',
      { predictionUrl: "u", labels: '{"a": "b"}', endpoint: '{"a": []}' },
    ],
    [`{"model_version_id":"${id.toUpperCase()}"}`, { modelVersionId: id }],
  ])("%s", (body, value) => {
    expect(decode(body)).toEqual({ ok: true, value })
  })

  it("is refused as a whole, in the order of its members", () => {
    const read = decode(
      '{"model_version_id":5,"labels":{"a":1},"admin_state":"zzz","name":1,"status":{"state":"x"}}',
    )
    expect(read).toMatchObject({
      refusal: {
        issues: [
          { type: "string_type", loc: ["body", "name"] },
          { type: "enum", loc: ["body", "admin_state"] },
          { type: "string_type", loc: ["body", "labels", "a"] },
          { type: "uuid_type", loc: ["body", "model_version_id"] },
        ],
      },
    })
  })

  it("is refused for a state that there is not", () => {
    expect(decode('{"status":{"state":"x"}}')).toMatchObject({ refusal: { kind: "error", status: 422 } })
  })
})

describe("a request of several parts", () => {
  const badId = decodeServiceId("nope")

  it("is refused for all of them together, the path first", () => {
    const refusal = refusalOf(badId, decodeGetQuery("hydrate=x"), decode('{"name":1}'))
    if (!refusal) throw new Error("It was taken.")
    expect(refusalBody("update", refusal)).toEqual({
      status: 422,
      body: [
        "ValueError",
        `3 validation errors:
  {'type': 'uuid_parsing', 'loc': ('path', 'service_id'), 'msg': 'Input should be a valid UUID, invalid character: expected an optional prefix of \`urn:uuid:\` followed by [0-9a-fA-F-], found \`n\` at 1', 'input': 'nope', 'ctx': {'error': 'invalid character: expected an optional prefix of \`urn:uuid:\` followed by [0-9a-fA-F-], found \`n\` at 1'}}
  {'type': 'bool_parsing', 'loc': ('query', 'hydrate'), 'msg': 'Input should be a valid boolean, unable to interpret input', 'input': 'x'}
  {'type': 'string_type', 'loc': ('body', 'name'), 'msg': 'Input should be a valid string', 'input': 1}

  File "zenml/zen_server/utils.py", line 146, in update_service
    PUT /api/v1/services/{service_id}`,
      ],
    })
  })

  it("is refused for a body that is no JSON alone", () => {
    expect(refusalOf(badId, decode("{"))).toMatchObject({
      issues: [{ type: "json_invalid", loc: ["body", 1] }],
    })
    expect(refusalOf(badId, decode("[".repeat(990)))).toEqual({ kind: "unreadable" })
  })

  it("is refused for its form before a state that there is not", () => {
    expect(refusalOf(decode('{"status":{"state":"x"}}'), badId)).toMatchObject({ kind: "issues" })
    expect(refusalOf(decode('{"status":{"state":"x"}}'), decodeServiceId(id))).toMatchObject({
      kind: "error",
    })
  })

  it("is taken when each part is", () => {
    expect(refusalOf(decodeServiceId(id), decode("{}"))).toBeUndefined()
  })
})

it("the query of one thing says whether it is whole", () => {
  expect(decodeGetQuery("")).toEqual({ ok: true, value: { hydrate: true } })
  expect(decodeGetQuery("hydrate=maybe&hydrate=OFF")).toEqual({ ok: true, value: { hydrate: false } })
})

it("the query of a registration may name the project", () => {
  expect(decodeCreateQuery("")).toEqual({ project: null })
  expect(decodeCreateQuery("project_name_or_id=")).toEqual({ project: null })
  expect(decodeCreateQuery("project_name_or_id=a&project_name_or_id=b%20c")).toEqual({ project: "b c" })
})
