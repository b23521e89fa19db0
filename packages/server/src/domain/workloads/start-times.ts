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

/**
 * Checks one-time start entries (reference/workloads.md 2.9) and gives the instant that all have passed.
 * @returns the kept entries with the last instant (null without entries), or the family's sentence
 */
export function checkStartTimes(
  entries: readonly { readonly schedule: string; readonly action: string }[],
  nowMs: number,
): { readonly entries: readonly CronJob[]; readonly lastMs: number | null } | { readonly fault: string } {
  if (entries.length > startTimeLimit)
    return { fault: `a workload may have at most ${startTimeLimit} cronJobs` }
  let lastMs: number | null = null
  const kept: CronJob[] = []
  for (const { schedule, action } of entries) {
    const text = schedule.trim()
    if (text === "") return { fault: "CronJob schedule is empty" }
    if (action !== "" && action !== "start") return { fault: `unknown action of cronJobs, ${action}` }
    const atMs = parseStartTime(text)
    if (atMs === null)
      return {
        fault: isRecurring(text)
          ? `the schedule ${text} recurs; only a single start time such as 2025-09-30T16:04:00.000Z is supported`
          : `Invalid schedule of cronJobs: ${text}, it must be a time such as 2025-09-30T16:04:00.000Z`,
      }
    if (atMs <= nowMs || atMs >= nowMs + yearMs - minuteMs)
      return {
        fault:
          `Invalid schedulerTime(${text}) of request, it must be within one year in the future, ` +
          `currentTime: ${new Date(nowMs).toISOString().slice(0, 19)}`,
      }
    lastMs = Math.max(lastMs ?? 0, atMs)
    kept.push({ schedule: text, action: "start" })
  }
  return { entries: kept, lastMs }
}

function isRecurring(text: string): boolean {
  return text.split(/\s+/).length === 5
}
