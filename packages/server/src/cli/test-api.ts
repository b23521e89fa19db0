import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/** What a route of the test answers: JSON of a status, or whatever it writes itself. */
export type TestAnswer = { readonly status?: number; readonly body?: unknown } | "written" | "cut"

export interface TestCall {
  /** `GET /berth/v1/me` without the query. */
  readonly route: string
  readonly query: URLSearchParams
  readonly body: unknown
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** How often this route was called before. */
  readonly before: number
}

/** A server that answers as the test says: for tests of commands. */
export interface TestApi {
  readonly url: string
  readonly calls: readonly TestCall[]
  /** The bodies that a route was sent. */
  bodies(route: string): readonly unknown[]
  close(): Promise<void>
}

export type TestRoutes = Readonly<Record<string, (call: TestCall) => TestAnswer>>

/** Starts it; a route that the test did not name answers 404 in the form of `/berth/v1`. */
export async function startTestApi(routes: TestRoutes): Promise<TestApi> {
  const calls: TestCall[] = []
  const server = createServer((request, response) => {
    let text = ""
    request.on("data", (chunk: Buffer) => (text += chunk.toString()))
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://x")
      const route = `${request.method} ${decodeURIComponent(url.pathname)}`
      const before = calls.filter((call) => call.route === route).length
      const body: unknown = text === "" ? undefined : JSON.parse(text)
      const call: TestCall = { route, query: url.searchParams, body, request, response, before }
      calls.push(call)
      send(
        call,
        routes[route]?.(call) ?? { status: 404, body: { code: "not_found", message: `No ${route}.` } },
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    bodies: (route) => calls.filter((call) => call.route === route).map((call) => call.body),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function send(call: TestCall, answer: TestAnswer): void {
  if (answer === "written") return
  if (answer === "cut") {
    call.request.socket.destroy()
    return
  }
  call.response.writeHead(answer.status ?? 200, { "content-type": "application/json" })
  call.response.end(answer.body === undefined ? "" : JSON.stringify(answer.body))
}

/** Answers with a log of lines and how it ended; without an end the stream stays open. */
export function sendLog(
  { response }: TestCall,
  lines: readonly string[],
  end?: { readonly exitCode: number | null; readonly cause: string | null },
): TestAnswer {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.write(`id: 10\nevent: lines\ndata: ${JSON.stringify({ lines, droppedBytes: 0 })}\n\n`)
  if (end) response.end(`id: 10\nevent: end\ndata: ${JSON.stringify(end)}\n\n`)
  return "written"
}
