import { AppError, type ErrorCode } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import { parseRecurrence, type Recurrence } from "../../kit/recurrence.ts"
import type { Principal } from "../identity/index.ts"
import { systemActor, type Tx } from "../journal/index.ts"
import type { Capacity } from "../queue/index.ts"
import type { Workspace } from "../workspaces/index.ts"
import {
  authorizeBirth,
  commandOf,
  existingIn,
  type Births,
  type Cradle,
  type PlannedBirth,
} from "./births.ts"
import { workloadEvent, type OnRows } from "./runner-ports.ts"
import { isTerminal } from "./states.ts"
import { checkCreate } from "./validate.ts"
import type { CronJob, Schedule, Workload, WorkloadKey, WorkloadStore } from "./types.ts"

/** A match that is older than this when it is seen (the server was down, the clock was set) is not acted on. */
export const latestStartMs = 5 * 60_000

/** Missed matches are counted up to here. */
const mostCounted = 1000
/** Next matches that are looked for while counting: a hundred entries after a long stop must keep nobody waiting. */
const mostLooks = 5000
/** Where there is no match any more: farther than any clock goes. */
const neverMs = Date.UTC(9999, 0, 1)

/** What a schedule is to do now. */
export interface Due {
  /** The match to act on; null when the latest is too old. */
  readonly fireAtMs: number | null
  /** The others that have passed since, `count` of them at least; null when there are none. */
  readonly missed: { readonly count: number; readonly firstMs: number; readonly lastMs: number } | null
  readonly nextAtMs: number
}

/**
 * What is due of a schedule. Of several matches that have passed the latest counts, if it is not over five minutes
 * old. Whatever the clock does, a match is due once: the schedule moves on with `nextAtMs`.
 * @returns null when nothing is
 */
export function dueOf(jobs: readonly CronJob[], schedule: Schedule, nowMs: number): Due | null {
  if (schedule.nextAtMs > nowMs) return null
  const recurrences = recurrencesOf(jobs)
  const latest = recurrences.map((one) => one.last(nowMs) ?? 0)
  const latestMs = Math.max(schedule.nextAtMs, ...latest)
  const next = recurrences.flatMap((one) => one.next(nowMs) ?? [])
  const fires = nowMs - latestMs <= latestStartMs
  const missed = countMatches(recurrences, schedule.nextAtMs, fires ? latestMs - 1 : latestMs)
  return { fireAtMs: fires ? latestMs : null, missed, nextAtMs: Math.min(neverMs, ...next) }
}

function recurrencesOf(jobs: readonly CronJob[]): readonly Recurrence[] {
  return [...new Set(jobs.map(({ schedule }) => schedule))].flatMap((schedule) => {
    const read = parseRecurrence(schedule)
    return "fault" in read ? [] : [read]
  })
}

/** The matches from one up to an instant, both included; each instant once, as far as it is counted. */
function countMatches(recurrences: readonly Recurrence[], firstMs: number, untilMs: number): Due["missed"] {
  if (firstMs > untilMs) return null
  const lastMs = Math.max(firstMs, ...recurrences.map((one) => one.last(untilMs) ?? firstMs))
  const upcoming = recurrences.map((one) => one.next(firstMs) ?? neverMs)
  let looks = 0
  let count = 1
  for (; count < mostCounted && looks < mostLooks; count++) {
    const nextMs = Math.min(...upcoming)
    if (nextMs > untilMs) break
    for (const [at, one] of recurrences.entries())
      if (upcoming[at] === nextMs) {
        upcoming[at] = one.next(nextMs) ?? neverMs
        looks++
      }
  }
  return { count, firstMs, lastMs }
}

export interface SchedulesOptions {
  readonly rows: WorkloadStore
  readonly births: Births
  readonly capacity: Pick<Capacity, "couldHold">
  /** In memory; undefined when there is none. */
  readonly workspace: (id: string) => Workspace | undefined
  /** A user with the rights of this moment; undefined when it is gone or frozen. */
  readonly principalOf: (userId: string) => Principal | undefined
}

const actor = systemActor("schedules")

