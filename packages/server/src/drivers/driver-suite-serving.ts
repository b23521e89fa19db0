import { describe, expect, it } from "vitest"
import type { AttemptHandle, AttemptLaunch, PodLaunch, Probe } from "../domain/workloads/index.ts"
import {
  applicationOf,
  launchOf,
  never,
  until,
  untilGone,
  untilLogged,
  untilRunning,
  type Answer,
  type DriverWorld,
} from "./driver-world.ts"

const stopped = { cause: "stopped", message: "the user asked" } as const

const probeOf = (port: number): Probe => {
  return { path: "/health", port, initialDelaySeconds: 0, periodSeconds: 1, failureThreshold: 2 }
}
const ready = (port: number) => ({ probes: { liveness: null, readiness: probeOf(port) } })
const live = (port: number) => ({ probes: { liveness: probeOf(port), readiness: null } })
const podId = (launch: AttemptLaunch) => launch.pods[0]?.podId ?? ""
const untilReady = (world: DriverWorld, handle: AttemptHandle, isReady: boolean) =>
  until(world, handle, (seen) => seen.pods.every((pod) => pod.ready === isReady) && seen)

/** An application of one pod that answers HTTP. */
async function serve(world: DriverWorld, answers: Answer, podWith: (port: number) => Partial<PodLaunch>) {
  const port = await world.freePort()
  const launch = world.behave(applicationOf(podWith(port)), [{ does: "serve", port, answers }])
  return { launch, handle: await world.driver.ensure(launch, never) }
}

/**
 * What holds for every driver about pods that others talk to. Much of it takes seconds of a real clock, so the tests
 * run beside each other, each in a world of its own.
 */
