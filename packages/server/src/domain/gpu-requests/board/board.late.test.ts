import fc from "fast-check"
import { expect, it } from "vitest"
import type { Run } from "./board-history.ts"
import { apply, begin, commands, historyOf, minute, requestsIn, slotsOf } from "./board-history.ts"
import { handOverMs } from "./lateness.ts"
import type { GpuRequestId } from "../types.ts"
import { propertyRuns } from "../../../kit/property-runs.ts"

/** More by the environment variable, for a longer search. */
const { runs, ...seeded } = propertyRuns(100)
const longestMs = 60_000 + runs * 500
/** An end is handled, and a plan written, so much late at most. */
const mostLateMs = 50

/** A life in which nothing happens on the millisecond. */
interface Life {
  readonly run: Run
  /** What comes late next, in turn. */
  readonly lateness: readonly number[]
  taken: number
  /** When each end is handled. */
  readonly handledAtMs: Map<string, number>
  /** The best that each was ever told, and how much had come late until then. */
  readonly promised: Map<GpuRequestId, { readonly startMs: number; readonly late: number }>
  /** Ends that were handled and plans that were written, each late. */
  late: number
}

const delayOf = (life: Life): number => life.lateness[life.taken++ % life.lateness.length] ?? 0

/** Everything that is due is handled; then plans are made, and written a little later. */
function settleLife(life: Life): void {
  const { bench } = life.run
  for (let turns = 0; bench.board.isDirty(life.run.nowMs); turns++) {
    expect(turns, "the board comes to rest").toBeLessThan(200)
    const plan = bench.board.plan(life.run.nowMs)
    if (plan.provisions.length > 0) life.run.nowMs += delayOf(life)
    // as the queue does: what was planned begins when it was planned, though it is written now
    bench.commit(plan, plan.atMs)
    life.late++
  }
}

function handledAt(life: Life, key: string, atMs: number): number {
  const known = life.handledAtMs.get(`${key} ${atMs}`)
  if (known !== undefined) return known
  life.handledAtMs.set(`${key} ${atMs}`, atMs + delayOf(life))
  return handledAt(life, key, atMs)
}

/** Ends and drains that are not over yet, with when they will be. */
function dues(life: Life): { readonly atMs: number; readonly end: () => void }[] {
  const { bench } = life.run
  const ends = requestsIn(life.run, "provisioned").map((request) => ({
    atMs: handledAt(life, request.id, request.endsAtMs ?? 0),
    end: () => bench.end(request.id, "duration", life.run.nowMs, null),
  }))
  const drains = [...bench.holds.values()].flatMap((hold) =>
    hold.drainDeadlineMs === null
      ? []
      : {
          atMs: handledAt(life, hold.nodeId, hold.drainDeadlineMs),
          end: () => bench.free(hold.nodeId),
        },
  )
  return [...ends, ...drains]
}

function live(life: Life, minutes: number): void {
  const { run } = life
  const untilMs = run.nowMs + minutes * minute
  for (let turns = 0; turns < 2000; turns++) {
    settleLife(life)
    expect(tooLate(life)).toEqual([])
    if (run.nowMs >= untilMs) return
    const nextMs = run.bench.board.nextMs(run.nowMs) ?? Infinity
    run.nowMs = Math.max(run.nowMs, Math.min(untilMs, nextMs, ...dues(life).map((due) => due.atMs)))
    for (const due of dues(life))
      if (due.atMs <= run.nowMs) {
        due.end()
        life.late++
      }
  }
  throw new Error("Time does not pass.")
}

/**
 * Who is later than he may be. What is late costs those behind it just that, and adds up; what should be over in this
 * moment is taken to be over after a hand-over. Nothing else makes anybody later.
 */
function tooLate({ run, promised, late }: Life): string[] {
  const latestMs = (known: { readonly startMs: number; readonly late: number }) =>
    known.startMs + (late - known.late + 1) * mostLateMs + handOverMs
  const slots = slotsOf(run)
  const faults = [...promised].flatMap(([id, known]) => {
    const startMs = slots.get(id)?.startMs ?? run.bench.requests.get(id)?.startedAtMs ?? 0
    return startMs > latestMs(known) ? `${id}: ${known.startMs}, now ${startMs}` : []
  })
  for (const [id, { startMs }] of slots)
    if (startMs < (promised.get(id)?.startMs ?? Infinity)) promised.set(id, { startMs, late })
  return faults
}

const history = historyOf(
  fc.oneof(
    { weight: 10, arbitrary: commands.create },
    { weight: 6, arbitrary: commands.step },
    { weight: 4, arbitrary: commands.release },
    { weight: 3, arbitrary: commands.cancel },
  ),
)
const lateness = fc.array(fc.integer({ min: 0, max: mostLateMs }), { minLength: 5, maxLength: 40 })

it(
  "makes nobody later than ends were handled and plans written late",
  () => {
    fc.assert(
      fc.property(history, lateness, (all, delays) => {
        const life: Life = {
          run: begin(),
          lateness: delays,
          taken: 0,
          handledAtMs: new Map(),
          promised: new Map(),
          late: 0,
        }
        for (const what of all) {
          // of one priority: only one that is ahead of others may push them back
          if (what.do === "create") apply(life.run, { ...what, priority: 101 })
          else if (what.do === "step") live(life, what.by)
          else apply(life.run, what)
          settleLife(life)
          expect(tooLate(life)).toEqual([])
        }
        live(life, 60)
      }),
      { numRuns: runs, ...seeded },
    )
  },
  longestMs,
)
