import { createTurnstile } from "./turnstile.ts"

/** So many at once hold nothing up: a millisecond or two of rows that are read, or of objects that are shown. */
const atOnce = 100
/** One for all: of several long lists each gets its piece in turn. */
const turnstile = createTurnstile()

/** As `items.map(map)`, for lists that may be thousands: the event loop comes round between pieces of them. */
export async function mapInTurns<T, R>(items: readonly T[], map: (item: T) => R): Promise<R[]> {
  if (items.length <= atOnce) return items.map(map)
  const mapped: R[] = []
  for (let from = 0; from < items.length; from += atOnce) {
    await turnstile.pass()
    for (const item of items.slice(from, from + atOnce)) mapped.push(map(item))
  }
  return mapped
}
