import type { ApiKey, CreateKey } from "@berth/contract/berth"
import { collect } from "@berth/sdk"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions, Session } from "../connect.ts"
import { connect } from "../connect.ts"
import { age, parseSeconds } from "../human.ts"
import { writeDone, writeList, writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"
import { readRole } from "./workspace.ts"

export interface KeysOptions extends CommonOptions {
  readonly user?: string
  readonly role?: string
  readonly workspace?: string
  readonly description?: string
  readonly expires?: string
  readonly all?: boolean
}

/** `berth keys ls`: keys that hold; with --all revoked and expired ones too. */
export async function keysList(terminal: Terminal, options: KeysOptions): Promise<void> {
  const session = await connect(terminal, options)
  const now = terminal.nowMs()
  const keys = await collect((page) => session.client.berth.keys(page))
  const rows = options.all ? keys : keys.filter((key) => keyState(key, now) === "valid")
  await writeList(terminal, session.form, {
    rows,
    columns: [
      { title: "ID", cell: (key: ApiKey) => key.id },
      { title: "NAME", cell: (key) => key.name },
      { title: "BEGINS", cell: (key) => key.prefix },
      { title: "USER", cell: (key) => key.userName },
      { title: "ROLE", cell: (key) => key.role ?? "as user" },
      { title: "WORKSPACE", cell: (key) => key.workspaceId ?? "any" },
      { title: "STATE", cell: (key) => keyState(key, now) },
      { title: "EXPIRES", cell: (key) => key.expiresAt ?? "never" },
      { title: "LAST USED", cell: (key) => (key.lastUsedAt ? `${age(key.lastUsedAt, now)} ago` : "never") },
    ],
    empty: "There are no keys.",
  })
}

function keyState(key: ApiKey, nowMs: number): "valid" | "revoked" | "expired" {
  if (key.revokedAt !== null) return "revoked"
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= nowMs ? "expired" : "valid"
}

/** `berth keys create`: writes the token to standard output, and all else beside it. */
export async function keyCreate(terminal: Terminal, name: string, options: KeysOptions): Promise<void> {
  const request: CreateKey = { name }
  if (options.user !== undefined) request.user = options.user
  if (options.role !== undefined) request.role = readRole(options.role)
  if (options.workspace !== undefined) request.workspaceId = options.workspace
  if (options.description !== undefined) request.description = options.description
  if (options.expires !== undefined) request.expiresInSeconds = readExpiry(options.expires)
  const session = await connect(terminal, options)
  const made = await session.client.berth.createKey(request)
  if (session.form !== "table") return writeValue(terminal, session.form, made)
  terminal.err(`Key ${made.key.id} of ${made.key.userName}. This is its token; it is not shown again:\n`)
  terminal.out(`${made.token}\n`)
}

function readExpiry(text: string): number {
  const seconds = parseSeconds(text)
  if (seconds === undefined || seconds === 0)
    throw usageError(`--expires takes a length of time such as 12h or 90d, not "${text}".`)
  return seconds
}

/** `berth keys revoke`: by id, or by a name that one valid key alone has. */
export async function keyRevoke(terminal: Terminal, idOrName: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const id = await keyId(session, terminal.nowMs(), idOrName)
  await session.client.berth.revokeKey(id)
  await writeDone(terminal, session.form, `Key ${id} is revoked: it opens nothing any more.`, { id })
}

/** What begins so is taken for an id, so that a script needs no look at all keys. */
const idPrefix = "key_"

async function keyId({ client }: Session, nowMs: number, idOrName: string): Promise<string> {
  if (idOrName.startsWith(idPrefix)) return idOrName
  const keys = await collect((page) => client.berth.keys(page))
  const found = keys.filter((key) => key.name === idOrName && keyState(key, nowMs) === "valid")
  const [only, another] = found
  if (only === undefined)
    throw new CliError(`No valid key is named ${idOrName}.`, "`berth keys ls` shows the keys and their ids.")
  if (another !== undefined)
    throw new CliError(
      `${found.length} keys are named ${idOrName}: ${found.map((key) => `${key.id} of ${key.userName}`).join(", ")}.`,
      "Give the id of the one you mean.",
    )
  return only.id
}
