import { describe, expect, it } from "vitest"
import type { UserId } from "../../packages/server/src/domain/identity/index.ts"
import { sendRaw } from "../../packages/server/src/http/test-server.ts"
import { ulidToUuid } from "../../packages/server/src/kit/ids.ts"
import { startBerthServer } from "./berth-server.ts"
import { defaultProject, register } from "./services-walks.ts"
import {
  server,
  owner,
  path,
  nobody,
  uuid,
  minimal,
  get,
  send,
  post,
  rule,
  missing,
  useServer,
} from "./zenml-server.ts"

useServer()

describe("who asks", () => {
  const without = { detail: "Not authenticated" }

  it("comes before everything else", async () => {
    for (const [method, rest, raw] of [
      ["GET", "?page=0", undefined],
      ["GET", "/not-a-uuid", undefined],
      ["POST", "", "{bad"],
      ["PUT", `/${nobody}`, "{bad"],
      ["DELETE", `/${nobody}`, undefined],
    ] as const) {
      const answer = await server.call(method, path + rest, { token: "", ...(raw && { raw }) })
      expect([answer.status, answer.json]).toEqual([401, without])
      expect(answer.headers.get("www-authenticate")).toBe("Bearer")
    }
    const bad = await get("", { token: "nothing" })
    const sentence = expect.stringContaining("Authentication error: error decoding access token")
    expect([bad.status, bad.json]).toEqual([401, rule("CredentialsNotValid", sentence)])
  })

  it.each(["Basic ZGVmYXVsdDp4", "Digest a=b", "Basic", "Bearer", "bearer ", "ZENKEY_x", "a.b.c"])(
    "is nobody by `%s`, which is no Bearer token (zenml-live.md, correction 19)",
    async (authorization) => {
      const answer = await server.call("GET", path, { token: "", headers: { authorization } })
      expect([answer.status, answer.json]).toEqual([401, without])
      expect(answer.headers.get("www-authenticate")).toBe("Bearer")
    },
  )

  it("may say Bearer in any case, and is told when the token is none", async () => {
    for (const scheme of ["bearer", "BEARER", "BeArEr"]) {
      const good = await server.call("GET", path, {
        token: "",
        headers: { authorization: `${scheme} ${server.token}` },
      })
      expect(good.status, scheme).toBe(200)
      const bad = await server.call("GET", path, { token: "", headers: { authorization: `${scheme} a b` } })
      expect(bad.json, scheme).toEqual(rule("CredentialsNotValid", expect.stringContaining("segments")))
    }
  })

  it("may read as a Viewer, and change as an Editor", async () => {
    const viewer = await server.member("zen-viewer", { default: "viewer" })
    const editor = await server.member("zen-editor", { default: "editor" })
    await server.call("PATCH", "/berth/v1/workspaces/default", { json: { policy: { openToAll: false } } })
    const made = await register(server, {}, editor)
    const { id } = made.json
    expect([made.status, made.json.resources.user.name]).toEqual([200, "zen-editor"])
    expect(made.json.resources.user.body.is_admin).toBe(false)
    expect((await get("", { token: viewer })).status).toBe(200)
    expect((await get(`/${id}`, { token: viewer })).json.id).toBe(id)
    const refusals = [
      [await register(server, {}, viewer), "CREATE"],
      [await send("PUT", `/${id}`, {}, { token: viewer }), "UPDATE"],
      [await server.call("DELETE", `${path}/${id}`, { token: viewer }), "DELETE"],
    ] as const
    for (const [{ status, json }, action] of refusals) {
      const sentence = `Insufficient permissions to ${action} resource 'service'.`
      expect([status, json]).toEqual([403, rule("IllegalOperationError", sentence)])
    }
    expect((await server.call("DELETE", `${path}/${id}`, { token: editor })).status).toBe(200)
  })

  it("has, without a role, no project and no service", async () => {
    await server.call("PATCH", "/berth/v1/workspaces/default", { json: { policy: { openToAll: false } } })
    const stranger = { token: await server.member("zen-stranger", {}) }
    const { id } = (await register(server)).json
    expect((await get(`/${id}`, stranger)).json).toEqual(missing(id))
    expect((await send("PUT", `/${id}`, {}, stranger)).json).toEqual(missing(id))
    const list = await get("", stranger)
    expect([list.status, list.json]).toEqual([
      400,
      rule("ValueError", "Project scope missing from the filter"),
    ])
    expect((await get("?project=default", stranger)).status).toBe(404)
    expect((await post(minimal(), stranger)).status).toBe(404)
    expect((await server.call("GET", "/api/v1/projects", stranger)).json.items).toEqual([])
    expect((await server.call("GET", "/api/v1/projects/default", stranger)).status).toBe(404)
  })
})

