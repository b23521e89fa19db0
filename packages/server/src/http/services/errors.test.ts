import { describe, expect, it } from "vitest"
import { AppError, type AppErrorFacts, type ErrorCode } from "../../kit/errors.ts"
import { servicesErrorAnswer } from "./errors.ts"

const said = "A sentence."
const id = "9f2a7c10-3d6e-4b3c-8a1f-5b0e2d9c4f77"
const cause = new Error("secret")
const rule = (name: string, sentence: string) => ({ detail: [name, sentence] })
const answerTo = (code: ErrorCode, facts: AppErrorFacts = {}, method = "GET") =>
  servicesErrorAnswer(new AppError(code, said, { cause, ...facts }), {
    method,
    url: "/api/v1/services",
    requestId: "req_1",
  })

describe("an error in the words of this API", () => {
  it.each<[ErrorCode, AppErrorFacts, number, object]>([
    ["invalid", {}, 400, { detail: said }],
    ["unauthenticated", { detail: "missing" }, 401, { detail: "Not authenticated" }],
    [
      "unauthenticated",
      { detail: "invalid" },
      401,
      rule(
        "CredentialsNotValid",
        "Authentication error: error decoding access token: Invalid JWT token: Not enough segments.",
      ),
    ],
    ["unauthenticated", { detail: "expired" }, 401, rule("CredentialsNotValid", said)],
    ["forbidden", { detail: "frozen" }, 403, rule("IllegalOperationError", said)],
    [
      "not_found",
      { resource: "service-record", name: id },
      404,
      rule("KeyError", `"Unable to get service with ID '${id}': No service with this ID found"`),
    ],
    [
      "not_found",
      { resource: "workspace", name: "nope" },
      404,
      rule(
        "KeyError",
        `"Unable to get project with name or ID 'nope': 'nope' is not a valid  UUID and no project with this name exists."`,
      ),
    ],
    ["not_found", { resource: "user" }, 404, rule("KeyError", "'A sentence.'")],
    ["already_exists", {}, 409, rule("EntityExistsError", said)],
    ["conflict", { detail: "deleting" }, 409, rule("IllegalOperationError", said)],
    ["stale", {}, 409, rule("IllegalOperationError", said)],
    ["too_large", {}, 413, { detail: "Request Entity Too Large" }],
    ["too_many", {}, 429, { error: "Server too busy. Please try again later." }],
    ["insufficient", {}, 422, rule("ValueError", said)],
    ["unavailable", {}, 503, rule("RuntimeError", said)],
    ["unimplemented", {}, 501, rule("NotImplementedError", said)],
    ["timeout", {}, 504, rule("RuntimeError", said)],
    ["internal", {}, 500, { detail: "An unexpected error occurred.", request_id: "req_1" }],
  ])("%s %j is a %d", (code, facts, status, body) => {
    const answer = answerTo(code, facts)
    expect(answer).toEqual({ status, body, headers: { "content-type": "application/json" } })
    expect(JSON.stringify(answer)).not.toContain("secret")
  })

  it.each(["GET READ", "POST CREATE", "PUT UPDATE", "DELETE DELETE"])(
    "names what is not allowed: %s",
    (both) => {
      const [method, action] = both.split(" ")
      const { body } = answerTo("forbidden", { facts: { operation: "service.write" } }, method)
      const sentence = `Insufficient permissions to ${action} resource 'service'.`
      expect(body).toEqual(rule("IllegalOperationError", sentence))
    },
  )

  it("of a path that is not there is a 404 of GET alone, and of none a 400", () => {
    const route = { resource: "route", name: "/api/v1/services/" }
    expect(answerTo("not_found", route)).toMatchObject({ status: 404, body: { detail: "Not Found" } })
    for (const method of ["POST", "PUT", "HEAD", "PATCH", "QUERY"])
      expect(answerTo("not_found", route, method)).toMatchObject({
        status: 405,
        body: { detail: "Method Not Allowed" },
      })
    expect(answerTo("invalid", { detail: "http" }, "")).toMatchObject({ status: 400, body: { detail: said } })
  })
})
