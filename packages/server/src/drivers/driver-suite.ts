import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { AttemptHandle, AttemptLaunch, LogFollowItem, LogQuery } from "../domain/workloads/index.ts"
import {
  launchOf,
  mostRounds,
  never,
  until,
  untilGone,
  untilLogged,
  untilRunning,
  wholeLog,
  type DriverWorld,
  type PodBehaviour,
} from "./driver-world.ts"

/** What holds for every driver of pods, whatever runs them. */
export function driverSuite(name: string, makeWorld: () => Promise<DriverWorld>): void {
  describe(`${name}, as every pod driver`, () => {
    let world: DriverWorld
    beforeEach(async () => {
      world = await makeWorld()
    })
    afterEach(() => world.close())

    const start = async (behaviours: readonly PodBehaviour[], pods = behaviours.length) => {
      const launch = world.behave(launchOf(pods), behaviours)
      return { launch, handle: await world.driver.ensure(launch, never) }
    }
    const stopped = { cause: "stopped", message: "the user asked" } as const
    const firstPod = (launch: AttemptLaunch) => launch.pods[0]?.podId ?? ""

    describe("starting", () => {
      it.each([0, 1, 3, 77, 255])("gives the exit code %i of a command", async (code) => {
        const { handle } = await start([{ does: "exit", code }])
        const seen = await untilGone(world, handle)
        expect(seen.pods).toEqual([expect.objectContaining({ state: "exited", exitCode: code, cause: null })])
      })

      it("gives 128 + n for a command that a signal ended", async () => {
        const { handle } = await start([{ does: "signalItself", signal: 9 }])
        const seen = await untilGone(world, handle)
        expect(seen.pods[0]).toMatchObject({ state: "exited", exitCode: 137 })
      })

      it("tells when a pod started and ended, in that order", async () => {
        const before = world.nowMs()
        const { handle } = await start([{ does: "exit", code: 0 }])
        const pod = (await untilGone(world, handle)).pods[0]
        expect(pod?.startedAtMs).toBeGreaterThanOrEqual(before - 1000)
        expect(pod?.endedAtMs).toBeGreaterThanOrEqual((pod?.startedAtMs ?? Infinity) - 1000)
        expect(pod?.endedAtMs).toBeLessThanOrEqual(world.nowMs() + 1000)
      })

      it("starts all pods of a gang, each with an address and a name of its own", async () => {
        const { handle, launch } = await start([{ does: "run" }], 3)
        const seen = await untilRunning(world, handle)
        expect(seen.pods.map((pod) => pod.podId)).toEqual(launch.pods.map((pod) => pod.podId))
        expect(new Set(seen.pods.map((pod) => pod.podIp)).size).toBe(3)
        expect(seen.isGone).toBe(false)
      })

      it("tells the ends of a gang's pods one by one and is gone only with the last", async () => {
        const { handle } = await start([{ does: "exit", code: 5 }, { does: "run" }])
        const seen = await until(world, handle, (now) => (now.pods[0]?.state === "exited" ? now : undefined))
        expect(seen.pods.map((pod) => pod.exitCode)).toEqual([5, null])
        expect(seen.isGone).toBe(false)
        await world.driver.stop(handle, stopped, 0)
        await untilGone(world, handle)
      })

      it("starts an attempt once however often it is asked for", async () => {
        const { handle, launch } = await start([{ does: "run", lines: ["up"] }], 2)
        expect(await world.driver.ensure(launch, never)).toEqual(handle)
        for (const pod of launch.pods) await untilLogged(world, handle, pod.podId, "up")
        await world.driver.ensure(launch, never)
        expect([await world.starts(launch, 0), await world.starts(launch, 1)]).toEqual([1, 1])
      })

      it("starts an attempt once when it is asked for concurrently", async () => {
        const launch = world.behave(launchOf(2), [{ does: "run", lines: ["up"] }])
        const handles = await Promise.all(Array.from({ length: 8 }, () => world.driver.ensure(launch, never)))
        for (const handle of handles) expect(handle).toEqual(handles[0])
        for (const pod of launch.pods) await untilLogged(world, handles[0] ?? {}, pod.podId, "up")
        expect([await world.starts(launch, 0), await world.starts(launch, 1)]).toEqual([1, 1])
      })

      it("does not start an ended attempt anew", async () => {
        const { handle, launch } = await start([{ does: "exit", code: 4 }])
        await untilGone(world, handle)
        await world.driver.ensure(launch, never)
        expect((await world.driver.inspect(handle)).pods[0]).toMatchObject({ state: "exited", exitCode: 4 })
        expect(await world.starts(launch, 0)).toBe(1)
      })

      it("starts nothing for a caller that has given up", async () => {
        const launch = world.behave(launchOf(), [{ does: "run" }])
        const gaveUp = AbortSignal.abort(new Error("too late"))
        await expect(world.driver.ensure(launch, gaveUp)).rejects.toThrow("too late")
        expect(await world.starts(launch, 0)).toBe(0)
      })

      it("gives handles that survive being stored as JSON", async () => {
        const { handle } = await start([{ does: "exit", code: 9 }])
        const stored = JSON.parse(JSON.stringify(handle)) as AttemptHandle
        expect(stored).toEqual(handle)
        expect((await untilGone(world, stored)).pods[0]?.exitCode).toBe(9)
      })
    })

    describe("stopping", () => {
      it("ends pods that take TERM, with the cause that was given", async () => {
        const { handle } = await start([{ does: "run" }], 2)
        await untilRunning(world, handle)
        await world.driver.stop(handle, stopped, 30_000)
        const seen = await untilGone(world, handle)
        for (const pod of seen.pods) expect(pod).toMatchObject({ exitCode: 143, cause: "stopped" })
      })

      it("lets a pod read why it is stopped and end with its own code", async () => {
        const { handle, launch } = await start([{ does: "exitOnTerm", code: 12 }])
        await untilLogged(world, handle, firstPod(launch), "ready")
        await world.driver.stop(handle, { cause: "preempted", message: "by another" }, 30_000)
        const seen = await untilGone(world, handle)
        expect(seen.pods[0]).toMatchObject({ state: "exited", exitCode: 12, cause: "preempted" })
        const log = await world.driver.readLog(handle, firstPod(launch), wholeLog)
        expect(log.lines.join("\n")).toContain("preempted")
      })

      it("kills what ignores TERM once the grace is over", async () => {
        const { handle, launch } = await start([{ does: "ignoreTerm" }])
        await untilLogged(world, handle, firstPod(launch), "ready")
        await world.driver.stop(handle, stopped, 100)
        const seen = await untilGone(world, handle)
        expect(seen.pods[0]).toMatchObject({ exitCode: 137, cause: "stopped" })
      })

      it("does not hold a pod to a grace that a later stop shortens", async () => {
        const { handle, launch } = await start([{ does: "ignoreTerm" }])
        await untilLogged(world, handle, firstPod(launch), "ready")
        await world.driver.stop(handle, stopped, 3_600_000)
        await world.driver.stop(handle, { cause: "timed_out", message: "later" }, 0)
        expect((await untilGone(world, handle)).pods[0]).toMatchObject({ exitCode: 137, cause: "stopped" })
      })

      it("leaves the cause of pods alone that had ended by themselves before", async () => {
        const { handle } = await start([{ does: "exit", code: 1 }, { does: "run" }])
        await until(world, handle, (seen) => seen.pods[0]?.state === "exited")
        await world.driver.stop(handle, { cause: "failed", message: "a rank failed" }, 30_000)
        const seen = await untilGone(world, handle)
        expect(seen.pods.map((pod) => pod.cause)).toEqual([null, "failed"])
      })

      it("takes a stop of what has ended, twice too, as nothing", async () => {
        const { handle } = await start([{ does: "exit", code: 0 }])
        await untilGone(world, handle)
        await world.driver.stop(handle, stopped, 0)
        await world.driver.stop(handle, stopped, 0)
        expect((await world.driver.inspect(handle)).pods[0]).toMatchObject({ exitCode: 0, cause: null })
      })

      it("calls a pod lost that is gone without an exit code", async () => {
        const { handle } = await start([{ does: "vanish" }])
        const seen = await untilGone(world, handle)
        expect(seen.pods[0]).toMatchObject({ state: "lost", exitCode: 137, cause: "lost" })
        expect(seen.pods[0]?.message).not.toBe("")
      })
    })

    describe("after a restart of the server", () => {
      it("takes over running pods by their handle", async () => {
        const { handle, launch } = await start([{ does: "run", lines: ["up"] }], 2)
        await untilRunning(world, handle)
        await world.restart()
        expect(await world.driver.recover(launch.id, handle)).toEqual(handle)
        expect((await world.driver.inspect(handle)).pods.map((pod) => pod.state)).toEqual([
          "running",
          "running",
        ])
        await untilLogged(world, handle, firstPod(launch), "up")
        expect(await world.starts(launch, 0)).toBe(1)
      })

      it("takes over by the attempt's id alone, when the crash came before the handle was stored", async () => {
        const { handle, launch } = await start([{ does: "run", lines: ["up"] }])
        await untilRunning(world, handle)
        await world.restart()
        expect(await world.driver.recover(launch.id, null)).toEqual(handle)
        expect(await world.driver.ensure(launch, never)).toEqual(handle)
        await untilLogged(world, handle, firstPod(launch), "up")
        expect(await world.starts(launch, 0)).toBe(1)
      })

      it("gives null for an attempt that never started", async () => {
        expect(await world.driver.recover(launchOf().id, null)).toBeNull()
        await world.restart()
        expect(await world.driver.recover(launchOf().id, null)).toBeNull()
      })

      it("finds the exit code of a pod that ended meanwhile", async () => {
        const { handle, launch } = await start([{ does: "exit", code: 42 }])
        await untilGone(world, handle)
        await world.restart()
        expect(await world.driver.recover(launch.id, handle)).toEqual(handle)
        const seen = await untilGone(world, handle)
        expect(seen.pods[0]).toMatchObject({ state: "exited", exitCode: 42 })
      })

      it("sees the end of a pod that it took over, and tells of it", async () => {
        const { handle, launch } = await start([{ does: "exitOnTerm", code: 3 }])
        await untilLogged(world, handle, firstPod(launch), "ready")
        await world.restart()
        await world.driver.recover(launch.id, handle)
        const told = new Set<string>()
        world.driver.onChange((id) => told.add(id))
        await world.driver.stop(handle, stopped, 30_000)
        expect((await untilGone(world, handle)).pods[0]).toMatchObject({ exitCode: 3, cause: "stopped" })
        expect([...told]).toEqual([launch.id])
      })

      it("goes on with a stop that had begun", async () => {
        const { handle, launch } = await start([{ does: "ignoreTerm" }])
        await untilLogged(world, handle, firstPod(launch), "ready")
        await world.driver.stop(handle, { cause: "timed_out", message: "over time" }, 300)
        await world.restart()
        await world.driver.recover(launch.id, handle)
        const seen = await untilGone(world, handle)
        expect(seen.pods[0]).toMatchObject({ exitCode: 137, cause: "timed_out", message: "over time" })
      })

      it("still knows that a pod was lost", async () => {
        const { handle, launch } = await start([{ does: "vanish" }])
        await untilGone(world, handle)
        await world.restart()
        await world.driver.recover(launch.id, handle)
        const seen = await untilGone(world, handle)
        expect(seen.pods[0]).toMatchObject({ state: "lost", exitCode: 137, cause: "lost" })
      })
    })

    describe("logs", () => {
      const lines = ["one", "two", "three", "four"]

      it("gives the last lines, all lines, and those from an offset", async () => {
        const { handle, launch } = await start([{ does: "exit", code: 0, lines }])
        await untilGone(world, handle)
        const read = (query: Partial<LogQuery>) =>
          world.driver.readLog(handle, firstPod(launch), { ...wholeLog, ...query })
        expect((await read({})).lines).toEqual(lines)
        expect((await read({ tailLines: 2 })).lines).toEqual(["three", "four"])
        const rest = await read({ fromOffset: "one\ntwo\n".length })
        expect(rest.lines).toEqual(["three", "four"])
        expect(rest.nextOffset).toBe("one\ntwo\nthree\nfour\n".length)
        expect((await read({ fromOffset: rest.nextOffset })).lines).toEqual([])
      })

      it("gives all lines of the time since a moment before the start, and none since one in the future", async () => {
        const before = world.nowMs() - 60_000
        const { handle, launch } = await start([{ does: "exit", code: 0, lines }])
        await untilGone(world, handle)
        const since = async (sinceMs: number) =>
          (await world.driver.readLog(handle, firstPod(launch), { ...wholeLog, sinceMs })).lines
        expect(await since(before)).toEqual(lines)
        expect(await since(world.nowMs() + 3_600_000)).toEqual([])
      })

      it("gives an unfinished last line once the pod has ended", async () => {
        const { handle, launch } = await start([{ does: "exitUnfinished", text: "a\nb" }])
        await untilGone(world, handle)
        const log = await world.driver.readLog(handle, firstPod(launch), wholeLog)
        expect(log.lines).toEqual(["a", "b"])
      })

      it("follows a log to its end item", async () => {
        const { handle, launch } = await start([{ does: "exit", code: 6, lines }])
        const { seen, end } = await follow(world, handle, firstPod(launch), never)
        expect(seen).toEqual(lines)
        expect(end).toEqual({ kind: "end", exitCode: 6, cause: null })
      })

      it("follows to the end of a pod that is stopped, with the cause", async () => {
        const { handle, launch } = await start([{ does: "run", lines: ["up"] }])
        await untilLogged(world, handle, firstPod(launch), "up")
        const following = follow(world, handle, firstPod(launch), never)
        await world.driver.stop(handle, stopped, 30_000)
        const { seen, end } = await following
        expect(seen).toEqual(["up"])
        expect(end).toEqual({ kind: "end", exitCode: 143, cause: "stopped" })
      })

      it("ends a follower with its signal and without an end item", async () => {
        const { handle, launch } = await start([{ does: "run", lines: ["up"] }])
        await untilLogged(world, handle, firstPod(launch), "up")
        const abort = new AbortController()
        const following = follow(world, handle, firstPod(launch), abort.signal, () => abort.abort())
        expect(await following).toEqual({ seen: ["up"], end: undefined })
      })

      it("has no log of a pod that is not of the attempt", async () => {
        const { handle } = await start([{ does: "exit", code: 0 }])
        for (const podId of ["other", "", "../../x"])
          await expect(world.driver.readLog(handle, podId, wholeLog)).rejects.toMatchObject({
            code: "not_found",
          })
      })
    })

    describe("forgetting", () => {
      it("keeps the log unless it is to go too, and may be repeated", async () => {
        const { handle, launch } = await start([{ does: "exit", code: 0, lines: ["kept"] }])
        await untilGone(world, handle)
        await world.driver.forget(launch.id, handle, false)
        await world.driver.forget(launch.id, handle, false)
        const log = await world.driver.readLog(handle, firstPod(launch), wholeLog)
        expect(log.lines).toEqual(["kept"])
        await world.driver.forget(launch.id, handle, true)
        await world.driver.forget(launch.id, handle, true)
        await expect(world.driver.readLog(handle, firstPod(launch), wholeLog)).rejects.toMatchObject({
          code: "not_found",
        })
        await untilGone(world, handle)
      })

      it("takes attempts and handles that it does not know as gone", async () => {
        const unknown = launchOf().id
        await world.driver.forget(unknown, null, true)
        for (const handle of [{}, { attemptId: unknown }, { format: 99 }] as AttemptHandle[]) {
          expect(await world.driver.inspect(handle)).toEqual({ pods: [], isGone: true })
          await world.driver.stop(handle, stopped, 0)
        }
      })
    })

    it("tells of changes until the listener goes", async () => {
      const told: string[] = []
      const stopListening = world.driver.onChange((id) => told.push(id))
      const first = await start([{ does: "exit", code: 0 }])
      await untilGone(world, first.handle)
      expect(new Set(told)).toEqual(new Set([first.launch.id]))
      stopListening()
      const second = await start([{ does: "exit", code: 0 }])
      await untilGone(world, second.handle)
      expect(told).not.toContain(second.launch.id)
    })
  })
}

/** Follows a log to its end while the world goes on. */
async function follow(
  world: DriverWorld,
  handle: AttemptHandle,
  podId: string,
  signal: AbortSignal,
  onLines: () => void = () => undefined,
) {
  const seen: string[] = []
  const state: { end: LogFollowItem | undefined; isOver: boolean } = { end: undefined, isOver: false }
  const reading = (async () => {
    for await (const item of world.driver.followLog(handle, podId, wholeLog, signal)) {
      if (item.kind === "end") state.end = item
      else {
        seen.push(...item.chunk.lines)
        onLines()
      }
    }
  })().finally(() => {
    state.isOver = true
  })
  for (let round = 0; round < mostRounds; round++) {
    if (state.isOver) break
    await world.goOn()
  }
  if (!state.isOver) throw new Error(`The log was never over; it gave ${JSON.stringify(seen)}.`)
  await reading
  return { seen, end: state.end }
}
