import type { GpuPlan } from "./board-types.ts"
import type { Entry, PlanWorld } from "./plan-world.ts"
import { isHeldBack, shapeOfEntry } from "./plan-world.ts"

/** An estimate that moved by less is not written anew: one early end moves those of thousands a little. */
const movedByMs = 60_000
/** Nor one that moved by a smaller share of what is left to wait: of days, nobody counts the minutes. */
const movedByShare = 0.05
/** At most so many in one plan, the others come with the next: whoever gets a node meanwhile waits for them. */
const mostNotes = 64

/** Looks whether the entry's row says about its start what the plan says. */
export function checkNote(world: PlanWorld, entry: Entry): void {
  world.firstNotes.delete(entry)
  world.movedNotes.delete(entry)
  const startMs = estimateOf(world, entry)
  if (startMs === undefined) return
  const { promised, estimate } = entry.request
  if (promised === null) world.firstNotes.add(entry)
  else if (estimate === null || hasMoved(estimate.startMs, startMs, world.plannedAtMs))
    world.movedNotes.add(entry)
}

/** Takes out what is to be noted now; those that start now are left to their provision. */
export function takeNotes(world: PlanWorld, nowMs: number): GpuPlan["estimates"] {
  const notes: GpuPlan["estimates"][number][] = []
  for (const set of [world.firstNotes, world.movedNotes])
    for (const entry of set) {
      if (notes.length >= mostNotes) return notes
      set.delete(entry)
      const startMs = estimateOf(world, entry)
      if (startMs === undefined || (startMs !== null && startMs <= nowMs)) continue
      notes.push({ requestId: entry.request.id, version: entry.request.version, startMs })
    }
  return notes
}

/** null = it cannot be met; undefined = nothing is known, or it is held back. */
function estimateOf(world: PlanWorld, entry: Entry): number | null | undefined {
  if (entry.stay) return entry.stay.startMs
  const isHeld = isHeldBack(world, entry.request.workspaceId)
  return !isHeld && shapeOfEntry(world, entry).clusters.length === 0 ? null : undefined
}

function hasMoved(before: number | null, now: number | null, nowMs: number): boolean {
  if (before === null || now === null) return before !== now
  return Math.abs(before - now) >= Math.max(movedByMs, movedByShare * (now - nowMs))
}
