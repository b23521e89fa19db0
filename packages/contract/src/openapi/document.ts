import type { RouteNotes } from "../common/index.ts"
import { createComponents, nullableOf, type Components } from "./components.ts"
import type { ApiFamily, FamilyRoute } from "./family.ts"
import type {
  JsonSchema,
  MediaTypeObject,
  OpenApiDocument,
  OperationObject,
  ParameterObject,
  ResponseObject,
} from "./types.ts"

/** Any request may be refused with these: malformed, no token, no right, too many, a fault, not ready, too slow. */
const anyRefusals = [400, 401, 403, 429, 500, 503, 504] as const

/**
 * A family's document, made from its route table and schemas.
 * @param version the server's
 * @throws Error for a status or a parameter of a path that the family does not describe
 */
export function openApiDocument(family: ApiFamily, version: string): OpenApiDocument {
  const components = createComponents(family.schemas)
  const errorSchema = components.refer(family.errorSchema)
  const paths: Record<string, Record<string, OperationObject>> = {}
  for (const route of family.routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}")
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(family, route, components) }
  }
  const responses = Object.fromEntries(
    Object.entries(family.refusals).map(([status, refusal]) => [
      responseName(Number(status)),
      {
        description: refusal.description,
        ...(status === "401" ? { headers: { "WWW-Authenticate": header("`Bearer`.") } } : {}),
        ...(["429", "503"].includes(status)
          ? { headers: { "Retry-After": header("Seconds after which a retry makes sense, where known.") } }
          : {}),
        content: { "application/json": { schema: errorSchema, example: refusal.example } },
      },
    ]),
  )
  return {
    openapi: "3.1.0",
    info: {
      title: family.title,
      version,
      description: family.description,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "The server that gave this document." }],
    security: [{ bearer: [] }],
    tags: tagsOf(family),
    paths,
    components: {
      schemas: components.used(),
      responses,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "An API key (`berth keys create`, or the owner's in the data directory), or a token that one was exchanged for (`POST /api/v1/auth`), which holds for 900 s. Under `--no-auth` none is needed.",
        },
      },
    },
  }
}

/** The statuses that a route refuses with, ascending. */
export function refusalsOf(route: FamilyRoute): readonly number[] {
  const isChange = route.method !== "GET"
  const statuses = new Set<number>(anyRefusals)
  if (route.isOpen === true) statuses.delete(401)
  if (route.path.includes(":")) statuses.add(404)
  if (isChange) statuses.add(409).add(413)
  for (const status of route.refusals ?? []) statuses.add(status)
  return [...statuses].toSorted((a, b) => a - b)
}

function operation(family: ApiFamily, route: FamilyRoute, components: Components): OperationObject {
  const refused = refusalsOf(route).map((status) => {
    if (family.refusals[status] === undefined)
      throw new Error(`${route.id}: the family does not describe ${status}.`)
    return [String(status), { $ref: `#/components/responses/${responseName(status)}` }] as const
  })
  const parameters = [...pathParameters(family, route), ...queryParameters(route, components)]
  const body = route.body === undefined ? undefined : requestBody(route, components)
  return {
    operationId: route.id,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [route.tag],
    ...(route.isOpen === true ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: {
      [String(route.status)]: success(route, components),
      ...Object.fromEntries(refused),
      ...otherAnswers(route, components),
    },
  }
}

function pathParameters(family: ApiFamily, route: FamilyRoute): ParameterObject[] {
  return [...route.path.matchAll(/:(\w+)/g)].map(([, name = ""]) => {
    const description = route.params?.[name] ?? family.params[name]
    if (description === undefined) throw new Error(`${route.id}: the parameter ${name} is not described.`)
    return { name, in: "path", required: true, description, schema: { type: "string", minLength: 1 } }
  })
}

interface QuerySchema {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
}

function queryParameters(route: FamilyRoute, components: Components): ParameterObject[] {
  const { properties = {}, required: needed = [] }: QuerySchema = route.query ?? {}
  return Object.entries(properties).map(([name, schema]) => {
    const { description, ...rest } = { description: "", ...components.refer(schema) }
    const required = needed.includes(name)
    return { name, in: "query", required, description, schema: rest }
  })
}

function requestBody(route: FamilyRoute, components: Components): OperationObject["requestBody"] {
  const { required = [] } = route.body as { required?: readonly string[] }
  const media: MediaTypeObject = {
    schema: components.refer(route.body),
    ...(route.example === undefined ? {} : { example: route.example }),
  }
  const type = route.bodyMedia ?? "application/json"
  return { required: required.length > 0 || route.isBodyRequired, content: { [type]: media } }
}

/** What a success looks like: JSON, nothing, either, or another media type. */
function success(route: FamilyRoute, components: Components): ResponseObject {
  const json = nullableOf(route.answer) ?? route.answer
  const isJson = !isNothing(json)
  const content: Record<string, MediaTypeObject> = isJson
    ? { "application/json": { schema: components.refer(json) } }
    : {}
  const media = Object.entries(route.media ?? {})
  for (const [type, notes] of media)
    content[type] = { schema: { type: "string", description: mediaText(notes, components) } }
  const said = [
    ...(isJson ? [descriptionOf(json)] : []),
    ...media.map(([type, notes]) => `\`${type}\`: ${notes.description}`),
  ]
  if (said.length === 0) return { description: "Done; no body." }
  const description = said.join("\n\n")
  // One or the other: nothing at all where all of a batch went well.
  return json === route.answer ? { description, content } : { description, content, "x-may-be-empty": true }
}

function descriptionOf(schema: unknown): string {
  return (schema as { readonly description?: string }).description ?? "Done."
}

function otherAnswers(route: FamilyRoute, components: Components): Record<string, ResponseObject> {
  return Object.fromEntries(
    Object.entries(route.others ?? {}).map(([status, schema]) => {
      const description = descriptionOf(schema)
      const { contentMediaType = "application/json" } = schema as { readonly contentMediaType?: string }
      const content = { [contentMediaType]: { schema: components.refer(schema) } }
      return [status, isNothing(schema) ? { description } : { description, content }]
    }),
  )
}

function mediaText(media: NonNullable<RouteNotes["media"]>[string], components: Components): string {
  const events = Object.entries(media.events ?? {}).map(([name, schema]) => {
    const { $ref } = components.refer(schema)
    return `- \`event: ${name}\`: \`data\` is JSON as \`${String($ref)}\``
  })
  return [media.description, ...events].join("\n")
}

function isNothing(schema: unknown): boolean {
  return schema === undefined || (schema as JsonSchema)["type"] === "null"
}

function tagsOf(family: ApiFamily): OpenApiDocument["tags"] {
  return [...new Set(family.routes.map((route) => route.tag))].map((name) => ({ name }))
}

function responseName(status: number): string {
  return `Refused${status}`
}

function header(description: string): unknown {
  return { description, schema: { type: "string" } }
}
