import { describe, expect, it } from "vitest"
import { routeOf } from "./routing.ts"

const base = "/apis/v1/namespaces/ns"

describe("paths", () => {
  it.each([
    ["GET", `${base}/clusters/c1`, "getCluster", { namespace: "ns", name: "c1" }],
    ["GET", `${base}/clusters?limit=1`, "listCluster", { namespace: "ns" }],
    ["GET", "/apis/v1/services", "listAllRayServices", {}],
    ["PUT", `${base}/services/s`, "updateRayService", { namespace: "ns", name: "s" }],
    // An empty last step is an empty name.
    ["GET", `${base}/clusters/`, "getCluster", { namespace: "ns", name: "" }],
    // Percent signs are resolved first: this one ends a step.
    ["GET", "/apis/v1/namespaces/ns%2Fclusters/x", "getCluster", { namespace: "ns", name: "x" }],
    ["GET", "/apis/v1/namespaces/%20/clusters", "listCluster", { namespace: " " }],
    ["GET", `${base}/clusters/%2e%2e`, "getCluster", { namespace: "ns", name: ".." }],
    ["GET", "/apis/v1/namespaces/a:b/jobs", "listRayJobs", { namespace: "a:b" }],
    [
      "GET",
      `${base}/jobsubmissions/c/log/s`,
      "getJobLog",
      { namespace: "ns", clustername: "c", submissionid: "s" },
    ],
    [
      "POST",
      `${base}/jobsubmissions/c/s`,
      "stopJobSubmission",
      { namespace: "ns", clustername: "c", submissionid: "s" },
    ],
  ])("%s %s is %s", (method, url, name, parameters) => {
    expect(routeOf(method, url)).toEqual({ kind: "route", name, parameters })
  })

  it.each([
    ["GET", "/apis/v1/clusters/"],
    ["GET", `${base}/clusters:foo`],
    ["POST", "/apis/v1/image_templates"],
    ["GET", `${base}/image_templates`],
    ["GET", "/apis/v1/namespaces/clusters/x"],
    ["GET", "/apis/v1"],
    ["GET", `${base}/clusters/%zz`],
  ])("%s %s is nothing", (method, url) => {
    expect(routeOf(method, url)).toEqual({ kind: "nothing" })
  })

  it.each([
    ["PUT", `${base}/clusters/c1`],
    ["PATCH", `${base}/clusters/c1`],
    ["POST", `${base}/clusters/`],
    ["HEAD", `${base}/clusters/c1`],
    ["OPTIONS", "/apis/v1/jobs"],
  ])("%s %s is of another method", (method, url) => {
    expect(routeOf(method, url)).toEqual({ kind: "method" })
  })

  it.each([
    ["/apis/v1/namespaces//clusters/x", "/apis/v1/namespaces/clusters/x"],
    ["/apis/v1/namespaces/../clusters?limit=1", "/apis/v1/clusters?limit=1"],
    [`${base}/./clusters/`, `${base}/clusters/`],
    ["/apis/v1//", "/apis/v1/"],
    [`${base}/clusters/..`, base],
  ])("%s is sent to %s", (url, location) => {
    expect(routeOf("POST", url)).toEqual({ kind: "redirect", location })
  })
})
