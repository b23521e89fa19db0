import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { CliError } from "./cli-error.ts"
import { exitCodes } from "./exit-codes.ts"
import type { KeptLogin, KeptLogins } from "./kept-logins.ts"
import { clientFolder, loginAt, loginsPath, readLogins } from "./kept-logins.ts"
import type { Terminal } from "./terminal.ts"

/** What a server writes into its data directory as `run.json` while it runs. */
export interface RunFile {
  readonly url: string
  readonly pid: number
  readonly version: string
}

/** Where to call, with what, and how that was found. */
export interface ServerPlace {
  readonly url: string
  /** null: none was found; right for a server with --no-auth. */
  readonly token: string | null
  /** `--server`, `BERTH_SERVER`, a file's path: for messages. */
  readonly from: string
  /** Nobody named it: it is where somebody signed in last. */
  readonly isLastLogin: boolean
  /** The same as `from`, for the token; empty without one. */
  readonly tokenFrom: string
  /** The login whose token it is; null where it comes from elsewhere. */
  readonly login: KeptLogin | null
  /** Its data directory, where it runs on this machine and was found by its run file. */
  readonly dataDir: string | null
  readonly runFile: RunFile | null
  /** The address is this machine's own. */
  readonly isLoopback: boolean
  /** Workspace of commands that do not name one, from the configuration file. */
  readonly workspace: string | null
}

export interface FindOptions {
  readonly server?: string
  readonly data?: string
}

/** `~/.config/berth/config.yaml`: `server`, `tokenFile`, `workspace`. */
interface ClientConfig {
  readonly server: string | null
  readonly tokenFile: string | null
  readonly workspace: string | null
}

/**
 * Finds the server: what a flag names (`--server`, then `--data`), then a variable (`BERTH_SERVER`, then `BERTH_DATA`),
 * then the configuration file's, then the one signed in to last, then the one of this machine's data directory. The
 * token: `BERTH_TOKEN`, then that of a login at this very server, then the configuration file's `tokenFile`, then
 * `owner.key` of the local data directory, which is sent to this machine only.
 * @throws CliError when there is no server to be found, or a file with tokens may be read by others
 */
export async function findServer(terminal: Terminal, options: FindOptions): Promise<ServerPlace> {
  const config = await readClientConfig(terminal)
  const dirs = dataDirs(terminal, options)
  const logins = keptLogins(terminal)
  const target = chooseTarget(terminal, { options, config, dirs, logins })
  const isLoopback = isLoopbackUrl(target.url)
  const ownerDir = target.dataDir ?? dirs[0]
  const { login, ...token } = findToken(terminal, {
    config,
    login: () => loginAt(logins(), target.url),
    ownerDir: isLoopback ? ownerDir : undefined,
  })
  return {
    ...target,
    token: token.value ?? null,
    tokenFrom: token.from ?? "",
    login: login ?? null,
    isLoopback,
    workspace: config.workspace,
  }
}

/** Where `findServer` would call: without looking for a token. @throws CliError likewise */
export async function findAddress(
  terminal: Terminal,
  options: FindOptions,
): Promise<Pick<ServerPlace, "url" | "from">> {
  const config = await readClientConfig(terminal)
  const dirs = dataDirs(terminal, options)
  return chooseTarget(terminal, { options, config, dirs, logins: keptLogins(terminal) })
}

/** Read once, and only where they are asked for. */
function keptLogins(terminal: Terminal): () => KeptLogins {
  let read: KeptLogins | undefined
  return () => (read ??= readLogins(terminal))
}

type Target = Pick<ServerPlace, "url" | "from" | "isLastLogin" | "dataDir" | "runFile">

/** What a server is chosen by. */
interface Choice {
  readonly options: FindOptions
  readonly config: ClientConfig
  readonly dirs: readonly string[]
  readonly logins: () => KeptLogins
}

function chooseTarget(terminal: Terminal, choice: Choice): Target {
  const running = firstRunFile(choice.dirs)
  const named = namedServer(terminal, choice)
  if (!named) {
    if (!running) throw noServer(terminal, choice)
    const from = join(running.dataDir, "run.json")
    return { url: running.runFile.url, from, isLastLogin: false, ...running }
  }
  const place = { url: named.value, from: named.from, isLastLogin: named.from === loginsPath(terminal) }
  // Named by hand, but the same server as the run file's: then all that lies in its directory holds.
  if (running && sameOrigin(named.value, running.runFile.url)) return { ...place, ...running }
  return { ...place, dataDir: null, runFile: null }
}

/** undefined = the one of the data directory. */
function namedServer(terminal: Terminal, { options, config, logins }: Choice): Named | undefined {
  const { env } = terminal
  const said = pick(options.server, "--server")
  if (said || options.data) return said
  const set = pick(env["BERTH_SERVER"], "BERTH_SERVER")
  if (set || env["BERTH_DATA"]) return set
  return pick(config.server, clientConfigPath(terminal)) ?? pick(logins().current, loginsPath(terminal))
}

