import { fault, optionalText, quoted, requiredText, type Members } from "./members.ts"

const unitsMs = [86_400_000, 3_600_000, 60_000, 1000] as const
/** Seconds too, for answers use them. Digits are bounded, so that no sum of them is lost in rounding. */
const pattern = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/
const shownPattern = String.raw`/^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$/`

/**
 * `0d0h5m`, `1h`, `45m`, `90s` → milliseconds (reference/egs.md 1.2). "" and what has no part is null; zero is 0.
 * At most nine digits a part.
 */
export function parseDuration(text: string): number | null {
  const parts = text === "" ? null : pattern.exec(text)
  if (!parts) return null
  return unitsMs.reduce((sum, unit, index) => sum + unit * Number(parts[index + 1] ?? 0), 0)
}

/** `XhXmXs` with days folded into hours: `24h0m0s` (reference/egs.md 2.7). Below zero is `0h0m0s`. */
export function formatDuration(lengthMs: number): string {
  const seconds = Math.max(0, Math.floor(lengthMs / 1000))
  return `${Math.floor(seconds / 3600)}h${Math.floor(seconds / 60) % 60}m${seconds % 60}s`
}

/** A length that must be there, in milliseconds above 0; 0 after adding the fault. */
export function requiredDuration(members: Members, key: string): number {
  const before = members.issues.length
  const text = requiredText(members, key)
  return members.issues.length > before ? 0 : (durationOf(members, key, text) ?? 0)
}

/** A length that may be there, in milliseconds above 0. */
export function optionalDuration(members: Members, key: string): number | undefined {
  const text = optionalText(members, key)
  return text === undefined ? undefined : durationOf(members, key, text)
}

function durationOf(members: Members, key: string, text: string): number | undefined {
  const lengthMs = parseDuration(text)
  if (lengthMs === null)
    return fault(
      members,
      key,
      `with value ${quoted(text)} fails to match the required pattern: ${shownPattern}`,
    )
  if (lengthMs === 0) return fault(members, key, "must be longer than zero")
  if (lengthMs > Number.MAX_SAFE_INTEGER) return fault(members, key, "must be a safe number")
  return lengthMs
}
