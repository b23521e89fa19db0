/** `YYYY-MM-DDThh:mm:ssZ`; "" for null (reference/egs.md 2.7). */
export function formatInstant(atMs: number | null): string {
  return atMs === null ? "" : `${new Date(atMs).toISOString().slice(0, 19)}Z`
}

/** Millionths of a currency as decimals, two or as many as it takes: `12.50`, `0.000125`. Never negative. */
export function formatMicros(micros: number): string {
  const whole = Math.floor(micros / 1_000_000)
  const rest = String(Math.floor(micros % 1_000_000)).padStart(6, "0")
  return `${whole}.${rest.slice(0, 2)}${rest.slice(2).replace(/0+$/, "")}`
}
