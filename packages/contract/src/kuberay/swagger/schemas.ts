import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf"
import { ScalarType } from "@bufbuild/protobuf"
import { EmptySchema, TimestampSchema } from "@bufbuild/protobuf/wkt"

/** A schema of Swagger 2.0. */
export type SwaggerSchema = Readonly<Record<string, unknown>>

/** Definitions that schemas refer to, by name. */
export type Definitions = Map<string, SwaggerSchema>

/** 64 bits are strings in JSON. */
const scalars = new Map<ScalarType, SwaggerSchema>([
  [ScalarType.STRING, { type: "string" }],
  [ScalarType.BOOL, { type: "boolean" }],
  [ScalarType.INT32, { type: "integer", format: "int32" }],
  [ScalarType.UINT32, { type: "integer", format: "int64" }],
  [ScalarType.INT64, { type: "string", format: "int64" }],
  [ScalarType.UINT64, { type: "string", format: "uint64" }],
  [ScalarType.FLOAT, { type: "number", format: "float" }],
])

/** The schema of a message as answers have it; what it names is added to the definitions. */
export function messageSchema(desc: DescMessage, definitions: Definitions): SwaggerSchema {
  if (desc.typeName === TimestampSchema.typeName) return { type: "string", format: "date-time" }
  if (desc.typeName === EmptySchema.typeName) return { type: "object", properties: {} }
  const name = `proto${desc.name}`
  if (!definitions.has(name)) {
    // Before its members: one that holds itself must not be walked for ever.
    definitions.set(name, {})
    const properties = desc.fields.map((field) => [field.jsonName, fieldSchema(field, definitions)] as const)
    definitions.set(name, { type: "object", properties: Object.fromEntries(properties) })
  }
  return { $ref: `#/definitions/${name}` }
}

/** The schema of a field as answers have it. */
export function fieldSchema(field: DescField, definitions: Definitions): SwaggerSchema {
  const one = elementSchema(field, definitions)
  if (field.fieldKind === "list") return { type: "array", items: one }
  return field.fieldKind === "map" ? { type: "object", additionalProperties: one } : one
}

function elementSchema(field: DescField, definitions: Definitions): SwaggerSchema {
  if (field.message) return messageSchema(field.message, definitions)
  if (field.enum) return enumSchema(field.enum)
  return scalars.get(field.scalar ?? ScalarType.STRING) ?? { type: "string" }
}

/** Answers have the number; requests may have the name too. */
function enumSchema(desc: DescEnum): SwaggerSchema {
  const values = desc.values.map(({ name, number }) => `${number} ${name}`)
  return { type: "integer", format: "int32", description: `${values.join(", ")}. The name is taken too.` }
}
