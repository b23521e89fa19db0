import type { Event } from "@berth/contract/berth"
import { age, humanSeconds } from "./human.ts"

/** Of no use to people: it names nothing that a command takes. */
const internal = new Set(["claimId", "gpuRequests"])

/**
 * The facts of an event in one line: `gpus=2 node=sim-h100-0`, instants as `until=2026-01-31T08:15:00.000Z`, lengths
 * of time as `grace=30s`.
 * At most `most` characters.
 */
export function eventFacts(data: Readonly<Record<string, unknown>>, most = 160): string {
  const parts = Object.entries(data)
    .filter(([name, value]) => value !== null && value !== "" && !internal.has(name))
    .map(([name, value]) => fact(name, value))
  const text = parts.join(" ")
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

/** Above it milliseconds are an instant, since 1970; below it a length, up to thirty years. */
const leastInstantMs = 1e12

function fact(name: string, value: unknown): string {
  if (typeof value === "number" && name.endsWith("Ms")) return `${name.slice(0, -2)}=${timeText(value)}`
  if (typeof value === "number" && name.endsWith("Seconds"))
    return `${name.slice(0, -"Seconds".length)}=${humanSeconds(value)}`
  return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`
}

function timeText(ms: number): string {
  if (ms >= leastInstantMs) return new Date(ms).toISOString()
  return ms < 10_000 && ms % 1000 !== 0 ? `${ms}ms` : humanSeconds(ms / 1000)
}

/** One event for people: when, what, about what, by whom, facts. */
export function eventLine(event: Event): string {
  const by = event.actorkind === "system" ? "" : ` by ${event.actorname}`
  const facts = eventFacts(event.data)
  return `${event.time}  ${event.type}  ${event.subject}${by}${facts === "" ? "" : `  ${facts}`}`
}

/** The same without what is known from around it, as a move of one thing. */
export function moveLine(event: Event, nowMs: number): string {
  const by = event.actorkind === "system" ? "" : ` by ${event.actorname}`
  const facts = eventFacts(event.data)
  return `${`${age(event.time, nowMs)} ago`.padStart(12)}  ${event.type}${by}${facts === "" ? "" : `  ${facts}`}`
}
