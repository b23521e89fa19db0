/**
 * Instants of queries: `YYYY-MM-DDTHH:mm:ss[.fraction][Z]`, always UTC. Gives the milliseconds it lies in and
 * whether more digits follow, or undefined when it is none (also 30 February and second 60).
 */
export function parseInstant(
  text: string,
): { readonly ms: number; readonly hasFraction: boolean; readonly isBetween: boolean } | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z?$/.exec(text)
  const whole = match?.[1]
  if (whole === undefined) return undefined
  const ms = Date.parse(`${whole}Z`)
  // Date rolls 30 February over into March and 24:00 into the next day; printing it back shows that.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== whole) return undefined
  const fraction = (match?.[2] ?? "").padEnd(9, "0")
  return {
    ms: ms + Number(fraction.slice(0, 3)),
    hasFraction: Number(fraction) > 0,
    isBetween: Number(fraction.slice(3)) > 0,
  }
}
