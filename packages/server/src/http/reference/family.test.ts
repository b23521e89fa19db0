import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { FastifyInstance } from "fastify"
import { systemClock } from "../../kit/clock.ts"
import { createIds } from "../../kit/ids.ts"
import { silentLog } from "../../kit/log.ts"
import { createApp } from "../app.ts"
import { createStreams } from "../plugins/streams.ts"
import type { Services } from "../services.ts"
import { referenceFamily } from "./family.ts"

let app: FastifyInstance
beforeAll(async () => {
  const services = {
    clock: systemClock,
    ids: createIds(() => Date.now()),
    directory: { authenticate: () => undefined },
    tokens: { read: () => undefined },
    readiness: () => ({ isReady: true, message: "" }),
  } as unknown as Services
  app = await createApp({
    services,
    log: silentLog,
    config: {
      noAuth: false,
      allowedHosts: [],
      behindProxy: false,
      openMetrics: false,
      listenIsLoopback: true,
    },
    families: [referenceFamily],
    streams: createStreams({ clock: systemClock, most: 1 }),
    meter: { requestDone: () => {} },
    metrics: { contentType: "text/plain", text: () => Promise.resolve("") },
  })
})
afterAll(() => app.close())

describe("the reference page", () => {
  it("is there without a token, and may ask and run nothing but this server's", async () => {
    for (const url of ["/reference", "/reference/"]) {
      const { statusCode, headers, body } = await app.inject(url)
      expect([statusCode, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"])
      const policy = String(headers["content-security-policy"]).split("; ")
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("script-src 'self'")
      expect(policy).toContain("connect-src 'self'")
      expect(policy.join(" ")).not.toMatch(/https?:|\*|unsafe-eval/)
      // Everything that it loads is a path of this server, and nothing runs inline.
      const loaded = [...body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url = ""]) => url)
      expect(loaded.filter((url) => !url.startsWith("/reference/"))).toEqual(["data:,"])
      expect(body).not.toMatch(/<script(?![^>]*src=)/)
      for (const url of loaded.filter((url) => url.startsWith("/")))
        expect([url, (await app.inject(url)).statusCode]).toEqual([url, 200])
    }
  })

  it("asks no other host for anything", async () => {
    const { body } = await app.inject("/reference/page.js")
    expect(body).not.toMatch(/https?:\/\//)
    for (const setting of ['proxyUrl: ""', "withDefaultFonts: false", "telemetry: false"])
      expect(body).toContain(setting)
  })

  it("comes gzipped to who takes that, whole to who does not, and not at all to who has it", async () => {
    const url = "/reference/scalar.js"
    const packed = await app.inject({ url, headers: { "accept-encoding": "gzip, br" } })
    expect(packed.headers).toMatchObject({
      "content-encoding": "gzip",
      "content-type": "text/javascript; charset=utf-8",
      vary: "accept-encoding",
    })
    const plain = await app.inject({ url })
    expect(plain.headers["content-encoding"]).toBeUndefined()
    expect(gunzipSync(packed.rawPayload).equals(plain.rawPayload)).toBe(true)
    expect(plain.body).toContain("createApiReference")
    const again = await app.inject({ url, headers: { "if-none-match": String(packed.headers["etag"]) } })
    expect([again.statusCode, again.body]).toEqual([304, ""])
  })

  it("opens no other paths", async () => {
    for (const url of ["/reference/../package.json", "/reference/page.html", "/reference/family.ts"])
      expect([url, (await app.inject(url)).statusCode]).toEqual([url, 401])
  })
})
