import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { register } from "./services-walks.ts"
import { path, nobody, rule, names, useServer } from "./zenml-server.ts"

useServer()

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
