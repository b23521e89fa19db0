import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import type { WorkloadDetail, WorkloadPod } from "@berth/contract/workloads"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { isAlive, podProcesses } from "../support/belongings.ts"
import { nodeProgram, webServer } from "../support/programs.ts"
import { type Job, podsGone, type RealServer, startRealServer } from "../support/real-server.ts"

let server: RealServer
beforeEach(async () => {
  server = await startRealServer({ flags: ["--stop-grace", "5"] })
})
afterEach(() => server?.close())

const probe = { path: "/", port: 8080, initialDelaySeconds: 600, periodSeconds: 1, failureThreshold: 1 }
const small = { cpu: "10m", memory: "128Mi" }

function application(kind: "Deployment" | "StatefulSet", replica: number, change: Job = {}): Promise<string> {
  return server.create({
    displayName: "serve",
    script: webServer,
    env: { VERSION: "1" },
    readiness: probe,
    ...change,
    groupVersionKind: { version: "v1", kind },
    resource: { ...small, replica },
  })
}

async function patch(id: string, change: object): Promise<void> {
  const answer = await server.call("PATCH", `/api/v1/workloads/${id}`, { json: change })
  expect(answer.status, answer.text).toBe(200)
}

interface Word {
  readonly pid: number
  readonly version: string
}

/** What a pod answers; undefined when it does not. */
async function ask(pod: WorkloadPod | undefined): Promise<Word | undefined> {
  try {
    const answer = await fetch(`http://${pod?.podIP}:8080/`, { signal: AbortSignal.timeout(5000) })
    return answer.ok ? ((await answer.json()) as Word) : undefined
  } catch {
    return undefined
  }
}

/** Waits until all of them answer with this version. */
const allAnswer = (id: string, replica: number, version: string) =>
  server.until(async () => {
    const detail = await server.workload(id)
    const words = await Promise.all(detail.pods.map(ask))
    const isSo =
      detail.phase === "Running" &&
      words.length === replica &&
      words.every((word) => word?.version === version)
    return isSo ? { detail, words: words.flatMap((word) => word ?? []) } : undefined
  }, `${replica} pods of ${id} answer as version ${version}`)

const pids = (words: readonly Word[]) => words.map((word) => word.pid)
const logOf = async (id: string, podId: string, run: number) =>
  (await server.call("GET", `/berth/v1/pods/${id}/${podId}/log?follow=false&run=${run}`)).text
const names = (detail: WorkloadDetail) => detail.pods.map((pod) => pod.podId)

