import type { FastifyInstance } from "fastify"
import { describe, expect, it } from "vitest"
import { makeApp, auth, useApps } from "./app-suite.ts"

useApps()

describe("the host", () => {
  it("must be a loopback name, or one that was allowed", async () => {
    const { app } = await makeApp({ allowedHosts: ["Berth.Example:8080", "10.1.2.3", "fe80::1"] })
    const status = async (host: string) =>
      (await app.inject({ url: "/test/who", headers: { ...auth, host } })).statusCode
    for (const host of [
      "localhost",
      "LOCALHOST:9",
      "127.0.0.1:8080",
      "127.8.9.10",
      "[::1]:8080",
      "berth.example",
      "berth.EXAMPLE.:1",
      "10.1.2.3:80",
      "[fe80::1]:80",
    ])
      expect([host, await status(host)]).toEqual([host, 200])
    for (const host of [
      "evil.example",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "evil.example:8080",
      "10.1.2.4",
      "[::2]",
      "localhost@evil",
      "localhost/",
      "a b",
    ])
      expect([host, await status(host)]).toEqual([host, 403])
  })

  it("may be any address, but no other name, when the server listens everywhere", async () => {
    const { app } = await makeApp({ allowedHosts: ["0.0.0.0"], listenIsLoopback: false })
    const status = async (host: string) =>
      (await app.inject({ url: "/test/who", headers: { ...auth, host } })).statusCode
    expect([
      await status("192.0.2.7:8080"),
      await status("[2001:db8::1]"),
      await status("evil.example"),
    ]).toEqual([200, 200, 403])
  })

  it("is checked for the probes too", async () => {
    const { app } = await makeApp()
    expect((await app.inject({ url: "/healthz", headers: { host: "evil.example" } })).statusCode).toBe(403)
  })
})

describe("another site's page under --no-auth", () => {
  const post = async (app: FastifyInstance, headers: Record<string, string>) =>
    (await app.inject({ method: "POST", url: "/test/echo", headers: { host: "localhost:8080", ...headers } }))
      .statusCode

  it("may not change anything", async () => {
    const { app } = await makeApp({ noAuth: true })
    const own = "http://localhost:8080"
    expect(await post(app, {})).toBe(200)
    expect(await post(app, { origin: own })).toBe(200)
    expect(await post(app, { origin: own, "sec-fetch-site": "same-origin" })).toBe(200)
    for (const headers of [
      { origin: "http://evil.example" },
      { origin: "http://localhost:8081" },
      { origin: "http://localhost" },
      { origin: "null" },
      { origin: "" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
      { origin: own, "sec-fetch-site": "cross-site" },
      { origin: "http://evil.example", ...auth },
    ])
      expect([headers, await post(app, headers)]).toEqual([headers, 403])
  })

  it("gets no leave by OPTIONS, and may still be linked from", async () => {
    const { app } = await makeApp({ noAuth: true })
    const preflight = await app.inject({
      method: "OPTIONS",
      url: "/test/echo",
      headers: { origin: "http://evil.example", "access-control-request-method": "POST" },
    })
    expect(preflight.statusCode).toBe(403)
    expect(preflight.headers["access-control-allow-origin"]).toBeUndefined()
    const link = await app.inject({ url: "/test/who", headers: { "sec-fetch-site": "cross-site" } })
    expect(link.statusCode).toBe(200)
  })

  it("is not looked at where a key is needed", async () => {
    const { app } = await makeApp()
    expect(await post(app, { origin: "http://evil.example", ...auth })).toBe(200)
  })
})
