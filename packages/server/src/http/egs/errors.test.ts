import { describe, expect, it } from "vitest"
import { AppError, type AppErrorFacts, type ErrorCode } from "../../kit/errors.ts"
import { createErrorAnswer, dialects } from "./errors.ts"

/** The answer's text, byte by byte, as the seed words it. */
function answer(
  code: ErrorCode,
  facts: AppErrorFacts,
  at: string,
  dialect = dialects[0] as "seed" | "upstream",
) {
  const [method = "", url = ""] = at.split(" ")
  const error = new AppError(code, "A sentence.", facts)
  const { status, body, headers } = createErrorAnswer(dialect)(error, { method, url, requestId: "req_1" })
  expect(headers).toEqual({ "content-type": "application/json" })
  expect((body as { statusCode: number }).statusCode).toBe(status)
  return JSON.stringify(body)
}

const inner = (message: string, status: number, said: string, reason: string) =>
  JSON.stringify(
    `{"error":{"Message":${JSON.stringify(message)},"Status":${status},"DetailedError":{"Errormessage":${JSON.stringify(said)},"Reason":"${reason}","Details":""},"StatusCode":${status},"ReferenceDocumentation":"NA"}}`,
  )

describe("what was turned away before it was looked into", () => {
  const plain = (status: number, word: string, text: string) =>
    `{"statusCode":${status},"status":"${word}","message":"${text}","error":{"errorKey":"${word}","message":"${text}","data":null}}`

  it.each<[ErrorCode, AppErrorFacts, string]>([
    ["unauthenticated", { detail: "missing" }, plain(401, "UNAUTHENTICATED", "Unauthenticated")],
    ["unauthenticated", { detail: "invalid" }, plain(401, "UNAUTHENTICATED", "Unauthenticated")],
    ["unauthenticated", { detail: "unknown" }, plain(401, "UNAUTHENTICATED", "Unauthenticated")],
    ["unauthenticated", { detail: "expired" }, plain(401, "UNAUTHENTICATED", "Api Key has expired")],
    [
      "invalid",
      { detail: "key_misconfigured" },
      plain(
        400,
        "UNHANDLED_REQUEST_ERROR",
        "Api Key Configuration is invalid. Request a new API-key or contact administrator",
      ),
    ],
    ["invalid", { detail: "json" }, plain(400, "BAD_REQUEST", "A sentence.")],
    ["forbidden", {}, plain(403, "FORBIDDEN", "A sentence.")],
    [
      "not_found",
      { resource: "route", name: "/api/v1/gpr/x" },
      plain(404, "NOT_FOUND", "/api/v1/gpr/x not found"),
    ],
    ["too_large", {}, plain(413, "PAYLOAD_TOO_LARGE", "A sentence.")],
    ["too_many", {}, plain(429, "TOO_MANY_REQUESTS", "A sentence.")],
    ["unavailable", {}, plain(503, "SERVICE_UNAVAILABLE", "A sentence.")],
    ["timeout", {}, plain(504, "GATEWAY_TIMEOUT", "A sentence.")],
    ["internal", {}, plain(500, "INTERNAL_SERVER_ERROR", "A sentence.")],
  ])("is worded alike in both dialects: %s %j", (code, facts, text) => {
    for (const dialect of dialects) expect(answer(code, facts, "POST /api/v1/gpr?x", dialect)).toBe(text)
  })
})

