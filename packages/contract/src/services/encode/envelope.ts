import { wireText, type WireValue } from "./wire-text.ts"
import { naiveTimestamp } from "./timestamps.ts"

/** What every object of the API has. */
export interface ResourceView {
  /** UUID, lower case with hyphens. */
  readonly id: string
  readonly name: string
  /** Milliseconds since 1970 UTC. */
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** The parts that differ; null where there is none. */
export interface ResourceParts {
  readonly body: { readonly [key: string]: WireValue }
  readonly metadata: WireValue
  readonly resources: WireValue
}

/** An object in the form that all share. */
export function resourceOf(view: ResourceView, { body, metadata, resources }: ResourceParts): WireValue {
  return {
    body: { ...times(view), ...body },
    metadata,
    resources,
    id: view.id,
    permission_denied: false,
    name: view.name,
  }
}

function times(view: ResourceView) {
  return { created: naiveTimestamp(view.createdAtMs), updated: naiveTimestamp(view.updatedAtMs) }
}

/** One page of a list. */
export interface PageView<T> {
  /** From 1. */
  readonly page: number
  readonly size: number
  /** Over all pages. */
  readonly total: number
  readonly items: readonly T[]
}

/** How many pages a list has; one when it is empty. */
export function totalPages(total: number, size: number): number {
  return Math.max(1, Math.ceil(total / size))
}

/** The text of a page. */
export function encodePage<T>(page: PageView<T>, encode: (item: T) => string): string {
  return pageHead(page) + encodeItems(page.items, encode) + pageEnd
}

/** The text of a page up to its items. */
export function pageHead({ page, size, total }: Omit<PageView<unknown>, "items">): string {
  const numbers = wireText({ index: page, max_size: size, total_pages: totalPages(total, size), total })
  return `${numbers.slice(0, -1)},"items":[`
}

/** The text of items of a page, some of which may follow after a comma. */
export function encodeItems<T>(items: readonly T[], encode: (item: T) => string): string {
  return items.map((item) => encode(item)).join(",")
}

/** What is behind the items of a page. */
export const pageEnd = "]}"
