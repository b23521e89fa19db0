import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { curl, refusal, success, turnedAway, type Curl } from "./egs-call.ts"

let server: BerthServer
let lead: string
let editor: string
let viewer: string
beforeAll(async () => {
  server = await startBerthServer()
  for (const id of ["team", "other"]) await server.call("POST", "/berth/v1/workspaces", { json: { id } })
  lead = await server.member("lead", { team: "owner" })
  editor = await server.member("editor", { team: "editor" })
  viewer = await server.member("viewer", { team: "viewer" })
})
afterAll(() => server.close())

const ask = (wanted: Curl) => curl(server, wanted)
const auth = (apiKey: unknown) => ask({ path: "/auth", data: { apiKey }, token: "" })
const dataOf = (answer: { readonly json: unknown }) => (answer.json as { data: Record<string, string> }).data
const today = () => new Date(server.clock.nowMs()).toISOString().slice(0, 10)
const dayMs = 86_400_000

const wish = (more: object = {}) => ({ name: "ci", role: "Owner", validity: "2999-12-31", ...more })
const create = (data: unknown, token = server.token) =>
  ask({ request: "POST", path: "/api-key", data, token })
const remove = (apiKey: unknown, token = server.token) =>
  ask({ request: "DELETE", path: "/api-key", data: { apiKey }, token })

async function made(more: object = {}, token = server.token): Promise<string> {
  const answer = await create(wish(more), token)
  expect([answer.status, answer.text.slice(0, 20)]).toEqual([200, '{"statusCode":200,"s'])
  return dataOf(answer)["apiKey"] ?? ""
}

interface Listed {
  readonly apiKey: string
  readonly name: string
  readonly validity: string
}
async function list(query = "", token = server.token): Promise<readonly Listed[]> {
  const { json } = await ask({ path: `/api-key/list${query}`, token })
  return (json as { data: { items: Listed[] } }).data.items
}

describe("a token", () => {
  it("is given for a key, and opens every API", async () => {
    const printed = JSON.stringify({ apiKey: server.token }, null, 4)
    const answer = await ask({ path: "/auth", data: printed, token: "" })
    const token = dataOf(answer)["token"] ?? ""
    expect([answer.status, answer.text]).toEqual([200, success(`{"token":"${token}"}`)])
    expect(answer.headers["cache-control"]).toBe("no-store")
    expect((await ask({ path: "/slice-workspace/list", token })).status).toBe(200)
    for (const path of ["/api/v1/workloads", "/berth/v1/me"])
      expect([path, (await server.call("GET", path, { token })).status]).toEqual([path, 200])
  })

  it("is not given for another, an empty or a revoked key: one answer for all", async () => {
    const revoked = await made()
    await remove(revoked)
    const text = turnedAway(401, "UNAUTHENTICATED", "Unauthenticated")
    for (const apiKey of ["", "nonsense", `berth_${"A".repeat(43)}`, "x".repeat(253), revoked]) {
      const answer = await auth(apiKey)
      expect([answer.status, answer.text]).toEqual([401, text])
    }
  })

  it("is not given for an expired one, which is told apart", async () => {
    const apiKey = await made({ validity: today() })
    expect((await auth(apiKey)).status).toBe(200)
    await server.clock.advance(dayMs)
    const answer = await auth(apiKey)
    expect([answer.status, answer.text]).toEqual([
      401,
      turnedAway(401, "UNAUTHENTICATED", "Api Key has expired"),
    ])
  })

  it("is not given for one whose record is broken", async () => {
    const { json } = await server.call("POST", "/berth/v1/users", { json: { name: "leaver" } })
    await server.call("PUT", "/berth/v1/workspaces/other/members/leaver", { json: { role: "editor" } })
    const apiKey = await made({ userName: "leaver", role: "Editor", workspaceName: "other" })
    expect((await auth(apiKey)).status).toBe(200)
    await server.call("DELETE", `/berth/v1/workspaces/other/members/${json.id}`)
    const answer = await auth(apiKey)
    const message = "Api Key Configuration is invalid. Request a new API-key or contact administrator"
    expect([answer.status, answer.text]).toEqual([400, turnedAway(400, "UNHANDLED_REQUEST_ERROR", message)])
  })

  it("needs a key that is a text", async () => {
    const doing = "Error while exchanging an API key"
    for (const [data, said] of [
      [{}, '"apiKey" is required'],
      [{ apiKey: 7 }, '"apiKey" must be a string'],
      [[], '"value" must be of type object'],
      ["null", '"value" must be of type object'],
    ] as const) {
      const answer = await ask({ request: "POST", path: "/auth", data, token: "" })
      expect(answer.text).toBe(refusal({ status: 422, short: "Bad Request", doing, said }))
    }
  })

  it("is gone with its key, at the next call", async () => {
    const apiKey = await made()
    const token = dataOf(await auth(apiKey))["token"] ?? ""
    expect((await ask({ path: "/slice-workspace/list", token })).status).toBe(200)
    expect((await remove(apiKey)).text).toBe(success("{}"))
    const answer = await ask({ path: "/slice-workspace/list", token })
    expect([answer.status, answer.text]).toEqual([401, turnedAway(401, "UNAUTHENTICATED", "Unauthenticated")])
  })
})

