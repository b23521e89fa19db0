import { type ServiceEntry, type WatchSettings } from "@berth/contract/berth"
import { isServiceState, serviceStates } from "@berth/contract/common"
import { usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { chooseWorkspace, connect, readCount } from "../connect.ts"
import { findServiceRecord } from "../find-service-record.ts"
import { age } from "../human.ts"
import { renderTable, writeDone, writeList, writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"

export interface ServicesOptions extends CommonOptions {
  readonly workspace?: string
  readonly name?: string
  readonly state?: string
  readonly limit?: string
  readonly ray?: boolean
  readonly every?: string
  readonly timeout?: string
  readonly failures?: string
  readonly successes?: string
  readonly off?: boolean
  readonly url?: string
  readonly health?: string
  readonly flavor?: string
}

const longestCell = 48

/** `berth services ls`: what is served where, newest first. */
export async function servicesList(terminal: Terminal, options: ServicesOptions): Promise<void> {
  const limit = readCount("--limit", options.limit ?? "100", { min: 1, max: 1000 })
  const { workspace, name, state } = options
  if (state !== undefined && !isServiceState(state))
    throw usageError(`--state takes one of ${serviceStates.join(", ")}, not "${state}".`)
  const { client, form } = await connect(terminal, options)
  const { items, nextCursor } = await client.berth.services({
    limit,
    ...(workspace === undefined ? {} : { workspace }),
    ...(name === undefined ? {} : { name }),
    ...(state === undefined ? {} : { state }),
  })
  await writeList(terminal, form, {
    rows: items,
    columns: [
      { title: "NAME", cell: (entry) => clipped(entry.name) },
      { title: "WORKSPACE", cell: (entry) => entry.workspaceId },
      { title: "STATE", cell: (entry) => entry.state ?? "-" },
      { title: "ANSWERS AT", cell: (entry) => clipped(entry.predictionUrl ?? "-") },
      { title: "WATCH", cell: (entry) => entry.watch?.verdict ?? "-" },
      { title: "LAST PROBE", cell: (entry) => probeOf(entry, terminal.nowMs()) },
      { title: "ID", cell: (entry) => entry.id },
    ],
    empty: "There are no service records.",
  })
  if (nextCursor !== null) terminal.err(`The newest ${items.length}: --limit shows more.\n`)
}

/** `berth services get`: one record, its watch and the history of it. */
export async function serviceGet(terminal: Terminal, what: string, options: ServicesOptions): Promise<void> {
  const { client, form } = await connect(terminal, options)
  const entry = await client.berth.service(await findServiceRecord(client, what, options.workspace))
  if (form !== "table") return writeValue(terminal, form, entry)
  terminal.out(`${await factsOf(terminal, entry)}\n`)
  if (entry.history.length === 0) return
  const columns = [
    { title: "AT", cell: (seen: { readonly at: string }) => seen.at },
    { title: "FOUND", cell: (seen: { readonly verdict: string }) => seen.verdict },
    { title: "DETAIL", cell: (seen: { readonly detail: string }) => seen.detail },
  ]
  terminal.out(`\n${await renderTable(terminal, columns, entry.history)}\n`)
}

/** `berth services add`: a server that Berth does not run. */
export async function serviceAdd(terminal: Terminal, name: string, options: ServicesOptions): Promise<void> {
  const { url, health = null } = readAddresses(options)
  const isWatched = health !== null && !options.off
  const settings = settingsOf(options)
  if (!isWatched && Object.keys(settings).length > 0)
    throw usageError("Only what has a --health address, and no --off, is watched.")
  const session = await connect(terminal, options)
  const { berth } = session.client
  const workspace = chooseWorkspace(session, options.workspace)
  const flavor = options.flavor ?? "custom"
  const { id } = await berth.createServiceRecord({
    name,
    workspace,
    flavor,
    predictionUrl: url,
    healthCheckUrl: health,
  })
  const watch = isWatched ? await berth.watchService(id, settings) : null
  const asked = watch ? `, and is asked every ${watch.intervalSeconds} s` : ""
  await writeDone(terminal, session.form, `The record ${name} is there${asked}: ${id}`, { id, name, watch })
}

/** @throws CliError for an address that is missing, or none */
function readAddresses({ url, health }: ServicesOptions): { readonly url: string; readonly health?: string } {
  if (url === undefined) throw usageError("Say where it answers: --url URL.")
  if (!URL.canParse(url)) throw usageError(`--url takes a URL, not "${url}".`)
  if (health === undefined) return { url }
  if (!/^https?:$/.test(URL.parse(health)?.protocol ?? ""))
    throw usageError(`--health takes a URL of http or https, not "${health}".`)
  return { url, health }
}

/** `berth services register`: a record that follows a workload, or a Ray service. */
export async function serviceRegister(
  terminal: Terminal,
  what: string,
  options: ServicesOptions,
): Promise<void> {
  const { client, form } = await connect(terminal, options)
  const made = await client.berth.registerService({
    join: options.ray ? { rayService: what } : { workload: what },
    ...(options.name === undefined ? {} : { name: options.name }),
    watch: options.off ? null : settingsOf(options),
  })
  await writeDone(terminal, form, `The record ${made.name} follows ${what}: ${made.id}`, made)
}

/** `berth services watch`: begins, changes or, with --off, ends it. */
export async function serviceWatch(
  terminal: Terminal,
  what: string,
  options: ServicesOptions,
): Promise<void> {
  const settings = settingsOf(options)
  if (options.off && Object.keys(settings).length > 0) throw usageError("--off takes no other option.")
  const { client, form } = await connect(terminal, options)
  const id = await findServiceRecord(client, what, options.workspace)
  if (options.off) {
    await client.berth.unwatchService(id)
    return writeDone(terminal, form, `The record ${what} is watched no more.`, { id })
  }
  const watch = await client.berth.watchService(id, settings)
  const words = isMute(watch)
    ? `The record ${watch.name} is watched as soon as it has a health_check_url, which a PUT of the services API gives it.`
    : `The record ${watch.name} is asked every ${watch.intervalSeconds} s.`
  await writeDone(terminal, form, words, watch)
}

/** `berth services rm`: what the record follows goes on. */
export async function serviceRemove(
  terminal: Terminal,
  what: string,
  options: ServicesOptions,
): Promise<void> {
  const { client, form } = await connect(terminal, options)
  const id = await findServiceRecord(client, what, options.workspace)
  await client.berth.deleteServiceRecord(id)
  await writeDone(terminal, form, `The record ${what} is deleted.`, { id })
}

function settingsOf({ every, timeout, failures, successes }: ServicesOptions): WatchSettings {
  return {
    ...(every === undefined ? {} : { intervalSeconds: readCount("--every", every, { min: 5, max: 3600 }) }),
    ...(timeout === undefined
      ? {}
      : { timeoutSeconds: readCount("--timeout", timeout, { min: 1, max: 30 }) }),
    ...(failures === undefined
      ? {}
      : { failureThreshold: readCount("--failures", failures, { min: 1, max: 10 }) }),
    ...(successes === undefined
      ? {}
      : { successThreshold: readCount("--successes", successes, { min: 1, max: 10 }) }),
  }
}

/** So much of a text that the columns after it are still seen. */
function clipped(text: string): string {
  return text.length > longestCell ? `${text.slice(0, longestCell - 1)}…` : text
}

/** Whether a watch has nothing to look at: it then waits for an address for ever. */
function isMute({ joined, healthCheckUrl }: Pick<ServiceEntry, "joined" | "healthCheckUrl">): boolean {
  return joined === null && (healthCheckUrl ?? "") === ""
}

function probeOf(entry: ServiceEntry, nowMs: number): string {
  const { watch } = entry
  if (!watch?.lastProbe) return watch && isMute(entry) ? "never: it has no health address" : "-"
  return `${age(watch.lastProbe.at, nowMs)} ago: ${watch.lastProbe.detail}`
}

async function factsOf(terminal: Terminal, entry: ServiceEntry): Promise<string> {
  const { watch } = entry
  const facts = [
    ["Name", entry.name],
    ["Workspace", entry.workspaceId],
    ["Type", `${entry.type}, ${entry.flavor}`],
    ["State", entry.state ?? "-"],
    ["Answers at", entry.predictionUrl ?? "-"],
    ["Health", entry.healthCheckUrl ?? "-"],
    ["Follows", entry.joined?.name ?? "-"],
    ["Watch", watch ? `every ${watch.intervalSeconds} s: ${watch.verdict}` : "not watched"],
    ["Last probe", probeOf(entry, terminal.nowMs())],
  ] as const
  return renderTable(
    terminal,
    [
      { title: "ID", cell: ([name]) => name },
      { title: entry.id, cell: ([, value]) => value },
    ],
    facts,
  )
}
