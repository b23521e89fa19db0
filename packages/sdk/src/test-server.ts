import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/** A server of a test, on a port of its own. */
export interface TestServer {
  readonly url: string
  /** Method and path with query of every request, in order. */
  readonly calls: readonly string[]
  /** The requests' headers, likewise. */
  readonly headers: readonly IncomingMessage["headers"][]
  close(): Promise<void>
}

/** Starts a server; `answer` is told how many requests came before. */
export async function startTestServer(
  answer: (request: IncomingMessage, response: ServerResponse, before: number) => void,
): Promise<TestServer> {
  const calls: string[] = []
  const headers: IncomingMessage["headers"][] = []
  const listener: RequestListener = (request, response) => {
    const before = calls.push(`${request.method} ${request.url}`) - 1
    headers.push(request.headers)
    answer(request, response, before)
  }
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    headers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Answers with JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(body === undefined ? "" : JSON.stringify(body))
}
