import { request as httpRequest } from "node:http"
import type { IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import type { Principal } from "../../domain/identity/index.ts"
import type { WorkloadService } from "../../domain/workloads/index.ts"
import { systemClock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { createIds } from "../../kit/ids.ts"
import { silentLog } from "../../kit/log.ts"
import { createApp } from "../app.ts"
import { createStreams } from "../plugins/streams.ts"
import type { Services } from "../services.ts"
import { checkExchange } from "../test-exchange.ts"
import { workloadsFamily } from "./routes.ts"

/** The token that the test server knows. */
const testToken = "test-token"

/** An answer as it came over the socket. */
export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The parsed body; undefined for an empty one. */
  readonly json: unknown
}

export interface RawRequest {
  readonly method?: string
  /** As it goes on the wire: nothing is normalised or escaped. */
  readonly path: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** The family behind the real application, on a socket, with a service that does what the test says. */
export interface TestServer {
  readonly url: string
  /** Every call of the service since the last `script`: name, then the arguments after the principal. */
  readonly calls: readonly (readonly unknown[])[]
  /** Sets what the service does; a method not given throws as for an unknown workload. */
  script(service: Partial<WorkloadService>): void
  send(request: RawRequest): Promise<RawAnswer>
  close(): Promise<void>
}

/** Starts it on a free port of the loopback address. */
export async function startTestServer(): Promise<TestServer> {
  let scripted: Partial<WorkloadService> = {}
  const calls: unknown[][] = []
  const workloads = new Proxy({} as WorkloadService, {
    get:
      (_, name: keyof WorkloadService) =>
      (principal: Principal, ...rest: unknown[]) => {
        calls.push([name, ...rest])
        const method = scripted[name] as ((...given: unknown[]) => unknown) | undefined
        if (method) return method(principal, ...rest)
        const id = String(rest[0])
        return Promise.reject(new AppError("not_found", "said", { resource: "workload", name: id }))
      },
  })
  const app = await createApp({
    services: testServices(workloads),
    log: silentLog,
    config: {
      noAuth: false,
      allowedHosts: [],
      behindProxy: false,
      openMetrics: false,
      listenIsLoopback: true,
    },
    families: [workloadsFamily],
    streams: createStreams({ clock: systemClock, most: 1 }),
    meter: { requestDone: () => {} },
    metrics: { contentType: "text/plain", text: () => Promise.resolve("") },
  })
  await app.listen({ host: "127.0.0.1", port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    script(service) {
      scripted = service
      calls.length = 0
    },
    send: (request) => sendRaw(port, request),
    close: () => app.close(),
  }
}

function testServices(workloads: WorkloadService): Services {
  const principal = { userId: "usr_1", userName: "ann" } as unknown as Principal
  const services: Partial<Services> = {
    clock: systemClock,
    ids: createIds(() => Date.now()),
    directory: {
      authenticate: (token) => (token === testToken ? principal : undefined),
      local: () => principal,
      user: () => undefined,
      userByName: () => undefined,
    },
    tokens: { read: () => undefined } as unknown as Services["tokens"],
    workloads,
    readiness: () => ({ isReady: true, message: "" }),
  }
  return services as Services
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
            checkExchange({ method, url: path, status, contentType, text })
            const hasNoJson = text === "" || contentType.startsWith("text/html")
            const json: unknown = hasNoJson ? undefined : JSON.parse(text)
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
