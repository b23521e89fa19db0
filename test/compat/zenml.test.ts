import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { UserId } from "../../packages/server/src/domain/identity/index.ts"
import { sendRaw } from "../../packages/server/src/http/test-server.ts"
import { ulidToUuid } from "../../packages/server/src/kit/ids.ts"
import { startBerthServer, type Answer, type BerthServer, type CallOptions } from "./berth-server.ts"
import { defaultProject, jsonHeaders, register } from "./services-walks.ts"

/* The services API over real sockets: what the documented server was seen to answer, row by row. */

let server: BerthServer
let project: string
let owner: { readonly id: string; readonly name: string }
beforeAll(async () => {
  server = await startBerthServer()
  project = await defaultProject(server)
  const { json } = await server.call("GET", "/api/v1/current-user")
  owner = { id: json.id, name: json.name }
})
afterAll(() => server.close())

const path = "/api/v1/services"
const nobody = "00000000-0000-0000-0000-000000000000"
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$/)
const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
let configs = 0
/** No two services have the same. */
const config = () => ({ k: ++configs })
const minimal = () => ({
  project,
  name: "svc-min",
  service_type: { type: "model-serving", flavor: "ray" },
  config: config(),
})

const get = (rest: string, options: CallOptions = {}) => server.call("GET", path + rest, options)
const send = (method: string, rest: string, json: unknown, options: CallOptions = {}) =>
  server.call(method, path + rest, { json, ...options, headers: { ...jsonHeaders, ...options.headers } })
const post = (json: unknown, options?: CallOptions) => send("POST", "", json, options)
const rule = (name: string, sentence: unknown) => ({ detail: [name, sentence] })
const missing = (id: string) =>
  rule("KeyError", `"Unable to get service with ID '${id}': No service with this ID found"`)
const names = ({ json }: Answer) => json.items.map(({ name }: { readonly name: string }) => name)

