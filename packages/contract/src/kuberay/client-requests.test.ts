import { describe, expect, it } from "vitest"
import { answerFrom, httpRequestOf } from "./client-requests.ts"

const request = { namespace: "n", name: "a b" }

describe("a request over HTTP", () => {
  it("has its fields in the path, the query and the body", () => {
    expect(httpRequestOf("getCluster", request, encodeURIComponent)).toEqual({
      method: "GET",
      path: "/apis/v1/namespaces/n/clusters/a%20b",
      query: {},
      body: undefined,
    })
    const page = httpRequestOf("listRayServices", { namespace: "n", pageSize: 5 }, encodeURIComponent)
    expect(page.query).toEqual({ page_size: "5" })
    const cluster = { name: "c", namespace: "n", user: "u" }
    const made = httpRequestOf("createCluster", { namespace: "n", cluster }, encodeURIComponent)
    expect(made).toMatchObject({
      path: "/apis/v1/namespaces/n/clusters",
      body: '{"name":"c","namespace":"n","user":"u"}',
    })
  })

  it("has a body where the route takes one, though nothing was said", () => {
    expect(httpRequestOf("createRayJob", { namespace: "n" }, String).body).toBe("{}")
    expect(httpRequestOf("stopJobSubmission", { submissionid: "s" }, String).body).toBeUndefined()
  })
})

it("an answer is a message, or what is wrong with it", () => {
  expect(answerFrom("submitRayJob", '{"submissionId":"s"}')).toMatchObject({
    ok: true,
    value: { submissionId: "s" },
  })
  expect(answerFrom("submitRayJob", '{"submissionId":1}')).toMatchObject({ ok: false })
})
