import { describe, expect, it } from "vitest"
import type { RayClusterKey } from "../types.ts"
import { fitOf } from "./cluster-fit.ts"
import { refusedMark, serveMark } from "./serve-mark.ts"
import { nextServiceStep, type ServiceSight } from "./service-steps.ts"
import { aClusterOfService, aRayService, aSpec, serving } from "./test-service.ts"

const first = "rcl_1" as RayClusterKey
const second = "rcl_2" as RayClusterKey
const ready = aClusterOfService(first)
const other = aClusterOfService(second, { spec: aSpec(2) })
const { serveConfig } = aRayService()
const mark = serveMark(ready, serveConfig) ?? ""
const nowMs = 1_000_000
const well = serving({ fruit: "RUNNING" })
const shown = well.applications
const silent = { active: undefined, pending: undefined }

function sight(change: Partial<ServiceSight> = {}): ServiceSight {
  return {
    service: aRayService(),
    active: undefined,
    pending: undefined,
    seen: silent,
    applications: ["fruit"],
    problem: null,
    nowMs,
    ...change,
  }
}

/** One whose cluster serves all that is wanted. */
const atRest = aRayService({ activeClusterKey: first, appliedToActive: mark, applications: shown })
const serves = (change: Partial<ServiceSight> = {}) =>
  sight({ service: atRest, active: ready, seen: { active: well, pending: undefined }, ...change })

