import { describe, expect, it } from "vitest"
import type { Workload } from "../../packages/server/src/domain/workloads/index.ts"
import { aNode } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const conditionsOf = ({ conditions }: Workload) => conditions.map(({ type, run }) => `${type}(${run})`)
const typesOf = (events: readonly { readonly type: string }[]) => events.map(({ type }) => type)

describe("a job", () => {
  it("starts at once where there is room, runs its time and succeeds", async () => {
    const p = await plane()
    const { id } = await p.submit()
    const running = await p.reaches(id, "Running")
    expect(running.workload.startedAtMs).toBe(running.workload.createdAtMs)
    expect(running).toMatchObject({ position: 0, reasons: [] })
    const { workload, attempts } = await p.reaches(id, "Succeeded")
    expect(workload).toMatchObject({ cause: "succeeded", dispatchCount: 1, failures: 0, deletedAtMs: null })
    expect((workload.endedAtMs ?? 0) - (workload.startedAtMs ?? 0)).toBe(10_000)
    expect(conditionsOf(workload)).toEqual([
      "AdminScheduled(1)",
      "AdminDispatched(1)",
      "K8sRunning(1)",
      "K8sSucceeded(1)",
    ])
    expect(attempts).toMatchObject([
      {
        run: 1,
        state: "gone",
        pods: [{ podId: `${id}-master-0`, phase: "Succeeded", exitCode: 0, nodeName: "n1" }],
      },
    ])
    expect(typesOf(await p.events(id))).toEqual([
      "workload.created",
      "claim.bound",
      "workload.scheduled",
      "workload.started",
      "claim.releasing",
      "workload.succeeded",
      "claim.gone",
    ])
  })

  it("is tried three times with maxRetry 2, after 0 and 5 s, each attempt recorded with its node", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 1; exit 3", maxRetry: 2 })
    const { workload, attempts } = await p.reaches(id, "Failed")
    expect(workload).toMatchObject({ cause: "failed", dispatchCount: 3, failures: 3 })
    expect(
      attempts.map((one) => [one.run, one.state, one.cause, one.pods[0]?.exitCode, one.pods[0]?.nodeName]),
    ).toEqual([
      [1, "gone", "failed", 3, "n1"],
      [2, "gone", "failed", 3, "n1"],
      [3, "gone", "failed", 3, "n1"],
    ])
    const waits = attempts.slice(1).map((one, at) => one.assignedAtMs - (attempts[at]?.goneAtMs ?? 0))
    expect(waits).toEqual([0, 5000])
    expect(workload.startedAtMs).toBe(attempts[0]?.startedAtMs)
    expect(conditionsOf(workload).slice(2, 8)).toEqual([
      "K8sRunning(1)",
      "K8sFailed(1)",
      "AdminFailover(1)",
      "K8sDeleted(1)",
      "AdminScheduled(2)",
      "AdminDispatched(2)",
    ])
    expect(conditionsOf(workload).at(-1)).toBe("K8sFailed(3)")
  })

  it("says while it backs off until when", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "exit 1", maxRetry: 2 })
    const waiting = await p.reaches(
      id,
      (view) => view.reasons[0]?.code === "backoff" && view.attempts.length === 2,
    )
    expect(waiting).toMatchObject({ workload: { phase: "Pending" }, position: 1 })
    expect(waiting.reasons[0]?.untilMs).toBe((waiting.attempts[1]?.goneAtMs ?? 0) + 5000)
  })

  it("blocks nobody behind it while it backs off", async () => {
    const p = await plane()
    const first = await p.submit({ entryPoint: "sleep 1; exit 1", maxRetry: 2, resource: { gpu: "8" } })
    await p.reaches(first.id, (view) => view.reasons[0]?.code === "backoff" && view.attempts.length === 2)
    const second = await p.submit({ entryPoint: "sleep 2", resource: { gpu: "8" } })
    await p.settle()
    expect((await p.view(second.id)).workload.phase).toBe("Running")
  })

  it("of several ranks has each rank's node, in the order of ranks", async () => {
    const p = await plane({ nodes: [aNode("n1"), aNode("n2"), aNode("n3")] })
    const { id } = await p.submit({ resource: { replica: 3, gpu: "8" } })
    const { attempts } = await p.reaches(id, "Running")
    const pods = attempts[0]?.pods ?? []
    expect(pods.map((pod) => pod.podId)).toEqual([`${id}-master-0`, `${id}-worker-0`, `${id}-worker-1`])
    expect(new Set(pods.map((pod) => pod.nodeName)).size).toBe(3)
    expect(pods.every((pod) => pod.gpuIndexes.length === 8 && pod.podIp !== "")).toBe(true)
  })

  it("fails as a whole when one rank fails: the others are stopped before the next attempt", async () => {
    const script = {
      pod: (launch: { run: number }, pod: { index: number }) =>
        launch.run === 1 && pod.index === 1 ? { runMs: 1000, exitCode: 9 } : { runMs: 5000, stopMs: 700 },
    }
    const p = await plane({ script })
    const { id } = await p.submit({ resource: { replica: 2, gpu: "4" }, maxRetry: 1 })
    const { workload, attempts } = await p.reaches(id, "Succeeded")
    expect(workload).toMatchObject({ dispatchCount: 2, failures: 1 })
    expect(attempts[0]?.pods.map((pod) => [pod.exitCode, pod.cause])).toEqual([
      [143, "failed"],
      [9, "failed"],
    ])
    // not before the last process of the first was gone
    expect((attempts[1]?.assignedAtMs ?? 0) - (attempts[0]?.endingAtMs ?? 0)).toBeGreaterThanOrEqual(700)
    const message = workload.conditions.find((one) => one.type === "K8sFailed")?.message
    expect(message).toContain(`"exitCode":9`)
  })

  it("tells of a rank's own cause rather than of the codes that followed from it", async () => {
    const script = {
      pod: (_launch: unknown, pod: { index: number }) =>
        pod.index === 0
          ? { runMs: 100, exitCode: 1 }
          : { runMs: 100, exitCode: 137, cause: "out_of_memory" as const },
    }
    const p = await plane({ script })
    const { id } = await p.submit({ resource: { replica: 2 } })
    expect((await p.reaches(id, "Failed")).workload.cause).toBe("out_of_memory")
  })

  it("that vanishes without a code is lost, which counts as a failure", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: 500, vanishes: true }) } })
    const { id } = await p.submit({ maxRetry: 1 })
    const { workload, attempts } = await p.reaches(id, "Failed")
    expect(workload).toMatchObject({ cause: "lost", failures: 2, dispatchCount: 2 })
    expect(attempts[0]?.pods[0]).toMatchObject({ exitCode: 137, cause: "lost", phase: "Failed" })
  })

  it("that is over before anybody looked still was Running", async () => {
    const p = await plane({ script: { pod: () => ({ runMs: 0 }) } })
    const { id } = await p.submit()
    const { workload } = await p.reaches(id, "Succeeded")
    expect(conditionsOf(workload)).toContain("K8sRunning(1)")
    expect(workload.startedAtMs).not.toBeNull()
  })

  it("of a gang one of whose ranks is slow to start is looked at when something happens, not all the time", async () => {
    const script = {
      pod: (_launch: unknown, pod: { index: number }) => ({
        startDelayMs: pod.index * 900_000,
        runMs: 1_000_000,
      }),
    }
    const p = await plane({ script })
    const { id } = await p.submit({ resource: { replica: 2 } })
    await p.advance(700_000)
    expect((await p.view(id)).workload).toMatchObject({
      phase: "Pending",
      dispatchCount: 1,
      startDeadlines: 0,
    })
    const before = p.life.transactions
    await p.advance(100_000)
    expect(p.life.transactions - before).toBeLessThan(20)
    await p.advance(200_000)
    expect((await p.view(id)).workload.phase).toBe("Running")
  })
})

