import { describe, expect, it } from "vitest"
import type { ClaimId } from "../../queue/index.ts"
import { aWorkload } from "../test-workload.ts"
import type { Phase, Workload } from "../types.ts"
import { progressOf, withApplicationCondition } from "./progress.ts"
import { newReplica } from "./replica-life.ts"
import type { Replica, ReplicaId } from "./types.ts"
import { wishOf } from "./wish.ts"

const nowMs = 1000

function anApplication(phase: Phase, change: Partial<Workload> = {}, replicas = 4): Workload {
  const base = aWorkload()
  const resource = { ...base.spec.resource, replica: replicas }
  const rollout = { generation: 1, observed: phase === "Pending" ? 0 : 1, revision: 1 }
  const startedAtMs = phase === "Pending" ? null : 500
  const row = { kind: "Deployment", phase, rollout, startedAtMs, dispatchCount: 1, claimId: null } as const
  return aWorkload({ resource }, { ...row, ...change })
}

/** `r` ready, `u` running and not ready, `p` placed, `q` queued, `o` ready at a revision before. */
function replicasOf(workload: Workload, states: string): readonly Replica[] {
  return [...states].map((state, ordinal) => {
    const id = `rep_${ordinal}` as ReplicaId
    const made = { id, ordinal, podId: `pod-${ordinal}`, claimId: `clm_${ordinal}` as ClaimId }
    const replica = newReplica(workload, { ...made, place: null, nowMs: 0 })
    if (state === "q") return replica
    if (state === "p") return { ...replica, state: "placed" }
    const running = { ...replica, state: "running", starts: 1, podIp: "127.64.0.1" } as const
    if (state === "u") return running
    return { ...running, readySinceMs: 1, revision: state === "o" ? 0 : replica.revision }
  })
}

function after(workload: Workload, states: string): Workload {
  const { wish, tolerated } = wishOf(workload)
  return progressOf(workload, wish, replicasOf(workload, states), tolerated, nowMs)
}

const asked = { generation: 2, observed: 1, revision: 1 }

describe("the phase of an application", () => {
  it.each([
    ["Pending", "pppp", "Pending"],
    ["Pending", "qqqq", "Pending"],
    ["Pending", "uppp", "Updating"],
    ["Updating", "ruuu", "Updating"],
    ["Updating", "rrrr", "Running"],
    ["Running", "rrru", "Running"],
    ["Running", "rruu", "NotReady"],
    ["Running", "qqqq", "NotReady"],
    ["NotReady", "rrrq", "Running"],
    ["NotReady", "rruu", "NotReady"],
  ] as const)("from %s with %s is %s", (phase, states, next) => {
    const rollout = {
      generation: 1,
      observed: phase === "Pending" || phase === "Updating" ? 0 : 1,
      revision: 1,
    }
    expect(after(anApplication(phase, { rollout }), states).phase).toBe(next)
  })

  it.each([
    ["Running", "rrro", "Updating"],
    ["NotReady", "rrro", "Updating"],
    ["Running", "rrr", "Updating"],
    ["Running", "rrrrr", "Updating"],
    ["Updating", "rrrr", "Running"],
    ["Updating", "uuuu", "Updating"],
  ] as const)("from %s with %s is, after a change, %s", (phase, states, next) => {
    expect(after(anApplication(phase, { rollout: asked }), states).phase).toBe(next)
  })

  it("of none that are asked for is Running", () => {
    expect(after(anApplication("Updating", { rollout: asked }, 0), "").phase).toBe("Running")
  })

  it("of a StatefulSet misses none", () => {
    expect(after(anApplication("Running", { kind: "StatefulSet" }), "rrru").phase).toBe("NotReady")
  })

  it.each(["Stopped", "Failed"] as const)("never leaves %s", (phase) => {
    const workload = anApplication(phase)
    expect(after(workload, "rrrr")).toBe(workload)
  })

  it("is written with its condition and the first start, and not again when nothing changed", () => {
    const workload = anApplication("Pending")
    const started = after(workload, "uppp")
    expect(started).toMatchObject({ startedAtMs: nowMs, conditions: [{ type: "K8sUpdating", run: 1 }] })
    expect(after(started, "uupp")).toBe(started)
    const ready = after(started, "rrrr")
    expect(ready.rollout).toEqual({ generation: 1, observed: 1, revision: 1 })
    expect(ready.conditions.at(-1)?.message).toBe("the deployment is ready, 4 of 4 replicas are ready")
    expect(after(ready, "rrrr")).toBe(ready)
  })
})

describe("the conditions of an application", () => {
  it("are the latest thirty, and never the same one twice in a row", () => {
    let conditions: Workload["conditions"] = []
    for (let at = 0; at < 50; at++)
      for (const type of ["K8sFailed", "K8sRunning", "K8sRunning"] as const)
        conditions = withApplicationCondition(conditions, { type, run: 1, message: `${at}`, atMs: at })
    expect(conditions.length).toBe(30)
    expect(conditions.at(-1)).toMatchObject({ type: "K8sRunning", message: "49" })
    expect(conditions.filter((one, at) => one.type === conditions[at - 1]?.type)).toEqual([])
  })
})
