import { BerthError } from "@berth/sdk"
import type { Session } from "./connect.ts"
import { explainError } from "./explain-error.ts"
import { harmless, paint } from "./terminal.ts"

type Served = { readonly workload: string } | { readonly rayService: string }

/**
 * Makes a watched record of what a command serves, and says so. What is served goes on when no record can be made:
 * then it says why, and how to try again.
 */
export async function registerServed(session: Session, served: Served): Promise<void> {
  const { terminal, client } = session
  try {
    const { name, id } = await client.berth.registerService({ join: served })
    terminal.err(`${paint(terminal, "dim", harmless(`The record ${name} follows it: ${id}`))}\n`)
  } catch (error) {
    if (!(error instanceof BerthError)) throw error
    if (error.code === "already_exists") {
      terminal.err("It is in the register already.\n")
      return
    }
    const { message, hints } = explainError(error)
    const again = "workload" in served ? served.workload : `--ray ${served.rayService}`
    const words = [`It is not in the register: ${message}`, ...hints, `Try: berth services register ${again}`]
    terminal.err(words.map((line) => `${paint(terminal, "yellow", harmless(line))}\n`).join(""))
  }
}