describe("POST /api/v1/services", () => {
  it("answers 200 with the whole service", async () => {
    const body = minimal()
    const { status, json, headers } = await post(body)
    expect([status, headers.get("content-type")]).toEqual([200, "application/json"])
    expect(json).toEqual({
      body: {
        created: time,
        updated: time,
        user_id: owner.id,
        project_id: project,
        service_type: { ...body.service_type, name: "", description: "", logo_url: "" },
        labels: null,
        state: null,
      },
      metadata: {
        service_source: null,
        admin_state: null,
        config: body.config,
        status: null,
        endpoint: null,
        prediction_url: null,
        health_check_url: null,
      },
      resources: {
        user: {
          body: {
            created: time,
            updated: time,
            active: true,
            activation_token: null,
            full_name: "",
            email_opted_in: null,
            is_service_account: false,
            is_admin: true,
            default_project_id: null,
            avatar_url: null,
          },
          metadata: null,
          resources: null,
          id: owner.id,
          permission_denied: false,
          name: owner.name,
        },
        pipeline_run: null,
        model_version: null,
      },
      id: uuid,
      permission_denied: false,
      name: "svc-min",
    })
    expect(Object.keys(json)).toEqual(["body", "metadata", "resources", "id", "permission_denied", "name"])
    expect((await get(`/${json.id}`)).json).toEqual(json)
  })

  it("keeps numbers and the order of keys as they were sent", async () => {
    const raw = JSON.stringify({ ...minimal(), config: "CONFIG", labels: { b: "1", a: "é" } })
    const sent = '{"b":1.0,"2":1e400,"1":12345678901234567890,"n":NaN}'
    const { text, json } = await server.call("POST", path, {
      raw: raw.replace('"CONFIG"', sent),
      headers: jsonHeaders,
    })
    const shown = '"config":{"b":1.0,"2":null,"1":12345678901234567890,"n":null}'
    expect(text).toContain(shown)
    expect(text).toContain('"labels":{"b":"1","a":"é"}')
    expect((await get(`/${json.id}`)).text).toContain(shown)
  })

  it("gives labels, status and endpoint back in the order in which they were sent, whatever the keys", async () => {
    const sent = '{"10":1.0,"9":1e2,"b":1E-7,"a":-0.0,"1":{"8":0,"7":98765432109876543210}}'
    const shown = '{"10":1.0,"9":100.0,"b":1e-7,"a":-0.0,"1":{"8":0,"7":98765432109876543210}}'
    const labels = '{"10":"x","9":"y","a":"\\u00e9","1":""}'
    const shownLabels = '"labels":{"10":"x","9":"y","a":"é","1":""}'
    const parts = `"labels":${labels},"status":${sent},"endpoint":${sent}`
    const kind = '"service_type":{"flavor":"f","10":"?","description":"d","type":"t"}'
    const created = await server.call("POST", path, {
      raw: `{"project":"${project}","name":"ordered",${kind},"config":{"ordered":1},${parts}}`,
      headers: jsonHeaders,
    })
    const id = created.json.id
    const changed = await server.call("PUT", `${path}/${id}`, { raw: `{${parts}}`, headers: jsonHeaders })
    const listed = await get("?name=ordered&hydrate=true")
    for (const { text } of [created, await get(`/${id}`), changed, listed]) {
      expect(text).toContain(shownLabels)
      expect(text).toContain(`"status":${shown},"endpoint":${shown}`)
      expect(text).toContain(
        '"service_type":{"type":"t","flavor":"f","name":"","description":"d","logo_url":""}',
      )
    }
    expect((await get("?name=ordered")).text).toContain(shownLabels)
  })

  it("ignores members that it does not know, and who is said to be the user", async () => {
    const body = { ...minimal(), unknown_field: 1, user: nobody }
    const { json } = await post({ ...body, service_type: { type: "t", flavor: "f", extra: 2 } })
    expect(json.body).toMatchObject({ user_id: owner.id, service_type: { type: "t", flavor: "f" } })
    expect(json.body.service_type).not.toHaveProperty("extra")
  })

  it("refuses the config of another service, whatever the names are", async () => {
    const body = minimal()
    await post(body)
    const { status, json } = await post({ ...body, name: "other" })
    const sentence =
      "Unable to create service 'other' with the given configuration: A service with the same configuration already exists."
    expect([status, json]).toEqual([409, rule("EntityExistsError", sentence)])
    expect((await post({ ...body, config: config() })).status).toBe(200)
  })

  const file = (line: number, handler: string, route: string) =>
    `\n\n  File "zenml/zen_server/utils.py", line ${line}, in ${handler}\n    ${route}`
  const field = (name: string) =>
    `  {'type': 'missing', 'loc': ('body', '${name}'), 'msg': 'Field required', 'input': {}}`

  it.each<[string, string, string]>([
    [
      "nothing in it",
      "{}",
      `4 validation errors:\n${["project", "name", "service_type", "config"].map(field).join("\n")}`,
    ],
    [
      "no JSON",
      "{bad",
      "1 validation error:\n  {'type': 'json_invalid', 'loc': ('body', 1), 'msg': 'JSON decode error', 'input': {}, 'ctx': {'error': 'Expecting property name enclosed in double quotes'}}",
    ],
    [
      "no body",
      "",
      "1 validation error:\n  {'type': 'missing', 'loc': ('body',), 'msg': 'Field required', 'input': None}",
    ],
  ])("refuses a body with %s in a bare array", async (_, raw, faults) => {
    const { status, json } = await server.call("POST", path, { raw, headers: jsonHeaders })
    const place = file(53, "create_service", "POST /api/v1/services")
    expect([status, json]).toEqual([422, ["ValueError", faults + place]])
  })

  it("names a state that is none before anything is kept", async () => {
    const before = (await get("")).json.total
    const { status, json } = await post({ ...minimal(), status: { state: "bogus" } })
    expect([status, json.detail[0]]).toEqual([422, "ValueError"])
    expect((await post({ ...minimal(), admin_state: "ACTIVE" })).json[1]).toContain(
      "Input should be 'inactive', 'active', 'pending_startup', 'pending_shutdown', 'error' or 'scaled_to_zero'",
    )
    expect((await get("")).json.total).toBe(before)
  })

  it("takes another body than JSON for the text it is", async () => {
    const raw = JSON.stringify(minimal())
    const plain = await server.call("POST", path, { raw, headers: { "content-type": "text/plain" } })
    expect([plain.status, plain.json[1]]).toEqual([422, expect.stringContaining("model_attributes_type")])
  })

  it("takes no files, but refuses them differently where something is changed", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=x" }
    const raw = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
    const { status, json } = await server.call("POST", path, { raw, headers })
    expect([status, json]).toEqual([403, { detail: "File uploads are not allowed on this endpoint." }])
    const { id } = (await register(server)).json
    expect((await server.call("PUT", `${path}/${id}`, { raw, headers })).status).toBe(422)
  })

  it("refuses a body above 1 MiB", async () => {
    const { status, json } = await post({ ...minimal(), name: "x".repeat(2 ** 20) })
    expect([status, json]).toEqual([413, { detail: "Request Entity Too Large" }])
  })

  it.each<[string, Buffer]>([
    ["nesting that is too deep", Buffer.from("[".repeat(1000) + "]".repeat(1000))],
    ["bytes that are no text", Buffer.from([0x22, 0xff, 0x22])],
  ])("cannot read %s", async (_, body) => {
    const headers = { ...jsonHeaders, authorization: `Bearer ${server.token}` }
    const { status, json } = await sendRaw(server.port, { method: "POST", path, body, headers })
    expect([status, json]).toEqual([400, { detail: "There was an error parsing the body" }])
  })

  it("finds the project by the query, by the path, and by its UUID in the body", async () => {
    await server.call("POST", "/berth/v1/workspaces", { json: { id: "team" } })
    const { json: team } = await server.call("GET", "/api/v1/projects/team")
    const byName = await send("POST", "?project_name_or_id=team", minimal())
    const byId = await send("POST", `?project_name_or_id=${team.id}`, minimal())
    const byBody = await post({ ...minimal(), project: team.id })
    const byPath = await server.call("POST", "/api/v1/workspaces/team/services", {
      json: minimal(),
      headers: jsonHeaders,
    })
    for (const { json } of [byName, byId, byBody, byPath]) expect(json.body.project_id).toBe(team.id)
    expect((await get("?project=team")).json.total).toBe(4)
    expect((await get(`?project=${team.id}`)).json.total).toBe(4)
  })

  it("says which project there is not", async () => {
    const byName = await send("POST", "?project_name_or_id=nope", minimal())
    const sentence = `"Unable to get project with name or ID 'nope': 'nope' is not a valid  UUID and no project with this name exists."`
    expect([byName.status, byName.json]).toEqual([404, rule("KeyError", sentence)])
    const byBody = await post({ ...minimal(), project: nobody })
    const other = `"Unable to get project with name or ID '${nobody}': No project with this ID found."`
    expect([byBody.status, byBody.json]).toEqual([404, rule("KeyError", other)])
    expect((await get("?project=nope")).json).toEqual(rule("KeyError", sentence))
  })

  it("says which run or model version there is not in the project", async () => {
    const model = await post({ ...minimal(), model_version_id: nobody })
    const sentence = `"The model version with ID ${nobody} referenced by the service being created was not found in the '${project}' project"`
    expect([model.status, model.json]).toEqual([404, rule("KeyError", sentence)])
    const run = await post({ ...minimal(), pipeline_run_id: nobody })
    expect(run.json.detail[1]).toContain("The pipeline run with ID")
    const { id } = (await register(server)).json
    const changed = await send("PUT", `/${id}`, { model_version_id: nobody })
    const update = `"The model version with ID ${nobody} referenced by the service schema being updated was not found in the 'default' project"`
    expect([changed.status, changed.json]).toEqual([404, rule("KeyError", update)])
  })

  it("is carried out once under one key, whatever the body", async () => {
    const headers = { "idempotency-key": randomUUID() }
    const [first, again] = [await post(minimal(), { headers }), await post(minimal(), { headers })]
    expect(again.json).toEqual(first.json)
    expect(again.headers.get("idempotent-replayed")).toBe("true")
  })
})

