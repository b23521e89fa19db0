import { describe, expect, it } from "vitest"
import { errorFromAnswer } from "./errors.ts"

const read = (status: number, body: unknown) => {
  const { code, message } = errorFromAnswer(status, new Headers(), JSON.stringify(body))
  return { code, message }
}

describe("an error of the services API", () => {
  it("is a Python exception's name and what it said", () => {
    const detail = [
      "EntityExistsError",
      "Unable to create service 'a' with the given configuration: It exists.",
    ]
    expect(read(409, { detail })).toEqual({ code: detail[0], message: detail[1] })
  })

  it("is without the quotes of a key that is missing", () => {
    const detail = ["KeyError", `"Unable to get service with ID '1': No service with this ID found"`]
    const message = "Unable to get service with ID '1': No service with this ID found"
    expect(read(404, { detail })).toEqual({ code: "KeyError", message })
  })

  it("is what is wrong with each part of a request", () => {
    const problems = String.raw`2 validation errors:
  {'type': 'a', 'loc': ('query', 'page'), 'msg': 'Input should be \'x\'', 'input': '0'}
  {'type': 'b', 'loc': ('query', 'size'), 'msg': "It isn't", 'input': '0'}`
    const { code, message } = read(422, ["ValueError", problems])
    expect(code).toBe("ValueError")
    expect(message).toBe(String.raw`Input should be \'x\'; It isn't`)
  })

  it("is a sentence, or nothing that can be read", () => {
    expect(read(401, { detail: "Not authenticated" })).toEqual({
      code: "http_401",
      message: "Not authenticated",
    })
    expect(read(500, { detail: 5 })).toEqual({ code: "http_500", message: "The server answered 500." })
    expect(read(500, [])).toEqual({ code: "http_500", message: "The server answered 500." })
  })
})
