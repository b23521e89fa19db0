import { writeFileSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { isAlive, podProcesses } from "../support/belongings.ts"
import { nodeProgram } from "../support/programs.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"

let server: RealServer
beforeEach(async () => {
  server = await startRealServer({ flags: ["--simulate", "1x8xH100", "--stop-grace", "1"] })
})
afterEach(() => server?.close())

/** A rank that goes on until its file is there. */
const waitsFor = (file: string, then: string) =>
  `echo "pid $$"; until [ -e '${file}' ]; do sleep 0.02; done; ${then}`

describe("a server that is killed and comes back", () => {
  it("finds the same processes, the same workload, and its right end", async () => {
    const go = `${server.home}/go`
    const id = await server.create({
      script: waitsFor(go, '[ "$RANK" = 0 ] || exit 5'),
      resource: { replica: 2, cpu: "10m", gpu: "4", memory: "64Mi" },
    })
    const waiting = await server.create({ resource: { replica: 1, cpu: "10m", gpu: "8", memory: "64Mi" } })
    const before = await server.phase(id, "Running")
    const pids = await Promise.all(
      before.pods.map((pod) =>
        server.until(async () => (await server.podLog(id, pod.podId))[0], "it has begun"),
      ),
    )
    await server.kill9()
    await server.restart()
    const after = await server.workload(id)
    expect(after).toMatchObject({ phase: "Running", dispatchCount: 1, startTime: before.startTime })
    expect(after.pods).toEqual(before.pods)
    expect(await server.workload(waiting)).toMatchObject({ phase: "Pending", schedulerOrder: 1 })
    for (const [rank, pod] of after.pods.entries()) {
      expect(await server.podLog(id, pod.podId)).toEqual([pids[rank]])
      expect(isAlive(Number(pids[rank]?.slice("pid ".length)))).toBe(true)
    }
    writeFileSync(go, "")
    await server.phase(id, "Failed")
    // the workload has failed with its first failed rank; the other one ends a moment later
    const codes = await server.until(async () => {
      const { pods } = await server.workload(id)
      return pods.every((pod) => pod.containers.length > 0)
        ? pods.map((pod) => pod.containers[0]?.exitCode)
        : undefined
    }, "both ranks have ended")
    expect(codes).toEqual([expect.any(Number), 5])
    await server.phase(waiting, "Succeeded")
  })

  it("knows the end that came while it was away", async () => {
    const id = await server.create({ script: "echo first; sleep 0.3; echo last; exit 4" })
    await server.phase(id, "Running")
    await server.kill9()
    await podsGone(server)
    await server.restart()
    const done = await server.phase(id, "Failed")
    expect(done).toMatchObject({ dispatchCount: 1 })
    expect(done.pods[0]?.containers[0]?.exitCode).toBe(4)
    expect(await server.podLog(id, done.pods[0]?.podId ?? "")).toEqual(["first", "last"])
  })

  it("ends what was to end while it was away: a time-out that passed", async () => {
    const id = await server.create({ script: "exec sleep 300", timeout: 1 })
    const { startTime } = await server.phase(id, "Running")
    await server.kill9()
    await server.until(
      () => (Date.now() > Date.parse(`${startTime}Z`) + 2000 ? true : undefined),
      "time is over",
    )
    await server.restart()
    const { conditions } = await server.phase(id, "Stopped")
    expect(conditions.at(-1)?.message).toBe("the workload has timed out")
    await podsGone(server)
  })

  it("goes on with a stop that it had answered", async () => {
    const id = await server.create({ script: "trap '' TERM; echo ready; sleep 300; sleep 300" })
    await server.phase(id, "Running")
    await server.client.workloads.stop(id)
    await server.kill9()
    await server.restart()
    expect((await server.workload(id)).phase).toBe("Stopped")
    await podsGone(server)
  })
})

describe("a stream that is followed", () => {
  it("gives each line of a log once, across a restart of the server", async () => {
    const script = nodeProgram(`let n = 0
const timer = setInterval(() => { console.log("line " + n++); if (n === 100) clearInterval(timer) }, 20)`)
    const id = await server.create({ script })
    const { pods } = await server.phase(id, "Running")
    const podId = pods[0]?.podId ?? ""
    const first = await readSome(server, `/berth/v1/pods/${id}/${podId}/log`, "", 10)
    await server.kill9()
    await server.restart()
    const rest = await readSome(server, `/berth/v1/pods/${id}/${podId}/log`, first.lastId, Infinity)
    const lines = [...first.events, ...rest.events]
      .filter((event) => event.name === "lines")
      .flatMap((event) => (JSON.parse(event.data) as { readonly lines: readonly string[] }).lines)
    expect(lines).toEqual(Array.from({ length: 100 }, (_, n) => `line ${n}`))
    expect(JSON.parse(rest.events.at(-1)?.data ?? "null")).toEqual({ exitCode: 0, cause: "succeeded" })
  })

  it("gives each event once, across a restart of the server", async () => {
    const types = async (query: string, lastId: string, most: number) => {
      const got = await readSome(server, `/berth/v1/events?${query}`, lastId, most)
      return { ...got, ids: got.events.map((event) => event.id) }
    }
    const page = (await server.client.berth.events({ limit: 1000 })).items
    const start = page.at(-1)?.id ?? ""
    const one = await server.create({ script: "true" })
    await server.phase(one, "Succeeded")
    const before = await types("", start, 3)
    await server.kill9()
    await server.restart()
    const two = await server.create({ script: "true" })
    await server.phase(two, "Succeeded")
    const all = (await server.client.berth.events({ limit: 1000 })).items.map((event) => event.id)
    const wanted = all.slice(all.indexOf(start) + 1)
    const after = await types("", before.lastId, wanted.length - before.ids.length)
    expect([...before.ids, ...after.ids]).toEqual(wanted)
    expect(new Set(wanted).size).toBe(wanted.length)
  })
})

it("a stop of the server leaves pods running, and says how many; with pods it ends them", async () => {
  const id = await server.create({ script: "exec sleep 300" })
  await server.phase(id, "Running")
  server.signal("SIGTERM")
  expect(await server.exited()).toBe(0)
  expect(server.output()).toMatch(/1 pod go(es)? on/)
  expect(podProcesses(server.dataDir)).not.toEqual([])
  await server.restart()
  expect(await server.workload(id)).toMatchObject({ phase: "Running", dispatchCount: 1 })
  expect(await server.stop({ pods: true })).toBe(0)
  expect(podProcesses(server.dataDir)).toEqual([])
  await server.restart()
  expect((await server.workload(id)).phase).toBe("Stopped")
})

interface StreamEvent {
  readonly id: string
  readonly name: string
  readonly data: string
}

/** Reads so many events of a stream, or all of it, and leaves. */
async function readSome(from: RealServer, path: string, lastId: string, most: number) {
  const leave = new AbortController()
  const answer = await fetch(from.url + path, {
    headers: {
      accept: "text/event-stream",
      authorization: `Bearer ${from.token}`,
      ...(lastId === "" ? {} : { "last-event-id": lastId }),
    },
    signal: AbortSignal.any([leave.signal, AbortSignal.timeout(30_000)]),
  })
  expect(answer.status).toBe(200)
  const events: StreamEvent[] = []
  let text = ""
  const decoder = new TextDecoder()
  reading: for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split("\n\n")
    text = blocks.pop() ?? ""
    for (const block of blocks) {
      const event = parseEvent(block)
      if (event) events.push(event)
      if (events.length >= most) break reading
    }
  }
  leave.abort()
  return { events, lastId: events.findLast((event) => event.id !== "")?.id ?? lastId }
}

function parseEvent(block: string): StreamEvent | undefined {
  const field = (name: string) =>
    block
      .split("\n")
      .filter((line) => line.startsWith(`${name}: `))
      .map((line) => line.slice(name.length + 2))
      .join("\n")
  const data = field("data")
  return data === "" ? undefined : { id: field("id"), name: field("event"), data }
}
