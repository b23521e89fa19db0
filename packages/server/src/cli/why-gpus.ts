import type { GpuExplanation } from "@berth/contract/berth"
import type { Session } from "./connect.ts"
import { moveLine } from "./event-line.ts"
import { estimateText, shapeText, untilText } from "./gpu-request-facts.ts"
import { age, count, humanSeconds } from "./human.ts"
import { writeValue } from "./output.ts"
import type { Terminal } from "./terminal.ts"
import { harmless, paint } from "./terminal.ts"

/** Whether an id is a GPU request's: the one that is shown, or its key. */
export function isGpuRequest(id: string): boolean {
  return /^gpr-[0-9a-f]{8}-[0-9a-f]{4}$/.test(id) || id.startsWith("gpr_")
}

/** `berth why` of a GPU request: why it waits, who is in its way until when, what happened to it. */
export async function whyGpus({ client, terminal, form }: Session, id: string): Promise<void> {
  const why = await client.berth.explainGpuRequest(id)
  if (form !== "table") return writeValue(terminal, form, why)
  for (const line of explain(terminal, why)) terminal.out(`${line}\n`)
}

function explain(terminal: Terminal, why: GpuExplanation): readonly string[] {
  const nowMs = terminal.nowMs()
  const { request } = why
  const lines = [paint(terminal, "bold", harmless(titleOf(why, nowMs)))]
  lines.push(`  asks for   ${harmless(shapeText(request))} for ${humanSeconds(request.durationSeconds)}`)
  for (const [index, sentence] of why.sentences.entries()) {
    const word = request.state !== "queued" ? "" : index === 0 ? "because" : "and"
    lines.push(`  ${word.padEnd(9)}  ${harmless(sentence)}`)
  }
  if (request.state === "queued") lines.push(`  estimate   ${estimateText(request, nowMs)}${whereOf(why)}`)
  if (why.position > 0) lines.push(`  position   ${why.position} in the queue${aheadText(why)}`)
  lines.push(...inTheWay(why, nowMs))
  if (why.moves.length > 0) lines.push("", paint(terminal, "bold", "what happened, newest first"))
  lines.push(...why.moves.map((move) => harmless(moveLine(move, nowMs))))
  return lines
}

function titleOf({ request }: GpuExplanation, nowMs: number): string {
  const state = request.state.replaceAll("_", " ")
  const title = `${request.id} (${request.name}) in ${request.workspaceId} is ${state}`
  if (request.state === "queued") return `${title}, waiting for ${age(request.createdAt, nowMs)}`
  if (request.state === "provisioned") return `${title}, until ${untilText(request.endsAt, nowMs)}`
  return request.failureReason === "" ? title : `${title}: ${request.failureReason}`
}

function whereOf({ request: { slot } }: GpuExplanation): string {
  return slot === null ? "" : harmless(` on ${slot.nodes.join(", ")}`)
}

function aheadText({ ahead }: GpuExplanation): string {
  if (ahead.count === 0) return ""
  const named = ahead.ids.slice(0, 5).join(", ")
  const more = ahead.count - Math.min(5, ahead.ids.length)
  if (named === "") return `, behind ${count(more, "other")}`
  return harmless(`, behind ${named}${more > 0 ? ` and ${more} more` : ""}`)
}

function inTheWay({ inTheWay: those, inTheWayHidden }: GpuExplanation, nowMs: number): readonly string[] {
  const lines = those.map((one) => {
    const nodes = one.nodes.length === 0 ? "" : ` on ${one.nodes.join(", ")}`
    const until = one.until === null ? "" : `, until ${untilText(one.until, nowMs)}`
    return harmless(`  in the way ${one.id} of ${one.workspaceId}${nodes}${until}`)
  })
  return inTheWayHidden > 0 ? [...lines, `  in the way ${count(inTheWayHidden, "other")}`] : lines
}
