import { request as httpRequest } from "node:http"
import type { IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import type { Principal } from "../domain/identity/index.ts"
import { systemClock } from "../kit/clock.ts"
import { createIds } from "../kit/ids.ts"
import { silentLog } from "../kit/log.ts"
import { createApp, type AppConfig } from "./app.ts"
import type { Family } from "./plugins/family.ts"
import { createStreams } from "./plugins/streams.ts"
import type { Services } from "./services.ts"
import { checkExchange } from "./test-exchange.ts"

/** The token that a test server knows. */
export const testToken = "test-token"

/** An answer as it came over the socket. */
export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The parsed body; undefined for an empty one and for one that is no JSON by its type. */
  readonly json: unknown
}

export interface RawRequest {
  readonly method?: string
  /** As it goes on the wire: nothing is normalised or escaped. */
  readonly path: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** One family behind the real application, on a socket, with services that do what the test says. */
export interface TestServer<Script> {
  readonly url: string
  /** Every call of the services since the last `script`: name, then the arguments after the principal. */
  readonly calls: readonly (readonly unknown[])[]
  /** Sets what the services do from now on, and forgets the calls. */
  script(script: Script): void
  send(request: RawRequest): Promise<RawAnswer>
  close(): Promise<void>
}

/** What a test server is made of. */
export interface TestParts<Script> {
  readonly family: Family
  /** Whom the test token stands for. */
  readonly principal: Principal
  /** Services that look up what they do at each call, and note it in `calls`. */
  readonly services: (script: () => Partial<Script>, calls: unknown[][]) => Partial<Services>
}

const config: AppConfig = {
  noAuth: false,
  allowedHosts: [],
  behindProxy: false,
  openMetrics: false,
  listenIsLoopback: true,
}

/** Starts it on a free port of the loopback address. */
export async function startTestServer<Script>(
  parts: TestParts<Script>,
): Promise<TestServer<Partial<Script>>> {
  let scripted: Partial<Script> = {}
  const calls: unknown[][] = []
  const { family, principal } = parts
  const services = { ...kitServices(principal), ...parts.services(() => scripted, calls) }
  const app = await createApp({
    services: services as Services,
    log: silentLog,
    config,
    families: [family],
    streams: createStreams({ clock: systemClock, most: 1 }),
    meter: { requestDone: () => {} },
    metrics: { contentType: "text/plain", text: () => Promise.resolve("") },
  })
  await app.listen({ host: "127.0.0.1", port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    script(script) {
      scripted = script
      calls.length = 0
    },
    send: (request) => sendRaw(port, request),
    close: () => app.close(),
  }
}

function kitServices(principal: Principal): Partial<Services> {
  return {
    clock: systemClock,
    ids: createIds(() => Date.now()),
    directory: {
      authenticate: (token) => (token === testToken ? principal : undefined),
      local: () => principal,
      user: () => undefined,
      userByName: () => undefined,
      key: () => undefined,
    },
    tokens: { read: () => undefined } as unknown as Services["tokens"],
    readiness: () => ({ isReady: true, message: "" }),
  }
}

/** One request on its own connection, with the token unless the test sends an Authorization of its own. */
export function sendRaw(port: number, wanted: RawRequest): Promise<RawAnswer> {
  const { method = "GET", path, body, headers = {} } = wanted
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent: false,
        headers: {
          authorization: `Bearer ${testToken}`,
          ...(body !== undefined && { "content-length": Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on("data", (chunk: Buffer) => chunks.push(chunk))
        answer.on("error", reject)
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8")
          const status = answer.statusCode ?? 0
          const contentType = answer.headers["content-type"] ?? ""
          try {
            checkExchange({ method, url: path, asked: headers, status, contentType, text })
            const hasJson = text !== "" && !contentType.startsWith("text/")
            const json: unknown = hasJson ? JSON.parse(text) : undefined
            resolve({ status, headers: answer.headers, text, json })
          } catch (error) {
            reject(error)
          }
        })
      },
    )
    request.on("error", reject)
    request.end(body)
  })
}