describe("a path or a method that there is not", () => {
  const no = { detail: "Method Not Allowed" }

  it.each<[string, string, number]>([
    ["PATCH", `${path}/${nobody}`, 405],
    ["DELETE", path, 405],
    ["GET", `${path}/`, 404],
    ["POST", `${path}/`, 405],
    ["PUT", `${path}/`, 405],
    ["DELETE", `${path}/`, 405],
    ["GET", `${path}/a/b`, 404],
    ["POST", "/api/v1/projects/default/services", 405],
    ["GET", "/api/v1/workspaces/default/services", 404],
    ["GET", "/api/v1/workspaces", 404],
  ])("%s %s is %d", async (method, at, status) => {
    const answer = await server.call(method, at)
    expect([answer.status, answer.json]).toEqual([status, status === 404 ? { detail: "Not Found" } : no])
  })

  it("has no HEAD", async () => {
    for (const at of [path, `${path}/${nobody}`, "/api/v1/info", "/api/v1/projects"])
      expect((await server.call("HEAD", at)).status).toBe(405)
  })
})

describe("what a client asks when it connects", () => {
  it("is told of the server without a token, alike for ever", async () => {
    const first = await server.call("GET", "/api/v1/info", { token: "" })
    expect(first.json).toMatchObject({ id: uuid, version: "0.98.0", auth_scheme: "OAUTH2_PASSWORD_BEARER" })
    expect((await server.call("GET", "/api/v1/info")).json).toEqual(first.json)
    const other = await startBerthServer()
    try {
      expect((await other.call("GET", "/api/v1/info")).json.id).not.toBe(first.json.id)
    } finally {
      await other.close()
    }
  })

  it("is who it is", async () => {
    const { json } = await server.call("GET", "/api/v1/current-user?hydrate=True")
    expect(json).toMatchObject({ name: owner.name, body: { is_admin: true }, metadata: { email: null } })
    const user = server.plane.directory.userByName(owner.name)
    expect(json.id).toBe(ulidToUuid((user?.id ?? ("" as UserId)).slice("usr_".length)))
    expect((await server.call("GET", "/api/v1/current-user", { token: "" })).status).toBe(401)
  })

  it("is told its project among several; nothing where its requests that name none go nowhere", async () => {
    const own = await startBerthServer()
    try {
      const ownProject = await defaultProject(own)
      await own.call("POST", "/berth/v1/workspaces", { json: { id: "other" } })
      const ann = await own.member("ann", { other: "editor" })
      const told = async (token?: string) => {
        const { json } = await own.call("GET", "/api/v1/current-user", token === undefined ? {} : { token })
        return json.body.default_project_id
      }
      expect(await told()).toBe(ownProject)
      expect(await told(ann)).toBe(ownProject)
      await own.call("PATCH", "/berth/v1/workspaces/default", { json: { policy: { openToAll: false } } })
      expect(await told(ann)).toBeNull()
    } finally {
      await own.close()
    }
  })

  it("finds its projects", async () => {
    await server.call("POST", "/berth/v1/workspaces", { json: { id: "zeta", description: "the last" } })
    const { json } = await server.call("GET", "/api/v1/projects?sort_by=desc:name&size=1")
    expect(json).toMatchObject({ index: 1, max_size: 1, items: [{ name: "zeta", metadata: null }] })
    const whole = await server.call("GET", "/api/v1/projects?hydrate=true&name=ZETA")
    expect(whole.json.items).toMatchObject([
      { body: { display_name: "zeta" }, metadata: { description: "the last", project_metadata: {} } },
    ])
    const byId = await server.call("GET", `/api/v1/projects/${json.items[0].id}`)
    expect(byId.json).toEqual(whole.json.items[0])
    expect((await server.call("GET", "/api/v1/projects?page=9")).status).toBe(400)
    expect((await server.call("GET", "/api/v1/projects?name=gt:x")).status).toBe(400)
  })

  it("finds the one stack", async () => {
    const { json } = await server.call("GET", "/api/v1/stacks?name=default&hydrate=true")
    expect(json).toMatchObject({
      total: 1,
      items: [
        {
          name: "default",
          resources: { user: null },
          metadata: {
            components: { orchestrator: [{ name: "default" }], artifact_store: [{ name: "default" }] },
          },
        },
      ],
    })
    const [stack] = json.items
    expect((await server.call("GET", `/api/v1/stacks/${stack.id}`)).json).toEqual(stack)
    expect((await server.call("GET", `/api/v1/stacks?scope_user=${owner.id}`)).json.total).toBe(0)
    const absent = await server.call("GET", `/api/v1/stacks/${nobody}`)
    const sentence = `"Unable to get stack with ID '${nobody}': No stack with this ID found"`
    expect([absent.status, absent.json]).toEqual([404, rule("KeyError", sentence)])
  })

  it("cannot sign in by another device", async () => {
    const { status, json } = await sendRaw(server.port, {
      method: "POST",
      path: "/api/v1/device_authorization",
      body: `client_id=${nobody}`,
      headers: { "content-type": "application/x-www-form-urlencoded", authorization: "" },
    })
    expect([status, json]).toEqual([501, rule("NotImplementedError", expect.stringContaining("API key"))])
  })
})
