import { AppError } from "../../kit/errors.ts"
import type { Vault } from "../../kit/vault.ts"
import { parseBytes } from "../inventory/index.ts"
import type { Reads } from "../journal/index.ts"
import { amountsOf, customResourcesOf } from "./amounts.ts"
import type { RayPodLaunch, RayRuntime, RayVolumeContent } from "./ports.ts"
import type { EnvironmentVariables, GroupResources, RayVolume, ValueSource } from "./spec.ts"
import type { ConfigEntry } from "./templates.ts"
import type { RayCluster, RayHeadAddress, RayPod, RayStore } from "./types.ts"

/** What a launch is put together from beside rows. */
export interface LaunchParts {
  readonly runtime: RayRuntime
  readonly token: string | null
  /** null = this is the head. */
  readonly head: RayHeadAddress | null
  readonly workspaceKey: string
}

/**
 * Everything that the backend needs to start a pod, with the values of config maps and secrets as they are now.
 * @throws AppError `invalid` (detail `pod`): its message says what is missing, e.g. a config map or a key of it
 */
export async function launchOf(
  from: Reads,
  options: { readonly rows: Pick<RayStore, "entries">; readonly vault: Vault },
  cluster: RayCluster,
  pod: RayPod,
  parts: LaunchParts,
): Promise<RayPodLaunch> {
  const { spec, namespace } = cluster
  const group =
    pod.groupName === null ? spec.head : spec.workers.find((one) => one.groupName === pod.groupName)
  if (!group || pod.nodeName === null) throw cannotStart(`The pod ${pod.name} has no group or no place.`)
  const read = createEntryReader(from, options, cluster)
  return {
    id: pod.id,
    name: pod.name,
    namespace,
    rayCluster: cluster.name,
    workspaceId: cluster.workspaceId,
    workspaceKey: parts.workspaceKey,
    asServerOwner: cluster.asServerOwner,
    runtime: parts.runtime,
    group: pod.groupName ?? "head",
    head: parts.head,
    nodeName: pod.nodeName,
    gpuIndexes: pod.gpuIndexes,
    size: amountsOf(group.resources),
    customResources: customResourcesOf(group.resources),
    rayStartParams: group.rayStartParams,
    env: await variablesOf(group.environment, read, { cluster, pod, resources: group.resources }),
    volumes: await volumesOf(group.volumes, read),
    portBlock: pod.portBlock,
    token: parts.token,
    serves: cluster.serves,
  }
}

type EntryReader = (kind: ConfigEntry["kind"], name: string) => Promise<Readonly<Record<string, string>>>

/** Opened values of config maps and secrets of a namespace. */
function createEntryReader(
  from: Reads,
  options: { readonly rows: Pick<RayStore, "entries">; readonly vault: Vault },
  { namespace, asServerOwner }: RayCluster,
): EntryReader {
  return async (kind, name) => {
    const entry = await options.rows.entries.get(from, kind, namespace, name)
    const what = kind === "secret" ? "secret" : "config map"
    if (!entry) throw cannotStart(`There is no ${what} ${name} in the namespace ${namespace}.`)
    // Whoever wrote it would run it: as a program, or by a variable that programs obey.
    if (asServerOwner && !entry.isServerOwners)
      throw cannotStart(
        `The ${what} ${name} was not written by a server owner, and this cluster runs as the server's own account: a server owner must write it, or somebody else make the cluster.`,
      )
    if (kind === "configMap") return entry.data
    const opened = Object.entries(entry.data).map(([key, sealed]) => {
      const text = options.vault.open(sealed, `${namespace}/${name}/${key}`)
      if (text === undefined) throw cannotStart(`The secret ${name} cannot be opened with this server's key.`)
      return [key, text] as const
    })
    return Object.fromEntries(opened)
  }
}

interface Facts {
  readonly cluster: RayCluster
  readonly pod: RayPod
  readonly resources: GroupResources
}

async function variablesOf(
  { values, valuesFrom }: EnvironmentVariables,
  read: EntryReader,
  facts: Facts,
): Promise<Record<string, string>> {
  const env: Record<string, string> = { ...values }
  for (const [name, source] of Object.entries(valuesFrom)) env[name] = await valueOf(source, read, facts)
  return env
}

async function valueOf(source: ValueSource, read: EntryReader, facts: Facts): Promise<string> {
  const { name, key } = source
  if (source.source === "configMap" || source.source === "secret") {
    const value = (await read(source.source, name))[key]
    if (value !== undefined) return value
    throw cannotStart(
      `The ${source.source === "secret" ? "secret" : "config map"} ${name} has no key ${key}.`,
    )
  }
  return source.source === "resourceField" ? resourceOf(key, facts.resources) : fieldOf(key, facts)
}

/** `limits.cpu`, `requests.memory`, … as Kubernetes gives them: whole cores, bytes. */
function resourceOf(key: string, resources: GroupResources): string {
  const resource = key.replace(/^(limits|requests)\./, "")
  if (resource === "cpu") return String(resources.cpu)
  if (resource === "memory") return String(amountsOf(resources).memoryBytes)
  throw cannotStart(
    `There is no resource field ${key}: limits.cpu, limits.memory, requests.cpu and requests.memory are.`,
  )
}

function fieldOf(key: string, { cluster, pod }: Facts): string {
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": pod.name,
    "metadata.namespace": cluster.namespace,
    "metadata.uid": pod.id,
    "spec.nodeName": pod.nodeName ?? "",
  }
  const value = fields[key]
  if (value !== undefined) return value
  throw cannotStart(`There is no field ${key}: ${Object.keys(fields).join(", ")} are.`)
}

async function volumesOf(volumes: readonly RayVolume[], read: EntryReader): Promise<RayVolumeContent[]> {
  const contents: RayVolumeContent[] = []
  for (const volume of volumes) {
    const { type, storage } = volume
    // a mount without a volume has nothing to show
    if (type === null) continue
    const size = storage === "" ? undefined : parseBytes(storage)
    contents.push({
      name: volume.name,
      mountPath: volume.mountPath,
      type,
      source: volume.source,
      hostPathType: volume.hostPathType,
      readOnly: volume.readOnly,
      storageBytes: size?.ok ? size.value : null,
      files:
        type === "configMap" || type === "secret" ? filesOf(volume, await read(type, volume.source)) : {},
    })
  }
  return contents
}

/** All keys under their own names, or the chosen ones under theirs. */
function filesOf(
  { items, source }: RayVolume,
  data: Readonly<Record<string, string>>,
): Record<string, string> {
  if (Object.keys(items).length === 0) return { ...data }
  const files: Record<string, string> = {}
  for (const [key, path] of Object.entries(items)) {
    const text = data[key]
    if (text === undefined) throw cannotStart(`${source} has no key ${key}.`)
    files[path] = text
  }
  return files
}

function cannotStart(message: string): AppError {
  return new AppError("invalid", message, { resource: "ray-cluster", detail: "pod" })
}
