import type { AddressInfo } from "node:net"
import { systemClock } from "../../kit/clock.ts"
import { createIds } from "../../kit/ids.ts"
import { silentLog } from "../../kit/log.ts"
import { createApp } from "../app.ts"
import { createStreams } from "../plugins/streams.ts"
import type { Services } from "../services.ts"
import { sendRaw, type RawAnswer, type RawRequest } from "../workloads/test-server.ts"
import { kuberayFamily } from "./family.ts"
import { member, scriptedObjects, type Script } from "./test-rows.ts"

/** The family behind the real application, on a socket, with objects that do what the test says. */
export interface KuberayServer {
  readonly url: string
  /** Every call of the objects since the last `script`. */
  readonly calls: readonly (readonly unknown[])[]
  script(script: Script): void
  send(request: RawRequest): Promise<RawAnswer>
  close(): Promise<void>
}

/** Starts it on a free port of the loopback address. The token of `send` is an editor's. */
export async function startKuberayServer(): Promise<KuberayServer> {
  let scripted: Script = {}
  const calls: unknown[][] = []
  const principal = member("editor")
  const services: Partial<Services> = {
    clock: systemClock,
    ids: createIds(() => Date.now()),
    directory: {
      authenticate: (token) => (token === "test-token" ? principal : undefined),
      local: () => principal,
      user: () => undefined,
      userByName: () => undefined,
    },
    tokens: { read: () => undefined } as unknown as Services["tokens"],
    ray: scriptedObjects(() => scripted, calls),
    readiness: () => ({ isReady: true, message: "" }),
  }
  const app = await createApp({
    services: services as Services,
    log: silentLog,
    config: {
      noAuth: false,
      allowedHosts: [],
      behindProxy: false,
      openMetrics: false,
      listenIsLoopback: true,
    },
    families: [kuberayFamily],
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
