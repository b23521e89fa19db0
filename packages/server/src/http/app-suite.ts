import { Writable } from "node:stream"
import type { FastifyInstance } from "fastify"
import { pino } from "pino"
import { afterEach } from "vitest"
import type { Directory, Principal, Tokens, UserId } from "../domain/identity/index.ts"
import { systemActor, type Refusal } from "../domain/journal/index.ts"
import { systemClock } from "../kit/clock.ts"
import { createIds } from "../kit/ids.ts"
import { createApp, type AppConfig } from "./app.ts"
import type { Family } from "./plugins/family.ts"
import { plainErrorAnswer } from "./plugins/plain-errors.ts"
import { createStreams } from "./plugins/streams.ts"
import type { Services } from "./services.ts"

export const token = "berth_the-secret-token"

function principal(name: string): Principal {
  return {
    userId: `usr_${name}` as UserId,
    userName: name,
    keyId: null,
    serverRole: "owner",
    roleIn: () => "owner",
    workspaces: () => null,
    actor: systemActor("test"),
  }
}

const directory: Directory = {
  authenticate: (sent) => (sent === token ? principal("keyed") : undefined),
  local: () => principal("local"),
  user: () => undefined,
  userByName: () => undefined,
  key: () => undefined,
}

/** `seen.` is known at once, `new.` after a look at its signature; both are the key's. */
const tokens: Tokens = {
  exchangeKey: () => Promise.reject(new Error("not here")),
  read(text) {
    const claims = { keyId: "key_1", generation: 1, notBeforeMs: 0, expiresAtMs: 1 }
    if (text === "seen.") return claims
    if (text === "broken.") return Promise.reject(new Error("a fault"))
    return text === "foreign." ? undefined : Promise.resolve(text === "new." ? claims : undefined)
  },
  principalOf: () => principal("tokened"),
  keySet: () => Promise.resolve({ keys: [] }),
}

/** A family that words errors in one line of text, to tell its words from others'. */
export function testFamily(extra: (app: FastifyInstance) => void = () => {}): Family {
  return {
    name: "test",
    prefixes: ["/test"],
    bodyLimit: 100,
    register(app) {
      app.get("/test/who", { config: { operation: "test.who" } }, (request) => ({
        name: request.principal.userName,
      }))
      app.get("/test/things/:id", (request) => request.params)
      app.post("/test/echo", (request) => ({
        body: request.body instanceof Uint8Array ? Buffer.from(request.body).toString() : typeof request.body,
      }))
      app.post(
        "/test/schema",
        {
          schema: {
            body: { type: "object", required: ["n"] },
            response: { 200: { type: "object", properties: { n: { type: "number" } } } },
          },
        },
        () => ({ n: null, more: "kept" }),
      )
      app.get("/test/crash", () => {
        throw new Error(`a secret: ${token}`)
      })
      app.get("/test/never", () => new Promise(() => {}))
      extra(app)
    },
    errorAnswer: (error) => ({ status: plainErrorAnswer(error, place).status, body: { oops: error.code } }),
  }
}
const place = { method: "", url: "", requestId: "" }

interface Made {
  readonly app: FastifyInstance
  readonly lines: Record<string, unknown>[]
  readonly done: { operation: string; status: number; family: string }[]
}

const made: FastifyInstance[] = []

export async function makeApp(
  config: Partial<AppConfig> = {},
  options: {
    readonly isReady?: () => boolean
    readonly family?: Family
    readonly onRefused?: (refusal: Refusal) => void
  } = {},
): Promise<Made> {
  const lines: Record<string, unknown>[] = []
  const done: { operation: string; status: number; family: string }[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, next) {
      lines.push(JSON.parse(chunk.toString()))
      next()
    },
  })
  const services = {
    clock: systemClock,
    ids: createIds(() => Date.now()),
    directory,
    tokens,
    readiness: () => ({ isReady: options.isReady?.() ?? true, message: "The server is still recovering." }),
    version: "test",
  } as unknown as Services
  const app = await createApp({
    services,
    log: pino({ level: "debug" }, sink),
    config: {
      noAuth: false,
      allowedHosts: [],
      behindProxy: false,
      openMetrics: false,
      listenIsLoopback: true,
      ...config,
    },
    families: [options.family ?? testFamily()],
    ...(options.onRefused ? { onRefused: options.onRefused } : {}),
    streams: createStreams({ clock: systemClock, most: 4 }),
    meter: { requestDone: (request) => done.push({ ...request }) },
    metrics: { contentType: "text/plain; version=0.0.4", text: () => Promise.resolve("figures 1\n") },
  })
  made.push(app)
  return { app, lines, done }
}

export const auth = { authorization: `Bearer ${token}` }

/** Apps end with the test: call it once, at the top of a file of tests. */
export function useApps(): void {
  afterEach(async () => {
    for (const app of made.splice(0)) await app.close()
  })
}
