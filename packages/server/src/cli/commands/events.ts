import type { Event } from "@berth/contract/berth"
import { BerthError } from "@berth/sdk"
import type { CommonOptions, Session } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { CliError } from "../cli-error.ts"
import { eventLine } from "../event-line.ts"
import { exitCodes } from "../exit-codes.ts"
import { writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless } from "../terminal.ts"

export interface EventsOptions extends CommonOptions {
  readonly follow?: boolean
  readonly workspace?: string
  readonly subject?: string
  readonly type?: readonly string[]
  readonly last?: string
  readonly after?: string
}

/** `berth events`: the newest that are kept, oldest first; with -f also what comes, until Ctrl-C. */
export async function events(terminal: Terminal, options: EventsOptions): Promise<number> {
  const session = await connect(terminal, options)
  const filter = filterOf(options)
  const limit = readCount("--last", options.last ?? "50", { min: 1, max: 1000 })
  const past =
    options.after === undefined
      ? await newest(session, filter, limit)
      : await newestAfter(session, filter, { limit, after: options.after })
  if (session.form !== "table" && !options.follow) {
    await writeValue(terminal, session.form, past)
    return exitCodes.ok
  }
  for (const event of past) show(session, event)
  if (!options.follow) {
    if (past.length === 0) terminal.err("There are no such events.\n")
    return exitCodes.ok
  }
  return followUntilInterrupt(session, filter, past.at(-1)?.id ?? options.after)
}

type Filter = { workspace?: string; subject?: string; type?: readonly string[] }

function filterOf({ workspace, subject, type }: EventsOptions): Filter {
  return {
    ...(workspace === undefined ? {} : { workspace }),
    ...(subject === undefined ? {} : { subject }),
    ...(type === undefined ? {} : { type }),
  }
}

/** Oldest first, as they are shown. */
async function newest(session: Session, filter: Filter, limit: number): Promise<readonly Event[]> {
  const page = await session.client.berth.events({ ...filter, limit, backwards: true })
  return page.items.toReversed()
}

/** Pages come oldest first: all are read through, at most so many, and the last kept. */
const mostPages = 1000

async function newestAfter(
  session: Session,
  filter: Filter,
  want: { readonly limit: number; readonly after: string },
): Promise<readonly Event[]> {
  let kept: Event[] = []
  let cursor = want.after
  for (let pages = 0; pages < mostPages; pages++) {
    const page = await askPage(session, filter, cursor)
    kept = [...kept, ...page.items].slice(-want.limit)
    if (page.nextCursor === null || page.items.length === 0) break
    cursor = page.nextCursor
  }
  return kept
}

async function askPage(session: Session, filter: Filter, cursor: string) {
  try {
    return await session.client.berth.events({ ...filter, limit: 1000, cursor })
  } catch (error) {
    if (error instanceof BerthError && error.status === 410)
      throw new CliError("The events after that one are no longer kept.", "Leave --after out.")
    throw error
  }
}

async function followUntilInterrupt(
  session: Session,
  filter: Filter,
  lastEventId: string | undefined,
): Promise<number> {
  const abort = new AbortController()
  const stopListening = session.terminal.onInterrupt(() => abort.abort(new Error("interrupted")))
  const options = { signal: abort.signal, ...(lastEventId === undefined ? {} : { lastEventId }) }
  try {
    for await (const event of session.client.streams.followEvents(filter, options)) show(session, event)
    return exitCodes.ok
  } catch (error) {
    if (abort.signal.aborted) return exitCodes.ok
    throw error
  } finally {
    stopListening()
  }
}

/** One line an event: for programs one JSON document a line. */
function show(session: Session, event: Event) {
  const line = session.form === "table" ? harmless(eventLine(event)) : JSON.stringify(event)
  session.terminal.out(`${line}\n`)
}
