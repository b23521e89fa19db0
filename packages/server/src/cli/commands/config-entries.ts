import { basename } from "node:path"
import { collect } from "@berth/sdk"
import { usageError } from "../cli-error.ts"
import { age } from "../human.ts"
import { writeDone, writeFacts, writeList } from "../output.ts"
import { readText } from "../ray-body.ts"
import type { RayOptions, RaySession } from "../ray-place.ts"
import { connectRay } from "../ray-place.ts"
import type { Terminal } from "../terminal.ts"
import type { RayListOptions } from "./ray-ls.ts"

/** Config maps can be read again; of secrets no value is ever shown. */
export type EntryKind = "configmap" | "secret"

export interface EntryPutOptions extends RayOptions {
  readonly fromFile?: readonly string[]
  readonly fromLiteral?: readonly string[]
}

const words = { configmap: "config map", secret: "secret" } as const

/** `berth configmaps ls`, `berth secrets ls`: names and keys. */
export async function entriesList(
  terminal: Terminal,
  kind: EntryKind,
  options: RayListOptions,
): Promise<void> {
  const { client, namespace, form } = await connectRay(terminal, options)
  const where = options.all ? {} : { namespace }
  const rows = await collect((page) => {
    const query = { ...where, ...page }
    return kind === "configmap" ? client.berth.configMaps(query) : client.berth.secrets(query)
  })
  const nowMs = terminal.nowMs()
  await writeList(terminal, form, {
    rows,
    columns: [
      { title: "NAME", cell: (one) => one.name },
      { title: "NAMESPACE", cell: (one) => one.namespace },
      { title: "KEYS", cell: (one) => one.keys.join(", ") },
      { title: "CHANGED", cell: (one) => `${age(one.updatedAt, nowMs)} ago`, align: "right" },
    ],
    empty: `There are no ${words[kind]}s${options.all ? "" : ` in ${namespace}`}.`,
  })
}

/** `berth configmaps get` with values, `berth secrets get` with the keys alone. */
export async function entryGet(
  terminal: Terminal,
  kind: EntryKind,
  name: string,
  options: RayOptions,
): Promise<void> {
  const { client, namespace, form } = await connectRay(terminal, options)
  if (kind === "configmap") {
    const one = await client.berth.configMap(namespace, name)
    return writeFacts(terminal, form, one, Object.entries(one.data))
  }
  const one = await client.berth.secret(namespace, name)
  const hidden = one.keys.map((key) => [key, "(not shown)"] as const)
  await writeFacts(terminal, form, one, hidden)
}

/** `berth configmaps put`, `berth secrets put`: makes it or replaces all of its values. */
export async function entryPut(
  terminal: Terminal,
  kind: EntryKind,
  name: string,
  options: EntryPutOptions,
): Promise<void> {
  const data = await readData(terminal, kind, options)
  const session = await connectRay(terminal, options)
  const { namespace, form } = session
  const one = await put(session, kind, name, data)
  const keys = one.keys.join(", ")
  await writeDone(terminal, form, `The ${words[kind]} ${name} of ${namespace} has ${keys}.`, one)
}

function put({ client, namespace }: RaySession, kind: EntryKind, name: string, data: Record<string, string>) {
  return kind === "configmap"
    ? client.berth.putConfigMap(namespace, name, data)
    : client.berth.putSecret(namespace, name, data)
}

/** `berth configmaps rm`, `berth secrets rm`: pods that run keep what they have. */
export async function entryRemove(
  terminal: Terminal,
  kind: EntryKind,
  name: string,
  options: RayOptions,
): Promise<void> {
  const { client, namespace, form } = await connectRay(terminal, options)
  if (kind === "configmap") await client.berth.deleteConfigMap(namespace, name)
  else await client.berth.deleteSecret(namespace, name)
  await writeDone(terminal, form, `The ${words[kind]} ${name} of ${namespace} is deleted.`, {
    namespace,
    name,
  })
}

/** @throws CliError */
async function readData(
  terminal: Terminal,
  kind: EntryKind,
  { fromFile = [], fromLiteral = [] }: EntryPutOptions,
): Promise<Record<string, string>> {
  const data = new Map<string, string>()
  const add = (key: string, value: string) => {
    if (data.has(key)) throw usageError(`The key ${key} is given twice.`)
    data.set(key, value)
  }
  for (const said of fromFile) {
    const { key, file } = keyAndFile(said)
    add(key, await readText(terminal, "--from-file", file))
  }
  for (const said of fromLiteral) {
    const [, key, value = ""] = /^([^=]+)=([\s\S]*)$/.exec(said) ?? []
    if (key === undefined) throw usageError(`--from-literal takes KEY=VALUE, not "${said}".`)
    add(key, value)
  }
  if (data.size === 0) throw usageError("There are no values.", example(kind))
  return Object.fromEntries(data)
}

/** `KEY=PATH`, or `PATH` for a key of the file's name. */
function keyAndFile(said: string): { readonly key: string; readonly file: string } {
  const [, key = "", file = ""] = /^([^=/]+)=([\s\S]+)$/.exec(said) ?? []
  if (key !== "") return { key, file }
  if (said === "-" || said === "") throw usageError("--from-file takes KEY=PATH; standard input is KEY=-.")
  return { key: basename(said), file: said }
}

function example(kind: EntryKind): string {
  return kind === "configmap"
    ? "For example: berth configmaps put code --from-file sample.py=./sample.py"
    : "For example: berth secrets put hub --from-file token=./token"
}
