import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Event } from "@berth/sdk"
import { servicesRoutes } from "@berth/contract/services"
import { killQuietly } from "../support/belongings.ts"
import { webServer } from "../support/programs.ts"
import { type RealServer, startRealServer } from "../support/real-server.ts"
import { runCli } from "../support/run-cli.ts"
import { ask } from "../support/web-client.ts"

/* Records of what really runs: its process is killed, the server is killed, and the record tells the truth by itself. */

let server: RealServer
let target: ChildProcess | undefined
/** Of the last event that was seen, so that none is seen twice. */
let seen: string
beforeEach(async () => {
  const allow = ["--services-probe-allow", "127.0.0.0/8"]
  server = await startRealServer({ flags: ["--stop-grace", "5", ...allow] })
  seen = (await server.client.berth.events({ limit: 1, backwards: true })).items[0]?.id ?? ""
})
afterEach(async () => {
  target?.kill("SIGKILL")
  target = undefined
  await server?.close()
})

const berth = async (...args: readonly string[]) => {
  const done = await runCli([...args, "--data", server.dataDir], { cwd: server.home })
  expect(done, done.err).toMatchObject({ code: 0 })
  return done
}
const created = async (...args: readonly string[]) =>
  (JSON.parse((await berth(...args, "-o", "json")).out) as { readonly id: string }).id

/** Waits for what comes after the last event that was waited for. */
async function comes(subject: string, isIt: (event: Event) => boolean): Promise<Event> {
  for await (const event of server.client.streams.followEvents({ subject }, { lastEventId: seen })) {
    seen = event.id
    if (isIt(event)) return event
  }
  throw new Error("The stream has an end.")
}
const becomes = (id: string, ...states: readonly string[]) =>
  comes(`service-record/${id}`, ({ type, data }) => {
    if (type === "service-record.created") return states.includes(String(data["state"]))
    return type === "service-record.state_changed" && states.includes(String(data["to"]))
  })
const watchOf = (id: string) => server.client.berth.serviceWatch(id)
const historyOf = async (id: string) => (await watchOf(id)).history.map(({ verdict }) => verdict).toReversed()

const web = {
  script: webServer,
  displayName: "web",
  resource: { replica: 1, cpu: "10m", memory: "64Mi" },
  groupVersionKind: { version: "v1", kind: "Deployment" },
  env: { VERSION: "1" },
  readiness: { path: "/", port: 8080, periodSeconds: 1 },
  service: { port: 8000, targetPort: 8080, serviceType: "ClusterIP" },
}

/** Probes come every five seconds at the most often, and back-offs grow. */
const deadlineMs = 240_000

describe("the record of a Deployment", { timeout: deadlineMs }, () => {
  /** Up for the first time; where it answers. */
  async function joined(): Promise<{
    readonly workload: string
    readonly id: string
    readonly address: string
  }> {
    const workload = await server.create(web)
    const id = await created("services", "register", workload, "--name", "churn", "--every", "5")
    await becomes(id, "active")
    const url = new URL((await watchOf(id)).healthCheckUrl ?? "")
    return { workload, id, address: url.host }
  }
  const killPod = async (address: string) => killQuietly((await ask(address)).pid)

  it("turns to error when its process is killed, and to active by itself, also over a death of the server", async () => {
    const { workload, id, address } = await joined()
    await killPod(address)
    expect((await becomes(id, "error")).data["detail"]).toMatch(/^No pod is ready/)
    await becomes(id, "active")
    expect(await historyOf(id)).toEqual(["up", "down", "up"])

    // a server that comes back to what runs as before has nothing to tell
    const probed = (await watchOf(id)).lastProbe?.at
    await server.kill9()
    await server.restart()
    await server.until(
      async () => ((await watchOf(id)).lastProbe?.at === probed ? undefined : true),
      "it is looked at again",
    )
    expect(await historyOf(id)).toEqual(["up", "down", "up"])

    const { pid } = await ask(address)
    await server.kill9()
    // while nobody looks
    killQuietly(pid)
    await server.restart()
    await becomes(id, "error")
    await becomes(id, "active")
    await killPod(address)
    await becomes(id, "error")
    await becomes(id, "active")
    const history = await historyOf(id)
    expect(history).toEqual(["up", "down", "up", "down", "up", "down", "up"])

    await server.client.workloads.remove(workload)
    expect((await becomes(id, "inactive")).data["detail"]).toBe("The workload was deleted.")
    expect(await historyOf(id)).toEqual([...history, "over"])
    const shown = await berth("services", "get", id)
    expect(shown.out).toMatch(/State\s+inactive/)
    expect(shown.out).toMatch(/over\s+The workload was deleted\./)
    expect(server.errors()).toEqual([])
  })

  it("goes alone: the Deployment runs on and is told", async () => {
    const { workload, id, address } = await joined()
    await berth("services", "rm", id)
    const told = await comes(`workload/${workload}`, ({ type }) => type === "workload.unregistered")
    expect(told.data).toMatchObject({ record: id, name: "churn" })
    expect((await ask(address)).version).toBe("1")
    await expect(watchOf(id)).rejects.toMatchObject({ status: 404 })
  })
})

