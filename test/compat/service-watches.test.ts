import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { runCli } from "../../packages/server/src/cli/program.ts"
import { createTestTerminal } from "../../packages/server/src/cli/test-terminal.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { register } from "./services-walks.ts"

/* Watches, records that follow something, and registers by /berth/v1 over sockets, with the real plane. */

let server: BerthServer
let workload: string
beforeEach(async () => {
  server = await startBerthServer()
  workload = await server.submit({
    groupVersionKind: { kind: "Deployment", version: "v1" },
    service: { protocol: "TCP", port: 8000, targetPort: 8000, serviceType: "ClusterIP" },
  })
})
afterEach(() => server.close())

const workspace = (id: string) => server.call("POST", "/berth/v1/workspaces", { json: { id } })
const join = (json: unknown, token?: string) =>
  server.call("POST", "/berth/v1/services", { json, ...(token === undefined ? {} : { token }) })

describe("a record that follows a Deployment", () => {
  it("is watched, and told of with its history", async () => {
    const { status, json } = await join({ join: { workload }, name: "churn", labels: { team: "a" } })
    expect({ status, json }).toMatchObject({ status: 201, json: { name: "churn", workspaceId: "default" } })
    const at = `/berth/v1/services/${json.id}/watch`
    const seen = await server.until(async () => {
      const answer = await server.call("GET", at)
      return answer.json.verdict === "up" && answer.json.history.length > 0 ? answer.json : undefined
    })
    expect(seen).toMatchObject({
      name: "churn",
      state: "active",
      joined: { kind: "workload", name: workload },
      intervalSeconds: 30,
      lastProbe: { ok: true },
      history: [{ verdict: "up" }],
    })
    const list = await server.call("GET", "/berth/v1/watches?workspace=default")
    expect(list.json).toMatchObject({ items: [{ serviceId: json.id }], nextCursor: null })
    expect((await server.call("DELETE", at)).status).toBe(204)
    expect(await server.call("GET", at)).toMatchObject({ status: 404 })
  })

  it.each([
    [{ join: {} }, 400],
    [{ join: { workload: "a", rayService: "b/c" } }, 400],
    [{ join: { workload: "none" } }, 404],
    [{ join: { rayService: "default/none" } }, 404],
    [{ join: { workload: "none" }, watch: { intervalSeconds: 1 } }, 400],
  ])("is refused %j", async (body, status) => {
    expect(await join(body)).toMatchObject({ status })
  })

  it("has the name of what it follows unless it is given one", async () => {
    const { json } = await server.call("GET", `/api/v1/workloads/${workload}`)
    expect((await join({ join: { workload } })).json.name).toBe(json.displayName)
  })

  it("is there once", async () => {
    expect((await join({ join: { workload }, watch: null })).status).toBe(201)
    expect((await join({ join: { workload }, watch: null })).status).toBe(409)
  })
})

describe("the register as one list", () => {
  it("has records of the services API and those that follow something, with what watches found", async () => {
    const { json: follower } = await join({ join: { workload }, name: "churn" })
    await workspace("other")
    const project = (await server.call("GET", "/api/v1/projects/other")).json.id
    const service_type = { type: "model-serving", flavor: "vllm" }
    const bare = await register(server, { project, name: "bare", service_type, status: null })
    expect(bare.status, bare.text).toBe(200)
    const seen = await server.until(async () => {
      const { json } = await server.call("GET", "/berth/v1/services")
      return json.items[1]?.watch?.verdict === "up" ? json.items : undefined
    })
    expect(seen).toMatchObject([
      { id: bare.json.id, workspaceId: "other", flavor: "vllm", state: null, joined: null, watch: null },
      {
        id: follower.id,
        name: "churn",
        state: "active",
        predictionUrl: expect.stringMatching(/^http:\/\/127\./),
        joined: { kind: "workload", name: workload },
        watch: { verdict: "up", intervalSeconds: 30, lastProbe: { ok: true, detail: "Ready pods: 1." } },
      },
    ])
    const one = await server.call("GET", `/berth/v1/services/${follower.id}`)
    expect(one.json).toMatchObject({ name: "churn", watch: { verdict: "up" }, history: [{ verdict: "up" }] })
    const unwatched = await server.call("GET", `/berth/v1/services/${bare.json.id}`)
    expect(unwatched.json).toMatchObject({ watch: null, history: [] })
  })

  it("goes by pages and filters, and shows what the caller may see", async () => {
    const made: string[] = []
    await workspace("closed")
    const project = (await server.call("GET", "/api/v1/projects/closed")).json.id
    for (const name of ["a", "b", "c"]) made.unshift((await register(server, { name, project })).json.id)
    const ids = async (query: string, token?: string) => {
      const answer = await server.call("GET", `/berth/v1/services?${query}`, token ? { token } : {})
      return answer.json.items.map(({ id }: { readonly id: string }) => id)
    }
    const first = await server.call("GET", "/berth/v1/services?limit=2")
    expect(first.json.items.map(({ id }: { readonly id: string }) => id)).toEqual(made.slice(0, 2))
    expect(await ids(`limit=2&cursor=${first.json.nextCursor}`)).toEqual(made.slice(2))
    expect(await ids("name=B&workspace=closed")).toEqual([made[1]])
    expect(await ids("state=error")).toEqual([])
    await workspace("other")
    const stranger = await server.member("entries-stranger", { other: "viewer" })
    expect(await ids("", stranger)).toEqual([])
    const refused = ["cursor=x", "cursor=MS4y", "state=ACTIVE", "page=2", "limit=0"]
    for (const query of refused)
      expect(await server.call("GET", `/berth/v1/services?${query}`), query).toMatchObject({ status: 400 })
    const hidden = await server.call("GET", `/berth/v1/services/${made[0]}`, { token: stranger })
    expect(hidden.status).toBe(404)
    const there = await server.call("GET", "/berth/v1/services?workspace=closed", { token: stranger })
    const nowhere = await server.call("GET", "/berth/v1/services?workspace=none", { token: stranger })
    expect([there.status, nowhere.status]).toEqual([404, 404])
  })
})

