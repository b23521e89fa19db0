import type { Explanation } from "@berth/contract/berth"
import { BerthError } from "@berth/sdk"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { moveLine } from "../event-line.ts"
import { age, count } from "../human.ts"
import { writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"
import { endSentence, hasEnded } from "../workload-facts.ts"

/** `berth why`: why a workload waits, who is ahead, what happened to it. */
export async function why(terminal: Terminal, id: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const explanation = await session.client.berth.explainWorkload(id)
  if (session.form !== "table") return writeValue(terminal, session.form, explanation)
  const end = hasEnded(explanation.state) ? await howItEnded(session, id) : null
  for (const line of explain(terminal, explanation, end)) terminal.out(`${line}\n`)
}

/** How the workload ended, with exit codes; null when it is gone by now. */
async function howItEnded({ client }: Session, id: string): Promise<string | null> {
  try {
    return endSentence(await client.workloads.get(id))
  } catch (error) {
    if (error instanceof BerthError && error.status === 404) return null
    throw error
  }
}

function explain(terminal: Terminal, why: Explanation, end: string | null): readonly string[] {
  const title = `${why.id} in ${why.workspaceId} is ${why.state}`
  const since = why.waitingSince === null ? "" : `, waiting for ${age(why.waitingSince, terminal.nowMs())}`
  const lines = [paint(terminal, "bold", harmless(title + since))]
  if (end !== null) lines.push(`  ${harmless(end)}`)
  for (const [index, reason] of why.reasons.entries()) {
    lines.push(`  ${index === 0 ? "because" : "and    "}  ${harmless(reason.sentence)}`)
    if (reason.workloads.length > 0 || reason.workloadsHidden > 0)
      lines.push(`           in the way: ${harmless(others(reason.workloads, reason.workloadsHidden))}`)
  }
  if (why.position > 0) lines.push(`  position ${why.position} in the queue${aheadText(why)}`)
  if (why.moves.length > 0) lines.push("", paint(terminal, "bold", "what happened, newest first"))
  lines.push(...why.moves.map((move) => harmless(moveLine(move, terminal.nowMs()))))
  return lines
}

function aheadText(why: Explanation): string {
  if (why.ahead.count === 0) return ""
  return `, behind ${others(why.ahead.ids, why.ahead.count - why.ahead.ids.length)}`
}

function others(ids: readonly string[], hidden: number): string {
  const named = ids.slice(0, 5).join(", ")
  const more = ids.length - Math.min(5, ids.length) + Math.max(0, hidden)
  if (more === 0) return named
  return named === "" ? count(more, "workload") : `${named} and ${more} more`
}
