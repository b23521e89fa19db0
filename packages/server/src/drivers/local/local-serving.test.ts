import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { AttemptHandle, AttemptLaunch, PodProbes, Probe } from "../../domain/workloads/index.ts"
import {
  applicationOf,
  mostRounds,
  never,
  until,
  untilGone,
  untilLogged,
  untilRunning,
  wholeLog,
} from "../driver-world.ts"
import { createLocalWorld, scripted, type LocalWorld } from "./local-test-world.ts"

let world: LocalWorld
const children: ChildProcess[] = []
beforeEach(() => {
  world = createLocalWorld({ unhealthyGraceMs: 2000 })
})
afterEach(async () => {
  await world.close()
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

const probeOf = (port: number, change: Partial<Probe> = {}): Probe => ({
  path: "/",
  port,
  initialDelaySeconds: 0,
  periodSeconds: 1,
  failureThreshold: 2,
  ...change,
})
const podId = (launch: AttemptLaunch) => launch.pods[0]?.podId ?? ""

/** A pod whose HTTP server logs a line for each request and answers with the status; `begin` runs first. */
async function start(probesOf: (port: number) => PodProbes, status: number | string, begin = "") {
  const port = await world.freePort()
  const program = `${begin}; require("node:http").createServer((request, reply) => {
    console.log("asked for " + request.url)
    reply.writeHead(${status}, { location: "/elsewhere" }).end()
  }).listen(${port}, process.env.BERTH_HOST)`
  const launch = scripted(
    world,
    applicationOf({ probes: probesOf(port) }),
    `exec "${process.execPath}" -e '${program}'`,
  )
  return { launch, handle: await world.driver.ensure(launch, never) }
}

/** Goes on until the program was asked so often. */
async function untilAsked(handle: AttemptHandle, launch: AttemptLaunch, times: number): Promise<void> {
  for (let round = 0; round < mostRounds; round++) {
    const { lines } = await world.driver.readLog(handle, podId(launch), wholeLog)
    if (lines.length >= times) return
    await world.goOn()
  }
  throw new Error(`It was not asked ${times} times.`)
}

describe("probes of a local pod", () => {
  it("do not count failures before the initial delay is over", async () => {
    const later = { initialDelaySeconds: 3600 }
    const { launch, handle } = await start(
      (port) => ({ liveness: probeOf(port, later), readiness: probeOf(port, { ...later, path: "/ready" }) }),
      500,
    )
    await untilAsked(handle, launch, 6)
    const [pod] = (await world.driver.inspect(handle)).pods
    expect(pod).toMatchObject({ state: "running", ready: false, cause: null })
  })

  it("take a redirect as a success and do not follow it", async () => {
    const { launch, handle } = await start((port) => ({ liveness: null, readiness: probeOf(port) }), 302)
    await until(world, handle, (seen) => seen.pods[0]?.ready)
    const { lines } = await world.driver.readLog(handle, podId(launch), wholeLog)
    expect(new Set(lines)).toEqual(new Set(["asked for /"]))
  })

  it("say what was asked and what came when they end a pod", async () => {
    const { handle } = await start((port) => ({ liveness: probeOf(port), readiness: null }), 418)
    const [pod] = (await untilGone(world, handle)).pods
    expect(pod).toMatchObject({ cause: "unhealthy", exitCode: 143 })
    expect(pod?.message).toMatch(
      /^The liveness probe GET http:\/\/127\.64\.\d+\.\d+:\d+\/ failed 2 times in a row: at last its answer was status 418\.$/,
    )
  })

  it("count only failures in a row", async () => {
    const { launch, handle } = await start(
      (port) => ({ liveness: probeOf(port), readiness: null }),
      "times++ % 2 ? 200 : 500",
      "let times = 0",
    )
    await untilAsked(handle, launch, 5)
    expect((await world.driver.inspect(handle)).pods[0]).toMatchObject({ state: "running", cause: null })
  })

  it("stop with the pod, and leave nothing behind of its readiness", async () => {
    const { launch, handle } = await start((port) => ({ liveness: null, readiness: probeOf(port) }), 200)
    await until(world, handle, (seen) => seen.pods[0]?.ready)
    const folder = join(world.dataDir, "pods", launch.id, "0")
    expect(existsSync(join(folder, "ready"))).toBe(true)
    await world.driver.stop(handle, { cause: "stopped", message: "" }, 30_000)
    expect(existsSync(join(folder, "ready"))).toBe(false)
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ ready: false, cause: "stopped" })
  })

  it("find a pod ready at once after a restart that was ready before", async () => {
    const { launch, handle } = await start((port) => ({ liveness: null, readiness: probeOf(port) }), 200)
    await until(world, handle, (seen) => seen.pods[0]?.ready)
    await world.restart()
    await world.driver.recover(launch.id, handle)
    expect((await world.driver.inspect(handle)).pods[0]).toMatchObject({ state: "running", ready: true })
  })

  it("end a pod that ignores TERM, also when the server restarts between TERM and KILL", async () => {
    const { launch, handle } = await start(
      (port) => ({ liveness: probeOf(port), readiness: null }),
      500,
      `process.on("SIGTERM", () => console.log("told to end"))`,
    )
    await untilLogged(world, handle, podId(launch), "told to end")
    await world.restart()
    await world.driver.recover(launch.id, handle)
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ cause: "unhealthy", exitCode: 137 })
  })

  it("are not made of attempts that were stored without them", async () => {
    const launch = scripted(world, applicationOf({ probes: null }), "exec sleep 3600")
    const handle = await world.driver.ensure(launch, never)
    expect(readFileSync(join(world.dataDir, "pods", launch.id, "attempt.json"), "utf8")).not.toContain(
      "liveness",
    )
    await world.restart()
    const { probes: _, ...old } = (handle["pods"] as Record<string, unknown>[])[0] ?? {}
    expect(
      await world.driver.recover(launch.id, { ...handle, pods: [old as { podId: string }] }),
    ).not.toBeNull()
    expect((await untilRunning(world, handle)).pods[0]?.ready).toBe(true)
  })
})

