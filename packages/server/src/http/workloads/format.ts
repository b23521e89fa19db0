import { isIPv4 } from "node:net"
import type { Pod } from "../../domain/workloads/index.ts"

const dayMs = 86_400_000
const year10000Ms = Date.UTC(10_000, 0, 1)
const twoDigits = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, "0"))
/** The day that was formatted last: a page has hundreds of instants, mostly of a day or two. */
let lastDay = { startMs: Number.NaN, text: "" }

/** `YYYY-MM-DDTHH:mm:ss` in UTC; "" for null. */
export function formatInstant(atMs: number | null): string {
  if (atMs === null) return ""
  if (atMs < 0 || atMs >= year10000Ms) return new Date(atMs).toISOString().slice(0, 19)
  const ofDay = atMs - lastDay.startMs
  if (!(ofDay >= 0 && ofDay < dayMs)) {
    const startMs = Math.floor(atMs / dayMs) * dayMs
    lastDay = { startMs, text: new Date(startMs).toISOString().slice(0, 11) }
  }
  const seconds = Math.floor((atMs - lastDay.startMs) / 1000)
  const part = (n: number) => twoDigits[n] ?? ""
  return `${lastDay.text}${part(Math.floor(seconds / 3600))}:${part(Math.floor(seconds / 60) % 60)}:${part(seconds % 60)}`
}

/** RFC 3339 in whole seconds with Z. */
export function formatInstantZ(atMs: number): string {
  return `${formatInstant(atMs)}Z`
}

/** `1h2m3s` with parts that are zero left out, hours never folded into days; `0s` below one second. */
export function formatRuntime(lengthMs: number): string {
  const total = Math.max(0, Math.floor(lengthMs / 1000))
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(total / 3600), "h"],
    [Math.floor(total / 60) % 60, "m"],
    [total % 60, "s"],
  ]
  const shown = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount}${unit}`)
  return shown.join("") || "0s"
}

/** The order of pods in `nodes` and `ranks`: host address descending, then pod id ascending. */
export function comparePods(a: Pod, b: Pod): number {
  return compareText(addressKey(b.hostIp), addressKey(a.hostIp)) || compareText(a.podId, b.podId)
}

/** IPv4 addresses in an order that text comparison keeps; anything else as it is. */
function addressKey(address: string): string {
  if (!isIPv4(address)) return address
  return address
    .split(".")
    .map((part) => part.padStart(3, "0"))
    .join(".")
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
