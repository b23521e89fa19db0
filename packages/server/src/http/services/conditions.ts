import type { DateCondition, TextCondition } from "@berth/contract/services"

type PartCondition = Extract<TextCondition, { readonly value: string }>
type ListCondition = Extract<TextCondition, { readonly values: readonly unknown[] }>

/**
 * Whether a text, or an id as its digits, fulfils a condition; null: there is none. Letters of ASCII are the same in
 * either case in parts of any text, and in whole ones where `isLoose`.
 */
export function fulfilsText(condition: TextCondition, text: string | null, isLoose: boolean): boolean {
  const whole = isLoose ? lower : (one: string) => one
  if ("values" in condition) return isListed(condition, text, whole)
  if (text === null) return condition.op === "isnull"
  if ("value" in condition) return isLike(condition, text, whole)
  if ("number" in condition) return isNumber(condition.op, text, condition.number)
  return condition.op === "isnotnull"
}

function isListed(condition: ListCondition, text: string | null, whole: (text: string) => string): boolean {
  const { op, values } = condition
  if (op === "notoneof" && values.length === 0) return true
  const isOne = values.some((value) =>
    value === null || text === null ? value === text : whole(value) === whole(text),
  )
  return op === "oneof" ? isOne : text !== null && !isOne
}

function isLike({ op, value }: PartCondition, text: string, whole: (text: string) => string): boolean {
  switch (op) {
    case "equals":
      return whole(text) === whole(value)
    case "notequals":
      return whole(text) !== whole(value)
    case "contains":
      return lower(text).includes(lower(value))
    case "notcontains":
      return !lower(text).includes(lower(value))
    case "startswith":
      return lower(text).startsWith(lower(value))
    case "endswith":
      return lower(text).endsWith(lower(value))
  }
}

/** What is no number, and 0, is left out. */
function isNumber(op: Parameters<typeof compares>[0], text: string, wanted: number): boolean {
  const number = text.trim() === "" ? Number.NaN : Number(text)
  return !Number.isNaN(number) && number !== 0 && compares(op, number, wanted)
}

/** Whether an instant fulfils a condition. */
export function fulfilsDate(condition: DateCondition, atMs: number): boolean {
  switch (condition.op) {
    case "isnull":
      return false
    case "isnotnull":
      return true
    case "in":
      return atMs >= condition.fromMs && atMs <= condition.toMs
    case "equals":
      return atMs === condition.atMs
    case "notequals":
      return atMs !== condition.atMs
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return compares(condition.op, atMs, condition.atMs)
  }
}

function compares(op: "gt" | "gte" | "lt" | "lte", value: number, wanted: number): boolean {
  switch (op) {
    case "gt":
      return value > wanted
    case "gte":
      return value >= wanted
    case "lt":
      return value < wanted
    case "lte":
      return value <= wanted
  }
}

function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
