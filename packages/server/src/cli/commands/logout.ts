import { createBerthClient } from "@berth/sdk"
import { CliError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { userAgent } from "../connect.ts"
import { exitCodes } from "../exit-codes.ts"
import { explainError } from "../explain-error.ts"
import { findAddress } from "../find-server.ts"
import type { KeptLogin, KeptLogins } from "../kept-logins.ts"
import { forgetLogin, loginAt, readLogins } from "../kept-logins.ts"
import { readOutputForm, writeDone } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"

/** How long a server that does not answer is waited for. */
const patienceMs = 10_000

/** `berth logout`: ends the session at the server and forgets it; also where the server is gone. */
export async function logout(terminal: Terminal, options: CommonOptions): Promise<void> {
  const form = readOutputForm(options.output ?? "table")
  const logins = readLogins(terminal)
  const server = await serverToLeave(terminal, options, logins)
  if (server === null)
    return writeDone(terminal, form, "You are signed in nowhere.", { server: null, user: null })
  const login = loginAt(logins, server)
  const value = { server, user: login?.userName ?? null }
  if (!login) return writeDone(terminal, form, `You are not signed in to ${server}.`, value)
  try {
    await endAtServer(terminal, login)
  } finally {
    forgetLogin(terminal, server)
  }
  const rest = login.kind === "session" ? "" : " The key itself holds on: `berth keys revoke` ends it."
  await writeDone(terminal, form, `${login.userName} is signed out of ${server}.${rest}`, value)
  const others = logins.logins.filter((one) => one !== login).map((one) => one.server)
  if (others.length > 0 && form === "table")
    terminal.err(`You are still signed in to ${harmless(others.join(" and "))}: say so with --server URL.\n`)
}

/** A server of this machine that has ended left no address behind: then it is the one signed in to last; null = none. */
async function serverToLeave(
  terminal: Terminal,
  options: CommonOptions,
  { current, logins }: KeptLogins,
): Promise<string | null> {
  try {
    const { url } = await findAddress(terminal, options)
    // refuses an address that is none
    return createBerthClient({ baseUrl: url, userAgent }).baseUrl
  } catch (error) {
    const isGone = error instanceof CliError && error.exitCode === exitCodes.notReachable
    if (isGone && (current !== null || logins.length === 0)) return current
    throw error
  }
}

async function endAtServer(terminal: Terminal, { server, token, kind, expiresAt }: KeptLogin): Promise<void> {
  if (kind !== "session") return
  try {
    const client = createBerthClient({ baseUrl: server, token, userAgent })
    await client.sessions.signOut({ timeoutMs: patienceMs })
  } catch (error) {
    const { message } = explainError(error)
    const text = `The session is forgotten here, but it was not ended there: ${message} It ends by itself at ${expiresAt ?? "some time"}.`
    terminal.err(`${paint(terminal, "yellow", "warning:")} ${harmless(text)}\n`)
  }
}