export function servingSuite(name: string, makeWorld: () => Promise<DriverWorld>): void {
  async function inWorld(test: (world: DriverWorld) => Promise<void>): Promise<void> {
    const world = await makeWorld()
    try {
      await test(world)
    } finally {
      await world.close()
    }
  }

  describe(`${name}, as every driver of pods that others talk to`, () => {
    describe("readiness", () => {
      it.concurrent("is that of running for a job", () =>
        inWorld(async (world) => {
          const launch = world.behave(launchOf(2), [{ does: "exit", code: 0 }, { does: "run" }])
          const handle = await world.driver.ensure(launch, never)
          const seen = await until(
            world,
            handle,
            (now) => now.pods[0]?.state === "exited" && now.pods[1]?.ready && now,
          )
          expect(seen.pods.map((pod) => pod.ready)).toEqual([false, true])
        }))

      it.concurrent("comes after a second of life where there is no readiness probe, and is told", () =>
        inWorld(async (world) => {
          const launch = world.behave(applicationOf({}), [{ does: "run", lines: ["up"] }])
          const told = new Set<string>()
          const handle = await world.driver.ensure(launch, never)
          await untilLogged(world, handle, podId(launch), "up")
          world.driver.onChange((id) => told.add(id))
          const seen = await untilReady(world, handle, true)
          expect(world.nowMs()).toBeGreaterThanOrEqual((seen.pods[0]?.startedAtMs ?? Infinity) + 950)
          expect(told).toContain(launch.id)
        }))

      it.concurrent("never comes for a pod that ends within that second", () =>
        inWorld(async (world) => {
          const launch = world.behave(applicationOf({}), [{ does: "exit", code: 0 }])
          const handle = await world.driver.ensure(launch, never)
          const seen = await until(world, handle, (now) => now.pods.some((pod) => pod.ready) || now.isGone)
          expect(seen).toBe(true)
          expect((await world.driver.inspect(handle)).pods[0]).toMatchObject({
            state: "exited",
            ready: false,
          })
        }))

      it.concurrent("comes with the first success of the probe, goes with failures in a row, and comes back", () =>
        inWorld(async (world) => {
          const { handle, launch } = await serve(world, "bad", ready)
          await untilLogged(world, handle, podId(launch), "up")
          expect((await world.driver.inspect(handle)).pods[0]).toMatchObject({
            state: "running",
            ready: false,
          })
          let told = 0
          world.driver.onChange(() => told++)
          for (const [answer, isReady] of [
            ["good", true],
            ["bad", false],
            ["good", true],
            ["never", false],
          ] as const) {
            told = 0
            world.answer(launch, 0, answer)
            await untilReady(world, handle, isReady)
            await until(world, handle, () => told > 0)
          }
        }))

      it.concurrent("ends at once when the pod is told to stop", () =>
        inWorld(async (world) => {
          const launch = world.behave(applicationOf({}), [{ does: "ignoreTerm" }])
          const handle = await world.driver.ensure(launch, never)
          await untilReady(world, handle, true)
          let told = 0
          world.driver.onChange(() => told++)
          await world.driver.stop(handle, stopped, 60_000)
          expect((await world.driver.inspect(handle)).pods[0]).toMatchObject({
            state: "running",
            ready: false,
          })
          await until(world, handle, () => told > 0)
          await world.driver.stop(handle, stopped, 0)
          expect((await untilGone(world, handle)).pods[0]).toMatchObject({ ready: false, cause: "stopped" })
        }))

      it.concurrent("goes on after a restart of the server", () =>
        inWorld(async (world) => {
          const { handle, launch } = await serve(world, "good", ready)
          await untilReady(world, handle, true)
          await world.restart()
          await world.driver.recover(launch.id, handle)
          await untilReady(world, handle, true)
          world.answer(launch, 0, "bad")
          await untilReady(world, handle, false)
          world.answer(launch, 0, "good")
          expect((await untilReady(world, handle, true)).pods[0]).toMatchObject({ state: "running" })
        }))

      it.concurrent("comes after a restart where there is no readiness probe", () =>
        inWorld(async (world) => {
          const launch = world.behave(applicationOf({}), [{ does: "run" }])
          const handle = await world.driver.ensure(launch, never)
          await world.restart()
          await world.driver.recover(launch.id, handle)
          expect((await untilReady(world, handle, true)).pods[0]).toMatchObject({ state: "running" })
        }))
    })

    describe("liveness", () => {
      for (const answer of ["bad", "never"] as const)
        it.concurrent(`ends a pod whose answers turn ${answer}`, () =>
          inWorld(async (world) => {
            const { handle, launch } = await serve(world, "good", live)
            await untilReady(world, handle, true)
            world.answer(launch, 0, answer)
            const seen = await untilGone(world, handle)
            expect(seen.pods[0]).toMatchObject({ state: "exited", cause: "unhealthy", ready: false })
            expect(seen.pods[0]?.message).toContain("liveness probe")
          }))

      it.concurrent("goes on after a restart of the server", () =>
        inWorld(async (world) => {
          const { handle, launch } = await serve(world, "good", live)
          await untilRunning(world, handle)
          await world.restart()
          await world.driver.recover(launch.id, handle)
          await untilReady(world, handle, true)
          world.answer(launch, 0, "bad")
          expect((await untilGone(world, handle)).pods[0]).toMatchObject({ cause: "unhealthy" })
        }))

      it.concurrent("does not change the cause of a pod that was told to stop", () =>
        inWorld(async (world) => {
          const { handle, launch } = await serve(world, "good", live)
          await untilReady(world, handle, true)
          await world.driver.stop(handle, stopped, 30_000)
          world.answer(launch, 0, "bad")
          expect((await untilGone(world, handle)).pods[0]).toMatchObject({ cause: "stopped" })
        }))
    })

    describe("output", () => {
      it.concurrent("has no time where nothing was written, and then that of the last line", () =>
        inWorld(async (world) => {
          const before = world.nowMs()
          const launch = world.behave(launchOf(2), [{ does: "run" }, { does: "run", lines: ["up"] }])
          const handle = await world.driver.ensure(launch, never)
          await untilLogged(world, handle, launch.pods[1]?.podId ?? "", "up")
          const seen = await untilRunning(world, handle)
          expect(seen.pods[0]?.outputAtMs).toBeNull()
          expect(seen.pods[1]?.outputAtMs).toBeGreaterThanOrEqual(before - 1000)
          expect(seen.pods[1]?.outputAtMs).toBeLessThanOrEqual(world.nowMs() + 1000)
        }))
    })

    describe("a port that is taken", () => {
      it.concurrent("keeps an attempt from starting until it is free", () =>
        inWorld(async (world) => {
          const port = await world.freePort()
          const launch = world.behave(applicationOf({ ports: [port] }), [{ does: "run" }])
          const release = await world.occupy(launch, port)
          try {
            for (let again = 0; again < 2; again++)
              await expect(world.driver.ensure(launch, never)).rejects.toMatchObject({
                code: "unavailable",
                detail: "port_in_use",
                message: expect.stringContaining(String(port)) as unknown,
              })
            expect(await world.driver.recover(launch.id, null)).toBeNull()
          } finally {
            await release()
          }
          const handle = await world.driver.ensure(launch, never)
          await untilRunning(world, handle)
          expect(await world.starts(launch, 0)).toBeLessThanOrEqual(1)
        }))

      it.concurrent("does not matter to pods that listen elsewhere", () =>
        inWorld(async (world) => {
          const port = await world.freePort()
          const [first, second] = [1, 2].map(() =>
            world.behave(applicationOf({ ports: [port] }), [{ does: "serve", port, answers: "good" }]),
          )
          for (const launch of [first, second])
            if (launch) {
              const handle = await world.driver.ensure(launch, never)
              expect(await untilLogged(world, handle, podId(launch), "up")).toEqual(["up"])
            }
        }))
    })
  })
}
