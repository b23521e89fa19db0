import type { Event } from "@berth/contract/berth"
import { age } from "./human.ts"

/** The facts of an event in one line: `gpus=2 node=sim-h100-0`. At most `most` characters. */
export function eventFacts(data: Readonly<Record<string, unknown>>, most = 160): string {
  const parts = Object.entries(data)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
  const text = parts.join(" ")
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
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