describe("a Deployment of real processes", () => {
  it("has a pod that was killed back in its place; the others go on; both of its logs are kept", async () => {
    const id = await application("Deployment", 2)
    const before = await allAnswer(id, 2, "1")
    const [killed = 0, other] = pids(before.words)
    process.kill(killed, "SIGKILL")
    await server.until(() => (isAlive(killed) ? undefined : true), "it is dead")
    const after = await server.until(async () => {
      const now = await allAnswer(id, 2, "1")
      return now.words[0]?.pid === killed ? undefined : now
    }, "another one answers in its place")
    expect(names(after.detail)).toEqual(names(before.detail))
    expect(after.words[1]?.pid).toBe(other)
    expect(after.detail.dispatchCount).toBe(1)
    const [podId = ""] = names(after.detail)
    for (const run of [1, 2]) expect(await logOf(id, podId, run)).toContain("serves on 127.64.")
    const events = await server.client.berth.events({ subject: `workload/${id}` })
    expect(JSON.stringify(events.items)).toContain('"exitCode":137')
  })

  it("waits longer and longer after crashes, says so, and is mended by an update at once", async () => {
    const starts = `${server.home}/starts`
    writeFileSync(starts, "", { mode: 0o666 })
    const id = await application("Deployment", 1, {
      script: `echo x >>'${starts}'; exit 3`,
      readiness: undefined,
    })
    const why = await server.until(async () => {
      const found = await server.client.berth.explainWorkload(id)
      const isLate = readFileSync(starts, "utf8").length >= 6
      return isLate && found.reasons.some((reason) => reason.code === "backoff") ? found : undefined
    }, "it is in its back-off after three starts")
    expect(why.reasons[0]?.sentence).toMatch(/tried again/)
    const [pod] = (await server.workload(id)).pods
    expect(pod).toMatchObject({ phase: "Pending", containers: [{ exitCode: 3 }] })
    await patch(id, { entryPoint: Buffer.from(webServer).toString("base64") })
    await allAnswer(id, 1, "1")
  })

  it("is updated without being away, and keeps what works when an update never gets ready", async () => {
    const id = await application("Deployment", 2)
    const before = await allAnswer(id, 2, "1")
    const over = new AbortController()
    let leastAnswering = 2
    const watch = (async () => {
      while (!over.signal.aborted) {
        const words = await Promise.all((await server.workload(id)).pods.map(ask))
        leastAnswering = Math.min(leastAnswering, words.filter((word) => word !== undefined).length)
      }
    })()
    await patch(id, { env: { VERSION: "2" } })
    const updated = await allAnswer(id, 2, "2").finally(() => over.abort())
    await watch
    // between two looks a pod that was listed may have been replaced: then it is the other one that answers
    expect(leastAnswering).toBeGreaterThanOrEqual(1)
    for (const pid of pids(before.words)) expect(isAlive(pid)).toBe(false)
    expect(names(updated.detail).filter((name) => names(before.detail).includes(name))).toEqual([])
    // a pod that an update took away is still readable by its name
    expect((await server.podLog(id, names(before.detail)[0] ?? ""))[0]).toContain("serves on")

    await patch(id, { entryPoint: Buffer.from("exec sleep 3600").toString("base64") })
    await server.phase(id, "Updating")
    await server.until(
      () => podProcesses(server.dataDir).find(({ command }) => command.includes("sleep 3600")),
      "the new pod runs",
    )
    const words = (await Promise.all((await server.workload(id)).pods.map(ask))).flatMap((word) => word ?? [])
    expect(words.length).toBe(1)
    expect(pids(updated.words)).toContain(words[0]?.pid)
    await patch(id, { entryPoint: Buffer.from(webServer).toString("base64"), env: { VERSION: "3" } })
    await allAnswer(id, 2, "3")
  })

  it("goes on as it was when the server is killed, and goes on being probed", async () => {
    const gate = `${server.home}/not-ready`
    const script = nodeProgram(`
      const { createServer } = require("node:http")
      const { existsSync } = require("node:fs")
      createServer((request, response) => {
        response.statusCode = request.url === "/ready" && existsSync("${gate}") ? 503 : 200
        response.end(JSON.stringify({ pid: process.pid, version: process.env.VERSION }))
      }).listen(8080, process.env.POD_IP)`)
    const id = await application("Deployment", 2, {
      script,
      readiness: { ...probe, path: "/ready", initialDelaySeconds: 1 },
    })
    const before = await allAnswer(id, 2, "1")
    await server.kill9()
    await server.restart()
    const after = await allAnswer(id, 2, "1")
    expect(pids(after.words)).toEqual(pids(before.words))
    expect(after.detail.pods).toEqual(before.detail.pods)
    writeFileSync(gate, "")
    await server.phase(id, "NotReady")
    rmSync(gate)
    await server.phase(id, "Running")
    expect(pids((await allAnswer(id, 2, "1")).words)).toEqual(pids(before.words))
  })

  it("has no process at none, new ones at two, and nothing once it is stopped", async () => {
    const id = await application("Deployment", 2)
    await allAnswer(id, 2, "1")
    await patch(id, { replica: 0 })
    await podsGone(server)
    await server.until(async () => {
      const { pods, phase } = await server.workload(id)
      return pods.length === 0 && phase === "Running" ? true : undefined
    }, "it runs with no pods")
    await patch(id, { replica: 2 })
    await allAnswer(id, 2, "1")
    await server.call("POST", `/api/v1/workloads/${id}/stop`)
    await podsGone(server)
    const nodes = await server.until(async () => {
      const seen = await server.nodes()
      return seen.every((node) => node.holders.length === 0) ? seen : undefined
    }, "no node is held")
    for (const node of nodes) expect(node.free).toEqual(node.capacity)
    // what ran until then is still shown
    const stopped = await server.phase(id, "Stopped")
    expect(stopped.pods.map((pod) => pod.phase)).toEqual(["Succeeded", "Succeeded"])
    expect(server.errors()).toEqual([])
  })
})

describe("a StatefulSet of real processes", () => {
  it("starts in order, ends in reverse, and keeps its names through a kill", async () => {
    const notes = `${server.home}/notes`
    writeFileSync(notes, "", { mode: 0o666 })
    const script = nodeProgram(`
      const { createServer } = require("node:http")
      const { appendFileSync } = require("node:fs")
      const note = (what) => appendFileSync("${notes}", what + " " + process.env.POD_NAME + "\\n")
      const server = createServer((request, response) => {
        response.setHeader("connection", "close")
        response.end(JSON.stringify({ pid: process.pid, version: process.env.VERSION }))
      }).listen(8080, process.env.POD_IP, () => note("start"))
      process.once("SIGTERM", () => { note("end"); process.exit(0) })`)
    const id = await application("StatefulSet", 3, { script })
    const before = await allAnswer(id, 3, "1")
    expect(names(before.detail)).toEqual([`${id}-0`, `${id}-1`, `${id}-2`])
    const noted = () => readFileSync(notes, "utf8").trim().split("\n")
    expect(noted()).toEqual([0, 1, 2].map((at) => `start ${id}-${at}`))

    const middle = before.words[1]?.pid ?? 0
    process.kill(middle, "SIGKILL")
    await server.until(() => (isAlive(middle) ? undefined : true), "it is dead")
    const after = await server.until(async () => {
      const now = await allAnswer(id, 3, "1")
      return now.words[1]?.pid === middle ? undefined : now
    }, "another one has its name")
    expect(names(after.detail)).toEqual(names(before.detail))
    expect([after.words[0]?.pid, after.words[2]?.pid]).toEqual([before.words[0]?.pid, before.words[2]?.pid])

    writeFileSync(notes, "")
    await patch(id, { replica: 1 })
    await server.until(
      async () => ((await server.workload(id)).pods.length === 1 ? true : undefined),
      "one is left",
    )
    expect(noted()).toEqual([2, 1].map((at) => `end ${id}-${at}`))
    await patch(id, { replica: 2, env: { VERSION: "2" } })
    const grown = await allAnswer(id, 2, "2")
    expect(names(grown.detail)).toEqual([`${id}-0`, `${id}-1`])
    await server.stop({ pods: true })
    expect(podProcesses(server.dataDir)).toEqual([])
    expect(existsSync(notes)).toBe(true)
  })
})
