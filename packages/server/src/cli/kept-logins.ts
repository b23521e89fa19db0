import { chmodSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { dirname, isAbsolute, join } from "node:path"
import { writePrivately } from "../kit/write-privately.ts"
import { CliError } from "./cli-error.ts"
import type { Terminal } from "./terminal.ts"

/** Who this account is at a server, by `berth login`. */
export interface KeptLogin {
  /** As `serverOf` gives it. */
  readonly server: string
  /** A secret: sent to that server and shown nowhere. */
  readonly token: string
  readonly userName: string
  /** What the server calls the token: a session, which ends by itself, or a key. */
  readonly kind: "key" | "session" | "token"
  /** RFC 3339; null = it does not end by itself. */
  readonly expiresAt: string | null
}

/** All of them. */
export interface KeptLogins {
  /** The server that somebody signed in to last: the one that commands go to which name none. */
  readonly current: string | null
  /** At most one a server. */
  readonly logins: readonly KeptLogin[]
}

const none: KeptLogins = { current: null, logins: [] }

/** Where the client's own files lie: below XDG_CONFIG_HOME, else ~/.config. */
export function clientFolder(terminal: Terminal): string {
  const said = terminal.env["XDG_CONFIG_HOME"] ?? ""
  // the XDG specification has a relative one ignored
  return join(isAbsolute(said) ? said : `${terminal.homeDir}/.config`, "berth")
}

/** The file of the logins. */
export function loginsPath(terminal: Terminal): string {
  return join(clientFolder(terminal), "logins.json")
}

/** A server by its address, whatever its spelling: scheme, host, port and path. Text that is no address of a server as it is. */
export function serverOf(url: string): string {
  if (!URL.canParse(url)) return url
  const { protocol, origin, pathname, username, password } = new URL(url)
  if (!/^https?:$/.test(protocol) || username !== "" || password !== "") return url
  return (origin + pathname).replace(/\/+$/, "")
}

/** The login at a server; undefined where there is none. */
export function loginAt({ logins }: KeptLogins, url: string): KeptLogin | undefined {
  const server = serverOf(url)
  return logins.find((login) => login.server === server)
}

/** @throws CliError when the file is damaged, or others than its owner may read it */
export function readLogins(terminal: Terminal): KeptLogins {
  const file = loginsPath(terminal)
  const text = readPrivately(file)
  if (text === undefined) return none
  const read = parse(text)
  if (read) return read
  throw new CliError(`${file} is damaged.`, `Remove it and sign in again: rm ${file} && berth login`)
}

function readPrivately(file: string): string | undefined {
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw new CliError(`Others may read ${file}, in which logins are kept.`, `Run: chmod 600 ${file}`)
    return readFileSync(file, "utf8")
  } catch (error) {
    if (error instanceof CliError) throw error
    const code = codeOf(error)
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw new CliError(`${file}, in which logins are kept, cannot be read (${code}).`)
  }
}

function parse(text: string): KeptLogins | undefined {
  try {
    const { current, logins } = JSON.parse(text) as Partial<Record<string, unknown>>
    if (!Array.isArray(logins) || !logins.every(isLogin)) return undefined
    return { current: typeof current === "string" ? current : null, logins }
  } catch {
    return undefined
  }
}

function isLogin(value: unknown): value is KeptLogin {
  if (typeof value !== "object" || value === null) return false
  const { server, token, userName, kind, expiresAt } = value as Partial<Record<string, unknown>>
  const areTexts = [server, token, userName, kind].every((member) => typeof member === "string")
  return areTexts && (expiresAt === null || typeof expiresAt === "string")
}

/** Keeps a login in the place of the one at its server, and makes that server the current one. @throws CliError */
export function keepLogin(terminal: Terminal, login: KeptLogin): void {
  const others = readLogins(terminal).logins.filter(({ server }) => server !== login.server)
  write(terminal, { current: login.server, logins: [...others, login] })
}

/** Forgets the login at a server; no-op where there is none. @throws CliError */
export function forgetLogin(terminal: Terminal, server: string): void {
  const { current, logins } = readLogins(terminal)
  const others = logins.filter((login) => login.server !== server)
  if (others.length < logins.length)
    write(terminal, { current: current === server ? null : current, logins: others })
}

function write(terminal: Terminal, logins: KeptLogins): void {
  const file = loginsPath(terminal)
  try {
    if (logins.logins.length === 0) return rmSync(file)
    makePrivateFolder(dirname(file))
    writePrivately(file, `${JSON.stringify(logins, null, 2)}\n`, `${file}.part-${process.pid}`)
  } catch (error) {
    throw new CliError(`${file}, in which logins are kept, cannot be written (${codeOf(error)}).`)
  }
}

function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if ((statSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700)
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "not readable"
}
