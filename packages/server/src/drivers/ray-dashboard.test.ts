import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { afterEach, expect, test } from "vitest"
import { createVirtualClock, systemClock, type Clock } from "../kit/clock.ts"
import { createRayDashboard } from "./ray-dashboard.ts"

const never = new AbortController().signal
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

interface Seen {
  readonly line: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** A dashboard that answers what it is told to, and what it was asked. */
async function world(
  answer: (seen: Seen, reply: ServerResponse) => void,
  clock: Clock = systemClock,
  token: string | null = "secret",
) {
  const asked: Seen[] = []
  const server = createServer((request, reply) => {
    let body = ""
    request.setEncoding("utf8").on("data", (text: string) => (body += text))
    request.on("end", () => {
      const seen = { line: `${request.method} ${request.url}`, headers: request.headers, body }
      asked.push(seen)
      answer(seen, reply)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const end = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  ends.push(end)
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const address = { gcs: "", dashboardUrl: url, agentUrl: url, serveUrl: "", endpoints: {} }
  const serveOptions = { http_options: { port: 8123 } }
  return { asked, end, server, dashboard: createRayDashboard({ clock, address, token, serveOptions }) }
}

const says =
  (status: number, text: string) =>
  (_: Seen, reply: ServerResponse): void =>
    void reply.writeHead(status).end(text)

const job = {
  entrypoint: "python a.py",
  submissionId: "one",
  metadata: { team: "a" },
  runtimeEnv: { env_vars: { A: "b" } },
  numCpus: 1,
  numGpus: 0,
  resources: null,
}

test("a job is submitted with the cluster's token and only what was asked for", async () => {
  const { asked, dashboard } = await world(says(200, `{"submission_id":"one"}`))
  expect(await dashboard.submit(job, never)).toBe("one")
  expect(asked[0]?.headers.authorization).toBe("Bearer secret")
  expect(JSON.parse(asked[0]?.body ?? "")).toEqual({
    entrypoint: "python a.py",
    submission_id: "one",
    metadata: { team: "a" },
    runtime_env: { env_vars: { A: "b" } },
    entrypoint_num_cpus: 1,
  })
})

test("a cluster without tokens is asked without", async () => {
  const { asked, dashboard } = await world(says(200, "[]"), systemClock, null)
  expect(await dashboard.jobs(never)).toEqual([])
  expect(asked[0]?.headers.authorization).toBeUndefined()
})

test.for([
  [500, "ValueError: Job with submission_id one already exists. Please use", "already_exists", undefined],
  [500, "Exception: No available agent to submit job", "unavailable", "unreachable"],
  [400, "entrypoint missing", "invalid", "refused"],
  [200, "<html>another program</html>", "unavailable", "unreachable"],
] as const)("a submission answered %s %s is %s", async ([status, text, code, detail]) => {
  const { dashboard } = await world(says(status, text))
  await expect(dashboard.submit(job, never)).rejects.toMatchObject({ code, detail })
})

test("what Ray refuses keeps its status and the first 4 KiB of its words", async () => {
  const { dashboard } = await world(says(500, "x".repeat(10_000)))
  await expect(dashboard.remove("a", never)).rejects.toMatchObject({
    code: "invalid",
    message: "x".repeat(4096),
    facts: { status: 500 },
  })
})

test("what Ray does not know is no error", async () => {
  const { asked, dashboard } = await world(says(404, "Job a/b does not exist"))
  expect(await dashboard.job("a/b", never)).toBeUndefined()
  expect(await dashboard.log("a/b", never)).toBeUndefined()
  expect(await dashboard.stop("a/b", never)).toBeUndefined()
  expect(await dashboard.remove("a/b", never)).toBe(false)
  expect(asked.map((each) => each.line)).toEqual([
    "GET /api/jobs/a%2Fb",
    "GET /api/jobs/a%2Fb/logs",
    "POST /api/jobs/a%2Fb/stop",
    "DELETE /api/jobs/a%2Fb",
  ])
})

test("a job is told in our words, a driver's with an empty submission id", async () => {
  const driver = { type: "DRIVER", submission_id: null, job_id: "01", status: "RUNNING", start_time: 5.4 }
  const { dashboard } = await world(says(200, JSON.stringify([driver])))
  expect(await dashboard.jobs(never)).toEqual([
    {
      entrypoint: "",
      jobId: "01",
      submissionId: "",
      status: "RUNNING",
      message: "",
      errorType: "",
      startTimeMs: 5,
      endTimeMs: null,
      metadata: {},
      runtimeEnv: {},
    },
  ])
})

test("nodes and Serve's applications are read", async () => {
  const node = { node_name: "p", is_head_node: true, state: "DEAD", state_message: "gone" }
  const serve = {
    applications: { a: { status: "RUNNING", message: "", deployments: { D: { status: "HEALTHY" } } } },
  }
  const { dashboard } = await world(({ line }, reply) => {
    const answer = line.includes("nodes") ? { data: { result: { result: [node] } } } : serve
    reply.end(JSON.stringify(answer))
  })
  expect(await dashboard.nodes(never)).toEqual([{ name: "p", isHead: true, isAlive: false, message: "gone" }])
  expect((await dashboard.serve(never)).applications).toEqual([
    {
      name: "a",
      status: "RUNNING",
      message: "",
      deployments: [{ name: "D", status: "HEALTHY", message: "" }],
    },
  ])
})

test("Serve listens where the backend says, whatever the user wrote", async () => {
  const { asked, dashboard } = await world(says(200, ""))
  await dashboard.applyServe({ applications: [], http_options: { port: 8000, root_path: "/x" } }, never)
  expect(JSON.parse(asked[0]?.body ?? "")).toEqual({
    applications: [],
    http_options: { port: 8123, root_path: "/x" },
  })
})

test("health wants dashboard and agent, and never throws", async () => {
  let agent = 500
  const { dashboard, end } = await world(({ line }, reply) => {
    reply.writeHead(line.includes("healthz") ? agent : 200).end("{}")
  })
  expect(await dashboard.health(never)).toMatchObject({ isReady: false })
  agent = 200
  expect(await dashboard.health(never)).toEqual({ isReady: true, message: "" })
  await end()
  expect(await dashboard.health(never)).toMatchObject({ message: "Ray's dashboard cannot be reached." })
})

test("a dashboard that hangs is given up at the deadline, half-way through its answer too", async () => {
  const clock = createVirtualClock()
  const begun: (() => void)[] = []
  const { dashboard } = await world((_, reply) => {
    reply.writeHead(200).write("[")
    begun.shift()?.()
  }, clock)
  const hasBegun = new Promise<void>((resolve) => begun.push(resolve))
  const call = dashboard.jobs(never).catch((error: unknown) => error)
  await hasBegun
  await clock.advance(2000)
  expect(await call).toMatchObject({ code: "timeout" })
})

test("a call ends with its signal", async () => {
  const given = new AbortController()
  const { dashboard } = await world(() => given.abort(new Error("not wanted any more")))
  await expect(dashboard.serve(given.signal)).rejects.toThrow("not wanted any more")
})

test("a forwarded request loses the caller's credentials, gets the token, and streams both ways", async () => {
  const { asked, dashboard } = await world((_, reply) => {
    reply.writeHead(201, { "x-a": "b", "set-cookie": "c=d" }).end("answer")
  })
  async function* body() {
    yield Buffer.from("one ")
    yield await Promise.resolve(Buffer.from("two"))
  }
  const headers = { Authorization: "Bearer mine", Cookie: "session=1", "X-Kept": "yes", Host: "berth" }
  const answer = await dashboard.forward({ method: "PUT", path: "/api/x?y=1", headers, body: body() }, never)
  let text = ""
  for await (const chunk of answer.body) text += Buffer.from(chunk).toString()
  expect([answer.status, answer.headers["x-a"], answer.headers["set-cookie"], text]).toEqual([
    201,
    "b",
    undefined,
    "answer",
  ])
  expect(asked[0]).toMatchObject({ line: "PUT /api/x?y=1", body: "one two" })
  expect(asked[0]?.headers).toMatchObject({ authorization: "Bearer secret", "x-kept": "yes" })
  expect(asked[0]?.headers.cookie).toBeUndefined()
})

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ""
  for await (const chunk of body) text += Buffer.from(chunk).toString()
  return text
}

test("a request that is forwarded without its body has no length of one", async () => {
  const { asked, dashboard } = await world(says(200, "done"))
  for (const method of ["GET", "POST"]) {
    const request = { method, path: "/x", headers: { "Content-Length": "5" }, body: null }
    expect(await textOf((await dashboard.forward(request, never)).body)).toBe("done")
  }
  expect(asked.map(({ headers }) => headers["content-length"])).toEqual([undefined, "0"])
})

test("a forwarded body may take its time, as long as something moves", async () => {
  const clock = createVirtualClock()
  const { asked, dashboard } = await world(says(200, "taken"), clock)
  async function* body() {
    for (const part of ["one ", "two ", "three"]) {
      yield Buffer.from(part)
      await clock.advance(50_000)
    }
  }
  const answer = await dashboard.forward({ method: "DELETE", path: "/x", headers: {}, body: body() }, never)
  expect([await textOf(answer.body), asked[0]?.body]).toEqual(["taken", "one two three"])
})

test("a forwarded body that stands still is given up", async () => {
  const clock = createVirtualClock()
  const { dashboard } = await world(says(200, "taken"), clock)
  const stuck = Promise.withResolvers<void>()
  async function* body() {
    yield Buffer.from("one")
    stuck.resolve()
    await new Promise(() => {})
  }
  const request = { method: "PUT", path: "/x", headers: {}, body: body() }
  const call = dashboard.forward(request, never).catch((error: unknown) => error)
  await stuck.promise
  await clock.advance(60_000)
  expect(await call).toMatchObject({ code: "timeout" })
})

test("a forwarded WebSocket is a tunnel that ends with its signal", async () => {
  const { server, dashboard } = await world(says(404, "no"))
  const closed = Promise.withResolvers<void>()
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    socket.once("close", () => closed.resolve())
    socket.on("error", () => {})
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX-Token: ${request.headers.authorization}\r\n\r\nhello `,
    )
    socket.pipe(socket)
  })
  async function* body() {
    yield await Promise.resolve(Buffer.from("ping"))
    await new Promise(() => {})
  }
  const over = new AbortController()
  const headers = { Upgrade: "WebSocket", Connection: "Upgrade", "Sec-WebSocket-Key": "a" }
  const answer = await dashboard.forward({ method: "GET", path: "/t", headers, body: body() }, over.signal)
  expect([answer.status, answer.headers["x-token"]]).toEqual([101, "Bearer secret"])
  let text = ""
  for await (const chunk of answer.body) {
    text += Buffer.from(chunk).toString()
    if (text === "hello ping") break
  }
  over.abort()
  await closed.promise
})

test("a WebSocket that Ray refuses is an answer as any other", async () => {
  const { dashboard } = await world(says(404, "no"))
  const headers = { upgrade: "websocket", "sec-websocket-key": "a" }
  const answer = await dashboard.forward({ method: "GET", path: "/t", headers, body: null }, never)
  expect([answer.status, await textOf(answer.body)]).toEqual([404, "no"])
})

test("a redirect to the dashboard's own address is one to a path", async () => {
  const { dashboard } = await world((seen, reply) => {
    reply.writeHead(302, { location: `http://${seen.headers.host}/login?a=b` }).end()
  })
  const answer = await dashboard.forward({ method: "GET", path: "/", headers: {}, body: null }, never)
  expect(answer.headers["location"]).toBe("/login?a=b")
})

test.for(["", ".", ".."])("no job is %j: nothing else is asked for or stopped by that", async (id) => {
  const { asked, dashboard } = await world(says(200, "{}"))
  expect(await dashboard.job(id, never)).toBeUndefined()
  expect(await dashboard.log(id, never)).toBeUndefined()
  expect(await dashboard.stop(id, never)).toBeUndefined()
  expect(await dashboard.remove(id, never)).toBe(false)
  expect(asked).toEqual([])
})