describe("a time-out", () => {
  it("counts from the first start across retries and stops the job", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 7; exit 1", maxRetry: 20, timeout: 30 })
    const { workload, attempts } = await p.reaches(id, "Stopped")
    expect(workload).toMatchObject({ cause: "timed_out" })
    expect((workload.endedAtMs ?? 0) - (workload.startedAtMs ?? 0)).toBe(30_000)
    expect(workload.deletedAtMs).toBe(workload.endedAtMs)
    expect(workload.conditions.at(-1)).toMatchObject({
      type: "AdminStopped",
      message: "the workload has timed out",
    })
    expect(attempts.length).toBeGreaterThan(1)
    await p.advance(60_000)
    expect(p.world.live()).toEqual([])
    expect((await p.view(id)).workload).toEqual(expect.objectContaining({ phase: "Stopped", claimId: null }))
  })

  it("ends a job that waits between two attempts", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 1; exit 1", maxRetry: 20, timeout: 4 })
    const { workload } = await p.reaches(id, "Stopped")
    expect(workload).toMatchObject({ cause: "timed_out", claimId: null })
    expect((workload.endedAtMs ?? 0) - (workload.startedAtMs ?? 0)).toBe(4_000)
    expect(p.plane.capacity.queue("default")).toEqual([])
  })

  it("that is given while the job runs holds from its start; one that is taken back does not end it", async () => {
    const p = await plane()
    const [first, second] = [
      await p.submit({ entryPoint: "sleep 100" }),
      await p.submit({ entryPoint: "sleep 100", timeout: 20 }),
    ]
    await p.advance(10_000)
    await p.plane.workloads.patch(p.owner, first.id, { timeout: 15 })
    await p.plane.workloads.patch(p.owner, second.id, { timeout: null })
    await p.advance(20_000)
    expect((await p.view(first.id)).workload).toMatchObject({ phase: "Stopped", cause: "timed_out" })
    expect((await p.view(second.id)).workload.phase).toBe("Running")
  })

  it("passes when the clock is set forward over it, and not before when it is set back", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 100000", timeout: 3600 })
    await p.reaches(id, "Running")
    p.clock.jumpWall(-1_800_000)
    await p.advance(3_700_000)
    expect((await p.view(id)).workload.phase).toBe("Running")
    p.clock.jumpWall(3_600_000)
    await p.advance(61_000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Stopped", cause: "timed_out" })
  })
})

