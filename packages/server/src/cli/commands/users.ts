import type { CreateUser, ServerRole, SetPassword, UpdateUser, User } from "@berth/contract/berth"
import { collect } from "@berth/sdk"
import { usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { age } from "../human.ts"
import { writeDone, writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

export interface UsersOptions extends CommonOptions {
  readonly email?: string
  readonly serverRole?: string
  readonly current?: boolean
  readonly remove?: boolean
}

/** `berth users ls`. */
export async function usersList(terminal: Terminal, options: UsersOptions): Promise<void> {
  const session = await connect(terminal, options)
  const rows = await collect((page) => session.client.berth.users(page))
  await writeList(terminal, session.form, {
    rows,
    columns: [
      { title: "NAME", cell: (user: User) => user.name },
      { title: "SERVER ROLE", cell: (user) => user.serverRole ?? "" },
      { title: "STATE", cell: (user) => (user.frozen ? "frozen" : "active") },
      { title: "EMAIL", cell: (user) => user.email ?? "" },
      { title: "AGE", cell: (user) => age(user.createdAt, terminal.nowMs()), align: "right" },
      { title: "ID", cell: (user) => user.id },
    ],
    empty: "There are no users.",
  })
}

/** `berth users create`. */
export async function userCreate(terminal: Terminal, name: string, options: UsersOptions): Promise<void> {
  const request: CreateUser = { name }
  if (options.email !== undefined) request.email = options.email
  if (options.serverRole !== undefined) request.serverRole = readServerRole(options.serverRole)
  const session = await connect(terminal, options)
  const user = await session.client.berth.createUser(request)
  await writeDone(
    terminal,
    session.form,
    `User ${user.name} is there. A key for them: berth keys create NAME --user ${user.name}`,
    user,
  )
}

/** `berth users passwd`: never as an argument, which other users of the machine could read. */
export async function userPassword(terminal: Terminal, name: string, options: UsersOptions): Promise<void> {
  const change =
    options.remove === true ? { password: null } : await readPasswords(terminal, options.current === true)
  const session = await connect(terminal, options)
  await session.client.berth.setPassword(name, change)
  const what = change.password === null ? "has no password any more" : "signs in with it from now on"
  await writeDone(terminal, session.form, `User ${name} ${what}.`, { user: name })
}

async function readPasswords(terminal: Terminal, hasCurrent: boolean): Promise<SetPassword> {
  const lines = (await terminal.input()).split("\n").map((line) => line.replace(/\r$/, ""))
  const [current = "", password = ""] = hasCurrent ? lines : ["", ...lines]
  if (password === "")
    throw usageError(
      "There is no password on standard input.",
      "Give it there: berth users passwd NAME < FILE",
    )
  return hasCurrent ? { password, current } : { password }
}

/** `berth users set`, `freeze`, `unfreeze`. */
export async function userSet(
  terminal: Terminal,
  name: string,
  options: UsersOptions & { readonly frozen?: boolean },
): Promise<void> {
  const change: UpdateUser = {}
  if (options.email !== undefined) change.email = options.email === "" ? null : options.email
  if (options.serverRole !== undefined) change.serverRole = readServerRole(options.serverRole)
  if (options.frozen !== undefined) change.frozen = options.frozen
  if (Object.keys(change).length === 0)
    throw usageError("There is nothing to set.", "Give --email or --server-role.")
  const session = await connect(terminal, options)
  const user = await session.client.berth.updateUser(name, change)
  const state = user.frozen ? "frozen: nothing they send is accepted" : "active"
  await writeDone(
    terminal,
    session.form,
    `User ${user.name} is ${state}; server role ${user.serverRole ?? "none"}.`,
    user,
  )
}

function readServerRole(text: string): ServerRole | null {
  if (text === "owner" || text === "viewer") return text
  if (text === "none") return null
  throw usageError(`--server-role takes owner, viewer or none, not "${text}".`)
}
