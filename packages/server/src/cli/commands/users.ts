import type { CreateUser, ServerRole, SetPassword, UpdateUser, User } from "@berth/contract/berth"
import { BerthError, collect } from "@berth/sdk"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { connect } from "../connect.ts"
import { age } from "../human.ts"
import { writeDone, writeList } from "../output.ts"
import { checkWire, inputLines, readSecret, type WireOptions } from "../secrets.ts"
import type { Terminal } from "../terminal.ts"

export interface UsersOptions extends CommonOptions, WireOptions {
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
    `User ${user.name} is there. A key lets them in (berth keys create NAME --user ${user.name}), or a password (berth users passwd ${user.name}).`,
    user,
  )
}

/** `berth users passwd`: never as an argument, which other users of the machine could read. */
export async function userPassword(
  terminal: Terminal,
  said: string | undefined,
  options: UsersOptions,
): Promise<void> {
  const session = await connect(terminal, options)
  checkWire(session.place.url, options)
  const { berth } = session.client
  // Who scripts it for somebody else needs no look at who they are.
  const me = said === undefined || terminal.canAsk ? await berth.me() : undefined
  const name = said ?? me?.userName ?? ""
  const mustShow = me !== undefined && me.serverRole !== "owner" && [me.userName, me.userId].includes(name)
  const change = await readChange(terminal, {
    ...options,
    current: options.current === true || (terminal.canAsk && mustShow),
  })
  await berth.setPassword(name, change).catch((error: unknown) => {
    throw passwordRefusal(error, change)
  })
  const what = change.password === null ? "has no password any more" : "signs in with it from now on"
  await writeDone(terminal, session.form, `User ${name} ${what}.`, { user: name })
}

type PasswordOptions = Pick<UsersOptions, "remove" | "current">

async function readChange(terminal: Terminal, options: PasswordOptions): Promise<SetPassword> {
  const { current, password } = await (terminal.canAsk ? askPasswords : readPasswords)(terminal, options)
  return {
    password: options.remove === true ? null : password,
    ...(options.current === true ? { current } : {}),
  }
}

interface Passwords {
  readonly current: string
  readonly password: string
}

async function askPasswords(terminal: Terminal, { remove, current }: PasswordOptions): Promise<Passwords> {
  const present = current ? await terminal.ask("Present password (none: just Enter): ", true) : ""
  if (remove) return { current: present, password: "" }
  const password = await readSecret(terminal, "New password")
  if ((await terminal.ask("Once more: ", true)) !== password)
    throw new CliError("The two are not the same: nothing was changed.")
  return { current: present, password }
}

async function readPasswords(terminal: Terminal, { remove, current }: PasswordOptions): Promise<Passwords> {
  if (remove && !current) return { current: "", password: "" }
  const lines = await inputLines(terminal)
  const [present = "", password = ""] = current ? lines : ["", ...lines]
  if (password === "" && !remove)
    throw usageError(
      "There is no password on standard input.",
      "Give it there: berth users passwd NAME < FILE",
    )
  return { current: present, password }
}

/** The one refusal that is about a password, not about who asks. */
function passwordRefusal(error: unknown, { current }: SetPassword): unknown {
  const isWrong =
    error instanceof BerthError && error.status === 401 && error.message.includes("password is wrong")
  if (!isWrong) return error
  return current === undefined
    ? new CliError("Whoever changes their own password says the present one.", "Use --current.")
    : new CliError("The present password is wrong: nothing was changed.")
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