it("a good key may ask for a token before each call while bad ones of its address are held back", async () => {
  const strict = await startBerthServer({ failureLimit: { perSecond: 10, burst: 20 } })
  try {
    const sign = (apiKey: string) => curl(strict, { path: "/auth", data: { apiKey }, token: "" })
    const bad = await Promise.all(Array.from({ length: 30 }, () => sign("wrong")))
    expect(bad.filter(({ status }) => status === 401)).toHaveLength(20)
    const limited = bad.find(({ status }) => status === 429)
    expect(limited?.headers["retry-after"]).toBe("1")
    expect(JSON.parse(limited?.text ?? "{}")).toMatchObject({ statusCode: 429, error: { data: null } })
    const good = await Promise.all(Array.from({ length: 50 }, () => sign(strict.token)))
    expect(new Set(good.map(({ status }) => status))).toEqual(new Set([200]))
  } finally {
    await strict.close()
  }
})

describe("a new key", () => {
  it("has the role, the workspace and the last day that were asked for", async () => {
    const shared = { userName: "owner", description: "for tests", workspaceName: "team" }
    const apiKey = await made({ name: "bound", role: "Editor", ...shared })
    expect((await server.call("GET", "/berth/v1/workspaces/team", { token: apiKey })).json.role).toBe(
      "editor",
    )
    expect((await server.call("GET", "/berth/v1/workspaces/other", { token: apiKey })).status).toBe(404)
    const { json, text } = await ask({ path: "/api-key/list?workspaceName=team" })
    const { items, data } = (json as { data: { items: Listed[]; data: Listed[] } }).data
    const row = items.find(({ name }) => name === "bound")
    expect(Object.entries(row ?? {})).toEqual([
      ["apiKey", expect.stringMatching(/^key_/)],
      ["prefix", apiKey.slice(0, 12)],
      ["name", "bound"],
      ["userName", "owner"],
      ["description", "for tests"],
      ["role", "Editor"],
      ["validity", "2999-12-31"],
      ["workspaceName", "team"],
    ])
    expect(data).toEqual(items)
    expect(text).not.toContain(apiKey)
  })

  it("without a workspace is as good as its role on the whole server", async () => {
    const [owner, reader] = [await made({ role: "Owner" }), await made({ role: "Viewer" })]
    const workspace = { workspaceName: "by-key", clusters: ["local"] }
    const post = (token: string) => ask({ path: "/slice-workspace", data: workspace, token })
    expect((await post(reader)).status).toBe(403)
    expect((await post(owner)).status).toBe(200)
    const seen = await ask({ path: "/slice-workspace/list", token: reader })
    expect(seen.text).toContain('"name":"by-key"')
  })

  it("of a user that is not named is the caller's where there is no user admin, else admin's", async () => {
    await made({ name: "mine" })
    expect(await list()).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "mine", userName: "owner" })]),
    )
    await made({ name: "mine too", userName: "admin" })
    const fresh = await startBerthServer()
    try {
      await fresh.call("POST", "/berth/v1/users", { json: { name: "admin", serverRole: "viewer" } })
      await curl(fresh, { path: "/api-key", data: wish({ name: "theirs" }) })
      const { text } = await curl(fresh, { path: "/api-key/list" })
      expect(text).toContain('"name":"theirs","userName":"admin"')
    } finally {
      await fresh.close()
    }
  })

  it("twice under one name are two", async () => {
    const [first, second] = [await made({ name: "twin" }), await made({ name: "twin" })]
    expect(first).not.toBe(second)
    expect((await list()).filter(({ name }) => name === "twin")).toHaveLength(2)
  })

  it.each<[object, string]>([
    [{ name: undefined }, '"name" is required'],
    [{ name: "" }, '"name" is not allowed to be empty'],
    [{ role: undefined }, '"role" is required'],
    [{ role: "King" }, '"role" must be one of [Owner, Editor, Viewer]'],
    [{ role: 1 }, '"role" must be a string'],
    [{ role: "Editor" }, '"workspaceName" is required'],
    [{ validity: undefined }, '"validity" is required'],
    [{ validity: "soon" }, '"validity" must be in YYYY-MM-DD format'],
    [{ validity: "2999-02-30" }, '"validity" must be in YYYY-MM-DD format'],
    [{ validity: "2999-13-01" }, '"validity" must be in YYYY-MM-DD format'],
    [{ validity: "2000-01-01" }, '"validity" must be today or later'],
    [{ description: 7 }, '"description" must be a string'],
  ])("is refused where %j", async (more, said) => {
    const before = (await list()).length
    const answer = await create(wish(more))
    const doing = "Error while creating API key"
    expect([answer.status, answer.text]).toEqual([
      422,
      refusal({ status: 422, short: "Bad Request", doing, said }),
    ])
    expect(await list()).toHaveLength(before)
  })

  it("is refused for a user or a workspace that is not there", async () => {
    const missing = (said: string) =>
      refusal({
        status: 404,
        short: "Not Found",
        doing: "Error while creating API key",
        said: `${said} not found`,
        reason: "NotFound",
      })
    const noUser = await create(wish({ userName: "nobody" }))
    expect(noUser.text).toBe(missing('users.controller.kubeslice.io "nobody"'))
    const noPlace = await create(wish({ workspaceName: "nowhere" }))
    expect(noPlace.text).toBe(missing('sliceconfigs.controller.kubeslice.io "nowhere"'))
  })
})

