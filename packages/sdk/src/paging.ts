/** A page as every list of `/berth/v1` gives it. */
export interface PageLike<T> {
  /** At most as many as were asked for. */
  readonly items: readonly T[]
  /** `cursor` of the next page; null on the last. */
  readonly nextCursor: string | null
}

/**
 * All items of a list, page by page, at most `most` (default 10,000): `collect((page) => berth.nodes(page))`.
 * @param fetchPage asked with a cursor from the second page on
 */
export async function collect<T>(
  fetchPage: (page: { readonly limit: number; readonly cursor?: string }) => Promise<PageLike<T>>,
  most = 10_000,
): Promise<readonly T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const limit = Math.min(1000, most - items.length)
    const page: PageLike<T> = await fetchPage(cursor === null ? { limit } : { limit, cursor })
    items.push(...page.items)
    // An empty page with a cursor would go on for ever.
    cursor = page.items.length === 0 ? null : page.nextCursor
  } while (cursor !== null && items.length < most)
  return items
}
