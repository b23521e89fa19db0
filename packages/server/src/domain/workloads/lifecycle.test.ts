import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { ClaimId } from "../queue/index.ts"
import { dispatched, evicted, gone, missedStart, observe, stopped, toldToEnd } from "./lifecycle.ts"
import { attemptMoves, isTerminal, phaseMoves, retryDelayMs } from "./states.ts"
import { aWorkload } from "./test-workload.ts"
import type { AttemptObservation, PodObservation } from "./driver.ts"
import type { Attempt, AttemptId, Workload } from "./types.ts"

const places = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ nodeName: `n${i}`, hostIp: "127.0.0.1", gpuIndexes: [i] }))

function start(workload: Workload, pods: number) {
  const id = `att_${workload.dispatchCount}` as AttemptId
  const base = { id, claimId: "clm_1" as ClaimId, clusterId: "local", graceMs: 30_000 }
  const next = dispatched(workload, base, places(pods), 1000)
  return { workload: next.workload, attempt: { ...next.attempt, state: "starting" as const } as Attempt }
}

function pod(podId: string, seen: Partial<PodObservation>): PodObservation {
  return {
    podId,
    state: "running",
    startedAtMs: 2000,
    endedAtMs: null,
    exitCode: null,
    cause: null,
    message: "",
    podIp: "127.64.0.1",
    hostIp: "127.0.0.1",
    ready: false,
    outputAtMs: null,
    ...seen,
  }
}

const seenAs = (
  attempt: Attempt,
  seen: readonly Partial<PodObservation>[],
  isGone = false,
): AttemptObservation => ({
  isGone,
  pods: attempt.pods.map((one, i) => pod(one.podId, seen[i] ?? {})),
})

describe("a job's attempt", () => {
  it("is running only once every process has started", () => {
    const { workload, attempt } = start(aWorkload(), 2)
    const half = observe(
      workload,
      attempt,
      seenAs(attempt, [{}, { state: "waiting", startedAtMs: null }]),
      3000,
    )
    expect(half.workload.phase).toBe("Pending")
    const all = observe(half.workload, half.attempt, seenAs(attempt, [{}, {}]), 4000)
    expect(all.workload).toMatchObject({ phase: "Running", startedAtMs: 4000 })
    expect(all.workload.conditions.map((c) => c.type)).toEqual([
      "AdminScheduled",
      "AdminDispatched",
      "K8sRunning",
    ])
  })

  it("succeeds when all ranks have exited 0, however short they lived, and still shows that it ran", () => {
    const { workload, attempt } = start(aWorkload(), 2)
    const exits = { state: "exited", exitCode: 0, startedAtMs: 2000, endedAtMs: 2001 } as const
    const done = observe(workload, attempt, seenAs(attempt, [exits, exits], true), 3000)
    expect(done.ended).toBe("succeeded")
    expect(done.workload).toMatchObject({
      phase: "Succeeded",
      cause: "succeeded",
      startedAtMs: 3000,
      endedAtMs: 3000,
    })
    expect(done.workload.conditions.map((c) => c.type)).toContain("K8sRunning")
  })

  it("fails with its first failed rank and names what the platform knows before an exit code that followed", () => {
    const { workload, attempt } = start(aWorkload(), 2)
    const seen = seenAs(attempt, [
      { state: "exited", exitCode: 1, endedAtMs: 2500 },
      {
        state: "exited",
        exitCode: 137,
        endedAtMs: 2600,
        cause: "out_of_memory",
        message: "asked 1Gi, used 2Gi",
      },
    ])
    const done = observe(workload, attempt, seen, 3000)
    expect(done.ended).toBe("out_of_memory")
    expect(done.workload.phase).toBe("Failed")
    expect(done.workload.conditions.at(-1)?.message).toContain("used 2Gi")
  })

  it("is tried maxRetry times more, with a growing wait, at the head of the queue", () => {
    let workload = aWorkload({ maxRetry: 2 })
    const waits: (number | null | undefined)[] = []
    for (let run = 1; run <= 3; run++) {
      const begun = start(workload, 1)
      const failed = observe(
        begun.workload,
        begun.attempt,
        seenAs(begun.attempt, [{ state: "exited", exitCode: 3, endedAtMs: 2500 }], true),
        3000,
      )
      const over = gone(failed.workload, failed.attempt, 3000)
      workload = over.workload
      waits.push(over.requeue?.backoffUntilMs)
      if (run < 3) expect(over.requeue?.rescheduled).toBe(true)
    }
    expect(workload).toMatchObject({ phase: "Failed", dispatchCount: 3, failures: 3 })
    expect(waits).toEqual([null, 3000 + 5000, undefined])
    expect([1, 2, 3, 14, 50].map(retryDelayMs)).toEqual([0, 5000, 10_000, 60_000, 60_000])
  })

  it("goes back to the queue after a preemption without using its retries", () => {
    const begun = start(aWorkload({ maxRetry: 0 }), 1)
    const running = observe(begun.workload, begun.attempt, seenAs(begun.attempt, [{}]), 2000)
    const out = evicted(
      running.workload,
      { run: 1, cause: "preempted", message: "the workload is preempted by x" },
      3000,
    )
    expect(out).toMatchObject({ phase: "Pending", failures: 0, preemptions: 1 })
    const over = gone(out, toldToEnd(running.attempt, "preempted", "", 30_000, 3000), 4000)
    expect(over.requeue).toEqual({ rescheduled: false, backoffUntilMs: null })
    expect(over.attempt.pods[0]?.phase).toBe("Stopped")
  })

  it("is forgiven one missed start, then counts them as failures", () => {
    const first = start(aWorkload({ maxRetry: 0 }), 1)
    const once = missedStart(first.workload, first.attempt, 5000)
    expect(once).toMatchObject({ phase: "Pending", failures: 0, startDeadlines: 1 })
    const second = start(once, 1)
    expect(missedStart(second.workload, second.attempt, 6000)).toMatchObject({
      phase: "Failed",
      cause: "start_deadline",
    })
  })
})

