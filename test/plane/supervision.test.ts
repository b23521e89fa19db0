import { describe, expect, it } from "vitest"
import type { Submission, TestPlane } from "../support/plane.ts"
import { usePlanes } from "../support/planes.ts"

const plane = usePlanes()

const hourMs = 3_600_000

const supervised = (entryPoint: string, rest: Submission = {}): Submission => ({
  entryPoint,
  isSupervised: true,
  env: { HANG_CHECK_INTERVAL: "60" },
  ...rest,
})
const typesOf = async (p: TestPlane, id: string) => (await p.events(id)).map(({ type }) => type)

describe("a supervised run", () => {
  it("of which nothing is heard for the interval is ended as hung, which is a failure", async () => {
    const p = await plane()
    const { id } = await p.submit(supervised("echo working; sleep 30; echo working; sleep infinity"))
    await p.advance(90_500)
    expect((await p.view(id)).workload.phase).toBe("Running")
    await p.advance(1000)
    const { workload, attempts } = await p.view(id)
    expect(workload).toMatchObject({ phase: "Failed", cause: "hang", failures: 1 })
    expect(workload.conditions.at(-1)).toMatchObject({
      type: "K8sFailed",
      message: "the workload has failed: hang, no pod has written to its log for 60 seconds, details: []",
    })
    expect(attempts[0]).toMatchObject({
      state: "gone",
      cause: "hang",
      stopMessage: "no pod has written to its log for 60 seconds",
    })
    const last = (await p.events(id)).find(({ type }) => type === "workload.failed")
    expect(last?.data).toMatchObject({ cause: "hang", quietSeconds: 60 })
    expect(p.world.live()).toEqual([])
  })

  it("is tried again as after any failure", async () => {
    const p = await plane()
    let runs = 0
    p.world.use({ pod: () => (++runs === 1 ? { runMs: null } : { runMs: 1000 }) })
    const { id } = await p.submit(supervised("", { entryPoint: "x", maxRetry: 1 }))
    await p.advance(70_000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Succeeded", failures: 1, dispatchCount: 2 })
    expect(await typesOf(p, id)).toContain("workload.attempt_failed")
  })

  it("that writes just in time goes on, however long; so does a gang of which one rank writes", async () => {
    const p = await plane()
    const lines = Array.from({ length: 60 }, (_, n) => ({ afterMs: n * 60_000, text: "step" }))
    p.world.use({ pod: (_launch, { index }) => ({ runMs: hourMs, ...(index === 1 ? { lines } : {}) }) })
    const { id } = await p.submit(supervised("x", { resource: { replica: 3 } }))
    await p.advance(hourMs + 1000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Succeeded", failures: 0, dispatchCount: 1 })
  })

  it("is looked at by a restarted server as if there had been none", async () => {
    const p = await plane()
    const { id } = await p.submit(supervised("echo working; sleep infinity"))
    await p.advance(40_000)
    await p.restart()
    await p.advance(20_500)
    expect((await p.view(id)).workload.phase).toBe("Running")
    await p.advance(1000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Failed", cause: "hang" })
  })

  it("that became silent while no server was there is ended when one is", async () => {
    const p = await plane()
    const { id } = await p.submit(supervised("echo working; sleep infinity"))
    await p.advance(1000)
    await p.crash()
    await p.clock.advance(hourMs)
    await p.restart()
    await p.advance(100)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Failed", cause: "hang" })
  })

  it("is not taken for silent because the clock was set, or the machine slept", async () => {
    const p = await plane()
    const { id } = await p.submit(supervised("echo working; sleep 30; echo working; sleep infinity"))
    await p.advance(20_000)
    p.clock.jumpWall(hourMs)
    await p.advance(70_000)
    expect((await p.view(id)).workload.phase).toBe("Running")
    await p.advance(2000)
    expect((await p.view(id)).workload).toMatchObject({ phase: "Failed", cause: "hang" })
  })

  it("has twenty minutes unless it says otherwise, and its pods know how many", async () => {
    const p = await plane()
    const seen: string[] = []
    p.world.use({
      pod: ({ env }) => {
        seen.push(`${env["ENABLE_SUPERVISE"]} ${env["HANG_CHECK_INTERVAL"]}`)
        return { runMs: null }
      },
    })
    const usual = await p.submit(supervised("x", { env: {} }))
    const own = await p.submit(supervised("x", { env: { HANG_CHECK_INTERVAL: "300" } }))
    const free = await p.submit(supervised("x", { isSupervised: false }))
    await p.advance(1_202_000)
    const [one, two, three] = await Promise.all([usual, own, free].map(({ id }) => p.view(id)))
    expect(seen).toEqual(["true 1200", "true 300", "false 60"])
    const livedMs = (view: typeof one) => (view?.workload.endedAtMs ?? 0) - (view?.workload.startedAtMs ?? 0)
    expect([livedMs(one), livedMs(two)]).toEqual([1_201_000, 301_000])
    expect(three?.workload.phase).toBe("Running")
  })

  it("leaves no timer and takes no more than one look an interval", async () => {
    const p = await plane()
    const before = p.plane.timers.size
    const { id } = await p.submit(supervised("sleep 3000", { env: { HANG_CHECK_INTERVAL: "86400" } }))
    await p.advance(1000)
    const { activity } = p.life
    await p.advance(10 * 60_000)
    const idle = p.life.activity - activity
    await p.advance(hourMs)
    expect((await p.view(id)).workload.phase).toBe("Succeeded")
    const rested = p.life.activity
    await p.advance(10 * 60_000)
    expect(idle - (p.life.activity - rested)).toBeLessThan(5)
    expect(p.plane.timers.size).toBe(before)
  })
})
