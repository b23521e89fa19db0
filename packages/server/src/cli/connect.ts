import type { BerthClient } from "@berth/sdk"
import { createBerthClient } from "@berth/sdk"
import { rememberPlace } from "./asked-server.ts"
import { CliError } from "./cli-error.ts"
import type { FindOptions, ServerPlace } from "./find-server.ts"
import { findServer } from "./find-server.ts"
import type { OutputForm } from "./output.ts"
import { readOutputForm } from "./output.ts"
import type { Terminal } from "./terminal.ts"

/** What every command that talks to a server takes. */
export interface CommonOptions extends FindOptions {
  readonly output?: string
}

/** A command's surroundings once the server was found. */
export interface Session {
  readonly terminal: Terminal
  readonly client: BerthClient
  readonly place: ServerPlace
  readonly form: OutputForm
}

/** What the server's log shows of the command line. */
export const userAgent = "berth-cli"

/** Finds the server and makes a client of it; calls nothing yet. @throws CliError */
export async function connect(terminal: Terminal, options: CommonOptions): Promise<Session> {
  const form = readOutputForm(options.output ?? "table")
  const place = await findServer(terminal, options)
  rememberPlace(terminal, place)
  const client = createBerthClient({ baseUrl: place.url, token: place.token, userAgent })
  return { terminal, client, place, form }
}

/** The workspace to act in: said, by the environment, by the configuration file, else `default`. */
export function chooseWorkspace(session: Session, said: string | undefined): string {
  return said || session.terminal.env["BERTH_WORKSPACE"] || session.place.workspace || "default"
}

/** The workspace that commands act in where none is said. */
export function usualWorkspace(session: Session): string {
  return chooseWorkspace(session, undefined)
}

/** A whole number in bounds, from an option. @throws CliError */
export function readCount(name: string, text: string, bounds: { min: number; max: number }): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
  if (value >= bounds.min && value <= bounds.max) return value
  throw new CliError(
    `${name} takes a whole number from ${bounds.min} to ${bounds.max}, not "${text}".`,
    "",
    2,
  )
}
