import { renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Explanation } from "@berth/contract/berth"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"

let server: RealServer
beforeAll(async () => {
  server = await startRealServer({ flags: ["--stop-grace", "1"] })
})
afterAll(() => server?.close())

async function explain(id: string): Promise<Explanation> {
  return (await server.call("GET", `/berth/v1/explain/workload/${id}`)).json as Explanation
}

describe("folders of pods that somebody took away", () => {
  it("leave a reason on what cannot start, which starts when they are there again", async () => {
    const pods = join(server.dataDir, "pods")
    renameSync(pods, `${pods}-away`)
    writeFileSync(pods, "")
    const id = await server.create({ script: "true" })
    const why = await server.until(async () => {
      const { reasons } = await explain(id)
      return reasons[0]?.code === "driver_down" ? reasons[0] : undefined
    }, "it is said that the driver cannot start it")
    const sentence = "The working folders of the pods could not be made."
    expect(why.sentence).toBe(sentence)
    const seen = await server.workload(id)
    expect(seen).toMatchObject({ phase: "Pending" })
    expect(`${seen.message}.`).toContain(sentence)
    rmSync(pods)
    renameSync(`${pods}-away`, pods)
    expect((await server.phase(id, "Succeeded")).dispatchCount).toBe(1)
    expect((await explain(id)).reasons).toEqual([])
  })

  it("are made anew, and what ran in them can still be stopped", async () => {
    const before = await server.create({ script: "echo up; exec sleep 3600" })
    const running = await server.phase(before, "Running")
    await server.until(async () => {
      const lines = await server.podLog(before, running.pods[0]?.podId ?? "")
      return lines.includes("up") ? true : undefined
    }, "the command runs")
    rmSync(join(server.dataDir, "pods"), { recursive: true })
    const after = await server.create({ script: "echo again" })
    const { pods } = await server.phase(after, "Succeeded")
    expect(await server.podLog(after, pods[0]?.podId ?? "")).toEqual(["again"])
    expect((await server.call("POST", `/api/v1/workloads/${before}/stop`)).status).toBe(200)
    await podsGone(server)
    expect((await server.workload(before)).phase).toBe("Stopped")
  })
})
