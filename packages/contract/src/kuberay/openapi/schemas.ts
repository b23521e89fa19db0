import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf"
import { ScalarType } from "@bufbuild/protobuf"
import { EmptySchema, TimestampSchema } from "@bufbuild/protobuf/wkt"
import type { TSchema } from "typebox"
import { kuberayRoutes, type KuberayRoute } from "../routes.ts"
import { memberDescription, messageDescriptions } from "./descriptions.ts"

/** A JSON Schema (2020-12). */
type Schema = Readonly<Record<string, unknown>>

/** 64 bits are strings in JSON. */
const scalars = new Map<ScalarType, Schema>([
  [ScalarType.STRING, { type: "string" }],
  [ScalarType.BOOL, { type: "boolean" }],
  [ScalarType.INT32, { type: "integer", format: "int32" }],
  [ScalarType.UINT32, { type: "integer", minimum: 0, maximum: 2 ** 32 - 1 }],
  [ScalarType.INT64, { type: "string", pattern: String.raw`^-?\d+$` }],
  [ScalarType.UINT64, { type: "string", pattern: String.raw`^\d+$` }],
  [ScalarType.FLOAT, { type: "number", format: "float" }],
])

/**
 * The schema of a message's JSON, as answers have it: whole, without references.
 * @throws Error for a message or a member without a description
 */
export function messageSchema(desc: DescMessage): TSchema {
  return schemaOf(desc)
}

function schemaOf(desc: DescMessage): Schema {
  if (desc.typeName === EmptySchema.typeName)
    return { type: "object", properties: {}, description: "Done: an object without members." }
  const description = messageDescriptions[desc.name]
  if (description === undefined) throw new Error(`The message ${desc.name} is not described.`)
  const properties = desc.fields.map((field) => [field.jsonName, memberSchema(desc, field)] as const)
  return { type: "object", properties: Object.fromEntries(properties), description }
}

function memberSchema(desc: DescMessage, field: DescField): Schema {
  const description = memberDescription(desc.name, field.jsonName)
  if (description === undefined) throw new Error(`${desc.name}.${field.jsonName} is not described.`)
  const one = elementSchema(field)
  if (field.fieldKind === "list") return { type: "array", items: one, description }
  if (field.fieldKind === "map") return { type: "object", additionalProperties: one, description }
  return { ...one, description: field.enum ? `${description} ${valuesOf(field.enum)}` : description }
}

function elementSchema(field: DescField): Schema {
  if (field.message)
    return field.message.typeName === TimestampSchema.typeName
      ? { type: "string", format: "date-time" }
      : schemaOf(field.message)
  // Answers have the number, also one that has no name; requests may have the name.
  if (field.enum) return { type: "integer", format: "int32" }
  return scalars.get(field.scalar ?? ScalarType.STRING) ?? { type: "string" }
}

/** `0 DEV, 1 TESTING`. */
function valuesOf(desc: DescEnum): string {
  return `${desc.values.map(({ name, number }) => `${number} ${name}`).join(", ")}; requests may have the name.`
}

/** The schema of a route's query, or undefined where it reads none. Both spellings of a name are read. */
export function querySchema({ rpc, query }: KuberayRoute): TSchema | undefined {
  if (!query) return undefined
  const fields = rpc.input.fields.filter(({ name }) => query.includes(name))
  const properties = fields.map((field) => {
    const schema = field.scalar === ScalarType.INT64 ? { type: "integer" } : elementSchema(field)
    return [field.jsonName, { ...schema, description: memberDescription("", field.jsonName) }] as const
  })
  return { type: "object", properties: Object.fromEntries(properties) }
}

/** The schema of a route's body, or undefined where it reads none. */
export function bodySchema({ rpc, body }: KuberayRoute): TSchema | undefined {
  const field = rpc.input.fields.find(({ name }) => name === body)
  return field?.message && messageSchema(field.message)
}

/** Every message that a body or an answer is or has, by name. */
export function namedSchemas(): Readonly<Record<string, TSchema>> {
  const found = new Map<string, TSchema>()
  const walk = (desc: DescMessage): void => {
    const isOwn = desc.file.proto.package === "proto"
    if (!isOwn || found.has(desc.name)) return
    found.set(desc.name, messageSchema(desc))
    for (const { message } of desc.fields) if (message) walk(message)
  }
  const routes: readonly KuberayRoute[] = Object.values(kuberayRoutes)
  for (const { rpc, body } of routes) {
    const field = rpc.input.fields.find(({ name }) => name === body)
    if (field?.message) walk(field.message)
    walk(rpc.output)
  }
  return Object.fromEntries(found)
}
