import type { DescMessage } from "@bufbuild/protobuf"
import type { KuberayRoute } from "../routes.ts"
import { kuberayRoutes } from "../routes.ts"
import type { Definitions, SwaggerSchema } from "./schemas.ts"
import { fieldSchema, messageSchema } from "./schemas.ts"

/** The documents there are: of each .proto file, and of errors. `<name>.swagger.json` on the wire. */
export const swaggerNames = ["cluster", "config", "error", "job", "job_submission", "serve"] as const
export type SwaggerName = (typeof swaggerNames)[number]

/** Swagger 2.0. */
export interface SwaggerDocument {
  readonly swagger: "2.0"
  readonly info: { readonly title: string; readonly version: string }
  readonly tags: readonly { readonly name: string }[]
  readonly schemes: readonly string[]
  readonly consumes: readonly string[]
  readonly produces: readonly string[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly definitions: Readonly<Record<string, SwaggerSchema>>
}

const routes: readonly KuberayRoute[] = Object.values(kuberayRoutes)

/** The document of that name, made from the routes and the messages. */
export function swaggerDocument(name: SwaggerName): SwaggerDocument {
  const own = routes.filter((route) => route.rpc.parent.file.name === name)
  const definitions: Definitions = new Map(errorDefinitions)
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of own) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}")
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, definitions) }
  }
  return {
    swagger: "2.0",
    info: { title: `${name}.proto`, version: "version not set" },
    tags: [...new Set(own.map((route) => route.rpc.parent.name))].map((tag) => ({ name: tag })),
    schemes: ["http"],
    consumes: ["application/json"],
    produces: ["application/json"],
    paths,
    definitions: Object.fromEntries([...definitions].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  }
}

const errorDefinitions: readonly (readonly [string, SwaggerSchema])[] = [
  [
    "googlerpcStatus",
    {
      type: "object",
      properties: {
        code: { type: "integer", format: "int32" },
        message: { type: "string" },
        details: { type: "array", items: { $ref: "#/definitions/protobufAny" } },
      },
    },
  ],
  ["protobufAny", { type: "object", properties: { "@type": { type: "string" } }, additionalProperties: {} }],
]

function operation(route: KuberayRoute, definitions: Definitions): unknown {
  return {
    summary: `${route.summary}.`,
    operationId: `${route.rpc.parent.name}_${route.rpc.name}`,
    responses: {
      "200": {
        description: "A successful response.",
        schema: messageSchema(route.rpc.output, definitions),
      },
      default: {
        description: "An unexpected error response.",
        schema: { $ref: "#/definitions/googlerpcStatus" },
      },
    },
    parameters: [
      ...pathParameters(route),
      ...bodyParameters(route, definitions),
      ...queryParameters(route, definitions),
    ],
    tags: [route.rpc.parent.name],
  }
}

function pathParameters(route: KuberayRoute): unknown[] {
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
  return names.map((name) => ({ name, in: "path", required: true, type: "string" }))
}

function bodyParameters(route: KuberayRoute, definitions: Definitions): unknown[] {
  return fieldsNamed(route.rpc.input, route.body === undefined ? [] : [route.body]).map((field) => ({
    name: field.jsonName,
    in: "body",
    required: true,
    schema: fieldSchema(field, definitions),
  }))
}

function queryParameters(route: KuberayRoute, definitions: Definitions): unknown[] {
  return fieldsNamed(route.rpc.input, route.query ?? []).map((field) => ({
    name: field.jsonName,
    in: "query",
    required: false,
    ...fieldSchema(field, definitions),
  }))
}

function fieldsNamed(desc: DescMessage, names: readonly string[]): DescMessage["fields"] {
  return desc.fields.filter((field) => names.includes(field.name))
}
