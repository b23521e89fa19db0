import { describe, expect, it } from "vitest"
import { type Refusal } from "../domain/journal/index.ts"
import { token, makeApp, auth, useApps } from "./app-suite.ts"

useApps()

describe("credentials", () => {
  it("are a Bearer token in any case or the bare token, and nothing else but a session's cookie", async () => {
    const { app } = await makeApp()
    for (const authorization of [
      `Bearer ${token}`,
      `bearer   ${token}`,
      `BEARER ${token} `,
      token,
      ` ${token}`,
    ]) {
      const answer = await app.inject({ url: "/test/who", headers: { authorization } })
      expect([authorization, answer.statusCode, answer.json()]).toEqual([
        authorization,
        200,
        { name: "keyed" },
      ])
    }
    for (const authorization of ["", "Bearer", `Basic ${token}`, `${token}x`, `Bearer ${token} ${token}`]) {
      const answer = await app.inject({ url: "/test/who", headers: { authorization } })
      expect([answer.statusCode, answer.json()]).toEqual([401, { oops: "unauthenticated" }])
      expect(answer.headers["www-authenticate"]).toBe("Bearer")
    }
    const elsewhere = await app.inject({
      url: `/test/who?token=${token}`,
      headers: { cookie: `session=${token}` },
    })
    expect(elsewhere.statusCode).toBe(401)
  })

  it("are a token too, whether it was seen before or has to be verified first", async () => {
    const { app, lines } = await makeApp()
    const ask = (token: string) =>
      app.inject({ url: "/test/who", headers: { authorization: `Bearer ${token}` } })
    for (const token of ["seen.", "new."]) expect((await ask(token)).json()).toEqual({ name: "tokened" })
    for (const token of ["foreign.", "other."]) {
      const answer = await ask(token)
      expect([answer.statusCode, answer.json()]).toEqual([401, { oops: "unauthenticated" }])
    }
    expect((await ask("broken.")).statusCode).toBe(500)
    expect(JSON.stringify(lines)).not.toMatch(/seen\.|new\.|foreign\.|other\./)
  })

  it("may be left out under --no-auth, but are checked when sent", async () => {
    const { app } = await makeApp({ noAuth: true })
    expect((await app.inject("/test/who")).json()).toEqual({ name: "local" })
    expect((await app.inject({ url: "/test/who", headers: auth })).json()).toEqual({ name: "keyed" })
    const wrong = await app.inject({ url: "/test/who", headers: { authorization: "Bearer wrong" } })
    expect(wrong.statusCode).toBe(401)
  })

  it("cannot be left out where others can reach the server", async () => {
    await expect(makeApp({ noAuth: true, listenIsLoopback: false })).rejects.toThrow("loopback")
  })

  it("are needed for unknown paths and for metrics, not for the probes", async () => {
    const { app } = await makeApp()
    expect((await app.inject("/test/nothing")).statusCode).toBe(401)
    expect((await app.inject("/nothing")).statusCode).toBe(401)
    expect((await app.inject("/metrics")).statusCode).toBe(401)
    expect((await app.inject({ url: "/metrics", headers: auth })).body).toBe("figures 1\n")
    expect((await app.inject("/healthz")).statusCode).toBe(200)
    const open = await makeApp({ openMetrics: true })
    expect((await open.app.inject("/metrics")).statusCode).toBe(200)
  })
})

describe("too many", () => {
  it("requests of a key are refused in the family's words with when to try again; probes are not counted", async () => {
    const { app, lines } = await makeApp({ keyLimit: { perSecond: 0.1, burst: 2 } })
    const ask = () => app.inject({ url: "/test/who", headers: auth })
    expect([await ask(), await ask()].map((answer) => answer.statusCode)).toEqual([200, 200])
    const third = await ask()
    expect([third.statusCode, third.json(), third.headers["retry-after"]]).toEqual([
      429,
      { oops: "too_many" },
      "10",
    ])
    expect(lines.at(-1)).toMatchObject({ status: 429, errorCode: "too_many", errorDetail: "rate" })
    expect(lines.at(-1)).toMatchObject({ userId: "usr_keyed" })
    for (let at = 0; at < 5; at++) expect((await app.inject("/healthz")).statusCode).toBe(200)
    expect((await app.inject({ url: "/test/nothing", headers: auth })).statusCode).toBe(429)
  })

  it("failed sign-ins of an address are, while a good credential from there still passes", async () => {
    const { app } = await makeApp({ failureLimit: { perSecond: 0.5, burst: 3 } })
    const sent = { authorization: "Bearer wrong" }
    const statuses: number[] = []
    for (let at = 0; at < 5; at++)
      statuses.push((await app.inject({ url: "/test/who", headers: sent })).statusCode)
    expect(statuses).toEqual([401, 401, 401, 429, 429])
    const limited = await app.inject("/test/who")
    expect([limited.statusCode, limited.json()]).toEqual([429, { oops: "too_many" }])
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0)
    expect(limited.headers["www-authenticate"]).toBeUndefined()
    expect((await app.inject({ url: "/test/who", headers: auth })).statusCode).toBe(200)
    expect((await app.inject("/readyz")).statusCode).toBe(200)
    const other = await app.inject({ url: "/test/who", headers: sent, remoteAddress: "10.9.9.9" })
    expect(other.statusCode).toBe(401)
  })

  it("failed sign-ins stand in the audit also where they were answered with 429", async () => {
    const refusals: Refusal[] = []
    const { app } = await makeApp(
      { failureLimit: { perSecond: 0.5, burst: 1 } },
      { onRefused: (refusal) => refusals.push(refusal) },
    )
    for (let at = 0; at < 3; at++) await app.inject("/test/who")
    expect(refusals.map(({ status, detail }) => [status, detail])).toEqual([
      [401, "missing"],
      [429, "failed_sign_ins"],
      [429, "failed_sign_ins"],
    ])
  })
})
