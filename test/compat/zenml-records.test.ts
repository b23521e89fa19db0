import { describe, expect, it } from "vitest"
import { register } from "./services-walks.ts"
import {
  server,
  project,
  owner,
  path,
  nobody,
  time,
  uuid,
  get,
  send,
  post,
  missing,
  useServer,
} from "./zenml-server.ts"

useServer()

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
