import type { CreateWorkspace, Member, Role, Workspace, WorkspacePolicyChange } from "@berth/contract/berth"
import { BerthError, collect } from "@berth/sdk"
import { CliError, usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { age } from "../human.ts"
import { writeDone, writeFacts, writeList } from "../output.ts"
import type { Terminal } from "../terminal.ts"

/** What `create` and `set` change; what is absent stays. */
export interface WorkspaceOptions extends CommonOptions {
  readonly description?: string
  readonly cluster?: readonly string[]
  readonly policy?: string
  readonly preempt?: boolean
  readonly stopGrace?: string
  readonly openToAll?: boolean
  readonly publishServices?: boolean
  readonly scope?: readonly string[]
  /** N or any. */
  readonly gpuRequests?: string
  readonly autoGpu?: boolean
  readonly joinGpu?: boolean
  readonly namespace?: readonly string[]
  /** false: none but the one of its own name. */
  readonly namespaces?: boolean
  readonly contact?: string
  readonly email?: string
  readonly force?: boolean
}

/** `berth workspace ls`. */
export async function workspaceList(terminal: Terminal, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const rows = await collect((page) => session.client.berth.workspaces(page))
  await writeList(terminal, session.form, {
    rows,
    columns: [
      { title: "NAME", cell: (one: Workspace) => one.id },
      { title: "YOU", cell: (one) => one.role ?? "" },
      { title: "STATE", cell: (one) => (one.queuePaused ? `${one.state}, paused` : one.state) },
      { title: "QUEUE", cell: (one) => one.policy.queuePolicy },
      { title: "CLUSTERS", cell: (one) => one.clusters.join(" ") },
      { title: "AGE", cell: (one) => age(one.createdAt, terminal.nowMs()), align: "right" },
      { title: "DESCRIPTION", cell: (one) => one.description },
    ],
    empty: "There is no workspace that you have a role in.",
  })
}

/** `berth workspace show`. */
export async function workspaceShow(terminal: Terminal, id: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const one = await session.client.berth.workspace(id)
  await writeFacts(terminal, session.form, one, facts(one))
}

function facts(one: Workspace): readonly (readonly [string, string])[] {
  const { policy } = one
  return [
    ["name", one.id],
    ["key", one.key],
    ["description", one.description],
    ["your role", one.role ?? "none"],
    ["state", one.state],
    ["queue", one.queuePaused ? "paused" : "open"],
    ["clusters", one.clusters.join(" ")],
    ["policy", policy.queuePolicy],
    ["preempt", String(policy.enablePreempt)],
    ["stop-grace", `${policy.stopGraceSeconds} s`],
    ["open-to-all", String(policy.openToAll)],
    ["publish-services", String(policy.publishServices)],
    ["scopes", policy.scopes.join(" ") || "all"],
    ["gpu-requests", policy.mostGpuRequests === null ? "any number" : `${policy.mostGpuRequests} at a time`],
    ["auto-gpu", String(policy.autoGpuRequest)],
    ["join-gpu", String(policy.joinGpuRequests)],
    ["namespaces", [one.id, ...one.namespaces.filter((name) => name !== one.id)].join(" ")],
    ["contact", [one.contact.name, one.contact.email].filter((text) => text !== "").join(", ")],
    ["created", one.createdAt],
  ]
}

/** `berth workspace create`. */
export async function workspaceCreate(
  terminal: Terminal,
  id: string,
  options: WorkspaceOptions,
): Promise<void> {
  const session = await connect(terminal, options)
  const request: CreateWorkspace = { id, ...readChange(options) }
  const made = await session.client.berth.createWorkspace(request)
  await writeDone(terminal, session.form, `Workspace ${made.id} is there.`, made)
}

/** `berth workspace set`. */
export async function workspaceSet(terminal: Terminal, id: string, options: WorkspaceOptions): Promise<void> {
  const change = readChange(options)
  if (Object.keys(change).length === 0)
    throw usageError("There is nothing to set.", "`berth workspace set --help` shows what can be.")
  const session = await connect(terminal, options)
  const changed = await session.client.berth.updateWorkspace(id, change)
  await writeFacts(terminal, session.form, changed, facts(changed))
}

interface WorkspaceChange {
  description?: string
  clusters?: string[]
  policy?: WorkspacePolicyChange
  namespaces?: string[]
  contact?: { name?: string; email?: string }
}

function readChange(options: WorkspaceOptions): WorkspaceChange {
  const policy = readPolicy(options)
  const change: WorkspaceChange = readBelongings(options)
  if (options.description !== undefined) change.description = options.description
  if (options.cluster !== undefined) change.clusters = [...options.cluster]
  if (Object.keys(policy).length > 0) change.policy = policy
  return change
}

function readBelongings({ namespace, namespaces, contact, email }: WorkspaceOptions): WorkspaceChange {
  const change: WorkspaceChange = {}
  if (namespaces === false && namespace !== undefined)
    throw usageError("--namespace and --no-namespaces cannot go together.")
  if (namespace !== undefined || namespaces === false) change.namespaces = [...(namespace ?? [])]
  if (contact !== undefined || email !== undefined)
    change.contact = {
      ...(contact === undefined ? {} : { name: contact }),
      ...(email === undefined ? {} : { email }),
    }
  return change
}

function readPolicy(options: WorkspaceOptions): WorkspacePolicyChange {
  const { policy, preempt, stopGrace, openToAll, publishServices, scope } = options
  const change: WorkspacePolicyChange = readGpuPolicy(options)
  if (policy !== undefined) change.queuePolicy = readChoice("--policy", policy, ["fifo", "balance"])
  if (preempt !== undefined) change.enablePreempt = preempt
  if (stopGrace !== undefined)
    change.stopGraceSeconds = readCount("--stop-grace", stopGrace, { min: 0, max: 600 })
  if (openToAll !== undefined) change.openToAll = openToAll
  if (publishServices !== undefined) change.publishServices = publishServices
  if (scope !== undefined)
    change.scopes = scope
      .filter((one) => one !== "all")
      .map((one) => readChoice("--scope", one, ["Train", "Infer", "Authoring"]))
  return change
}

function readGpuPolicy({ gpuRequests, autoGpu, joinGpu }: WorkspaceOptions): WorkspacePolicyChange {
  const change: WorkspacePolicyChange = {}
  if (gpuRequests !== undefined)
    change.mostGpuRequests =
      gpuRequests === "any" ? null : readCount("--gpu-requests", gpuRequests, { min: 1, max: 1000 })
  if (autoGpu !== undefined) change.autoGpuRequest = autoGpu
  if (joinGpu !== undefined) change.joinGpuRequests = joinGpu
  return change
}

function readChoice<const T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice.toLowerCase() === text.toLowerCase())
  if (found === undefined) throw usageError(`${name} takes ${choices.join(", ")}, not "${text}".`)
  return found
}