/**
 * What schedules do when their time has come. The clone and the schedule's new place are written in one
 * transaction: a crash at any instant loses no run and makes none twice.
 */
export function createSchedules(
  options: SchedulesOptions,
  onRows: OnRows,
): {
  /** Acts on what is due of it. Safe to repeat. */
  fire(key: WorkloadKey): Promise<void>
} {
  const { rows, births } = options
  const existing = existingIn(options.workspace)

  function fire(key: WorkloadKey): Promise<void> {
    const cradle = births.cradle()
    return onRows(key, async (tx, row, _attempt, nowMs) => {
      if (isTerminal(row.phase) || row.schedule === null) return
      const due = dueOf(row.spec.cronJobs, row.schedule, nowMs)
      if (due) await act(tx, { row, schedule: row.schedule, due, cradle, nowMs })
    })
  }

  async function act(tx: Tx, call: Call): Promise<void> {
    const { row, due, nowMs } = call
    const tell = (type: string, data: JsonObject) => tx.emit(workloadEvent(row, type, actor, nowMs, data))
    if (due.missed) {
      const { count, firstMs, lastMs } = due.missed
      await tell("schedule.skipped", { reason: "missed", matches: count, fromMs: firstMs, toMs: lastMs })
    }
    const next = { ...call.schedule, nextAtMs: due.nextAtMs }
    if (due.fireAtMs === null) return rows.update(tx, { ...row, schedule: next })
    const atMs = due.fireAtMs
    const outcome = await decide(tx, call, atMs)
    const lastKey = "made" in outcome ? outcome.made.workload.key : next.lastKey
    await rows.update(tx, { ...row, schedule: { ...next, lastAtMs: atMs, lastKey } })
    if ("live" in outcome)
      return tell("schedule.skipped", { reason: "last_one_lives", workload: outcome.live, atMs })
    if ("refusal" in outcome) return tell("schedule.refused", { ...outcome.refusal, atMs })
    await births.write(tx, outcome.made, nowMs)
    return tell("schedule.fired", { workload: outcome.made.workload.id, atMs })
  }

  async function decide(tx: Tx, { row, schedule, cradle, nowMs }: Call, atMs: number): Promise<Outcome> {
    const last = schedule.lastKey === null ? undefined : await rows.byKey(tx, schedule.lastKey)
    if (last && !isTerminal(last.phase)) return { live: last.id }
    try {
      const principal = options.principalOf(row.userId)
      if (!principal)
        throw new AppError("forbidden", `The user ${row.userName} is frozen or not there any more.`)
      authorizeBirth(principal, row.workspaceId, row.priority)
      const checked = checkCreate(
        { ...commandOf(row), cronJobs: [] },
        { existing, capacity: options.capacity, nowMs },
      )
      const parents = {
        principal,
        actor,
        asServerOwner: row.asServerOwner && principal.serverRole === "owner",
        facts: { schedule: row.id, atMs },
        // what it depends on was known to its owner once; that it may be deleted since changes nothing
        countsDeleted: true,
      }
      const own = { ...checked, spec: { ...checked.spec, madeBy: row.id } }
      return { made: await births.plan(tx, cradle, own, parents, nowMs) }
    } catch (error) {
      if (!(error instanceof AppError) || !refusals.has(error.code)) throw error
      return { refusal: { code: error.code, message: error.issues[0]?.message ?? error.message } }
    }
  }

  return { fire }
}

interface Call {
  readonly row: Workload
  readonly schedule: Schedule
  readonly due: Due
  readonly cradle: Cradle
  readonly nowMs: number
}

/** What a match leads to; only `made` is still to be written. */
type Outcome =
  | { readonly made: PlannedBirth }
  | { readonly live: string }
  | { readonly refusal: { readonly code: ErrorCode; readonly message: string } }

/** What says that it may not be made; everything else is a fault, and is tried again. */
const refusals: ReadonlySet<ErrorCode> = new Set([
  "invalid",
  "forbidden",
  "insufficient",
  "not_found",
  "conflict",
  "already_exists",
])