describe("what is to be done about a service", () => {
  it("is a cluster first, then its configuration, then the switch when all of it runs", () => {
    expect(nextServiceStep(sight())).toEqual({ do: "make_pending", why: "" })
    const service = aRayService({ pendingClusterKey: first })
    const starting = { ...ready, state: "starting", readyAtMs: null } as const
    expect(nextServiceStep(sight({ service, pending: starting }))).toEqual({ do: "wait", atMs: null })
    expect(nextServiceStep(sight({ service, pending: ready }))).toEqual({ do: "apply", to: "pending", mark })
    const given = { service: { ...service, appliedToPending: mark }, pending: ready }
    const deploying = { active: undefined, pending: serving({ fruit: "DEPLOYING" }) }
    expect(nextServiceStep(sight({ ...given, seen: deploying }))).toEqual({ do: "wait", atMs: nowMs + 1000 })
    const step = nextServiceStep(sight({ ...given, seen: { active: undefined, pending: well } }))
    expect(step).toEqual({ do: "promote", oldEndsAtMs: nowMs })
  })

  it("is nothing while all is well, but a look now and then", () => {
    expect(nextServiceStep(serves())).toEqual({ do: "wait", atMs: nowMs + 10_000 })
  })

  it("is to give a changed configuration to the cluster that serves", () => {
    const service = { ...atRest, serveConfig: "applications: []" }
    const changed = serveMark(ready, service.serveConfig)
    expect(nextServiceStep(serves({ service }))).toEqual({ do: "apply", to: "active", mark: changed })
    const refused = { ...service, appliedToActive: refusedMark(changed ?? ""), message: "No." }
    expect(nextServiceStep(serves({ service: refused }))).toEqual({ do: "wait", atMs: nowMs + 10_000 })
  })

  it("is to leave alone what serves while another cluster is being made for what is wanted now", () => {
    const service = { ...atRest, spec: aSpec(2), serveConfig: "applications: []" }
    expect(nextServiceStep(serves({ service }))).toEqual({ do: "make_pending", why: "" })
    const pending = { ...other, state: "starting", readyAtMs: null } as const
    const making = { service: { ...service, pendingClusterKey: second }, pending }
    expect(nextServiceStep(serves(making))).toEqual({ do: "wait", atMs: nowMs + 10_000 })
    const back = { ...ready, readyAtMs: 5 }
    expect(nextServiceStep(serves({ ...making, active: back }))).toMatchObject({ do: "apply", to: "active" })
    const byAnother = { ...making.service, asServerOwner: false }
    const theirs = { ...pending, asServerOwner: false }
    const step = nextServiceStep(serves({ service: byAnother, pending: theirs, active: back, seen: silent }))
    expect(step.do).not.toBe("apply")
  })

  it("is to end a cluster in the making that is not wanted, or not needed any more", () => {
    const service = { ...atRest, pendingClusterKey: second }
    expect(nextServiceStep(serves({ service, pending: other }))).toEqual({ do: "end_cluster", key: second })
    const same = aClusterOfService(second)
    expect(nextServiceStep(serves({ service, pending: same }))).toEqual({ do: "end_cluster", key: second })
    const bad = { active: serving({ fruit: "UNHEALTHY" }), pending: undefined }
    const step = nextServiceStep(serves({ service, pending: same, seen: bad }))
    expect(step).toMatchObject({ do: "apply", to: "pending" })
  })

  it("is to end at once what waits for a place that nobody wants any more", () => {
    const waiting = { ...ready, state: "waiting", readyAtMs: null } as const
    const service = { ...atRest, spec: aSpec(2) }
    expect(nextServiceStep(serves({ service, active: waiting }))).toEqual({ do: "end_cluster", key: first })
    expect(nextServiceStep(serves({ active: waiting, seen: silent }))).toMatchObject({
      do: "write",
      changes: { applications: [] },
    })
  })

  it.each([
    ["other numbers", aSpec(1, 4), "resize"],
    ["another size", aSpec(2, 1), "other"],
    ["no group", { ...aSpec(), workers: [] }, "other"],
    ["a group more", { ...aSpec(), workers: [...aSpec().workers, ...aSpec().workers] }, "resize"],
    ["its members in another order", Object.fromEntries(Object.entries(aSpec()).toReversed()), "same"],
  ] as const)("depends on what is changed: a cluster with %s", (_, spec, fit) => {
    expect(fitOf(ready, aRayService({ spec: spec as typeof ready.spec }))).toBe(fit)
  })

  it("does not run with the rights of another", () => {
    expect(fitOf(ready, aRayService({ asServerOwner: false }))).toBe("other")
    expect(fitOf(ready, aRayService({ rayVersion: "2.59.0" }))).toBe("other")
  })

  it("is another cluster when applications are bad for the service's time, by default 900 s", () => {
    const bad = { active: serving({ fruit: "DEPLOY_FAILED" }), pending: undefined }
    const { applications } = bad.active
    expect(nextServiceStep(serves({ seen: bad }))).toMatchObject({
      do: "write",
      changes: { applications, unhealthySinceMs: nowMs },
    })
    const service = { ...atRest, applications, unhealthySinceMs: nowMs - 899_000 }
    expect(nextServiceStep(serves({ service, seen: bad }))).toEqual({ do: "wait", atMs: nowMs + 1000 })
    const late = serves({ service, seen: bad, nowMs: nowMs + 1000 })
    expect(nextServiceStep(late)).toMatchObject({ do: "make_pending", why: expect.stringContaining("900 s") })
    expect(nextServiceStep({ ...late, seen: silent })).toMatchObject({ do: "make_pending" })
    expect(nextServiceStep({ ...late, seen: { active: well, pending: undefined } })).toMatchObject({
      do: "write",
      changes: { unhealthySinceMs: null },
    })
    const sooner = { ...service, serviceUnhealthySeconds: 899 }
    expect(nextServiceStep(serves({ service: sooner, seen: bad }))).toMatchObject({ do: "make_pending" })
  })

  it("is another cluster when Serve does not answer for 300 s, though the cluster is ready", () => {
    const service = { ...atRest, unhealthySinceMs: nowMs - 299_000 }
    expect(nextServiceStep(serves({ service, seen: silent }))).toEqual({ do: "wait", atMs: nowMs + 1000 })
    const asked = { ...service, deploymentUnhealthySeconds: 200 }
    expect(nextServiceStep(serves({ service: asked, seen: silent }))).toMatchObject({ do: "make_pending" })
  })

  it("is not another cluster while the one that serves is being brought back", () => {
    const service = { ...atRest, applications: [], unhealthySinceMs: null }
    const starting = { ...ready, state: "starting", readyAtMs: null } as const
    const step = nextServiceStep(serves({ service, active: starting, seen: silent, nowMs: nowMs * 10 }))
    expect(step).toEqual({ do: "wait", atMs: null })
  })

  it("is nothing but a sentence, told once, for what can never run", () => {
    const problem = { reason: "InvalidRayServiceSpec", message: "It is no YAML." }
    const step = nextServiceStep(sight({ problem }))
    expect(step).toMatchObject({ do: "write", changes: { message: problem.message }, tells: problem })
    const service = aRayService({ message: problem.message })
    expect(nextServiceStep(sight({ problem, service }))).toEqual({ do: "wait", atMs: null })
    expect(nextServiceStep(serves({ problem }))).toMatchObject({ do: "write", tells: problem })
  })

  it("is to let the cluster before serve a minute longer, unless it does not", () => {
    const service = { ...atRest, spec: aSpec(2), pendingClusterKey: second, appliedToPending: mark }
    const both = serves({ service, pending: other, seen: { active: well, pending: well } })
    expect(nextServiceStep(both)).toEqual({ do: "promote", oldEndsAtMs: nowMs + 60_000 })
    const failed = { ...ready, state: "failed" } as const
    expect(nextServiceStep({ ...both, active: failed })).toEqual({ do: "promote", oldEndsAtMs: nowMs })
    const retiring = [{ clusterKey: second, endsAtMs: nowMs }]
    expect(nextServiceStep(serves({ service: { ...atRest, retiring } }))).toEqual({
      do: "end_cluster",
      key: second,
    })
  })

  it("is to end everything, one after the other, then the row, when it is deleted", () => {
    const retiring = [{ clusterKey: "rcl_3" as RayClusterKey, endsAtMs: nowMs * 2 }]
    const deleted = { ...atRest, pendingClusterKey: second, retiring, deletingAtMs: nowMs }
    expect(nextServiceStep(serves({ service: deleted }))).toEqual({ do: "end_cluster", key: first })
    const less = { ...deleted, activeClusterKey: null, pendingClusterKey: null }
    expect(nextServiceStep(sight({ service: less }))).toEqual({ do: "end_cluster", key: "rcl_3" })
    expect(nextServiceStep(sight({ service: { ...less, retiring: [] } }))).toEqual({ do: "delete" })
  })
})
