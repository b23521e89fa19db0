import type { Me } from "@berth/contract/berth"
import type { BerthClient } from "@berth/sdk"
import { BerthError, createBerthClient } from "@berth/sdk"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { userAgent } from "../connect.ts"
import { findAddress, findServer } from "../find-server.ts"
import type { KeptLogin } from "../kept-logins.ts"
import { keepLogin, loginAt, loginsPath, readLogins, serverOf } from "../kept-logins.ts"
import { readOutputForm, writeDone } from "../output.ts"
import { checkWire, readSecret, type WireOptions } from "../secrets.ts"
import type { Terminal } from "../terminal.ts"
import { harmless, paint } from "../terminal.ts"

export interface LoginOptions extends CommonOptions, WireOptions {
  readonly user?: string
  readonly passwordStdin?: boolean
  readonly keyStdin?: boolean
}

/** How long the end of a session that nobody needs any more is waited for. */
const farewellMs = 10_000

/** `berth login`: begins a session with a password, or takes a key, and keeps it for this account. */
export async function login(terminal: Terminal, options: LoginOptions): Promise<void> {
  const form = readOutputForm(options.output ?? "table")
  checkOptions(terminal, options)
  const { url } = await findAddress(terminal, options)
  checkWire(url, options)
  // refuses an address that is none
  const server = clientOf(url, null).baseUrl
  const before = loginAt(readLogins(terminal), server)
  const made = options.keyStdin
    ? await byKey(terminal, server)
    : await byPassword(terminal, server, options.user)
  try {
    keepLogin(terminal, made)
  } catch (error) {
    await endSession(made)
    throw error
  }
  if (before && before.token !== made.token) await endSession(before)
  const { userName, kind, expiresAt } = made
  const until = expiresAt === null ? "until the key is revoked" : `until ${expiresAt}`
  const value = { server, user: userName, kind, expiresAt }
  await writeDone(terminal, form, `Signed in to ${server} as ${userName}, ${until}.`, value)
  await warnOfOthers(terminal, made)
}

function checkOptions(terminal: Terminal, { user, passwordStdin, keyStdin }: LoginOptions): void {
  if (keyStdin && (passwordStdin || user !== undefined))
    throw usageError("--key-stdin takes neither --user nor --password-stdin: a key says whose it is.")
  if (keyStdin || terminal.canAsk) return
  if (!passwordStdin || user === undefined)
    throw usageError(
      "There is no terminal to ask at.",
      "Give --user NAME --password-stdin, or --key-stdin, and the secret on standard input.",
    )
}

async function byPassword(terminal: Terminal, server: string, user: string | undefined): Promise<KeptLogin> {
  const name = (user ?? (await terminal.ask(`User at ${harmless(server)}: `))).trim()
  if (name === "") throw usageError("There is no user name.")
  const password = await readSecret(terminal, "Password")
  const { sessions } = clientOf(server, null)
  const { token, userName, expiresAt } = await sessions.signIn({ name, password }).catch((error: unknown) => {
    throw refusalOf(error, server)
  })
  return { server, token, userName, kind: "session", expiresAt }
}

/** What the server says of a password, for people. */
function refusalOf(error: unknown, server: string): unknown {
  if (!(error instanceof BerthError)) return error
  if (error.status === 401)
    return new CliError(
      "The user name or the password is wrong.",
      "Nor may somebody sign in who is frozen or has no password: `berth users passwd` sets one.",
    )
  if (error.status === 404 || error.status === 405 || error.status === 501)
    return new CliError(`${server} signs nobody in with a password.`, "Use a key: berth login --key-stdin")
  return error
}

async function byKey(terminal: Terminal, server: string): Promise<KeptLogin> {
  const token = (await readSecret(terminal, "Key")).trim()
  const me = await clientOf(server, token)
    .berth.me()
    .catch((error: unknown) => {
      if (error instanceof BerthError && error.status === 401)
        throw new CliError(`${server} does not know this key, or it has expired or was revoked.`)
      throw error
    })
  const { kind, expiresAt } = credentialOf(me, server)
  return { server, token, userName: me.userName, kind, expiresAt }
}

function credentialOf({ credential }: Me, server: string): NonNullable<Me["credential"]> {
  if (credential) return credential
  throw new CliError(`${server} did not look at the key.`)
}

function clientOf(server: string, token: string | null): BerthClient {
  return createBerthClient({ baseUrl: server, token, userAgent })
}

/** A session that would only lie about; whether the server hears of it does not matter, for it ends by itself. */
async function endSession({ server, token, kind }: KeptLogin): Promise<void> {
  if (kind !== "session") return
  await clientOf(server, token)
    .sessions.signOut({ timeoutMs: farewellMs })
    .catch(() => {})
}

/** A login that the next command would not use is a surprise. */
async function warnOfOthers(terminal: Terminal, { server }: KeptLogin): Promise<void> {
  const warn = (text: string) => terminal.err(`${paint(terminal, "yellow", "warning:")} ${harmless(text)}\n`)
  const next = await findServer(terminal, {}).catch(() => undefined)
  if (!next) return
  if (serverOf(next.url) !== server)
    warn(`commands without --server go to ${next.url}, which ${next.from} names.`)
  else if (next.tokenFrom !== loginsPath(terminal))
    warn(`commands use the token of ${next.tokenFrom}, not this login.`)
}
