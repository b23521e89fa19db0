import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { GpuRequest } from "@berth/contract/berth"
import type { WorkloadDetail } from "@berth/contract/workloads"
import { isAlive } from "../support/belongings.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"

/* One node of eight GPUs, two workspaces that want it, and real processes on it. */

let server: RealServer
beforeEach(async () => {
  server = await startRealServer({ flags: ["--simulate", "1x8xH100", "--stop-grace", "30"] })
  for (const id of ["vision", "research"]) await server.client.berth.createWorkspace({ id })
})
afterEach(() => server?.close())

const ask = async (workspaceId: string, change: object = {}): Promise<string> =>
  (
    await server.client.berth.createGpuRequest({
      name: `of-${workspaceId}`,
      workspaceId,
      gpusPerNode: 8,
      durationSeconds: 3600,
      ...change,
    })
  ).id

const get = (id: string) => server.client.berth.gpuRequest(id)
const inState = (id: string, state: string): Promise<GpuRequest> =>
  server.until(async () => {
    const now = await get(id)
    return now.state === state ? now : undefined
  }, `${id} is ${state}`)

const eightGpus = { replica: 1, cpu: "10m", gpu: "8", memory: "64Mi" }
const work = (workspaceId: string, script: string) =>
  server.create({ workspaceId, displayName: "train", script, resource: eightGpus })

/** A file of the tests, that pods may reach. */
const file = (name: string) => `${server.home}/${name}`
const now = "date +%s%3N"
const hasFile = (name: string) =>
  server.until(() => (existsSync(file(name)) ? true : undefined), `${name} is there`)

/**
 * Goes on until it is told to end, and then until the file `go` is there: TERM is heard and not obeyed. Its last act is
 * to write down the time.
 */
const slowToEnd = () =>
  `trap 'echo > ${file("termed")}; until [ -e ${file("go")} ]; do sleep 0.02; done; ${now} > ${file("last")}; exit 0' TERM
echo "pid $$"; while true; do sleep 0.02; done`

const msIn = (name: string) => Number(readFileSync(file(name), "utf8"))

/** The pid that a pod of a workload has written first, once it has. */
async function pidOf(id: string, { pods }: WorkloadDetail): Promise<number> {
  const podId = pods[0]?.podId ?? ""
  const line = await server.until(async () => (await server.podLog(id, podId))[0], "it has begun")
  return Number(line.slice("pid ".length))
}

/** The only node, as the server shows it. */
async function node() {
  const found = (await server.nodes()).find(({ name }) => name === "sim-h100-0")
  if (!found) throw new Error("There is no simulated node.")
  return found
}

