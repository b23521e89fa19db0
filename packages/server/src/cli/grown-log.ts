/** So much of what was shown last tells where it goes on. */
const rememberedLength = 400

/**
 * Gives what is new of a log that is read whole, again and again, and may lose its head meanwhile.
 * @returns told the log as it is now, the part that was not shown yet; `isCut`: something between was lost
 */
export function createGrownLog(): (log: string) => { readonly text: string; readonly isCut: boolean } {
  let length = 0
  let tail = ""
  return (log) => {
    const from = whereItGoesOn(log, length, tail)
    const text = log.slice(from ?? 0)
    length = log.length
    tail = log.slice(-rememberedLength)
    return { text, isCut: from === null && text !== "" }
  }
}

/** Null: what was shown last is not in it any more. */
function whereItGoesOn(log: string, length: number, tail: string): number | null {
  if (tail === "") return 0
  if (log.length >= length && log.slice(length - tail.length, length) === tail) return length
  const at = log.lastIndexOf(tail)
  return at === -1 ? null : at + tail.length
}
