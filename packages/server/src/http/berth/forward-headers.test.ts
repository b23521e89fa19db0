import { describe, expect, it } from "vitest"
import { forwardPathOf, handedHeaders, shownHeaders } from "./forward-headers.ts"

const prefix = "/berth/v1/ray/clusters/team/a/dashboard"

describe("the path of a request to a dashboard", () => {
  it.each([
    [`${prefix}/api/jobs/`, "/api/jobs/"],
    [`${prefix}/`, "/"],
    [prefix, undefined],
    [`${prefix}?a=b`, undefined],
    [`${prefix}//x/../y`, "//x/../y"],
    [
      `${prefix}/api/packages/gcs/_ray_pkg_1.zip?a=%2Fb&a=c%20d`,
      "/api/packages/gcs/_ray_pkg_1.zip?a=%2Fb&a=c%20d",
    ],
    [`${prefix}/a%2Fb/%E4?x=/dashboard/`, "/a%2Fb/%E4?x=/dashboard/"],
    [`http://berth.test:8080${prefix}/api/version`, "/api/version"],
    [`${prefix}/http://elsewhere/`, "/http://elsewhere/"],
  ])("of %s is %s", (url, path) => {
    expect(forwardPathOf(url)).toEqual({ prefix, path })
  })
})

it("hands on what the request says, and nothing of who sends it or by which way", () => {
  const headers = {
    accept: "*/*",
    authorization: "Bearer key",
    connection: "keep-alive, X-Hop",
    cookie: "a=b",
    "content-length": "3",
    "content-type": "multipart/form-data",
    forwarded: "for=10.0.0.1",
    host: "berth.test",
    upgrade: "h2c",
    "x-api-key": "key",
    "x-forwarded-for": "10.0.0.1",
    "x-hop": "1",
    "sec-websocket-key": "k",
    origin: "http://berth.test",
  }
  expect(handedHeaders(headers, "multipart/form-data; boundary=x")).toEqual({
    accept: "*/*",
    connection: "keep-alive, X-Hop",
    "content-length": "3",
    "content-type": "multipart/form-data; boundary=x",
    "sec-websocket-key": "k",
    origin: "http://berth.test",
  })
})

describe("the headers of an answer", () => {
  const shown = (headers: Record<string, string>, isSandboxed = true) =>
    shownHeaders(headers, { prefix, isSandboxed })

  it("have no cookie and nothing that would hold for other pages", () => {
    const found = {
      "content-type": "text/html",
      "set-cookie": "a=b",
      "content-security-policy": "default-src *",
      "access-control-allow-origin": "*",
      "strict-transport-security": "max-age=1",
      "service-worker-allowed": "/",
      server: "Python",
    }
    expect(shown(found)).toEqual({
      "content-type": "text/html",
      "cache-control": "no-store",
      "content-security-policy": "sandbox allow-scripts",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    })
  })

  it("keep how long an answer may be kept", () => {
    expect(shown({ "cache-control": "max-age=60" })["cache-control"]).toBe("max-age=60")
  })

  it("leave pages their origin where everybody is the owner", () => {
    expect(shown({}, false)).not.toHaveProperty("content-security-policy")
  })

  it.each([
    ["/login?a=b", `${prefix}/login?a=b`],
    ["../x", "../x"],
    ["?a", "?a"],
    ["//elsewhere/x", undefined],
    ["/\\elsewhere", undefined],
    ["https://elsewhere/", undefined],
    ["javascript:alert(1)", undefined],
  ])("lead from %s to %s", (location, to) => {
    expect(shown({ location })["location"]).toBe(to)
  })
})