describe("a node whose last holder is slow to end", () => {
  it("goes to the next request when the last process is gone, not before", async () => {
    const first = await ask("vision")
    await inState(first, "provisioned")
    const job = await work("vision", slowToEnd())
    const pid = await pidOf(job, await server.phase(job, "Running"))
    const second = await ask("research")
    const next = await work("research", `${now} > ${file("begun")}`)
    await server.client.berth.releaseGpuRequest(first)

    await hasFile("termed")
    expect(await inState(first, "early_released")).toMatchObject({ cause: "released" })
    expect(isAlive(pid)).toBe(true)
    expect((await node()).hold).toMatchObject({ requestId: first, state: "draining" })
    expect(await get(second)).toMatchObject({ state: "queued", heldNodes: [] })
    expect((await server.workload(next)).phase).toBe("Pending")

    writeFileSync(file("go"), "")
    const { startedAt } = await inState(second, "provisioned")
    expect(isAlive(pid)).toBe(false)
    expect(Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(msIn("last"))
    const done = await server.phase(next, "Succeeded")
    expect(done.pods.map((pod) => pod.adminNodeName)).toEqual(["sim-h100-0"])
    // never two at a time: the second one's work began after the first one's last act
    expect(msIn("begun")).toBeGreaterThanOrEqual(msIn("last"))
    expect((await node()).hold).toMatchObject({ requestId: second, state: "held" })
    expect(server.errors()).toEqual([])
  })
})

describe("a server that is killed and comes back", () => {
  const restart = async () => {
    await server.kill9()
    await server.restart()
  }
  /** What must not change by a restart: the queue's clocks and promises. */
  const kept = ({ id, state, createdAt, startedAt, endsAt, firstEstimate, slot, heldNodes }: GpuRequest) => ({
    id,
    state,
    createdAt,
    startedAt,
    endsAt,
    firstEstimate,
    slot,
    heldNodes,
  })

  it("finds the request that runs with its work on it, the one that waits, and hands on as promised", async () => {
    const first = await ask("vision")
    await inState(first, "provisioned")
    const job = await work("vision", `echo "pid $$"; until [ -e ${file("go")} ]; do sleep 0.02; done; exit 0`)
    const before = await server.phase(job, "Running")
    const pid = await pidOf(job, before)
    const second = await ask("research")
    const next = await work("research", "echo done")
    await server.until(async () => ((await get(second)).slot ? true : undefined), "the second one is planned")
    const known = [kept(await get(first)), kept(await get(second))]
    expect(known[1]?.slot?.startAt).toBe(known[0]?.endsAt)

    await restart()
    expect([kept(await get(first)), kept(await get(second))]).toEqual(known)
    expect((await get(second)).reasons).toMatchObject([{ code: "quota_short", nodes: ["sim-h100-0"] }])
    expect((await node()).hold).toMatchObject({ requestId: first, state: "held" })
    const after = await server.workload(job)
    expect(after).toMatchObject({ phase: "Running", dispatchCount: 1, startTime: before.startTime })
    expect(after.pods).toEqual(before.pods)
    expect(isAlive(pid)).toBe(true)
    expect((await server.workload(next)).phase).toBe("Pending")

    writeFileSync(file("go"), "")
    await server.phase(job, "Succeeded")
    // its work is over, its time is not
    expect((await get(first)).state).toBe("provisioned")
    await server.client.berth.releaseGpuRequest(first)
    await inState(second, "provisioned")
    await server.phase(next, "Succeeded")
  })

  it("goes on with a drain: the same process has its time to end, and the next one gets the node then", async () => {
    const first = await ask("vision")
    await inState(first, "provisioned")
    const job = await work("vision", slowToEnd())
    const pid = await pidOf(job, await server.phase(job, "Running"))
    const second = await ask("research")
    await server.client.berth.releaseGpuRequest(first)
    await hasFile("termed")

    await restart()
    expect(isAlive(pid)).toBe(true)
    expect(await get(first)).toMatchObject({ state: "early_released", cause: "released" })
    expect((await node()).hold).toMatchObject({ requestId: first, state: "draining" })
    expect((await get(second)).state).toBe("queued")

    writeFileSync(file("go"), "")
    const { startedAt } = await inState(second, "provisioned")
    expect(Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(msIn("last"))
    expect((await node()).hold).toMatchObject({ requestId: second, state: "held" })
  })

  it("hands on what was freed while it was away", async () => {
    const first = await ask("vision")
    await inState(first, "provisioned")
    const job = await work("vision", slowToEnd())
    await pidOf(job, await server.phase(job, "Running"))
    const second = await ask("research")
    await server.client.berth.releaseGpuRequest(first)
    await hasFile("termed")
    await server.kill9()
    writeFileSync(file("go"), "")
    await podsGone(server)
    await server.restart()
    const { startedAt } = await inState(second, "provisioned")
    expect(Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(msIn("last"))
    expect((await node()).hold).toMatchObject({ requestId: second, state: "held" })
    // its hold was taken from it: it has its turn again, with nothing to run on
    expect((await server.workload(job)).phase).toBe("Pending")
  })

  it("ends what was to end while it was away", async () => {
    const first = await ask("vision", { durationSeconds: 5 })
    const { endsAt } = await inState(first, "provisioned")
    const second = await ask("research")
    await server.kill9()
    const end = Date.parse(endsAt ?? "")
    await server.until(() => (Date.now() > end ? true : undefined), "its time is over")
    await server.restart()
    expect(await inState(first, "complete")).toMatchObject({ cause: "duration", endsAt })
    const { startedAt } = await inState(second, "provisioned")
    expect(Date.parse(startedAt ?? "")).toBeGreaterThanOrEqual(end)
    expect((await node()).hold).toMatchObject({ requestId: second, state: "held" })
  })
})
