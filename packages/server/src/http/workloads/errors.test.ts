import { describe, expect, it } from "vitest"
import type { AppErrorFacts, ErrorCode } from "../../kit/errors.ts"
import { AppError } from "../../kit/errors.ts"
import { wordError } from "./errors.ts"

function answer(code: ErrorCode, message: string, facts: AppErrorFacts = {}) {
  const { status, body } = wordError(new AppError(code, message, facts))
  return [status, body.errorCode, body.errorMessage]
}

const issue = (message: string) => ({ path: [], message })

describe("an error of the Workload API", () => {
  it.each<[ErrorCode, number, string, string]>([
    ["invalid", 400, "Primus.00002", "Bad request. said"],
    ["unauthenticated", 401, "Primus.00009", "said"],
    ["forbidden", 403, "Primus.00003", "said"],
    ["not_found", 404, "Primus.00005", "said"],
    ["already_exists", 409, "Primus.00004", "said"],
    ["conflict", 409, "Primus.00012", "said"],
    ["stale", 409, "Primus.00010", "said"],
    ["too_large", 413, "Primus.00006", "Request entity is too large: the max length is 2097152 bytes"],
    ["too_many", 429, "Primus.00008", "said"],
    ["insufficient", 503, "Primus.00008", "said"],
    ["unavailable", 503, "Primus.03001", "said"],
    ["unimplemented", 501, "Primus.00007", "said"],
    ["timeout", 504, "Primus.00001", "Internal error. said"],
    ["internal", 500, "Primus.00001", "Internal error. said"],
  ])("%s is %i %s", (code, ...rest) => {
    expect(answer(code, "said")).toEqual(rest)
  })

  it("says of somebody who is frozen that they are restricted", () => {
    const said = answer("forbidden", "The user ann is frozen.", { detail: "frozen" })
    expect(said).toEqual([403, "Primus.00003", "The user is restricted. type: 1"])
  })

  it("has exactly its two members", () => {
    const error = new AppError("internal", "said", { cause: new Error("secret"), facts: { a: 1 }, name: "n" })
    expect(wordError(error).body).toEqual({ errorCode: "Primus.00001", errorMessage: "Internal error. said" })
  })

  it("words one issue bare and several in brackets", () => {
    const issues = [issue("the image is empty")]
    expect(answer("invalid", "x", { issues })).toEqual([
      400,
      "Primus.00002",
      "Bad request. the image is empty",
    ])
    expect(answer("invalid", "x", { issues: [...issues, issue("b")] })[2]).toBe(
      "Bad request. [the image is empty, b]",
    )
  })

  it.each([
    ["workload", "Primus.01001", "Workload a-bcdfg not found."],
    ["workspace", "Primus.02001", "Workspace a-bcdfg not found."],
    ["pod", "Primus.00005", 'pods "a-bcdfg" not found'],
    ["route", "Primus.00005", "a-bcdfg not found"],
    ["node", "Primus.03002", "said"],
    ["user", "Primus.00005", "said"],
  ])("words a missing %s", (resource, code, message) => {
    expect(answer("not_found", "said", { resource, name: "a-bcdfg" })).toEqual([404, code, message])
  })

  it("keeps the sentence of a missing thing without a name", () => {
    expect(answer("not_found", "said", { resource: "workload" })).toEqual([404, "Primus.01001", "said"])
  })

  it("tells what an ended workload and what a dispatched one refuses apart", () => {
    const sentence = "The workload can only be edited when it is running."
    expect(answer("conflict", sentence, { detail: "ended" })).toEqual([409, "Primus.00012", sentence])
    const text = "Image cannot be changed once the workload has been scheduled"
    expect(answer("conflict", text, { detail: "scheduled" })).toEqual([403, "Primus.00003", text])
  })

  it("words credentials as upstream does", () => {
    expect(answer("unauthenticated", "x", { detail: "missing" })[2]).toBe("token not present")
    expect(answer("unauthenticated", "x", { detail: "invalid" })[2]).toBe(
      "The user's token is invalid, please login first",
    )
  })
})
