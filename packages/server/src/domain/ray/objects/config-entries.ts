import { AppError, type Issue } from "../../../kit/errors.ts"
import type { Operation, Principal } from "../../identity/index.ts"
import type { Tx } from "../../journal/index.ts"
import type { ConfigEntries, ConfigEntryView, RayName } from "../commands.ts"
import type { ConfigEntry } from "../templates.ts"
import { requireActive } from "../../workspaces/index.ts"
import { requireSeen, scopeToList, seenBy, workspaceToWrite } from "./access.ts"
import { nameIssues } from "./metadata.ts"
import type { RayConfigOptions } from "./options.ts"
import { alreadyThere, type RayResource, refuseObject, tooMany } from "./refusals.ts"
import { tellRay } from "./tell.ts"

type Kind = ConfigEntry["kind"]
type Texts = Readonly<Record<string, string>>

const kinds: Readonly<
  Record<
    Kind,
    {
      readonly resource: Extract<RayResource, "config-map" | "secret">
      readonly list: Operation
      readonly get: Operation
      readonly write: Operation
      readonly plural: string
    }
  >
> = {
  configMap: {
    resource: "config-map",
    list: "ray.list",
    get: "ray.get",
    write: "ray.write",
    plural: "config maps",
  },
  secret: {
    resource: "secret",
    list: "secret.list",
    get: "secret.list",
    write: "secret.write",
    plural: "secrets",
  },
}

const mostBytes = 1_048_576
const longestKey = 253
const keyShape = /^[-._a-zA-Z0-9]+$/

/** Under which a secret's value is sealed: a value moved to another place does not open. */
export function sealContext({ namespace, name }: RayName, key: string): string {
  return `${namespace}/${name}/${key}`
}

/** Config maps or secrets. Values of secrets are sealed before they are written, and never given out. */
export function createConfigEntries(options: RayConfigOptions, kind: Kind): ConfigEntries {
  const { store, rows, clock } = options
  const { resource, list, get, write } = kinds[kind]

  async function remove(principal: Principal, at: RayName): Promise<void> {
    const atMs = clock.nowMs()
    await store.tx(async (tx) => {
      const row = await rows.entries.get(tx, kind, at.namespace, at.name)
      const entry = requireSeen(principal, write, row, { resource, at })
      refuseOwners(principal, entry, resource)
      await rows.entries.delete(tx, kind, at.namespace, at.name)
      await tellRay(tx, principal, entry, { resource, did: "deleted", operation: write, atMs })
    })
  }

  return {
    put: (principal, at, data) => putEntry(options, kind, principal, at, data),
    delete: remove,
    async get(principal, at) {
      const row = await rows.entries.get(store.committed, kind, at.namespace, at.name)
      return viewOf(requireSeen(principal, get, row, { resource, at }))
    },
    async list(principal, namespace) {
      const scope = scopeToList(options, principal, namespace, list)
      if (!scope) return []
      return seenBy(principal, list, await rows.entries.list(store.committed, kind, scope)).map(viewOf)
    },
  }
}

async function putEntry(
  options: RayConfigOptions,
  kind: Kind,
  principal: Principal,
  at: RayName,
  data: Texts,
): Promise<ConfigEntryView> {
  const { store, rows, clock } = options
  const { resource, write: operation } = kinds[kind]
  const { namespace, name } = at
  const workspaceId = workspaceToWrite(options, principal, namespace, operation)
  refuseObject(resource, name, [...nameIssues(name), ...dataIssues(data)])
  const atMs = clock.nowMs()
  const kept = kind === "secret" ? sealed(options, at, data) : data
  return store.tx(async (tx) => {
    await requireActive(options.workspaceRow, tx, workspaceId)
    const before = await rows.entries.get(tx, kind, namespace, name)
    // A namespace that changed hands: what was left in it is not the new owner's to change.
    if (before && before.workspaceId !== workspaceId) throw alreadyThere(resource, at)
    if (before) refuseOwners(principal, before, resource)
    const did = before ? "updated" : "created"
    const isServerOwners = principal.serverRole === "owner"
    const base = before ?? { kind, namespace, name, workspaceId, createdAtMs: atMs, version: 1 }
    const entry: ConfigEntry = { ...base, data: kept, isServerOwners, updatedAtMs: atMs }
    if (before) await rows.entries.update(tx, entry)
    else await insertEntry(options, tx, entry)
    const told = { keys: Object.keys(data).length }
    await tellRay(tx, principal, entry, { resource, did, operation, atMs, data: told })
    return viewOf(entry)
  })
}

/** It may be in a cluster that runs as the server's own account. */
function refuseOwners(
  { serverRole }: Principal,
  { name, namespace, isServerOwners }: ConfigEntry,
  resource: RayResource,
): void {
  if (!isServerOwners || serverRole === "owner") return
  throw new AppError("forbidden", `The user is not allowed to change ${name}: a server owner wrote it`, {
    resource,
    name,
    facts: { namespace },
  })
}

async function insertEntry({ rows, limits }: RayConfigOptions, tx: Tx, entry: ConfigEntry): Promise<void> {
  const { kind, namespace, name, workspaceId } = entry
  if (kind === "configMap" && (await rows.templates.get(tx, namespace, name)))
    throw alreadyThere("compute-template", entry)
  const own = await rows.entries.list(tx, kind, { workspaceIds: [workspaceId] })
  if (own.length >= limits.mostEntries) throw tooMany(workspaceId, kinds[kind].plural, limits.mostEntries)
  await rows.entries.insert(tx, entry)
}

function sealed({ vault }: RayConfigOptions, at: RayName, data: Texts): Texts {
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, vault.seal(text, sealContext(at, key))]),
  )
}

/** Names keys, never values. */
function dataIssues(data: Texts): readonly Issue[] {
  const keys = Object.keys(data)
  const wrong = keys.filter((key) => !isKey(key))
  const issues: Issue[] = wrong.map((key) => ({
    path: ["data"],
    message: `Invalid value: ${JSON.stringify(key)}: a key has 1 to ${longestKey} of letters, digits, -, _ and ., and does not begin with ..`,
  }))
  const bytes = keys.reduce(
    (sum, key) => sum + Buffer.byteLength(key) + Buffer.byteLength(data[key] ?? ""),
    0,
  )
  if (bytes > mostBytes)
    issues.push({ path: ["data"], message: `Too long: may not be more than ${mostBytes} bytes` })
  return issues
}

function isKey(key: string): boolean {
  return key.length <= longestKey && keyShape.test(key) && key !== "." && !key.startsWith("..")
}

function viewOf({ kind, namespace, name, data, createdAtMs, updatedAtMs }: ConfigEntry): ConfigEntryView {
  const keys = Object.keys(data).toSorted()
  return { namespace, name, data: kind === "secret" ? null : data, keys, createdAtMs, updatedAtMs }
}
