import { Cron } from "croner"

/** Instants that come again and again, to the minute, in UTC. */
export interface Recurrence {
  /** The first match after an instant; null when there is none before the year 3000. */
  next(afterMs: number): number | null
  /** The last match at or before an instant; null when there was none. */
  last(atMs: number): number | null
}

/** One part of a list. What goes further (`L`, `W`, `#`, `?`) differs from one cron to the next. */
const part = (value: string) => new RegExp(`^(?:\\*|${value}(?:-${value})?)(?:/\\d{1,2})?$`, "i")
const number = "\\d{1,2}"
const month = `(?:${number}|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`
const weekday = `(?:${number}|sun|mon|tue|wed|thu|fri|sat)`
const partPatterns = [number, number, number, month, weekday].map(part)
const fieldNames = ["minute", "hour", "day of month", "month", "day of week"] as const
/** More than any sensible one needs. */
const longestText = 256

/**
 * Reads the five fields of cron: minute, hour, day of month, month, day of week, each a `*`, a number, a name, a
 * range, a list or one of these by steps. Sunday is 0 or 7. Where both days are restricted, either is enough.
 * @returns the recurrence, or what is wrong with the text, without a full stop
 */
export function parseRecurrence(text: string): Recurrence | { readonly fault: string } {
  if (text.length > longestText) return { fault: `it is over ${longestText} characters long` }
  const fields = text.trim().split(/\s+/)
  if (fields.length !== fieldNames.length)
    return { fault: `it has ${fields.length} field${fields.length === 1 ? "" : "s"}, not 5` }
  const isStrange = (field: string, at: number) =>
    !field.split(",").every((one) => partPatterns[at]?.test(one))
  const strange = fields.findIndex(isStrange)
  if (strange >= 0) return { fault: `its ${fieldNames[strange]} ${fields[strange]} is not understood` }
  try {
    return recurrenceOf(new Cron(fields.join(" "), { mode: "5-part", utcOffset: 0, paused: true }))
  } catch (error) {
    return { fault: faultOf(error) }
  }
}

function recurrenceOf(cron: Cron): Recurrence {
  return {
    next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() ?? null,
    last: (atMs) => cron.previousRuns(1, new Date(atMs + 1))[0]?.getTime() ?? null,
  }
}

/** The parser's own words, as the rest of a sentence. */
function faultOf(error: unknown): string {
  const words = error instanceof Error ? error.message.replace(/^CronPattern: (Syntax error, )?/, "") : ""
  return words === ""
    ? "it is not understood"
    : words.charAt(0).toLowerCase() + words.slice(1).replace(/\.$/, "")
}