describe("whatever happens in whatever order", () => {
  type Step =
    | { readonly do: "observe"; readonly pods: readonly Partial<PodObservation>[]; readonly isGone: boolean }
    | { readonly do: "stop" | "timeout" | "evict" | "gone" | "restart" }
  const podSeen = fc.oneof(
    fc.constant<Partial<PodObservation>>({ state: "waiting", startedAtMs: null }),
    fc.constant<Partial<PodObservation>>({ state: "running" }),
    fc.constantFrom(0, 1, 143).map((exitCode) => ({ state: "exited" as const, exitCode, endedAtMs: 2100 })),
    fc.constant<Partial<PodObservation>>({ state: "lost", endedAtMs: 2200 }),
  )
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("observe" as const),
        pods: fc.array(podSeen, { maxLength: 2 }),
        isGone: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom("stop", "timeout", "evict", "gone", "restart").map((what) => ({ do: what })),
    },
  )

  it("moves only along the tables, never leaves a terminal phase, and keeps one condition of a type per run", () => {
    fc.assert(
      fc.property(fc.nat(3), fc.array(step, { maxLength: 40 }), (maxRetry, steps) => {
        let { workload, attempt } = start(aWorkload({ maxRetry }), 2)
        for (const one of steps) {
          const before = { workload, attempt }
          ;({ workload, attempt } = apply(workload, attempt, one))
          if (workload.phase !== before.workload.phase)
            expect(phaseMoves[before.workload.phase]).toContain(workload.phase)
          if (isTerminal(before.workload.phase)) expect(workload.cause).toBe(before.workload.cause)
          if (attempt.id === before.attempt.id && attempt.state !== before.attempt.state)
            expect(reachable(before.attempt.state)).toContain(attempt.state)
          const keys = workload.conditions.map((c) => `${c.type}/${c.run}`)
          expect(new Set(keys).size).toBe(keys.length)
          if (isTerminal(workload.phase)) expect(workload.endedAtMs).not.toBeNull()
          expect(workload.failures).toBeLessThanOrEqual(maxRetry + 1)
        }
      }),
      { numRuns: 300 },
    )
  })

  /** One observation may pass through `running`. */
  function reachable(from: Attempt["state"]): readonly string[] {
    const next: readonly Attempt["state"][] = attemptMoves[from]
    return [...next, ...next.flatMap((state): readonly Attempt["state"][] => attemptMoves[state])]
  }

  function apply(workload: Workload, attempt: Attempt, one: Step): { workload: Workload; attempt: Attempt } {
    switch (one.do) {
      case "observe":
        return attempt.state === "gone"
          ? { workload, attempt }
          : observe(workload, attempt, seenAs(attempt, one.pods, one.isGone), 3000)
      case "stop":
        return {
          workload: stopped(workload, "stopped", "", 3000),
          attempt: toldToEnd(attempt, "stopped", "", 0, 3000),
        }
      case "timeout":
        return {
          workload: stopped(workload, "timed_out", "", 3000),
          attempt: toldToEnd(attempt, "timed_out", "", 0, 3000),
        }
      case "evict":
        return attempt.state === "gone" || attempt.state === "ending"
          ? { workload, attempt }
          : {
              workload: evicted(workload, { run: attempt.run, cause: "preempted", message: "" }, 3000),
              attempt: toldToEnd(attempt, "preempted", "", 0, 3000),
            }
      case "gone":
        return attempt.state === "ending" ? gone(workload, attempt, 4000) : { workload, attempt }
      case "restart":
        return attempt.state === "gone" && !isTerminal(workload.phase)
          ? start(workload, 2)
          : { workload, attempt }
    }
  }
})
