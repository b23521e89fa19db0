import type { JsonSchema } from "./types.ts"

/** Schemas that documents name instead of repeating them. */
export interface Components {
  /** The schema for a document: named parts are references, and are added to `used`. */
  refer(schema: unknown): JsonSchema
  /** Every schema that was referred to, by name. */
  used(): Readonly<Record<string, JsonSchema>>
}

/**
 * Names what a module exports: `NodeSchema` and `Node` are both `Node`. A part of a schema is named when it is equal
 * to an export but for its description, so that a copy with another description is a reference too.
 * @param exported a module's exports; what is no schema of an object or of a list of words is left out
 */
export function createComponents(exported: Readonly<Record<string, unknown>>): Components {
  const names = new Map<string, string>()
  const shapes = new Map<string, unknown>()
  for (const [name, schema] of Object.entries(exported)) {
    if (!isNameable(schema)) continue
    const key = shapeOf(schema)
    if (names.has(key)) continue
    const shortName = name.replace(/Schema$/, "")
    names.set(key, shortName)
    shapes.set(shortName, schema)
  }
  const used = new Map<string, JsonSchema>()

  function refer(schema: unknown): JsonSchema {
    if (!isObject(schema)) throw new Error("A schema is an object.")
    const name = isNameable(schema) ? names.get(shapeOf(schema)) : undefined
    if (name === undefined) return spell(schema)
    const shape = shapes.get(name)
    if (!used.has(name)) {
      // Before its members: a schema that holds itself must not be walked for ever.
      used.set(name, {})
      used.set(name, spell(shape as Record<string, unknown>))
    }
    const $ref = `#/components/schemas/${name}`
    const { description } = schema
    const isOwn =
      description === undefined || description === (shape as { description?: unknown }).description
    return isOwn ? { $ref } : { $ref, description }
  }

  /** One level in a document's words, its parts by reference. */
  function spell(schema: Readonly<Record<string, unknown>>): JsonSchema {
    const nullable = nullableOf(schema)
    if (nullable) return spellNullable(nullable, schema)
    const spelled: Record<string, unknown> = {}
    for (const [keyword, value] of Object.entries(schema))
      Object.assign(spelled, spellKeyword(keyword, value))
    if (Array.isArray(schema["enum"]) && schema["enum"].every((value) => typeof value === "string"))
      return { type: "string", ...spelled }
    return spelled
  }

  function spellKeyword(keyword: string, value: unknown): JsonSchema {
    switch (keyword) {
      case "properties":
        return { properties: mapValues(value, refer) }
      case "patternProperties":
        // How a map of anything is written; generators of clients know the other form.
        return { additionalProperties: refer(Object.values(value as object)[0]) }
      case "items":
        // A list of schemas is a tuple, which this draft of JSON Schema spells otherwise.
        return Array.isArray(value)
          ? { prefixItems: value.map(refer), items: false }
          : { items: refer(value) }
      case "additionalItems":
        return {}
      case "anyOf":
        return { anyOf: (value as readonly unknown[]).map(refer) }
      default:
        return { [keyword]: value }
    }
  }

  /** `type: [T, null]` where that says it all. */
  function spellNullable(inner: unknown, outer: JsonSchema): JsonSchema {
    const { anyOf: _, ...rest } = outer
    const spelled = refer(inner)
    const { type } = spelled
    if (typeof type === "string" && spelled["enum"] === undefined)
      return { ...spelled, type: [type, "null"], ...rest }
    return { anyOf: [spelled, { type: "null" }], ...rest }
  }

  return { refer, used: () => Object.fromEntries([...used].toSorted(([a], [b]) => (a < b ? -1 : 1))) }
}

/** What can be null, or undefined. */
export function nullableOf(schema: unknown): unknown {
  const parts = isObject(schema) ? schema["anyOf"] : undefined
  if (!Array.isArray(parts) || parts.length !== 2) return undefined
  const others = parts.filter((part) => !isObject(part) || part["type"] !== "null")
  return others.length === 1 ? others[0] : undefined
}

function isNameable(schema: unknown): schema is Readonly<Record<string, unknown>> {
  if (!isObject(schema)) return false
  return isObject(schema["properties"]) || (Array.isArray(schema["enum"]) && !Object.hasOwn(schema, "anyOf"))
}

/** Equal for schemas that differ in nothing but their own description. */
function shapeOf(schema: Readonly<Record<string, unknown>>): string {
  const { description: _, ...rest } = schema
  return JSON.stringify(rest)
}

function mapValues(value: unknown, map: (one: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, map(one)]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
