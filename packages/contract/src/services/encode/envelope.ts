import { Written, wireText, type WireValue } from "./wire-text.ts"
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
export function encodePage<T>(
  { page, size, total, items }: PageView<T>,
  encode: (item: T) => string,
): string {
  return wireText({
    index: page,
    max_size: size,
    total_pages: totalPages(total, size),
    total,
    items: items.map((item) => new Written(encode(item))),
  })
}
