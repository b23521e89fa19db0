import { pageLimits } from "@berth/contract/common"
import { AppError, type Issue } from "../../kit/errors.ts"
import { base64ToText, textToBase64 } from "./opaque.ts"

/** A list's bounds as the client sent them. */
export interface PageRequest {
  readonly limit: number
  /** Opaque; null = from the start. */
  readonly cursor: string | null
}

/** Decodes a query string by hand: text in, typed values out, every fault collected. */
export interface QueryReader {
  /** undefined when absent or empty. */
  text(name: string): string | undefined
  /** Whether it is there and empty, which `text` takes for absent. */
  isEmpty(name: string): boolean
  integer(name: string, least: number, most: number): number | undefined
  boolean(name: string): boolean | undefined
  page(): PageRequest
  fault(name: string, message: string): void
  /** @throws AppError `invalid` naming each fault */
  check(): void
}

const longestValue = 512
const integerText = /^-?\d{1,15}$/

/**
 * @param query as Fastify gives it: a name that occurs twice has an array
 * @param names those that are known; any other is a fault, so that a mistyped filter never lists everything
 */
export function createQueryReader(query: unknown, names: readonly string[]): QueryReader {
  const values = query as Readonly<Record<string, string | string[]>>
  const issues: Issue[] = []
  /** Gives undefined, which is what a reader then returns. */
  const fault = (name: string, message: string): undefined => {
    issues.push({ path: [name], message })
  }
  for (const name of Object.keys(values)) if (!names.includes(name)) fault(name.slice(0, 64), "is not known")

  function text(name: string): string | undefined {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined || value === "") return undefined
    if (typeof value !== "string") return fault(name, "occurs more than once")
    if (value.length > longestValue) return fault(name, `is longer than ${longestValue} characters`)
    return value
  }
  function integer(name: string, least: number, most: number): number | undefined {
    const value = text(name)
    if (value === undefined) return undefined
    const number = integerText.test(value) ? Number(value) : Number.NaN
    if (number >= least && number <= most) return number
    return fault(name, `must be an integer from ${least} to ${most}`)
  }
  function boolean(name: string): boolean | undefined {
    const value = text(name)
    if (value === undefined) return undefined
    if (value === "true" || value === "1") return true
    if (value === "false" || value === "0") return false
    return fault(name, "must be true or false")
  }
  return {
    text,
    isEmpty: (name) => values[name] === "",
    integer,
    boolean,
    fault,
    page: () => ({
      limit: integer("limit", pageLimits.least, pageLimits.most) ?? pageLimits.usual,
      cursor: text("cursor") ?? null,
    }),
    check() {
      if (issues.length > 0)
        throw new AppError("invalid", "The query does not have the right form.", { issues })
    },
  }
}

/**
 * Cuts one page out of a list that is at hand. The cursor is the key of the last item, so that a page stays right when
 * items come and go.
 * @param keyOf unique, and ordered as the list is to be (by code units)
 * @throws AppError `invalid` for a cursor that this did not make
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  page: PageRequest,
  order: "ascending" | "descending" = "ascending",
): { readonly items: T[]; readonly nextCursor: string | null } {
  const sign = order === "ascending" ? 1 : -1
  const compare = (a: string, b: string) => (a < b ? -sign : a > b ? sign : 0)
  const after = page.cursor === null ? null : cursorKey(page.cursor)
  const rest = items
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => after === null || compare(key, after) > 0)
    .toSorted((a, b) => compare(a.key, b.key))
  const cut = rest.slice(0, page.limit)
  const last = cut.at(-1)
  return {
    items: cut.map(({ item }) => item),
    nextCursor: last && rest.length > cut.length ? textToBase64(last.key) : null,
  }
}

function cursorKey(cursor: string): string {
  const key = base64ToText(cursor)
  if (key !== undefined) return key
  throw new AppError("invalid", "The query does not have the right form.", {
    issues: [{ path: ["cursor"], message: "is not a cursor of this list" }],
  })
}