describe("GET /api/v1/services/{service_id}", () => {
  it("has no metadata without hydrate", async () => {
    const { json } = await register(server)
    const { json: bare } = await get(`/${json.id}?hydrate=false`)
    expect(bare).toEqual({ ...json, metadata: null })
  })

  it.each<[string, (id: string) => string]>([
    ["in upper case", (id) => id.toUpperCase()],
    ["without hyphens", (id) => id.replaceAll("-", "")],
    ["in braces", (id) => `%7B${id}%7D`],
    ["as a URN", (id) => `urn:uuid:${id}`],
  ])("takes the id %s", async (_, write) => {
    const { id } = (await register(server)).json
    expect((await get(`/${write(id)}`)).json.id).toBe(id)
  })

  it("is 404 for one that is not there, and 422 for what is no UUID", async () => {
    const absent = await get(`/${nobody}`)
    expect([absent.status, absent.json]).toEqual([404, missing(nobody)])
    const odd = await get("/not-a-uuid?hydrate=maybe")
    expect(odd.status).toBe(422)
    expect(odd.json[1]).toMatch(
      /^2 validation errors:\n {2}{'type': 'uuid_parsing', 'loc': \('path', 'service_id'\)/,
    )
  })
})

describe("PUT /api/v1/services/{service_id}", () => {
  it("changes what is given, and is never younger than before", async () => {
    const { json: before } = await register(server)
    const change = {
      admin_state: "active",
      status: { state: "active" },
      endpoint: { status: { state: "active" } },
      prediction_url: "http://127.0.0.1:9/p",
      labels: { k: "v" },
      name: "renamed",
    }
    const { status, json } = await send("PUT", `/${before.id}`, change)
    expect(status).toBe(200)
    expect(json.body).toMatchObject({ labels: { k: "v" }, state: "active", created: before.body.created })
    expect(json.body.updated > before.body.updated).toBe(true)
    const { admin_state, status: shown, endpoint, prediction_url } = json.metadata
    expect({
      admin_state,
      status: shown,
      endpoint,
      prediction_url,
      name: json.name,
      labels: { k: "v" },
    }).toEqual(change)
    const same = await send("PUT", `/${before.id}`, { prediction_url: null, labels: null, config: { a: 1 } })
    expect(same.json).toEqual({ ...json, body: { ...json.body, updated: time } })
    const cleared = await send("PUT", `/${before.id}`, { status: {}, labels: {}, prediction_url: "" })
    expect(cleared.json.body).toMatchObject({ labels: null, state: null })
    expect(cleared.json.metadata).toMatchObject({ status: null, prediction_url: null })
  })

  it("is 404 for one that is not there, and 422 for a bad body even so", async () => {
    expect((await send("PUT", `/${nobody}`, { labels: {} })).json).toEqual(missing(nobody))
    expect((await send("PUT", `/${nobody}`, { admin_state: "zzz" })).status).toBe(422)
  })
})

describe("DELETE /api/v1/services/{service_id}", () => {
  it("answers null once, then 404", async () => {
    const { id } = (await register(server)).json
    const { status, text, headers } = await server.call("DELETE", `${path}/${id}`)
    expect([status, text, headers.get("content-type")]).toEqual([200, "null", "application/json"])
    expect((await server.call("DELETE", `${path}/${id}`)).json).toEqual(missing(id))
    expect((await server.call("DELETE", `${path}/not-a-uuid`)).status).toBe(422)
  })
})

describe("GET /api/v1/services", () => {
  let own: BerthServer
  const list = (query: string) => own.call("GET", `${path}?${query}`)
  beforeAll(async () => {
    own = await startBerthServer()
    await register(own, { name: "svc-min", config: {} })
    await own.clock.advance(60_000)
    const kind = { type: "model-serving", flavor: "vllm" }
    await register(own, {
      name: "svc-full",
      service_type: kind,
      config: { pipeline_name: "p", pipeline_step_name: "s" },
    })
    await register(own, { name: "Other", service_type: kind, config: { b: 1 } })
  })
  afterAll(() => own.close())

  it("gives a page without metadata, the oldest first", async () => {
    const { json } = await list("size=2")
    expect(json).toMatchObject({ index: 1, max_size: 2, total_pages: 2, total: 3 })
    expect(Object.keys(json)).toEqual(["index", "max_size", "total_pages", "total", "items"])
    expect(json.items[0].metadata).toBeNull()
    expect(json.items[0].resources.user.metadata).toBeNull()
    expect((await list("hydrate=true&size=1")).json.items[0].metadata.config).toEqual({})
  })

  it.each<[string, readonly string[]]>([
    ["name=svc-min", ["svc-min"]],
    ["name=SVC-MIN", ["svc-min"]],
    ["name=contains:svc", ["svc-min", "svc-full"]],
    ["name=startswith:svc-f", ["svc-full"]],
    ["name=endswith:HER", ["Other"]],
    ["name=notcontains:svc", ["Other"]],
    ['name=oneof:["svc-min","Other"]', ["svc-min", "Other"]],
    ['name=notoneof:["svc-min"]', ["svc-full", "Other"]],
    ["name=oneof:[]", ["svc-min", "svc-full", "Other"]],
    ["name=contains:%25", []],
    ["flavor=vllm", ["svc-full", "Other"]],
    ["type=model-serving&flavor=mlflow", ["svc-min"]],
    ["pipeline_name=p", ["svc-full"]],
    ["pipeline_step_name=isnull:", ["svc-min", "Other"]],
    ["logical_operator=or&name=svc-min&pipeline_name=p", ["svc-min", "svc-full"]],
    ["logical_operator=or&name=nope&pipeline_name=p", ["svc-full"]],
    ["pipeline_name=oneof:[null]", ["svc-min", "Other"]],
    ["running=true", ["svc-min", "svc-full", "Other"]],
    ["running=false&config=e30=&bogus=1", ["svc-min", "svc-full", "Other"]],
    ["sort_by=desc:created", ["Other", "svc-full", "svc-min"]],
    ["sort_by=bogus:name", ["Other", "svc-full", "svc-min"]],
    ["id=nope", []],
    ["id=notequals:nope", ["svc-min", "svc-full", "Other"]],
    ["created=gt:2020-01-01 00:00:00", ["svc-min", "svc-full", "Other"]],
    ["created=lt:2020-01-01 00:00:00", []],
    ["user=", ["svc-min", "svc-full", "Other"]],
    ["user=nope", []],
    ["user=isnull:", []],
    ["user=isnotnull:&name=Other", ["Other"]],
    [`user=notoneof:["nope"]&name=Other`, ["Other"]],
    ["user=gt:1e300", []],
    [`model_version_id=${nobody}`, []],
    [`scope_user=${nobody}`, []],
    ["project=default&page=1.0&page=%201", ["svc-min", "svc-full", "Other"]],
  ])("?%s", async (query, expected) => {
    const answer = await list(query)
    expect([answer.status, names(answer)]).toEqual([200, expected])
  })

  it("finds those of a user by name, id and scope", async () => {
    const { json: me } = await own.call("GET", "/api/v1/current-user")
    for (const query of [
      `user=${me.name}`,
      `user=${me.id}`,
      `scope_user=${me.id}`,
      `user=startswith:${me.id.slice(0, 12)}`,
    ])
      expect((await list(query)).json.total, query).toBe(3)
  })

  it("finds those of a time", async () => {
    const at = (agoMs: number) =>
      new Date(own.clock.nowMs() - agoMs).toISOString().slice(0, 19).replace("T", " ")
    expect(names(await list(`created=lte:${at(30_000)}`))).toEqual(["svc-min"])
    expect(names(await list(`updated=in:${at(1_000)},${at(-1_000)}`))).toEqual(["svc-full", "Other"])
    expect(names(await list(`created=notequals:${at(0)}&name=Other`))).toEqual(["Other"])
  })

  it("finds one by the beginning of its id", async () => {
    const { id } = (await list("name=Other")).json.items[0]
    expect(names(await list(`id=${id}`))).toEqual(["Other"])
    expect(names(await list(`logical_operator=or&id=startswith:${id.slice(0, 30)}&name=x`))).toContain(
      "Other",
    )
  })

  it.each<[string, number, unknown]>([
    [
      "page=99&size=1",
      400,
      rule(
        "ValueError",
        "Invalid page 99. The requested page size is 1 and there are a total of 3 items for this query. The maximum page value therefore is 3.",
      ),
    ],
    [
      "page=2&name=nope",
      400,
      rule(
        "ValueError",
        expect.stringContaining("Invalid page 2. The requested page size is 20 and there are a total of 0"),
      ),
    ],
    [
      `page=${"9".repeat(30)}`,
      400,
      rule("ValueError", expect.stringContaining(`Invalid page ${"9".repeat(30)}.`)),
    ],
    ["page=0", 422, ["ValueError", expect.stringContaining("greater_than_equal")]],
    ["size=0", 422, ["ValueError", expect.stringContaining("greater_than_equal")]],
    ["size=100000", 422, ["ValueError", expect.stringContaining("'ctx': {'le': 10000}")]],
    ["sort_by=bogus", 422, rule("ValueError", expect.stringContaining("You can only sort by valid fields"))],
    [
      "created=2025-01-01",
      422,
      rule("ValueError", expect.stringContaining("The datetime filter only works")),
    ],
    [
      "name=in:a",
      422,
      rule("ValueError", expect.stringContaining("can not be filtered using this operation")),
    ],
    ["name=gt:x", 400, rule("ValueError", expect.stringContaining("Failed to compare the column"))],
    ["name=gt:x&project=nope", 404, rule("KeyError", expect.stringContaining("'nope'"))],
    ["user=oneof:x", 400, rule("ValueError", expect.stringContaining("json formatted list"))],
  ])("?%s is refused", async (query, status, body) => {
    const answer = await list(query)
    expect([answer.status, answer.json]).toEqual([status, body])
  })
})

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

describe("the examples of the document", () => {
  const states = { service_source: "text", admin_state: "inactive" }
  const anything = { ANY_ADDITIONAL_PROPERTY: "anything" }
  const metadata = {
    ...states,
    config: anything,
    status: anything,
    endpoint: anything,
    prediction_url: "text",
    health_check_url: "text",
  }

  it("are answered as printed", async () => {
    const user = server.plane.directory.userByName(owner.name)
    const actor = server.plane.directory.authenticate(server.token, { address: null, requestId: null })
    if (!user || !actor) throw new Error("There is no owner.")
    const { serviceRegisters } = server.plane
    const named = { workspaceId: "default", name: "text" }
    const model = await serviceRegisters.modelVersions.create(actor, {
      ...named,
      modelName: "text",
      stage: "text",
    })
    const run = await serviceRegisters.runs.create(actor, {
      ...named,
      pipelineName: null,
      status: "completed",
      modelVersionId: model.id,
    })
    const links = { model_version_id: model.id, pipeline_run_id: run.id }
    const kind = { type: "text", flavor: "text", name: "", description: "", logo_url: "" }
    const labels = { ANY_ADDITIONAL_PROPERTY: "text" }
    const wanted = {
      user: owner.id,
      project,
      name: "text",
      service_type: kind,
      ...metadata,
      labels,
      ...links,
    }
    const { status, json } = await post(wanted)
    expect(status).toBe(200)
    expect(json).toMatchObject({
      body: { user_id: owner.id, project_id: project, service_type: kind, labels, state: null },
      metadata,
      id: uuid,
      permission_denied: false,
      name: "text",
      resources: {
        user: { id: owner.id, metadata: null },
        pipeline_run: {
          id: run.id,
          name: "text",
          body: { user_id: owner.id, project_id: project, status: "completed", in_progress: false },
        },
        model_version: {
          id: model.id,
          name: "text",
          body: {
            stage: "text",
            number: 1,
            model: { name: "text", id: model.modelId, body: { project_id: project } },
          },
        },
      },
    })
    const { config: _, ...changed } = metadata
    const update = await send("PUT", `/${json.id}`, {
      name: "text",
      ...changed,
      labels,
      model_version_id: model.id,
    })
    expect(update.json).toEqual({ ...json, body: { ...json.body, updated: time } })
    expect((await get(`?pipeline_run_id=${run.id}`)).json.items).toEqual([{ ...update.json, metadata: null }])
  })
})
