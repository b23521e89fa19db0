import { Type, type Static, type TObject, type TProperties, type TSchema } from "typebox"

/** An object with exactly these members: others are refused in requests. */
export function Exact<T extends TProperties>(properties: T, description = ""): TObject<T> {
  return Type.Object(properties, { additionalProperties: false, ...(description ? { description } : {}) })
}

/** The schema's value, or null where there is none. */
export function Nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

/** RFC 3339 in UTC with milliseconds: `2026-01-31T08:15:00.000Z`. */
export const Timestamp = Type.String({ format: "date-time", maxLength: 40 })

/** A lower-case DNS label: 1–63 of `[a-z0-9-]`, a letter or digit at both ends. */
export const DnsLabel = Type.String({ pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", maxLength: 63 })

/** How many items a page has: 1–1,000; 100 when not said. */
export const pageLimits = { least: 1, most: 1000, usual: 100 } as const

/** What every list takes. */
export const PageQuery = Exact({
  limit: Type.Optional(Type.Integer({ minimum: pageLimits.least, maximum: pageLimits.most })),
  /** `nextCursor` of the page before; opaque. */
  cursor: Type.Optional(Type.String({ maxLength: 512 })),
})
export type PageQuery = Static<typeof PageQuery>

/** One page of a list; `nextCursor` is null on the last. */
export function PageOf<T extends TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), nextCursor: Nullable(Type.String()) })
}
export interface PageOf<T> {
  items: T[]
  nextCursor: string | null
}
