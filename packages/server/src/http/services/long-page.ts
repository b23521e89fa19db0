import { Readable } from "node:stream"
import { encodeItems, pageEnd, pageHead, type PageView } from "@berth/contract/services"
import type { PageInParts } from "../../domain/services/index.ts"

/**
 * The text of a page that is read as fast as the client takes it: whatever its size, the server holds a part of it.
 * Where it cannot be read to the end the connection is, for it is too late for another status.
 */
export function longPage<T>(
  at: Omit<PageView<T>, "items">,
  { first, rest }: Pick<PageInParts<T>, "first"> & { readonly rest: NonNullable<PageInParts<T>["rest"]> },
  encode: (item: T) => string,
): Readable {
  let text: string | null = pageHead(at) + encodeItems(first, encode)

  async function nextText(): Promise<string | null> {
    const now = text
    text = null
    if (now !== null) return now
    const part = await rest.next()
    return part && `,${encodeItems(part, encode)}`
  }
  let isEnded = false
  async function give(to: Readable): Promise<void> {
    const next = isEnded ? null : await nextText()
    if (next !== null) return void to.push(next)
    if (!isEnded) to.push(pageEnd)
    else to.push(null)
    isEnded = true
  }
  return new Readable({
    read() {
      give(this).catch((error: unknown) => this.destroy(error instanceof Error ? error : undefined))
    },
    destroy(error, done) {
      rest.close()
      done(error)
    },
  })
}