describe("what was looked into", () => {
  const workspace = { resource: "workspace", name: "evening-x" }
  const gone = 'sliceconfigs.controller.kubeslice.io "evening-x" not found'
  const state = (detail: string, what: string) => ({ detail, facts: { state: detail, what } })

  it.each<[string, ErrorCode, AppErrorFacts, string, string]>([
    [
      "POST /api/v1/gpr",
      "invalid",
      {
        detail: "decoded",
        issues: [{ path: ["exitDuration"], message: '"exitDuration" is not allowed to be empty' }],
      },
      '"statusCode":422,"status":"Error","message":"Bad Request","data":null,"error":{"errorKey":"","message":"","data":',
      inner("Error while fetching GPR wait time", 422, '"exitDuration" is not allowed to be empty', ""),
    ],
    [
      "DELETE /api/v1/gpr",
      "conflict",
      state("provisioned", "delete"),
      '"statusCode":500,"status":"Error","message":"Cannot delete","data":null,"error":{"errorKey":"","message":"UNKNOWN","data":',
      inner("Error while deleting GPR", 500, "Cannot delete GPR in Successful state", ""),
    ],
    [
      "DELETE /api/v1/gpr",
      "conflict",
      state("early_released", "delete"),
      '"statusCode":500,"status":"Error","message":"Cannot delete","data":null,"error":{"errorKey":"","message":"UNKNOWN","data":',
      inner("Error while deleting GPR", 500, "Cannot delete GPR in EarlyReleased state", ""),
    ],
    [
      "PUT /api/v1/gpr",
      "conflict",
      state("queued", "early_release"),
      '"statusCode":500,"status":"Error","message":"Unable to Early Release","data":null,"error":{"errorKey":"","message":"Unable to Early Release","data":',
      inner("Error while updating a GPR", 500, "Cannot update early release of GPR in Queued state", ""),
    ],
    [
      "PUT /api/v1/gpr",
      "conflict",
      state("provisioned", "update"),
      '"statusCode":500,"status":"Error","message":"Unable to Update","data":null,"error":{"errorKey":"","message":"Unable to Update","data":',
      inner("Error while updating a GPR", 500, "Cannot update GPR in Successful state", ""),
    ],
    [
      "GET /api/v1/gpr/list?sliceName=evening-x",
      "not_found",
      workspace,
      '"statusCode":404,"status":"Error","message":"Slice Workspace Not Found","data":null,"error":{"errorKey":"","message":"Slice Workspace Not Found","data":',
      inner("Error in listing GPR's for slice evening-x", 404, gone, "NotFound"),
    ],
    [
      "GET /api/v1/inventory?sliceName=evening-x",
      "not_found",
      workspace,
      '"statusCode":404,"status":"Error","message":"Not Found","data":null,"error":{"errorKey":"","message":"Not Found","data":',
      inner("Error occurred while fetching the inventory details", 404, gone, "NotFound"),
    ],
    [
      "GET /api/v1/gpr?gprId=gpr-1",
      "not_found",
      { resource: "gpu-request", name: "gpr-1" },
      '"statusCode":404,"status":"Error","message":"Not Found","data":null,"error":{"errorKey":"","message":"Not Found","data":',
      inner(
        "Error while fetching GPRs",
        404,
        'gpuprovisioningrequests.gpr.kubeslice.io "gpr-1" not found',
        "NotFound",
      ),
    ],
    [
      "POST /api/v1/gpr-template-binding",
      "already_exists",
      { resource: "gpu-template-binding", name: "team" },
      '"statusCode":409,"status":"Error","message":"Already Exists","data":null,"error":{"errorKey":"","message":"Already Exists","data":',
      inner(
        "Error while creating GPR template binding",
        409,
        'gprtemplatebindings.gpr.kubeslice.io "team" already exists',
        "AlreadyExists",
      ),
    ],
    [
      "POST /api/v1/gpr",
      "too_many",
      { detail: "queue_full" },
      '"statusCode":429,"status":"Error","message":"Too Many Requests","data":null,"error":{"errorKey":"","message":"Too Many Requests","data":',
      inner("Error while fetching GPR wait time", 429, "A sentence.", ""),
    ],
  ])(
    "is worded as the seed prints it, or as the server was seen to: %s %s",
    (at, code, facts, outer, data) => {
      expect(answer(code, facts, at)).toBe(`{${outer}${data}}}`)
      const { statusCode } = JSON.parse(answer(code, facts, at)) as { statusCode: number }
      expect(answer(code, facts, at, "upstream")).toBe(
        `{"statusCode":${statusCode},"status":"UNKNOWN","message":"UNKNOWN","data":null,"error":{"errorKey":"UNKNOWN","message":"UNKNOWN","data":${data}}}`,
      )
    },
  )

  it("names a GPU request that was taken out of the queue as one that is not there", () => {
    const facts = { ...state("cancelled", "delete"), resource: "gpu-request", name: "gpr-1" }
    expect(answer("conflict", facts, "DELETE /api/v1/gpr")).toContain(
      String.raw`gpuprovisioningrequests.gpr.kubeslice.io \\\"gpr-1\\\" not found`,
    )
  })

  it("names the first place that a rule refuses, by its name on the wire", () => {
    const issues = [
      { path: ["gpusPerNode"], message: "must be 1 to 100" },
      { path: ["nodes"], message: "must be 1 to 100" },
    ]
    const text = answer("invalid", { issues }, "POST /api/v1/gpr")
    expect(text).toContain(String.raw`\\\"numberOfGPUs\\\" must be 1 to 100`)
    expect(text).not.toContain("numberOfGPUNodes")
  })

  it.each([
    ["gpu-request", ["name"], "must be 1 to 253", String.raw`\"gprName\" must be 1 to 253`],
    ["gpu-template", ["name"], "must be 1 to 63", String.raw`\"name\" must be 1 to 63`],
    [
      "gpu-request",
      ["clusters", 0],
      '"b" is not a cluster of workspace team',
      String.raw`\"clusterName\" \"b\" is not a cluster of workspace team`,
    ],
    [
      "gpu-request",
      ["durationMs"],
      "must be a whole number from 1 to 31536000000",
      String.raw`\"exitDuration\" must be less than or equal to 8760h0m0s`,
    ],
  ])("words a rule of the domain about a %s at %j", (resource, path, message, said) => {
    const text = answer("invalid", { resource, issues: [{ path, message }] }, "POST /api/v1/gpr")
    expect(JSON.parse(text).error.data).toContain(said)
  })
})
