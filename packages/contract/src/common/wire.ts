import {
  Type,
  type Static,
  type TBoolean,
  type TEnum,
  type TInteger,
  type TObject,
  type TProperties,
  type TSchema,
  type TString,
} from "typebox"

/** What a string may be, besides a string. */
export interface TextRules {
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly format?: string
  /** Taken when the member is absent; said, not filled in. */
  readonly default?: string
}

/** How large a number may be. */
export interface NumberRules {
  readonly minimum?: number
  readonly maximum?: number
  /** Taken when the member is absent; said, not filled in. */
  readonly default?: number
}

/** A string, with what it means. */
export function text(description: string, rules: TextRules = {}): TString {
  return Type.String({ ...rules, description })
}

/** A whole number, with what it means and its unit. */
export function int(description: string, rules: NumberRules = {}): TInteger {
  return Type.Integer({ ...rules, description })
}

/** A boolean, with what true means. */
export function flag(description: string, rules: { readonly default?: boolean } = {}): TBoolean {
  return Type.Boolean({ ...rules, description })
}

/** One of these strings. */
export function oneOf<const T extends string[]>(values: [...T], description: string): TEnum<T> {
  return Type.Enum<T>(values, { description })
}

/** RFC 3339 in UTC with milliseconds: `2026-01-31T08:15:00.000Z`. */
export function timestamp(description: string): TString {
  return text(`${description} RFC 3339, UTC.`, { format: "date-time", maxLength: 40 })
}

/** An object with exactly these members: others are refused in requests. */
export function Exact<T extends TProperties>(properties: T, description = ""): TObject<T> {
  return Type.Object(properties, { additionalProperties: false, ...(description ? { description } : {}) })
}

/** The schema's value, or null where there is none; the description is the schema's own unless given. */
export function Nullable<T extends TSchema>(schema: T, description = "") {
  return Type.Union([schema, Type.Null()], description === "" ? {} : { description })
}

/** A lower-case DNS label: 1–63 of `[a-z0-9-]`, a letter or digit at both ends. */
export function dnsLabel(description: string): TString {
  return text(description, { pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", maxLength: 63 })
}

/** How many items a page has: 1–1,000; 100 when not said. */
export const pageLimits = { least: 1, most: 1000, usual: 100 } as const

/** What every list takes. */
export const PageQuery = Exact({
  limit: Type.Optional(
    int("Most items on the page.", {
      minimum: pageLimits.least,
      maximum: pageLimits.most,
      default: pageLimits.usual,
    }),
  ),
  cursor: Type.Optional(
    text("`nextCursor` of the page before; opaque. Absent: the first page.", { maxLength: 512 }),
  ),
})
export type PageQuery = Static<typeof PageQuery>

/** One page of a list; `nextCursor` is null on the last. */
export function PageOf<T extends TSchema>(item: T, order = "One page.") {
  return Type.Object(
    {
      items: Type.Array(item, { description: "At most `limit` of them." }),
      nextCursor: Nullable(Type.String(), "`cursor` of the next page; null on the last."),
    },
    { description: order },
  )
}
export interface PageOf<T> {
  items: T[]
  nextCursor: string | null
}
