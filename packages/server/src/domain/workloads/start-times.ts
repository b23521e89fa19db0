import { parseRecurrence } from "../../kit/recurrence.ts"
import type { CronJob } from "./types.ts"

const instantPattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?Z?$/
const yearMs = 365 * 24 * 3_600_000
const minuteMs = 60_000

/** Most entries a workload may have. */
const startTimeLimit = 100

/** An instant of `cronJobs`, cut to the minute, UTC; null for a text that is none. */
export function parseStartTime(text: string): number | null {
  const match = instantPattern.exec(text)
  if (!match) return null
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const atMs = Date.UTC(year, month - 1, day, hour, minute)
  const back = new Date(atMs)
  const isReal =
    back.getUTCMonth() === month - 1 && back.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  return isReal ? atMs : null
}

/** Entries that hold: all of them start times, or all of them recurring. */
export interface CheckedStarts {
  readonly entries: readonly CronJob[]
  /** When the last start time has passed; null without start times. */
  readonly lastMs: number | null
  /** The next match of a schedule; null when it is none. */
  readonly nextMs: number | null
}

interface ReadEntry {
  readonly text: string
  readonly atMs: number
  readonly recurs: boolean
}

/**
 * Checks the entries of `cronJobs` (reference/workloads.md 2.9, DESIGN 9.2): single start times within a year, or
 * five cron fields each, to the minute, in UTC; several of these match when any of them does.
 * @returns what holds, or the family's sentence
 */
export function checkStartTimes(
  entries: readonly { readonly schedule: string; readonly action: string }[],
  nowMs: number,
): CheckedStarts | { readonly fault: string } {
  if (entries.length > startTimeLimit)
    return { fault: `a workload may have at most ${startTimeLimit} cronJobs` }
  const kept: ReadEntry[] = []
  for (const entry of entries) {
    const read = readEntry(entry, nowMs)
    if ("fault" in read) return read
    if (kept.some((other) => other.recurs !== read.recurs))
      return { fault: "the cronJobs must either all be single start times or all recur, not both" }
    kept.push(read)
  }
  const instants = kept.map((one) => one.atMs)
  const recurs = kept[0]?.recurs === true
  return {
    entries: kept.map(({ text }) => ({ schedule: text, action: "start" })),
    lastMs: recurs || kept.length === 0 ? null : Math.max(...instants),
    nextMs: recurs ? Math.min(...instants) : null,
  }
}

function readEntry(
  { schedule, action }: { readonly schedule: string; readonly action: string },
  nowMs: number,
): ReadEntry | { readonly fault: string } {
  const text = schedule.trim()
  if (text === "") return { fault: "CronJob schedule is empty" }
  if (action !== "" && action !== "start") return { fault: `unknown action of cronJobs, ${action}` }
  const atMs = parseStartTime(text)
  if (atMs === null) return readRecurrence(text, nowMs)
  if (atMs > nowMs && atMs < nowMs + yearMs - minuteMs) return { text, atMs, recurs: false }
  return {
    fault:
      `Invalid schedulerTime(${text}) of request, it must be within one year in the future, ` +
      `currentTime: ${new Date(nowMs).toISOString().slice(0, 19)}`,
  }
}

function readRecurrence(text: string, nowMs: number): ReadEntry | { readonly fault: string } {
  const shown = text.slice(0, 100)
  // a time that is slightly wrong is told apart from fields that are
  if (!/\s/.test(text))
    return {
      fault:
        `Invalid schedule of cronJobs: ${shown}, it must be a time such as 2025-09-30T16:04:00.000Z ` +
        "or five cron fields (UTC) such as 0 3 * * *",
    }
  const recurrence = parseRecurrence(text)
  if ("fault" in recurrence) return { fault: `Invalid schedule of cronJobs: ${shown}, ${recurrence.fault}` }
  const atMs = recurrence.next(nowMs)
  if (atMs === null) return { fault: `Invalid schedule of cronJobs: ${shown}, there is no such day` }
  return { text, atMs, recurs: true }
}