describe("a port that a local pod wants", () => {
  /** A program that is no pod, on all addresses. */
  async function stranger(): Promise<number> {
    const program = `require("node:net").createServer().listen(0, "0.0.0.0", function () { console.log(this.address().port) })`
    const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] })
    children.push(child)
    return Number(String((await once(child.stdout, "data"))[0]))
  }

  it("is said to be in use by the program that has it, and nothing is left of the try", async () => {
    const port = await stranger()
    const launch = world.behave(applicationOf({ ports: [port] }), [{ does: "run" }])
    const refused: unknown = await world.driver.ensure(launch, never).catch((thrown: unknown) => thrown)
    expect(String(refused)).toMatch(
      new RegExp(
        `Port ${port} is in use on this machine by the program ".*" \\(process ${children[0]?.pid}\\), which`,
      ),
    )
    expect(readdirSync(join(world.dataDir, "pods"))).toEqual([])
  })

  it("is said to be in use by a pod of the same workspace, and only that of another", async () => {
    const port = await world.freePort()
    const holder = scripted(
      world,
      applicationOf({ ports: [port] }),
      `exec "${process.execPath}" -e 'require("node:net").createServer().listen(${port}, "0.0.0.0", () => console.log("up"))'`,
    )
    await untilLogged(world, await world.driver.ensure(holder, never), podId(holder), "up")
    const next = world.behave(applicationOf({ ports: [port] }), [{ does: "run" }])
    const refused = expect.stringContaining(`by pod ${podId(holder)}, which listens on all`) as unknown
    await expect(world.driver.ensure(next, never)).rejects.toMatchObject({ message: refused })
    const foreign = { ...next, workspaceId: "team-b" }
    const hidden = expect.stringContaining("by a pod of another workspace") as unknown
    await expect(world.driver.ensure(foreign, never)).rejects.toMatchObject({ message: hidden })
  })
})
