import type { Explanation } from "@berth/contract/berth"
import { BerthError } from "@berth/sdk"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { moveLine } from "../event-line.ts"
import { findServiceRecord } from "../find-service-record.ts"
import { age, count, inHowLong } from "../human.ts"
import { isGpuRequest, whyGpus } from "../why-gpus.ts"
import { writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"
import { rayWhy } from "./ray-status.ts"
import { serviceGet } from "./services.ts"
import { endSentence, hasEnded } from "../workload-facts.ts"

export interface WhyOptions extends CommonOptions {
  readonly workspace?: string
}

/**
 * `berth why`: why a workload, a GPU request or something of Ray waits, who is ahead, what happened to it; of a record
 * of the register, what its watch found.
 */
export async function why(terminal: Terminal, id: string, options: WhyOptions): Promise<void> {
  // `ray/NAME`, or NAMESPACE/NAME as the queue shows it: no workload has a slash
  const [, place, ofRay] = /^([^/]+)\/(.+)$/.exec(id) ?? []
  if (place !== undefined && ofRay !== undefined)
    return rayWhy(terminal, ofRay, place === "ray" ? options : { ...options, workspace: place })
  const session = await connect(terminal, options)
  if (isGpuRequest(id)) return whyGpus(session, id)
  const explanation = await explainedWorkload(session, id, options.workspace)
  if (explanation === null) return serviceGet(terminal, id, options)
  if (session.form !== "table") return writeValue(terminal, session.form, explanation)
  const now = explanation.state === "Pending" ? null : await howItIs(session, id)
  const reached = hasEnded(explanation.state) ? null : await howItIsReached(session, id)
  for (const line of explain(terminal, explanation, [now, reached])) terminal.out(`${line}\n`)
}

/** null: there is no such workload, but a record of that name or id. */
async function explainedWorkload(
  { client }: Session,
  id: string,
  workspace: string | undefined,
): Promise<Explanation | null> {
  try {
    return await client.berth.explainWorkload(id)
  } catch (error) {
    if (!(error instanceof BerthError) || error.status !== 404) throw error
    const isRecord = await findServiceRecord(client, id, workspace)
      .then((record) => client.berth.service(record))
      .then(Boolean, () => false)
    if (isRecord) return null
    throw error
  }
}

/** Where its service answers, and what is wrong with that; null when it has none. */
async function howItIsReached({ client }: Session, id: string): Promise<string | null> {
  const [service] = (await client.berth.endpoints({ workload: id, limit: 1 })).items
  if (!service) return null
  const addresses = [service.address, service.nodeAddress].filter((address) => address !== "").join(" and ")
  const trouble = service.message === "" ? "" : `: ${service.message}`
  return `reached at ${addresses}, ${service.readyPods} of ${count(service.pods, "pod")} ready${trouble}`
}

/** Where it runs, or how it ended with exit codes; null when it is gone by now. */
async function howItIs({ client }: Session, id: string): Promise<string | null> {
  try {
    const detail = await client.workloads.get(id)
    if (hasEnded(detail.phase)) return endSentence(detail)
    const nodes = new Set(detail.pods.map((pod) => pod.adminNodeName ?? "").filter((name) => name !== ""))
    return nodes.size === 0 ? null : `for ${detail.runtime}, on ${others([...nodes], 0)}`
  } catch (error) {
    if (error instanceof BerthError && error.status === 404) return null
    throw error
  }
}

function explain(terminal: Terminal, why: Explanation, facts: readonly (string | null)[]): readonly string[] {
  const title = `${why.id} in ${why.workspaceId} is ${why.state}`
  const since = why.waitingSince === null ? "" : `, waiting for ${age(why.waitingSince, terminal.nowMs())}`
  const lines = [paint(terminal, "bold", harmless(title + since))]
  for (const fact of facts) if (fact !== null) lines.push(`  ${harmless(fact)}`)
  for (const [index, reason] of why.reasons.entries()) {
    lines.push(`  ${index === 0 ? "because" : "and    "}  ${harmless(reason.sentence)}`)
    if (!namesAll(reason))
      lines.push(`           in the way: ${harmless(others(reason.workloads, reason.workloadsHidden))}`)
  }
  if (why.position > 0) lines.push(`  position ${why.position} in the queue${aheadText(why)}`)
  lines.push(...scheduleLines(terminal, why))
  if (why.moves.length > 0) lines.push("", paint(terminal, "bold", "what happened, newest first"))
  lines.push(...why.moves.map((move) => harmless(moveLine(move, terminal.nowMs()))))
  return lines
}

function scheduleLines(terminal: Terminal, { schedule, madeBy }: Explanation): readonly string[] {
  const lines: string[] = []
  if (schedule?.next) lines.push(`  next run   ${inHowLong(schedule.next, terminal.nowMs())}`)
  if (schedule?.last)
    lines.push(`  last run   ${age(schedule.last, terminal.nowMs())} ago (${schedule.last})`)
  if (schedule?.workload) lines.push(`  last made  ${harmless(`${schedule.workload}, ${schedule.phase}`)}`)
  if (madeBy) lines.push(`  made by the schedule ${harmless(madeBy)}`)
  return lines
}

/** Whether the sentence itself says who is in the way. */
function namesAll({ sentence, workloads, workloadsHidden }: Explanation["reasons"][number]): boolean {
  return workloadsHidden <= 0 && workloads.every((id) => sentence.includes(id))
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
