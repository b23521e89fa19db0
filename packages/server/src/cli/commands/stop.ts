import type { BatchFailures } from "@berth/contract/workloads"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { usageError } from "../cli-error.ts"
import { exitCodes } from "../exit-codes.ts"
import { parseSeconds } from "../human.ts"
import { writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless } from "../terminal.ts"
import { hasEnded } from "../workload-facts.ts"

export interface StopOptions extends CommonOptions {
  readonly grace?: string
}

/** `berth stop`: asks workloads to end; they have their grace for it. */
export async function stop(terminal: Terminal, ids: readonly string[], options: StopOptions) {
  const graceSeconds = options.grace === undefined ? undefined : readGrace(options.grace)
  const session = await connect(terminal, options)
  const phases = await phasesOf(session, ids)
  const done = (id: string) => (hasEnded(phases.get(id) ?? "") ? "has ended already" : "stopping")
  if (graceSeconds === undefined) return report(session, ids, done, await batch(session, ids, "stop"))
  // the batch has no grace of its own
  for (const id of ids) await session.client.workloads.stop(id, { graceSeconds })
  return report(session, ids, done, { failed: [] })
}

function readGrace(text: string): number {
  const seconds = parseSeconds(text)
  if (seconds !== undefined && seconds <= longestGraceSeconds) return seconds
  throw usageError(`--grace must be a time from 0s to 10m, not "${text}".`)
}

const longestGraceSeconds = 600

/** `berth rm`: stops workloads and removes them from lists. */
export async function rm(terminal: Terminal, ids: readonly string[], options: CommonOptions) {
  const session = await connect(terminal, options)
  await phasesOf(session, ids)
  return report(session, ids, () => "removed", await batch(session, ids, "remove"))
}

/** The API takes stopping what never was as done; a person who mistyped an id wants to know. @throws for such an id */
async function phasesOf({ client }: Session, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const phases = new Map<string, string>()
  for (const id of ids) phases.set(id, (await client.workloads.get(id)).phase)
  return phases
}

/** One id goes by the route that answers with its own error. */
async function batch(
  session: Session,
  ids: readonly string[],
  verb: "stop" | "remove",
): Promise<BatchFailures> {
  const { workloads } = session.client
  const [only] = ids
  if (ids.length === 1 && only !== undefined) {
    await workloads[verb](only)
    return { failed: [] }
  }
  return verb === "stop" ? workloads.stopMany(ids) : workloads.removeMany(ids)
}

async function report(
  session: Session,
  ids: readonly string[],
  done: (id: string) => string,
  outcome: BatchFailures,
): Promise<number> {
  const failed = new Set(outcome.failed.map((one) => one.workloadId))
  const succeeded = ids.filter((id) => !failed.has(id))
  if (session.form !== "table")
    await writeValue(session.terminal, session.form, { done: succeeded, failed: outcome.failed })
  else for (const id of succeeded) session.terminal.out(`${harmless(id)} ${done(id)}\n`)
  for (const one of outcome.failed)
    session.terminal.err(`${harmless(one.workloadId)}: ${harmless(one.errorMessage)}\n`)
  return failed.size > 0 ? exitCodes.failure : exitCodes.ok
}