interface Named {
  readonly value: string
  readonly from: string
}
const pick = (value: string | null | undefined, from: string): Named | undefined =>
  value === undefined || value === null || value.trim() === "" ? undefined : { value: value.trim(), from }

/** The data directories to look into: the one that was said, else this account's, else the system's. */
export function dataDirs(terminal: Terminal, options: FindOptions): readonly string[] {
  const said = options.data ?? terminal.env["BERTH_DATA"]
  if (said) return [said]
  const own = `${terminal.homeDir}/.local/share/berth`
  return terminal.isRoot ? ["/var/lib/berth"] : [own, "/var/lib/berth"]
}

function firstRunFile(dirs: readonly string[]): { dataDir: string; runFile: RunFile } | undefined {
  for (const dataDir of dirs) {
    const runFile = readRunFile(join(dataDir, "run.json"))
    if (runFile) return { dataDir, runFile }
  }
  return undefined
}

/** The run file's content; undefined where there is none or it is not whole. */
export function readRunFile(file: string): RunFile | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"))
    if (typeof parsed !== "object" || parsed === null) return undefined
    const { url, pid, version } = parsed as Partial<Record<keyof RunFile, unknown>>
    if (typeof url !== "string" || typeof pid !== "number") return undefined
    return { url, pid, version: typeof version === "string" ? version : "" }
  } catch {
    return undefined
  }
}

function noServer(terminal: Terminal, { dirs, options, logins }: Choice): CliError {
  const isDirSaid = Boolean(options.data ?? terminal.env["BERTH_DATA"])
  const others = isDirSaid ? [] : logins().logins.map(({ server }) => server)
  return new CliError(
    `No Berth server is running here: there is no run.json in ${dirs.join(" or ")}.`,
    others.length > 0
      ? `You are signed in to ${others.join(" and ")}: say so with --server URL.`
      : "Start one with `berth up`, or say where it is: --server URL, BERTH_SERVER, --data DIR, or `berth login --server URL`.",
    exitCodes.notReachable,
  )
}

/** Where a token may come from, beside the environment. */
interface TokenSources {
  readonly config: ClientConfig
  readonly login: () => KeptLogin | undefined
  readonly ownerDir: string | undefined
}

type FoundToken = Partial<Named> & { readonly login?: KeptLogin }

function findToken(terminal: Terminal, { config, login, ownerDir }: TokenSources): FoundToken {
  const fromEnv = pick(terminal.env["BERTH_TOKEN"], "BERTH_TOKEN")
  if (fromEnv) return fromEnv
  const kept = login()
  if (kept) return { value: kept.token, from: loginsPath(terminal), login: kept }
  if (config.tokenFile) {
    const file = config.tokenFile.replace(/^~(?=\/)/, terminal.homeDir)
    const token = readTokenFile(file)
    if (token === undefined)
      throw new CliError(`The token file ${file} cannot be read.`, "It is named by the configuration file.")
    return { value: token, from: file }
  }
  if (ownerDir === undefined) return {}
  const file = join(ownerDir, "owner.key")
  const token = readTokenFile(file)
  return token === undefined ? {} : { value: token, from: file }
}

/** @throws CliError when others than the owner may read the file */
function readTokenFile(file: string): string | undefined {
  try {
    const { mode } = statSync(file)
    if ((mode & 0o077) !== 0)
      throw new CliError(`Others may read the token file ${file}.`, `Run: chmod 600 ${file}`)
    return readFileSync(file, "utf8").trim() || undefined
  } catch (error) {
    if (error instanceof CliError) throw error
    return undefined
  }
}

/** Where the client's own configuration lies. */
export function clientConfigPath(terminal: Terminal): string {
  return join(clientFolder(terminal), "config.yaml")
}

async function readClientConfig(terminal: Terminal): Promise<ClientConfig> {
  const file = clientConfigPath(terminal)
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch {
    return { server: null, tokenFile: null, workspace: null }
  }
  const { parse } = await import("yaml")
  let parsed: unknown
  try {
    parsed = parse(text, { maxAliasCount: 20 })
  } catch {
    throw new CliError(`${file} is not YAML.`, "It may hold: server, tokenFile, workspace.", exitCodes.usage)
  }
  const fields = typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {}
  const take = (name: string) => (typeof fields[name] === "string" ? fields[name] : null)
  return { server: take("server"), tokenFile: take("tokenFile"), workspace: take("workspace") }
}

/** Whether the URL names this machine alone. */
export function isLoopbackUrl(url: string): boolean {
  try {
    const host = new URL(url).hostname
    return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host)
  } catch {
    return false
  }
}

function sameOrigin(a: string, b: string): boolean {
  try {
    const [one, other] = [new URL(a), new URL(b)]
    const bothHere = isLoopbackUrl(a) && isLoopbackUrl(b)
    return one.port === other.port && (one.hostname === other.hostname || bothHere)
  } catch {
    return false
  }
}