describe("a record of something that runs elsewhere", { timeout: deadlineMs }, () => {
  /** A model server of which Berth knows nothing but its address. */
  async function startTarget(port: number): Promise<number> {
    const program = `const server = require("node:http").createServer((_, reply) => reply.end("fine"))
      server.listen(${port}, "127.0.0.1", () => console.log(server.address().port))`
    target = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] })
    if (!target.stdout) throw new Error("It has no output.")
    const [line] = (await once(target.stdout, "data")) as [Buffer]
    return Number(line)
  }
  async function endTarget(): Promise<void> {
    if (!target) return
    const ended = once(target, "exit")
    target.kill("SIGKILL")
    await ended
  }
  async function registered(healthCheckUrl: string): Promise<string> {
    const project = ((await server.call("GET", "/api/v1/projects/default")).json as { readonly id: string })
      .id
    const json = { ...servicesRoutes.createService.example, project, health_check_url: healthCheckUrl }
    const made = await server.call("POST", "/api/v1/services", {
      json,
      headers: { "content-type": "application/json" },
    })
    expect(made.status, made.text).toBe(200)
    return (made.json as { readonly id: string }).id
  }

  it("says whether it answers, also when it died while the server was dead", async () => {
    const port = await startTarget(0)
    const id = await registered(`http://127.0.0.1:${port}/health`)
    await berth("services", "watch", id, "--every", "5", "--failures", "1")
    await becomes(id, "active")
    await endTarget()
    expect((await becomes(id, "error")).data["detail"]).toBe("The connection was refused.")
    await startTarget(port)
    await becomes(id, "active")
    await server.kill9()
    await endTarget()
    await server.restart()
    await becomes(id, "error")
    await startTarget(port)
    await becomes(id, "active")
    expect(await historyOf(id)).toEqual(["up", "down", "up", "down", "up"])
    expect(server.errors()).toEqual([])
  })

  it("is never asked by an address with credentials, which nothing tells", async () => {
    const id = await registered("http://ada:hunter2@127.0.0.1:1/health")
    await berth("services", "watch", id, "--every", "5", "--failures", "1")
    const { data } = await becomes(id, "error")
    expect(data["detail"]).toBe("Its address has credentials in it.")
    expect((await watchOf(id)).lastProbe?.detail).toBe("Its address has credentials in it.")
    const events = await server.client.berth.events({ limit: 1000 })
    const audit = await server.client.berth.audit({ limit: 200 })
    expect(JSON.stringify([events, audit])).toContain(id)
    for (const told of [events, audit, server.output()]) expect(JSON.stringify(told)).not.toContain("hunter2")
  })
})
