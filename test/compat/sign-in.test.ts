import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { signInFamily } from "../../packages/server/src/http/sign-in/family.ts"
import { servicesFamily } from "../../packages/server/src/http/services/family.ts"
import { type FakePlane, startFakePlane } from "./fake-plane.ts"

const password = "correct horse"
const form = (fields: Readonly<Record<string, string>>) => ({
  body: new URLSearchParams(fields).toString(),
  headers: { "content-type": "application/x-www-form-urlencoded" },
})
const json = (value: unknown) => ({
  body: JSON.stringify(value),
  headers: { "content-type": "application/json" },
})

describe("signing in", () => {
  let server: FakePlane
  let ann: string
  beforeEach(async () => {
    server = await startFakePlane({ noAuth: false, families: [signInFamily, servicesFamily] })
    ann = await server.member("ann", { team: "editor" })
    const { identity, directory } = server.plane
    const principal = directory.authenticate(ann, { address: null, requestId: null })
    if (!principal) throw new Error("ann is not there.")
    await identity.setPassword(principal, principal.userId, { password, current: null })
  })
  afterEach(() => server.close())

  const logIn = (wanted: { readonly body: string; readonly headers: Readonly<Record<string, string>> }) =>
    server.sendRaw({ method: "POST", path: "/api/v1/login", ...wanted })
  const list = (headers: Readonly<Record<string, string>>, path = "/api/v1/workloads") =>
    server.sendRaw({ path, headers: { authorization: "", ...headers } })
  const cookieOf = (answer: { readonly headers: Readonly<Record<string, string | string[] | undefined>> }) =>
    String(answer.headers["set-cookie"]).split(";")[0] ?? ""

  it("by a form gives a token and a cookie, as ZenML's server does", async () => {
    const answer = await logIn(form({ username: "ann", password }))
    expect(answer.status).toBe(200)
    const { access_token: token, ...rest } = answer.json as { readonly access_token: string }
    expect(rest).toEqual({
      token_type: "bearer",
      expires_in: 43_200,
      refresh_token: null,
      csrf_token: null,
      scope: null,
      device_id: null,
      device_metadata: null,
    })
    expect(answer.headers["cache-control"]).toBe("no-store")
    const cookie = String(answer.headers["set-cookie"])
    expect(cookie).toMatch(/^zenml-server-[0-9a-f-]{36}=berth_[\w-]+; /)
    for (const part of ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"]) expect(cookie).toContain(part)
    for (const headers of [{ authorization: `Bearer ${token}` }, { cookie: cookieOf(answer) }])
      for (const path of ["/api/v1/workloads", "/api/v1/current-user"])
        expect((await list(headers, path)).status, path).toBe(200)
  })

  it("by a form with an API key gives a token that goes with the key", async () => {
    const answer = await logIn(form({ grant_type: "zenml-api-key", password: ann }))
    const { access_token: token, expires_in: seconds } = answer.json as Record<string, string | number>
    expect(token).not.toBe(ann)
    expect(seconds).toBe(900)
    expect((await list({ authorization: `Bearer ${token}` })).status).toBe(200)
  })

  it("by JSON gives the user and a token, as Primus-SaFE's server does", async () => {
    const answer = await logIn(json({ type: "default", name: "ann", password }))
    expect(answer.status).toBe(200)
    const user = answer.json as Readonly<Record<string, unknown>>
    expect(user).toMatchObject({ name: "ann", expire: Math.floor(server.clock.nowMs() / 1000) + 43_200 })
    expect((await list({ authorization: `Bearer ${String(user["token"])}` })).status).toBe(200)
    expect(cookieOf(answer)).toBe(`Token=${String(user["token"])}`)
    expect((await list({ cookie: cookieOf(answer) })).status).toBe(200)
  })

  it.each([
    ["a wrong password", form({ username: "ann", password: "incorrect horse" })],
    ["nobody", form({ username: "nobody", password })],
    ["no password", form({ username: "ann" })],
  ])("says the same to %s", async (_, wanted) => {
    const answer = await logIn(wanted)
    expect([answer.status, answer.json]).toEqual([
      401,
      { detail: ["CredentialsNotValid", "Authentication error: invalid username or password"] },
    ])
    expect(answer.headers["set-cookie"]).toBeUndefined()
  })

  it.each([
    [
      "a key that is none",
      form({ password: "ZENKEY_x" }),
      401,
      ["CredentialsNotValid", "Authentication error: error decoding API key"],
    ],
    ["a device", form({ grant_type: "device" }), 400, "Unsupported grant type: device"],
    ["nothing", form({}), 400, "Invalid request: username is required."],
  ])("refuses %s", async (_, wanted, status, detail) => {
    const answer = await logIn(wanted)
    expect([answer.status, answer.json]).toEqual([status, { detail }])
  })

  it.each([
    ["a wrong password", { name: "ann", password: "x" }, 401, "Primus.00009", "the password is incorrect"],
    ["no name", { password }, 400, "Primus.00002", "Bad request. the user name or the password is empty"],
    ["no object", [], 400, "Primus.00002", "Bad request. the user name or the password is empty"],
  ])("refuses %s in JSON", async (_, body, status, errorCode, errorMessage) => {
    const answer = await logIn(json(body))
    expect([answer.status, answer.json]).toEqual([status, { errorCode, errorMessage }])
  })

  it.each([
    ["origin", "https://evil.example"],
    ["origin", "null"],
    ["sec-fetch-site", "cross-site"],
  ])(
    "gives no cookie to a page with %s %s, whose visitor would be somebody else from then on",
    async (name, value) => {
      for (const wanted of [form({ username: "ann", password }), json({ name: "ann", password })]) {
        const answer = await logIn({ ...wanted, headers: { ...wanted.headers, [name]: value } })
        expect([answer.status, answer.headers["set-cookie"]]).toEqual([200, undefined])
      }
    },
  )

  it("ends by logging out, by either way", async () => {
    const one = cookieOf(await logIn(form({ username: "ann", password })))
    const two = cookieOf(await logIn(json({ name: "ann", password })))
    const out = await server.sendRaw({ path: "/api/v1/logout", headers: { authorization: "", cookie: one } })
    expect([out.status, out.text]).toEqual([200, "null"])
    expect(out.headers["set-cookie"]).toEqual([
      expect.stringMatching(/^Token=;.*Max-Age=0/),
      expect.stringMatching(/^zenml-server-[0-9a-f-]{36}=;.*Max-Age=0/),
    ])
    expect((await list({ cookie: one })).status).toBe(401)
    const linked = { authorization: "", cookie: two, "sec-fetch-site": "cross-site" }
    const followed = await server.sendRaw({ path: "/api/v1/logout", headers: linked })
    expect(followed.headers["set-cookie"], "another site's link").toBeUndefined()
    await server.sendRaw({
      method: "POST",
      path: "/api/v1/logout",
      headers: { authorization: "", cookie: two, origin: "https://evil.example" },
    })
    expect((await list({ cookie: two })).status, "another site").toBe(200)
    await server.sendRaw({
      method: "POST",
      path: "/api/v1/logout",
      headers: { authorization: "", cookie: two },
    })
    expect((await list({ cookie: two })).status).toBe(401)
    expect((await list({ authorization: `Bearer ${ann}` })).status, "the key").toBe(200)
  })

  describe("with the cookie", () => {
    let cookie: string
    beforeEach(async () => {
      cookie = cookieOf(await logIn(form({ username: "ann", password })))
    })

    it.each([
      ["of another site", { origin: "https://evil.example" }, 403],
      ["of another site, as the browser says", { "sec-fetch-site": "cross-site" }, 403],
      ["of the same site", { "sec-fetch-site": "same-origin" }, 400],
      ["of no browser", {}, 400],
    ])("a change %s", async (_, headers, status) => {
      const answer = await server.sendRaw({
        method: "POST",
        path: "/api/v1/workloads",
        headers: {
          authorization: "",
          cookie,
          "content-type": "application/json",
          ...(headers as Record<string, string>),
        },
        body: "{}",
      })
      expect(answer.status).toBe(status)
    })

    it("the header comes first, but in the services API; an empty or foreign cookie is none", async () => {
      const authorization = `Bearer ${ann}`
      const bad = cookie.replace(/=.*/, "=berth_bad")
      expect((await list({ cookie: bad, authorization })).status).toBe(200)
      expect((await list({ cookie: bad, authorization }, "/api/v1/current-user")).status).toBe(401)
      expect((await list({ cookie, authorization: "Bearer berth_bad" }, "/api/v1/current-user")).status).toBe(
        200,
      )
      for (const other of ["Token=", "Token=somebody-elses", "x=y", "zenml-server-=%%%"])
        expect((await list({ cookie: other, authorization }, "/api/v1/current-user")).status, other).toBe(200)
    })
  })

  it("is refused, as everything else, to an address that fails too often", async () => {
    await server.close()
    server = await startFakePlane({
      noAuth: false,
      families: [signInFamily],
      failureLimit: { perSecond: 1, burst: 3 },
    })
    const tries: number[] = []
    for (let at = 0; at < 5; at++) tries.push((await logIn(form({ username: "ann", password: "x" }))).status)
    expect(tries).toEqual([401, 401, 401, 429, 429])
  })
})