it("registers give pages, newest first", async () => {
  const made: string[] = []
  for (const modelName of ["a", "a", "b"]) {
    const { json } = await server.call("POST", "/berth/v1/model-versions", {
      json: { workspaceId: "default", modelName },
    })
    made.push(json.id)
  }
  const first = await server.call("GET", "/berth/v1/model-versions?limit=2")
  expect(first.json.items.map((item: { readonly number: number }) => item.number)).toEqual([1, 2])
  const rest = await server.call("GET", `/berth/v1/model-versions?limit=2&cursor=${first.json.nextCursor}`)
  expect(rest.json).toMatchObject({ items: [{ id: made[0], number: 1 }], nextCursor: null })
  expect((await server.call("GET", "/berth/v1/model-versions?cursor=x")).status).toBe(400)
  expect((await server.call("GET", `/berth/v1/runs/${made[0]}`)).status).toBe(404)
})

describe("berth services", () => {
  async function berth(...argv: readonly string[]) {
    const env = { BERTH_SERVER: server.url, BERTH_TOKEN: server.token }
    const terminal = createTestTerminal({ env, cwd: "/", nowMs: server.clock.nowMs() })
    const code = await runCli(["services", ...argv], terminal)
    return { code, out: terminal.stdout(), err: terminal.stderr() }
  }

  it("registers, lists, shows, watches and deletes records", async () => {
    expect((await berth()).err).toContain("There are no service records.")
    const made = await berth("register", workload, "--name", "churn", "--every", "10", "-o", "json")
    const { id } = JSON.parse(made.out) as { readonly id: string }
    await server.until(async () => {
      const { json } = await server.call("GET", `/berth/v1/services/${id}/watch`)
      return json.history.length > 0 || undefined
    })
    const listed = await berth("ls", "-w", "default")
    expect(listed.out).toMatch(/churn\s+default\s+active\s+http:\S+\s+up\s+.*ago: Ready pods: 1\./)
    const shown = await berth("get", id)
    expect(shown.out).toMatch(/Watch\s+every 10 s: up/)
    expect(shown.out).toMatch(/FOUND[^]*up\s+Ready pods: 1\./)
    expect((await berth("watch", id, "--every", "60")).out).toContain("every 60 s")
    expect((await berth("watch", id, "--every", "1")).code).toBe(2)
    expect((await berth("watch", id, "--off")).code).toBe(0)
    expect((await berth("get", id)).out).toMatch(/Watch\s+not watched/)
    expect((await berth("rm", id)).code).toBe(0)
    expect((await berth("get", id)).code).not.toBe(0)
  })

  it("writes down a server that runs elsewhere, in a workspace, and watches it", async () => {
    await workspace("research")
    const [url, health] = ["https://models.example/churn", "https://models.example/health"]
    const at = ["churn", "--url", url, "-w", "research"]
    const made = await berth("add", ...at, "--health", health, "--flavor", "vllm", "--every", "60")
    expect([made.code, made.err]).toEqual([0, ""])
    expect(made.out).toMatch(/^The record churn is there, and is asked every 60 s: [0-9a-f-]{36}\n$/)
    const { out } = await berth("get", "churn", "-w", "research", "-o", "json")
    expect(JSON.parse(out)).toMatchObject({
      workspaceId: "research",
      flavor: "vllm",
      predictionUrl: url,
      healthCheckUrl: health,
      watch: { intervalSeconds: 60 },
    })
    const again = await berth("add", ...at)
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("same configuration already exists")])
    for (const how of [[], ["--health", health, "--off"]]) {
      const { code, out: said } = await berth("add", `quiet${how.length}`, "--url", url, ...how, "-o", "json")
      expect([code, JSON.parse(said)]).toEqual([0, expect.objectContaining({ watch: null })])
    }
  })

  it("says of a watch that it has nothing to ask", async () => {
    await berth("add", "mute", "--url", "https://models.example/mute")
    const { code, out } = await berth("watch", "mute")
    expect([code, out]).toEqual([0, expect.stringContaining("as soon as it has a health_check_url")])
    expect((await berth("get", "mute")).out).toMatch(/Last probe\s+never: it has no health address/)
    expect((await berth()).out).toContain("never: it has no health address")
  })

  it.each([
    [["x"], 2, "Say where it answers"],
    [["x", "--url", "m.example"], 2, '--url takes a URL, not "m.example".'],
    [["x", "--url", "grpc://m.example", "--health", "grpc://m.example"], 2, "--health takes a URL of http"],
    [["x", "--url", "https://m.example", "--every", "60"], 2, "--health"],
    [["x", "--url", "https://m.example", "-w", "nowhere"], 1, "nowhere"],
  ])("adds nothing for %j", async (argv, code, message) => {
    const answer = await berth("add", ...argv)
    expect([answer.code, answer.err]).toEqual([code, expect.stringContaining(message)])
    expect((await berth()).err).toContain("There are no service records.")
  })

  it("lists so many, by name and state, and cuts what would push the rest off the screen", async () => {
    const long = `${"x".repeat(200)}end`
    for (const [name, state] of [
      ["a", "error"],
      ["b", "active"],
      [long, "active"],
    ] as const)
      await register(server, { name, status: { state } })
    const names = (out: string) => out.split("\n").flatMap((line) => /^(a|b|x+…)\s/.exec(line)?.[1] ?? [])
    expect(names((await berth("ls")).out)).toEqual([`${"x".repeat(47)}…`, "b", "a"])
    const two = await berth("ls", "--limit", "2")
    expect([names(two.out).length, two.err]).toEqual([2, "The newest 2: --limit shows more.\n"])
    expect(names((await berth("ls", "--state", "error")).out)).toEqual(["a"])
    expect(names((await berth("ls", "--name", "b")).out)).toEqual(["b"])
    expect(await berth("ls", "--state", "x")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--state takes one of inactive, active"),
    })
    expect((await berth("ls", "-o", "json")).out).toContain(long)
  })

  it("take a record's name, which must be that of one alone", async () => {
    await server.call("POST", "/berth/v1/workspaces", { json: { id: "research" } })
    const { json: projects } = await server.call("GET", "/api/v1/projects")
    const projectOf = (workspace: string) =>
      projects.items.find((item: { readonly name: string }) => item.name === workspace).id as string
    const create = async (workspace: string, name: string) => {
      const body = { name, project: projectOf(workspace), config: { name, workspace } }
      const watched = { health_check_url: "https://models.example/health" }
      const answer = await register(server, { ...body, ...watched })
      expect([answer.status, answer.text]).toEqual([200, expect.any(String)])
      return String(answer.json.id)
    }
    const here = await create("default", "llm")
    const there = await create("research", "llm")
    const odd = await create("research", "contains:l")
    const listed = await berth("ls")
    for (const line of [/llm\s+default.*/, /llm\s+research.*/, /contains:l\s+research.*/])
      expect(listed.out).toMatch(line)
    for (const verb of ["get", "watch", "rm"]) {
      const both = await berth(verb, "llm")
      expect([verb, both.code]).toEqual([verb, 1])
      for (const text of ["2 service records are named llm", here, there, "-w"])
        expect(both.err).toContain(text)
      const none = await berth(verb, "LLM")
      expect([none.code, none.err]).toEqual([1, expect.stringContaining("No service record is named LLM.")])
    }
    expect((await berth("watch", "llm", "-w", "research", "--every", "60")).code).toBe(0)
    expect((await berth("get", "llm", "-w", "research")).out).toMatch(
      new RegExp(`${there}[^]*Watch\\s+every 60 s`),
    )
    expect((await berth("get", "llm", "-w", "default")).out).toMatch(
      new RegExp(`${here}[^]*Watch\\s+not watched`),
    )
    expect((await berth("watch", "llm", "-w", "research", "--off")).out).toContain("The record llm is")
    expect((await berth("rm", "llm", "-w", "research")).code).toBe(0)
    expect(JSON.parse((await berth("rm", "llm", "-o", "json")).out)).toEqual({ id: here })
    expect((await berth("get", "contains:l")).out).toContain(odd)
    expect((await berth("get", odd.replaceAll("-", ""))).out).toContain(odd)
  })
})