/** What the API calls by its parameter is a flag here. */
const orForce = ", or use force."

/** `berth workspace rm`. */
export async function workspaceRemove(
  terminal: Terminal,
  id: string,
  options: WorkspaceOptions,
): Promise<void> {
  const session = await connect(terminal, options)
  await session.client.berth.deleteWorkspace(id, options.force === true).catch((error: unknown) => {
    if (!(error instanceof BerthError) || !error.message.endsWith(orForce)) throw error
    const message = error.message.slice(0, -orForce.length)
    throw new CliError(`${message}.`, `\`berth workspace rm ${id} --force\` stops it too.`)
  })
  await writeDone(terminal, session.form, `Workspace ${id} is being deleted.`, { id })
}

/** `berth workspace members ls`. */
export async function memberList(terminal: Terminal, id: string, options: CommonOptions): Promise<void> {
  const session = await connect(terminal, options)
  const rows = await collect((page) => session.client.berth.members(id, page))
  await writeList(terminal, session.form, {
    rows,
    columns: [
      { title: "USER", cell: (one: Member) => one.userName },
      { title: "ROLE", cell: (one) => one.role },
      { title: "ID", cell: (one) => one.userId },
    ],
    empty: `${id} has no members of its own.`,
  })
}

/** Roles as people type them. @throws CliError */
export function readRole(text: string): Role {
  return readChoice("The role", text, ["owner", "editor", "viewer"])
}

/** `berth workspace members add`; changes the role of somebody who is one already. */
export async function memberAdd(
  terminal: Terminal,
  names: readonly string[],
  options: CommonOptions & { readonly role?: string },
): Promise<void> {
  const [id = "", user = ""] = names
  const role = readRole(options.role ?? "editor")
  const session = await connect(terminal, options)
  const member = await session.client.berth.setMember(id, user, role)
  await writeDone(terminal, session.form, `${member.userName} is ${member.role} in ${id}.`, member)
}

/** `berth workspace members rm`. */
export async function memberRemove(
  terminal: Terminal,
  names: readonly string[],
  options: CommonOptions,
): Promise<void> {
  const [id = "", user = ""] = names
  const session = await connect(terminal, options)
  await session.client.berth.removeMember(id, user)
  await writeDone(terminal, session.form, `${user} has no role in ${id} any more.`, { id, user })
}
