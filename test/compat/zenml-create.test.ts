import { randomUUID } from "node:crypto"
import { describe, expect, it } from "vitest"
import { sendRaw } from "../../packages/server/src/http/test-server.ts"
import { jsonHeaders, register } from "./services-walks.ts"
import {
  server,
  project,
  owner,
  path,
  nobody,
  time,
  uuid,
  config,
  minimal,
  get,
  send,
  post,
  rule,
  useServer,
} from "./zenml-server.ts"

useServer()

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
