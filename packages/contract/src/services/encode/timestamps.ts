/**
 * An instant as Python's `isoformat` writes a naive one in UTC: six digits after the point, none of them when all are
 * zero.
 * @param atMs milliseconds since 1970, whole or with thousandths
 */
export function naiveTimestamp(atMs: number): string {
  const micros = Math.round(atMs * 1000)
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = micros - seconds * 1_000_000
  const text = secondText(seconds)
  return fraction === 0 ? text : `${text}.${String(fraction).padStart(6, "0")}`
}

let lastSecond = Number.NaN
let lastText = ""

/** Of most things both times, and of many things of a list all, are of one second. */
function secondText(seconds: number): string {
  if (seconds !== lastSecond) {
    lastText = new Date(seconds * 1000).toISOString().slice(0, 19)
    lastSecond = seconds
  }
  return lastText
}