describe("the time to live", () => {
  it("takes the live object away, keeps phase and record, and lets the driver forget the attempts", async () => {
    const p = await plane()
    const forgotten: string[] = []
    const { id } = await p.submit({ entryPoint: "sleep 1", ttlSecondsAfterFinished: 30 })
    const ended = await p.reaches(id, "Succeeded")
    const { workload } = await p.reaches(id, (view) => view.workload.deletedAtMs !== null)
    expect((workload.deletedAtMs ?? 0) - (ended.workload.endedAtMs ?? 0)).toBe(30_000)
    expect(workload.phase).toBe("Succeeded")
    for (const attempt of ended.attempts) if (!p.world.inside.has(attempt.id)) forgotten.push(attempt.id)
    expect(forgotten).toEqual(ended.attempts.map((one) => one.id))
    expect((await p.view(id)).attempts).toHaveLength(1)
  })

  it("of zero ends with the job", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 1", ttlSecondsAfterFinished: 0 })
    const { workload } = await p.reaches(id, "Succeeded")
    expect(workload.deletedAtMs).toBe(workload.endedAtMs)
  })

  it("is kept over a restart", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 1", ttlSecondsAfterFinished: 30 })
    const { attempts } = await p.reaches(id, "Succeeded")
    await p.restart()
    await p.advance(31_000)
    expect((await p.view(id)).workload.deletedAtMs).not.toBeNull()
    expect(attempts.map((one) => p.world.inside.has(one.id))).toEqual([false])
  })

  it("lets the driver forget every attempt of a job that was retried and then stopped", async () => {
    const p = await plane()
    const { id } = await p.submit({ entryPoint: "sleep 1; exit 1", maxRetry: 5 })
    await p.reaches(id, (view) => view.attempts.length === 3)
    await p.plane.workloads.stop(p.owner, id)
    await p.advance(60_000)
    const { attempts } = await p.view(id)
    expect(attempts.map((one) => p.world.inside.has(one.id))).toEqual([false, false, false])
  })
})
