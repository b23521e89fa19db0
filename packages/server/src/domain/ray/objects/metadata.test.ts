import { describe, expect, it } from "vitest"
import { anAskedSpec, aSize, aWorkerGroup } from "../ray-suite.ts"
import { buildSpec, noVariables } from "./build-spec.ts"
import { annotationIssues, labelIssues, nameIssues } from "./metadata.ts"
import { unfitReason } from "./unfit.ts"

describe("names that Kubernetes takes", () => {
  it.each(["a", "a.b-c", "0", "x".repeat(253)])("are such as %s", (name) => {
    expect(nameIssues(name)).toEqual([])
  })

  it.each(["A", "a_b", "-a", "a-", "a..b", "..", "", "x".repeat(254)])("are none such as %j", (name) => {
    expect(nameIssues(name)).toEqual([
      {
        path: ["metadata", "name"],
        message: expect.stringContaining(`Invalid value: ${JSON.stringify(name)}: `),
      },
    ])
  })
})

describe("labels that Kubernetes takes", () => {
  it.each(["", "A_b.c-9", "x".repeat(63)])("are such as %j", (value) => {
    expect(labelIssues([value])).toEqual([])
  })

  it("are none with other characters, or too long", () => {
    const long = "x".repeat(64)
    expect(
      labelIssues(["a@b.c", "fine", long, "-"]).map(({ path, message }) => [path.join("."), message]),
    ).toEqual([
      [
        "metadata.labels",
        expect.stringMatching(
          /^Invalid value: "a@b.c": a valid label must be an empty string or consist of /,
        ),
      ],
      ["metadata.labels", `Invalid value: "${long}": must be no more than 63 characters`],
      ["metadata.labels", expect.stringContaining('"-": a valid label must')],
    ])
  })
})

describe("annotations that Kubernetes takes", () => {
  it.each(["team", "ray.io/enable-serve-service", "Ray.IO/X"])("have keys such as %s", (key) => {
    expect(annotationIssues({ [key]: "any text\n" })).toEqual([])
  })

  it.each(["", "a b", "/x", "a/", "a/b/c", `p/${"n".repeat(64)}`, `${"p".repeat(254)}/n`])(
    "have no key %j",
    (key) => {
      expect(annotationIssues({ [key]: "" })).not.toEqual([])
    },
  )

  it("are 256 KiB in all, in bytes", () => {
    const value = "ä".repeat(131_071)
    expect(annotationIssues({ ab: value })).toEqual([])
    expect(annotationIssues({ abc: value }).map(({ message }) => message)).toEqual([
      "Too long: may not be more than 262144 bytes",
    ])
  })
})

describe("what is taken and can never run", () => {
  const spec = (...groups: Partial<typeof aWorkerGroup>[]) =>
    buildSpec(anAskedSpec({ workers: groups.map((group) => ({ ...aWorkerGroup, ...group })) }), {
      resource: "ray-cluster",
      name: "c1",
      resourcesOf: () => aSize,
      envs: noVariables,
    }).spec

  it.each([
    ["RayCluster", 53],
    ["RayJob", 47],
    ["RayService", 47],
  ] as const)("is a %s with a name of more than %d characters", (kind, most) => {
    expect(unfitReason(kind, "x".repeat(most), null)).toBeUndefined()
    expect(unfitReason(kind, "x".repeat(most + 1), null)).toEqual({
      reason: `Invalid${kind}Metadata`,
      message: expect.stringContaining(`${kind} name should be no more than ${most} characters`),
    })
  })

  it("says of a job what its status shows", () => {
    expect(unfitReason("RayJob", "x".repeat(48), null)?.message).toBe(
      "The RayJob metadata is invalid: RayJob name should be no more than 47 characters",
    )
  })

  it.each(["1a", "a.b"])("is one with the name %s", (name) => {
    expect(unfitReason("RayCluster", name, null)?.message).toContain("DNS-1035")
  })

  it.each([
    [{ replicas: 9, maxReplicas: 5 }, "worker group small-wg has minReplicas 9 greater than maxReplicas 5"],
    [{ replicas: -1 }, "worker group small-wg has negative minReplicas -1"],
    [{ minReplicas: 0, replicas: 0, maxReplicas: -1 }, "worker group small-wg has negative maxReplicas -1"],
  ])("is a cluster with the group %j", (group, message) => {
    expect(unfitReason("RayCluster", "c1", spec(group))).toEqual({ reason: "InvalidRayClusterSpec", message })
  })

  it("is a cluster with two groups of a name", () => {
    expect(unfitReason("RayCluster", "c1", spec({}, {}))?.message).toBe(
      "worker group small-wg is there twice",
    )
    expect(unfitReason("RayCluster", "c1", spec({}, { groupName: "other" }))).toBeUndefined()
  })
})
