import { usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { renderGantt } from "../gantt.ts"
import { parseInstant, parseSeconds } from "../human.ts"
import { writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless } from "../terminal.ts"

export interface TimelineOptions extends CommonOptions {
  readonly from?: string
  readonly to?: string
  readonly workspace?: string
}

/** Where there is no terminal to ask. */
const usualColumns = 100

/** `berth timeline`: who had, has and will have which GPU nodes. */
export async function timeline(terminal: Terminal, options: TimelineOptions): Promise<void> {
  const { from, to, workspace } = options
  const nowMs = terminal.nowMs()
  const query = {
    ...(from === undefined ? {} : { from: readInstant("--from", from, (ms) => nowMs - ms) }),
    ...(to === undefined ? {} : { to: readInstant("--to", to, (ms) => nowMs + ms) }),
    ...(workspace === undefined ? {} : { workspace }),
  }
  const session = await connect(terminal, options)
  const found = await session.client.berth.timeline(query)
  if (session.form !== "table") return writeValue(terminal, session.form, found)
  const lines = renderGantt(found, { columns: terminal.columns || usualColumns, isUtf8: isUtf8(terminal) })
  for (const line of lines) terminal.out(`${harmless(line)}\n`)
}

/** A length of time from now, or an instant; without a zone it is UTC. @throws CliError */
function readInstant(option: string, text: string, fromNow: (ms: number) => number): string {
  const seconds = parseSeconds(text)
  const atMs = seconds === undefined ? parseInstant(text) : fromNow(seconds * 1000)
  if (atMs !== null && Math.abs(atMs) < 8e15) return new Date(atMs).toISOString()
  throw usageError(
    `${option} takes a length of time such as 6h, or an instant such as 2030-01-31T08:00, not "${text}".`,
  )
}

/** As the C library decides it: the first of these that is set. */
function isUtf8({ env }: Terminal): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || ""
  return /utf-?8/i.test(locale)
}
