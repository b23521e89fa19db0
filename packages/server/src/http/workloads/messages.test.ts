import { describe, expect, it } from "vitest"
import type { EndCause, Reason, ReasonCode } from "../../domain/queue/index.ts"
import { endCauses, reasonCodes } from "../../domain/queue/index.ts"
import { pendingMessage, wordsOfEnd } from "./messages.ts"

const nobody = { waitingFor: { ids: [], othersHidden: 0 }, nowMs: 1_000_000 }

const expected: Record<ReasonCode, string> = {
  waiting_for_time: "The Execution time has not been reached",
  dependency: "Dependency cannot be satisfied",
  workspace_busy: "The GPU requests of the workspace end before the workload would",
  reservation_pending: "The GPU request for the workload is not provisioned yet",
  no_reservation: "The workspace holds no GPU node that can take the workload",
  quota_short: "Insufficient total gpu resources",
  no_node_fits: "Insufficient gpu due to node fragmentation",
  no_node_matches: "All nodes are unavailable or not enough nodes match the specified label.",
  nodes_unhealthy: "All nodes are unavailable",
  cordoned: "The nodes that could take the workload are cordoned",
  draining: "The nodes that could take the workload are being drained",
  queue_paused: "The queue is paused",
  blocked_by: "There are high priority or pre-created tasks that have not been scheduled yet",
  waiting_for_victims: "Waiting for other workloads of lower priority to leave",
  starting: "The pods of the workload are starting",
  installing: "What the workload runs on is being installed",
  port_in_use: "A port that the workload needs is in use on its node",
  backoff: "Waiting before the next attempt",
  cannot_be_met: "No node of the workspace has enough gpu for the workload",
  policy_limit: "The workload is above a limit of the workspace's policy",
  driver_down: "The cluster cannot start workloads at the moment",
}

describe("the message of a waiting workload", () => {
  it.each(reasonCodes)("has its sentence for %s", (code) => {
    expect(pendingMessage([{ code, resource: "gpu" }], nobody)).toBe(expected[code])
  })

  it("is a different one for every reason", () => {
    const sentences = reasonCodes.map((code) => pendingMessage([{ code }], nobody))
    expect(new Set(sentences).size).toBe(reasonCodes.length)
  })

  it("is that of the most decisive reason, and empty without any", () => {
    expect(pendingMessage([{ code: "queue_paused" }, { code: "starting" }], nobody)).toBe(
      "The queue is paused",
    )
    expect(pendingMessage([], nobody)).toBe("")
  })

  it.each(["gpu", "cpu", "memory", "ephemeral-storage"] as const)(
    "names the resource %s that is short",
    (resource) => {
      expect(pendingMessage([{ code: "quota_short", resource }], nobody)).toBe(
        `Insufficient total ${resource} resources`,
      )
    },
  )

  it("stays a sentence where the resource is not known", () => {
    const of = (code: ReasonCode) => pendingMessage([{ code }], nobody)
    expect(of("quota_short")).toBe("Insufficient total resources")
    expect(of("no_node_fits")).toBe("Insufficient resources due to node fragmentation")
    expect(of("cannot_be_met")).toBe("No node of the workspace has enough resources for the workload")
  })

  it("hints at labels where labels or names narrow the choice", () => {
    const reason: Reason = { code: "quota_short", resource: "cpu", constrained: true }
    const hint = "or not enough nodes match the specified label."
    expect(pendingMessage([reason], nobody)).toBe(`Insufficient total cpu resources ${hint}`)
    expect(pendingMessage([{ ...reason, code: "nodes_unhealthy" }], nobody)).toBe(
      `All nodes are unavailable ${hint}`,
    )
  })

  it.each([
    [["a"], 0, "a"],
    [["a", "b", "c"], 0, "a, b, c"],
    [["a", "b", "c", "d", "e"], 2, "a, b, c and 4 more"],
    [[], 1, "1 workload"],
    [[], 7, "7 workloads"],
  ])("names victims %j and counts %i that the caller may not see", (ids, othersHidden, who) => {
    expect(
      pendingMessage([{ code: "waiting_for_victims" }], { ...nobody, waitingFor: { ids, othersHidden } }),
    ).toBe(`Waiting for ${who} of lower priority to leave`)
  })

  it("counts the seconds of a back-off upwards, and none once it is over", () => {
    const at = (untilMs: number) => pendingMessage([{ code: "backoff", untilMs }], nobody)
    expect(at(nobody.nowMs + 4001)).toBe("Waiting for 5s before the next attempt")
    expect(at(nobody.nowMs)).toBe("Waiting before the next attempt")
  })
})

describe("the words for the end of a container", () => {
  const reasons: Record<EndCause, string> = {
    succeeded: "Completed",
    failed: "Error",
    stopped: "Stopped",
    timed_out: "DeadlineExceeded",
    preempted: "Preempted",
    reservation_ended: "ReservationEnded",
    node_lost: "NodeLost",
    lost: "ContainerStatusUnknown",
    out_of_memory: "OOMKilled",
    log_flood: "LogFlood",
    disk_full: "DiskFull",
    hang: "Hang",
    dependency_failed: "DependencyFailed",
    start_deadline: "StartDeadlineExceeded",
    unhealthy: "Unhealthy",
  }

  it.each(endCauses)("name the cause %s", (cause) => {
    expect(wordsOfEnd(cause, 1).reason).toBe(reasons[cause])
    const saysItself = cause === "succeeded" || cause === "failed"
    expect(wordsOfEnd(cause, 1).message === "").toBe(saysItself)
  })

  it("go by the exit code where no cause is known", () => {
    expect(wordsOfEnd(null, 0).reason).toBe("Completed")
    expect(wordsOfEnd(null, 3).reason).toBe("Error")
  })
})
