import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { GpuRequest } from "@berth/contract/berth"
import { type RealServer, startRealServer } from "../support/real-server.ts"

let server: RealServer
beforeEach(async () => {
  server = await startRealServer({ flags: ["--simulate", "1x8xH100", "--stop-grace", "1"] })
  for (const id of ["red", "blue"]) await server.client.berth.createWorkspace({ id })
})
afterEach(() => server?.close())

const ask = (workspaceId: string, durationSeconds: number): Promise<GpuRequest> =>
  server.client.berth.createGpuRequest({ name: "request", workspaceId, gpusPerNode: 8, durationSeconds })
const reaches = (id: string, state: GpuRequest["state"]): Promise<GpuRequest> =>
  server.until(async () => {
    const request = await server.client.berth.gpuRequest(id)
    return request.state === state ? request : undefined
  }, `${id} is ${state}`)
const submit = (workspaceId: string) =>
  server.create({
    workspaceId,
    script: "sleep infinity",
    resource: { replica: 1, cpu: "10m", gpu: "8", memory: "64Mi" },
  })

describe("GPU requests of a real server", () => {
  it("hold, hand on, outlive a kill, and end by release and by time, with the work that runs on them", async () => {
    const first = await ask("red", 3600)
    await reaches(first.id, "provisioned")
    const work = await submit("red")
    await server.phase(work, "Running")
    const second = await ask("blue", 4)
    const waiting = await submit("blue")
    expect((await server.client.berth.explainGpuRequest(second.id)).inTheWay).toMatchObject([
      { id: first.id },
    ])
    await server.kill9()
    await server.restart()
    expect((await server.client.berth.gpuRequest(first.id)).endsAt).toBe(
      (await reaches(first.id, "provisioned")).endsAt,
    )
    expect((await server.workload(work)).phase).toBe("Running")
    await server.client.berth.releaseGpuRequest(first.id)
    await reaches(second.id, "provisioned")
    await server.phase(waiting, "Running")
    const ended = await reaches(second.id, "complete")
    expect(Date.parse(ended.endedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(ended.endsAt ?? ""))
    await server.phase(waiting, "Pending")
    await server.until(
      async () => ((await server.rows("select node_id from node_hold")).length === 0 ? true : undefined),
      "the node is free",
    )
  })

  it("have one holder however many ask, cancel and release in the same moment", async () => {
    const made = await Promise.all(
      Array.from({ length: 12 }, (_one, at) => ask(at % 2 === 0 ? "red" : "blue", 3600)),
    )
    const left = new Set(made.map((request) => request.id))
    expect(left.size).toBe(12)
    const [, holder] = await Promise.all([
      server.until(
        async () => ((await server.rows("select node_id from node_hold")).length === 1 ? true : undefined),
        "the node is held",
      ),
      server.until(async () => {
        const { items } = await server.client.berth.gpuRequests({ state: ["provisioned"] })
        return items[0]
      }, "one is provisioned"),
    ])
    // whichever comes first decides what the other may still do
    for (const id of [holder.id, ...[...left].filter((one) => one !== holder.id)]) {
      // both are refused where it gets its nodes between the two
      await server.until(async () => {
        const answers = await Promise.allSettled([
          server.client.berth.cancelGpuRequest(id),
          server.client.berth.releaseGpuRequest(id),
        ])
        const done = answers.filter((answer) => answer.status === "fulfilled").length
        expect(done).toBeLessThanOrEqual(1)
        return done === 1 ? true : undefined
      }, `${id} is over`)
      expect((await server.rows("select node_id from node_hold")).length).toBeLessThanOrEqual(1)
    }
    await server.until(
      async () => ((await server.rows("select node_id from node_hold")).length === 0 ? true : undefined),
      "the node is free",
    )
    expect(server.errors()).toEqual([])
  })
})
