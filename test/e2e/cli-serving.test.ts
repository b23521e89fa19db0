import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"
import { runCli, startCli } from "../support/run-cli.ts"

let server: RealServer
let cwd: string
beforeAll(async () => {
  server = await startRealServer({ flags: ["--stop-grace", "5"] })
  cwd = join(server.home, "project")
  mkdirSync(cwd)
})
afterAll(() => server?.close())

const berth = (...args: readonly string[]) => runCli([...args, "--data", server.dataDir], { cwd })
const withOptions = (verb: string, ...args: readonly string[]) =>
  runCli([verb, "--data", server.dataDir, ...args], { cwd })
const serve = (...args: readonly string[]) => withOptions("serve", ...args)
const small = ["--cpu", "10m", "--memory", "128Mi"]

/** Answers `VERSION GREETING`. */
const program = `
  const { VERSION, GREETING } = process.env
  require("node:http").createServer((request, response) => {
    response.setHeader("connection", "close")
    response.end(VERSION + " " + GREETING)
  }).listen(8080, process.env.POD_IP)`
const command = ["--", process.execPath, "-e", program]
const env = ["-e", "VERSION=1", "-e", "GREETING=hello"]

/** Where the printed curl line leads. */
function curled(out: string): string {
  const [, url = ""] = /curl (http:\S+)/.exec(out) ?? []
  return url
}
const text = async (url: string) => (await fetch(url)).text()
const idOf = (written: string) => /(?:Submitted |^)(web-[a-z0-9]+)/m.exec(written)?.[1] ?? ""

describe("an application by the command line", () => {
  it("is served, scaled, updated and kept when an update never gets ready", async () => {
    const readiness = ["--readiness", "/", "--initial-delay", "1"]
    const flags = ["--name", "web", "--port", "8080", "--replicas", "2", ...readiness, ...small, ...env]
    const served = await serve(...flags, ...command)
    expect(served, served.err).toMatchObject({ code: 0 })
    expect(served.out).toMatch(/Running with 2 pods/)
    const id = idOf(served.err)
    const url = curled(served.out)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:3\d{4}\/$/)
    expect(await text(url)).toBe("1 hello")

    const scaled = await berth("scale", id, "3")
    expect(scaled, scaled.err).toMatchObject({ code: 0, out: `${id} is Running with 3 pods\n` })
    expect((await server.workload(id)).pods).toHaveLength(3)

    const updated = await berth("update", id, "--env", "VERSION=2")
    expect(updated, updated.err).toMatchObject({ code: 0 })
    for (let n = 0; n < 6; n++) expect(await text(url)).toBe("2 hello")

    const stuck = await withOptions("update", "--wait", "5s", id, "--", "sh", "-c", "echo idle; sleep 600")
    expect(stuck.code, stuck.err).toBe(1)
    expect(stuck.err).toMatch(/The update of \S+ is stuck: nothing has changed for 5s/)
    expect(stuck.err).toContain("2 pods of before stay as they are")
    expect(stuck.err).toContain("| idle")
    for (let n = 0; n < 4; n++) expect(await text(url)).toBe("2 hello")

    const back = await withOptions("update", id, "-e", "GREETING=again", ...command)
    expect(back, back.err).toMatchObject({ code: 0 })
    expect(await text(url)).toBe("2 again")
    expect(await berth("scale", id, "0")).toMatchObject({ code: 0, out: `${id} is Running with 0 pods\n` })
    await berth("stop", id)
    await podsGone(server)
  })

  it("says which pod ends and what it wrote last, and ends with 1 while it is tried on", async () => {
    const { code, err } = await serve(
      "--name",
      "web",
      ...small,
      "--",
      "sh",
      "-c",
      "echo no model here; exit 3",
    )
    expect(code, err).toBe(1)
    expect(err).toMatch(/web-\S+ ended with 3; it is started again\n {2}\| no model here\n/)
    expect(err).toMatch(/does not get ready: web-\S+ ended 4 times, last with 3/)
    const id = idOf(err)
    expect((await server.workload(id)).endTime).toBe("")
    await berth("stop", id)
  })

  it("goes on after Ctrl-C; a StatefulSet that is detached from has its names and answers", async () => {
    const waits = [...small, "--name", "web", "--port", "8080", "--readiness", "/"]
    const attached = startCli(["serve", "--data", server.dataDir, ...waits, "--", "sleep", "600"], { cwd })
    await attached.untilWritten(/1 of 1 pod started, not all of them ready/)
    attached.child.kill("SIGINT")
    expect(await attached.ended()).toBe(130)
    const id = idOf(attached.err())
    expect(attached.err()).toContain(`berth scale ${id} N`)
    expect((await server.workload(id)).phase).toBe("Updating")

    const stateful = ["--stateful", "--cluster-only", "--detach", "--replicas", "2", ...env]
    const { code, out } = await serve(...waits, ...stateful, ...command)
    expect(code).toBe(0)
    const other = idOf(out)
    const { pods } = await server.phase(other, "Running")
    expect(pods.map((pod) => pod.podId)).toEqual([`${other}-0`, `${other}-1`])
    const { internalDomain, externalDomain } = await server.client.workloads.service(other)
    expect(externalDomain).toBe("")
    expect(await text(`http://${internalDomain}/`)).toBe("1 hello")
    await berth("stop", id, other)
    await podsGone(server)
    expect(server.errors()).toEqual([])
  })
})
