import { create } from "@bufbuild/protobuf"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { TimestampSchema } from "@bufbuild/protobuf/wkt"

const form = /^(\d{4}-\d\d-\d\dT)(\d\d)(:[0-5]\d:[0-5]\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:[0-5]\d)$/
const firstSecond = -62_135_596_800
const lastSecond = 253_402_300_799

/** Reads RFC 3339. "invalid": it is not that; "range": before year 1 or after year 9999. */
export function parseTimestamp(text: string): Timestamp | "invalid" | "range" {
  const parts = form.exec(text)
  if (!parts) return "invalid"
  const [, date = "", hour = "", rest = "", fraction = "", zone = "Z"] = parts
  const seconds = utcSeconds(date, hour, rest)
  if (seconds === undefined || Number(zone.slice(1, 3)) > 23) return "invalid"
  const moved = seconds - offsetSeconds(zone)
  if (moved < firstSecond || moved > lastSecond) return "range"
  return create(TimestampSchema, { seconds: BigInt(moved), nanos: Number(fraction.padEnd(9, "0")) })
}

/** Undefined for days and hours that do not exist. */
function utcSeconds(date: string, hour: string, rest: string): number | undefined {
  if (hour > "23") return undefined
  const text = `${date}${hour}${rest}.000Z`
  const ms = Date.parse(text)
  return Number.isNaN(ms) || new Date(ms).toISOString() !== text ? undefined : ms / 1000
}

function offsetSeconds(zone: string): number {
  if (zone === "Z") return 0
  const seconds = Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(4, 6)) * 60
  return zone.startsWith("-") ? -seconds : seconds
}

/** RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second; whole seconds where the protocol has only those. */
export function timestampText(timestamp: Timestamp): string {
  const whole = new Date(Number(timestamp.seconds) * 1000).toISOString().slice(0, 19)
  if (timestamp.nanos === 0) return `${whole}Z`
  const fraction = String(timestamp.nanos).padStart(9, "0")
  return `${whole}.${fraction.replace(/(?:000){1,2}$/, "")}Z`
}
