import type { ServiceWatch, WatchSettings } from "@berth/contract/berth"
import { BerthError, collect, type ServiceRow } from "@berth/sdk"
import { usageError } from "../cli-error.ts"
import type { CommonOptions } from "../connect.ts"
import { connect, readCount } from "../connect.ts"
import { findServiceRecord } from "../find-service-record.ts"
import { age } from "../human.ts"
import { renderTable, writeDone, writeList, writeValue } from "../output.ts"
import type { Terminal } from "../terminal.ts"

export interface ServicesOptions extends CommonOptions {
  readonly workspace?: string
  readonly name?: string
  readonly ray?: boolean
  readonly every?: string
  readonly timeout?: string
  readonly failures?: string
  readonly successes?: string
  readonly off?: boolean
}

/** `berth services ls`: records, newest first, with what their watches found. */
export async function servicesList(terminal: Terminal, options: ServicesOptions): Promise<void> {
  const { client, form } = await connect(terminal, options)
  const scope = options.workspace === undefined ? {} : { workspace: options.workspace }
  const records = await client.berth.serviceRecords(scope)
  const watches = await collect((page) => client.berth.serviceWatches({ ...scope, ...page }))
  const watchOf = new Map(watches.map((watch) => [watch.serviceId, watch]))
  const rows = records.map((record) => ({ record, watch: watchOf.get(record.id) ?? null }))
  await writeList(terminal, form, {
    rows,
    columns: [
      { title: "NAME", cell: ({ record }) => record.name },
      { title: "WORKSPACE", cell: ({ record }) => record.workspace ?? "" },
      { title: "STATE", cell: ({ record }) => record.body.state ?? "-" },
      { title: "WATCH", cell: ({ watch }) => watch?.verdict ?? "-" },
      { title: "LAST PROBE", cell: ({ watch }) => probeOf(watch, terminal.nowMs()) },
      { title: "ID", cell: ({ record }) => record.id },
    ],
    empty: "There are no service records.",
  })
}

/** `berth services get`: one record, its watch and the history of it. */
export async function serviceGet(terminal: Terminal, what: string, options: ServicesOptions): Promise<void> {
  const { client, form } = await connect(terminal, options)
  const id = await findServiceRecord(client, what, options.workspace)
  const record = await client.berth.serviceRecord(id)
  const watch = await client.berth.serviceWatch(id).catch(notWatched)
  if (form !== "table") return writeValue(terminal, form, { record, watch })
  terminal.out(`${await factsOf(terminal, record, watch)}\n`)
  if (!watch || watch.history.length === 0) return
  const columns = [
    { title: "AT", cell: (entry: { readonly at: string }) => entry.at },
    { title: "FOUND", cell: (entry: { readonly verdict: string }) => entry.verdict },
    { title: "DETAIL", cell: (entry: { readonly detail: string }) => entry.detail },
  ]
  terminal.out(`\n${await renderTable(terminal, columns, watch.history)}\n`)
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
  const words = `The record ${watch.name} is asked every ${watch.intervalSeconds} s.`
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

function probeOf(watch: ServiceWatch | null, nowMs: number): string {
  if (!watch?.lastProbe) return "-"
  return `${age(watch.lastProbe.at, nowMs)} ago: ${watch.lastProbe.detail}`
}

function notWatched(error: unknown): null {
  if (error instanceof BerthError && error.status === 404) return null
  throw error
}

async function factsOf(terminal: Terminal, record: ServiceRow, watch: ServiceWatch | null): Promise<string> {
  const facts = [
    ["Name", record.name],
    ["State", record.body.state ?? "-"],
    ["Answers at", record.metadata?.prediction_url ?? "-"],
    ["Health", record.metadata?.health_check_url ?? "-"],
    ["Follows", watch?.joined?.name ?? "-"],
    ["Watch", watch ? `every ${watch.intervalSeconds} s: ${watch.verdict}` : "not watched"],
    ["Last probe", probeOf(watch, terminal.nowMs())],
  ] as const
  return renderTable(
    terminal,
    [
      { title: "ID", cell: ([name]) => name },
      { title: record.id, cell: ([, value]) => value },
    ],
    facts,
  )
}
