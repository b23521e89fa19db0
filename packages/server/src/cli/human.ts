/** A length of time for people: `45s`, `2m5s`, `3h12m`, `4d6h`. Negative ones count as 0. */
export function humanSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const days = Math.floor(whole / 86_400)
  const hours = Math.floor((whole % 86_400) / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  const rest = whole % 60
  if (days > 0) return hours > 0 ? `${days}d${hours}h` : `${days}d`
  if (hours > 0) return minutes > 0 ? `${hours}h${minutes}m` : `${hours}h`
  if (minutes > 0) return rest > 0 ? `${minutes}m${rest}s` : `${minutes}m`
  return `${rest}s`
}

/** How long ago an instant was; `-` for none. Takes RFC 3339, and the zoneless UTC of the Workload API. */
export function age(instant: string | null | undefined, nowMs: number): string {
  const atMs = parseInstant(instant)
  return atMs === null ? "-" : humanSeconds((nowMs - atMs) / 1000)
}

/** When something comes: `in 3h12m (2026-01-31 03:00 UTC)`; `-` for no instant. */
export function inHowLong(instant: string | null | undefined, nowMs: number): string {
  const atMs = parseInstant(instant)
  if (atMs === null) return "-"
  const shown = new Date(atMs).toISOString().slice(0, 16).replace("T", " ")
  return `in ${humanSeconds((atMs - nowMs) / 1000)} (${shown} UTC)`
}

/** Epoch milliseconds of an instant; null where there is none. Without a zone it is UTC. */
export function parseInstant(instant: string | null | undefined): number | null {
  if (!instant) return null
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(instant)
  const atMs = Date.parse(hasZone ? instant : `${instant}Z`)
  return Number.isNaN(atMs) ? null : atMs
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const

/** A size for people: `512MiB`, `1.5GiB`. */
export function humanBytes(bytes: number): string {
  let value = Math.max(0, bytes)
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const text = value >= 100 || Number.isInteger(value) ? Math.round(value).toString() : value.toFixed(1)
  return `${text}${units[unit] ?? "B"}`
}

/** Cores for people: 1500 milli-CPU is `1.5`. */
export function humanCpu(milli: number): string {
  return String(Math.round(milli / 10) / 100)
}

/** `1 pod`, `2 pods`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`
}

/** `1 pod goes on`, `2 pods go on`. */
export function podsGoOn(pods: number): string {
  return `${count(pods, "pod")} ${pods === 1 ? "goes" : "go"} on`
}

/** Seconds from `90`, `90s`, `10m`, `2h`, `1d`, `1h30m`; undefined for anything else or beyond ten years. */
export function parseSeconds(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const match = /^(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?$/.exec(text)
  if (text === "" || !match) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0))
  const total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
  return total <= 10 * 366 * 86_400 ? total : undefined
}