it("can be made where no authentication is needed", async () => {
  const open = await startBerthServer({ noAuth: true })
  try {
    const own = await curl(open, { path: "/api-key", data: wish(), token: "" })
    const owners = await curl(open, { path: "/api-key", data: wish({ userName: "owner" }), token: "" })
    expect([own.status, owners.status]).toEqual([200, 200])
    const { text } = await curl(open, { path: "/api-key/list", token: "" })
    for (const name of ["local", "owner"]) expect(text).toContain(`"userName":"${name}"`)
    const signed = await curl(open, { path: "/auth", data: { apiKey: dataOf(owners)["apiKey"] }, token: "" })
    expect(signed.status).toBe(200)
  } finally {
    await open.close()
  }
})

describe("deletion", () => {
  it("takes the key, its id or its beginning", async () => {
    const byKey = await made({ name: "by key" })
    const byId = await made({ name: "by id" })
    const byPrefix = await made({ name: "by prefix" })
    const row = (await list()).find(({ name }) => name === "by id")
    for (const text of [byKey, row?.apiKey, byPrefix.slice(0, 12)])
      expect((await remove(text)).text).toBe(success("{}"))
    for (const apiKey of [byKey, byId, byPrefix]) expect((await auth(apiKey)).status).toBe(401)
    expect((await list()).filter(({ name }) => name.startsWith("by "))).toEqual([])
  })

  it("of what is not there is a 404 that repeats no key", async () => {
    const apiKey = await made()
    await remove(apiKey)
    const again = await remove(apiKey)
    expect([again.status, again.text.includes(apiKey)]).toEqual([404, false])
    expect(JSON.parse(again.text)).toMatchObject({ status: "Error", message: "Not Found", data: null })
    expect((await remove("key_nothing")).status).toBe(404)
    expect((await remove(undefined)).status).toBe(422)
  })
})

describe("rights", () => {
  const text = turnedAway(403, "FORBIDDEN", "The user is not allowed to manage API keys")

  it("keep Editors and Viewers from keys", async () => {
    for (const token of [editor, viewer]) {
      const answers = [
        await create(wish({ role: "Viewer", workspaceName: "team" }), token),
        await create({}, token),
        await remove("key_nothing", token),
        await ask({ path: "/api-key/list", token }),
      ]
      expect(answers.map((answer) => answer.text)).toEqual([text, text, text, text])
    }
  })

  it("let a workspace's Owner make and see keys of it, and no others", async () => {
    const bound = { workspaceName: "team", role: "Viewer" }
    const apiKey = await made({ name: "lead's", ...bound }, lead)
    expect((await list("", lead)).map(({ name }) => name)).toContain("lead's")
    expect((await list("?workspaceName=team", lead)).map(({ name }) => name)).toContain("lead's")
    for (const data of [
      wish(),
      wish({ ...bound, userName: "owner" }),
      // who there is does not show
      wish({ ...bound, userName: "nobody" }),
    ])
      expect((await create(data, lead)).text).toBe(text)
    // the usual name of clients, whether somebody has it or not
    await server.call("POST", "/berth/v1/users", { json: { name: "admin" } })
    expect((await create(wish({ ...bound, userName: "admin" }), lead)).status).toBe(200)
    expect((await create(wish({ role: "Viewer", workspaceName: "default" }), lead)).text).toBe(text)
    expect((await create(wish({ role: "Viewer", workspaceName: "other" }), lead)).status).toBe(404)
    expect((await ask({ path: "/api-key/list?workspaceName=other", token: lead })).status).toBe(404)
    expect((await remove(apiKey, lead)).status).toBe(200)
  })
})
