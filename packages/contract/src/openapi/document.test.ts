import { Validator } from "@seriousme/openapi-schema-validator"
import { Ajv2020 } from "ajv/dist/2020.js"
import addFormats from "ajv-formats"
import { describe, expect, it } from "vitest"
import { openApiDocument } from "./document.ts"
import { apiFamilies } from "./families.ts"
import type { ApiFamily } from "./family.ts"
import type { JsonSchema, OpenApiDocument, OperationObject } from "./types.ts"

const families: readonly ApiFamily[] = Object.values(apiFamilies)
const documents = families.map((family) => [family.name, family, openApiDocument(family, "1.2.3")] as const)

describe.each(documents)("the document of %s", (_, family, document) => {
  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator()
    const result = await validator.validate(structuredClone(document) as unknown as Record<string, unknown>)
    expect(result).toEqual({ valid: true })
    expect(validator.version).toBe("3.1")
  })

  it("has one operation for each row of the route table, and no other", () => {
    const operations = operationsOf(document).map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    const rows = family.routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`)
    expect(operations.toSorted()).toEqual(rows.toSorted())
    const ids = operationsOf(document).map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it("says of every member, parameter and status what it means", () => {
    expect(withoutDescription(document)).toEqual([])
  })

  it("has examples that its schemas allow", () => {
    const validate = validatorOf(document)
    const faults: unknown[] = []
    for (const { path, operation } of operationsOf(document))
      for (const media of Object.values(operation.requestBody?.content ?? {}))
        if (media.example !== undefined) faults.push(...validate(path, media.schema, media.example))
    for (const [name, response] of Object.entries(document.components.responses))
      for (const media of Object.values(response.content ?? {}))
        faults.push(...validate(name, media.schema, media.example))
    expect(faults).toEqual([])
    for (const { operation } of operationsOf(document))
      if (operation.requestBody?.required === true)
        expect(Object.values(operation.requestBody.content)[0]?.example, operation.operationId).toBeDefined()
  })

  it("repeats no schema that has a name", () => {
    const text = JSON.stringify(document.paths)
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      if (schema["properties"] === undefined) continue
      expect(text, name).not.toContain(JSON.stringify(schema["properties"]))
    }
  })
})

it("the documents say how the caller shows who it is, and what needs no token", () => {
  const open = documents.flatMap(([, , document]) =>
    operationsOf(document).filter(({ operation }) => operation.security?.length === 0),
  )
  expect(open.map(({ path }) => path)).toEqual([
    "/api/v1/auth",
    "/api/v1/info",
    "/api/v1/login",
    "/api/v1/logout",
    "/api/v1/logout",
    "/healthz",
    "/readyz",
    "/.well-known/jwks.json",
  ])
  for (const [, , document] of documents) expect(document.security).toEqual([{ bearer: [] }])
})

it("the documents say what a driver ignores and what a stream sends", () => {
  const [workloads, berth] = [apiFamilies.workloads, apiFamilies.berth].map((family) =>
    openApiDocument(family, "1.2.3"),
  )
  const create = workloads?.components.schemas["CreateWorkloadRequest"] as { properties: { image: unknown } }
  expect(create.properties.image).toMatchObject({ description: expect.stringContaining("local driver") })
  const events = berth?.paths["/berth/v1/events"]?.["get"]?.responses["200"]
  expect(events).toMatchObject({
    content: { "text/event-stream": { schema: { type: "string" } }, "application/json": {} },
  })
})

it("a status or a parameter that the family does not describe stops the making of its document", () => {
  const row = {
    ...families[0]?.routes[0],
    id: "x",
    tag: "x",
    method: "GET",
    path: "/x",
    summary: "X",
  } as const
  const family = (routes: ApiFamily["routes"]): ApiFamily => ({ ...apiFamilies.berth, routes })
  const route = { ...row, isBodyRequired: false, status: 200 }
  expect(() => openApiDocument(family([{ ...route, refusals: [418] }]), "1")).toThrow("418")
  expect(() => openApiDocument(family([{ ...route, path: "/x/:what" }]), "1")).toThrow("what")
})

function operationsOf(
  document: OpenApiDocument,
): { path: string; method: string; operation: OperationObject }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
}

/** Where a description is missing: members of objects, named schemas, parameters, answers. */
function withoutDescription(document: OpenApiDocument): string[] {
  const missing: string[] = []
  const need = (place: string, what: { readonly description?: unknown } | undefined) => {
    if (typeof what?.description !== "string" || what.description.length < 2) missing.push(place)
  }
  const walk = (place: string, schema: unknown, isMember: boolean): void => {
    if (typeof schema !== "object" || schema === null) return
    const { $ref, properties, items, anyOf, additionalProperties } = schema as JsonSchema
    if (isMember && $ref === undefined) need(place, schema)
    for (const [name, member] of Object.entries(properties ?? {})) walk(`${place}.${name}`, member, true)
    walk(`${place}[]`, items, false)
    walk(`${place}{}`, additionalProperties, false)
    for (const one of (anyOf as unknown[] | undefined) ?? []) walk(place, one, false)
  }
  for (const [name, schema] of Object.entries(document.components.schemas)) walk(name, schema, true)
  for (const { path, operation } of operationsOf(document)) {
    for (const parameter of operation.parameters ?? []) need(`${path}?${parameter.name}`, parameter)
    for (const [status, response] of Object.entries(operation.responses)) {
      if ("$ref" in response) continue
      need(`${path} ${status}`, response)
      for (const media of Object.values(response.content ?? {}))
        walk(`${path} ${status}`, media.schema, false)
    }
  }
  return missing
}

function validatorOf(document: OpenApiDocument) {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ $id: "document:", ...document })
  return (place: string, schema: JsonSchema, value: unknown): unknown[] => {
    const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document:#/')) as JsonSchema
    const check = ajv.compile(absolute)
    return check(value) ? [] : [{ place, errors: check.errors }]
  }
}
