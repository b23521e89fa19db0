import { isIP } from "node:net"
import { parseDocument } from "yaml"
import type { ConfigKey, ConfigKeyName, ConfigValues, Host } from "./config-keys.ts"
import { configKeyNames, configKeys } from "./config-keys.ts"
import type { BoundAddress, ListenAddress, PortRange, UidRange } from "./config-types.ts"
import type { DatabaseUrl } from "./database-url.ts"
import { blocksIn, portsPerBlock } from "./drivers/local/ray/ray-ports.ts"
import type { SimulatedNodes } from "./drivers/local/simulate.ts"
import type { LogLevel } from "./kit/log.ts"

export type { Host } from "./config-keys.ts"
export type { BoundAddress, ListenAddress, UidRange } from "./config-types.ts"

/** The server's settings, checked and frozen. Lengths and sizes carry their unit in the name. */
export interface Config {
  /** Absolute or relative to the working directory, as given. */
  readonly data: string
  /** null = SQLite in the data directory. */
  readonly database: DatabaseUrl | null
  readonly listen: ListenAddress
  /** null = none. Its `as` is null only with `noAuth`. */
  readonly kuberayListen: BoundAddress | null
  /** null = none. */
  readonly grpcListen: ListenAddress | null
  /** Its clusters are among `clusters`. */
  readonly simulate: readonly SimulatedNodes[]
  readonly demo: boolean
  readonly noAuth: boolean
  /** Both or none. */
  readonly tlsCert: string | null
  readonly tlsKey: string | null
  readonly behindProxy: boolean
  /** Lower case, without brackets. */
  readonly allowHost: readonly string[]
  /** For each API key; null = none. */
  readonly rateLimit: { readonly perSecond: number; readonly burst: number } | null
  readonly openMetrics: boolean
  readonly logLevel: LogLevel
  /** At least one, no name twice. */
  readonly clusters: readonly string[]
  readonly egs: {
    readonly dialect: "seed" | "upstream"
    readonly inventoryBySlice: "seed" | "union"
  }
  readonly gpuRequests: {
    readonly mostGpusPerNode: number
    readonly mostNodes: number
    readonly longestDurationHours: number
    readonly longestIdleTimeoutSeconds: number
    readonly mostQueuedPerWorkspace: number
    /** 0 = no warning. */
    readonly warnBeforeEndSeconds: number
    readonly nodeLostAfterSeconds: number
    /** No more than `longestDurationHours`. */
    readonly automaticStepHours: number
  }
  readonly stopGraceSeconds: number
  readonly local: {
    readonly runAs: "auto" | "uid"
    readonly uidRange: UidRange
    readonly shareAccount: boolean
    readonly path: string
    readonly gpuToolPath: string
    /** By key; of one that was given twice the last value. */
    readonly labels: Readonly<Record<string, string>>
    readonly overcommitCpu: number
    readonly overcommitMemory: number
    readonly logCapMiB: number
    readonly logFloodMiB: number
    readonly logKeepDays: number
    readonly logKeepGiB: number
    /** At least one block of a Ray node's ports for each cluster. */
    readonly rayPorts: PortRange
    /** Whole paths. */
    readonly hostPathAllow: readonly string[]
  }
  readonly services: {
    /** Networks, addresses, host names. */
    readonly probeAllow: readonly string[]
    readonly probeCa: string | null
  }
  readonly ray: {
    readonly allowInstall: boolean
    /** Version → Python; of one that was given twice the last. */
    readonly interpreters: Readonly<Record<string, string>>
    readonly allowUnauthenticated: boolean | "auto"
  }
}

export type ConfigOrigin = "flag" | "environment" | "file" | "default"

/** One line of `berth config show`. */
export interface ConfigEntry {
  readonly name: ConfigKeyName
  readonly value: string
  readonly origin: ConfigOrigin
  /** The flag, variable or key it came from; empty for a default. */
  readonly from: string
}

/** Something wrong with the settings: where it was said, and a sentence. */
export interface ConfigFault {
  /** `--listen`, `BERTH_LISTEN`, `local.runAs in the file`, … */
  readonly where: string
  readonly message: string
}

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly entries: readonly ConfigEntry[] }
  | { readonly ok: false; readonly faults: readonly ConfigFault[] }

/** Values by key name, from the command line: text, `true`, or a list of texts. */
export type ConfigFlags = { readonly [K in ConfigKeyName]?: unknown }
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The settings from flags over `BERTH_…` variables over the YAML file over defaults. Pure and total: every
 * fault of every source is reported at once, and nothing is thrown.
 * @param fileText the text of the configuration file; null where there is none
 */
export function loadConfig(
  flags: ConfigFlags,
  env: Environment,
  fileText: string | null,
  host: Host = { isRoot: false, homeDir: "." },
): LoadedConfig {
  const faults: ConfigFault[] = []
  const file = fileText === null ? new Map<string, unknown>() : readFileKeys(fileText, faults)
  const values: Record<string, unknown> = {}
  const entries: ConfigEntry[] = []
  for (const name of configKeyNames) {
    const key = configKeys[name] as ConfigKey<unknown>
    const found = find(name, key, { flags, env, file })
    const parsed = found.raw === undefined ? undefined : key.type.parse(found.raw)
    if (parsed && !parsed.ok) faults.push({ where: found.where, message: `${parsed.message}.` })
    const value = parsed?.ok ? parsed.value : key.fallback(host)
    values[name] = value
    entries.push({ name, value: key.type.format(value), origin: found.origin, from: found.where })
  }
  declareClusters(values as unknown as ConfigValues, entries)
  const typed = values as unknown as ConfigValues
  faults.push(...crossFaults(typed))
  if (faults.length > 0) return { ok: false, faults }
  return { ok: true, config: deepFreeze(assemble(typed)), entries: deepFreeze(entries) }
}

/** Simulated nodes declare their cluster too where nobody says which clusters there are. */
function declareClusters(
  values: { clusters: readonly string[]; readonly simulate: ConfigValues["simulate"] },
  entries: ConfigEntry[],
): void {
  const at = entries.findIndex((entry) => entry.name === "clusters")
  const entry = entries[at]
  if (entry?.origin !== "default") return
  const declared = values.simulate.flatMap(({ nodes }) => nodes.cluster ?? [])
  values.clusters = [...new Set([...values.clusters, ...declared])]
  entries[at] = { ...entry, value: configKeys.clusters.type.format(values.clusters) }
}

interface Found {
  readonly raw: unknown
  readonly origin: ConfigOrigin
  readonly where: string
}

function find(
  name: ConfigKeyName,
  key: ConfigKey<unknown>,
  sources: { flags: ConfigFlags; env: Environment; file: ReadonlyMap<string, unknown> },
): Found {
  const flag = Object.hasOwn(sources.flags, name) ? sources.flags[name] : undefined
  if (flag !== undefined) return { raw: flag, origin: "flag", where: key.flag }
  const variable = Object.hasOwn(sources.env, key.env) ? sources.env[key.env] : undefined
  // An empty variable is how shells and unit files say "not set".
  if (variable !== undefined && variable.trim() !== "")
    return { raw: variable, origin: "environment", where: key.env }
  const inFile = sources.file.get(name)
  if (inFile !== undefined && inFile !== null)
    return { raw: inFile, origin: "file", where: `${name} in the file` }
  return { raw: undefined, origin: "default", where: "" }
}

/** The file's values by dotted key; what is no key is a fault. */
function readFileKeys(text: string, faults: ConfigFault[]): Map<string, unknown> {
  const found = new Map<string, unknown>()
  const root = parseYaml(text, faults)
  if (root === null || root === undefined) return found
  if (!isMap(root)) {
    faults.push({ where: "the file", message: "must hold settings as NAME: VALUE." })
    return found
  }
  for (const [name, value] of Object.entries(root)) {
    if (isMap(value) && configKeyNames.some((key) => key.startsWith(`${name}.`)))
      for (const [inner, nested] of Object.entries(value)) takeKey(`${name}.${inner}`, nested, found, faults)
    else takeKey(name, value, found, faults)
  }
  return found
}

function takeKey(name: string, value: unknown, found: Map<string, unknown>, faults: ConfigFault[]) {
  if (Object.hasOwn(configKeys, name)) {
    found.set(name, value)
    return
  }
  const lower = name.toLowerCase().replaceAll(/[-_]/g, "")
  const near = configKeyNames.find((key) => key.toLowerCase() === lower)
  const hint = near === undefined ? "" : ` Did you mean ${near}?`
  faults.push({ where: `${name.slice(0, 80)} in the file`, message: `is not a setting.${hint}` })
}

function parseYaml(text: string, faults: ConfigFault[]): unknown {
  try {
    const document = parseDocument(text, { prettyErrors: true, logLevel: "silent" })
    for (const error of document.errors)
      faults.push({ where: "the file", message: `is not YAML: ${firstLine(error.message)}` })
    return document.errors.length > 0 ? null : document.toJS({ maxAliasCount: 20 })
  } catch (error) {
    faults.push({ where: "the file", message: `is not YAML: ${firstLine(String(error))}` })
    return null
  }
}

const firstLine = (text: string) => text.split("\n", 1)[0]?.replace(/:$/, ".") ?? ""

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** Rules that join several keys. */
function crossFaults(values: ConfigValues): ConfigFault[] {
  return [...reachFaults(values), ...clusterFaults(values), ...stepFaults(values), ...rayPortFaults(values)]
}

function reachFaults(values: ConfigValues): ConfigFault[] {
  const { tlsCert, tlsKey, noAuth, kuberayListen } = values
  const faults: ConfigFault[] = []
  if ((tlsCert === null) !== (tlsKey === null))
    faults.push({
      where: tlsCert === null ? "--tls-cert" : "--tls-key",
      message: "is missing: TLS needs both, a certificate and its key.",
    })
  for (const [where, address] of listenersOf(values)) faults.push(...openFaults(where, address.host, values))
  if (kuberayListen?.as === null && !noAuth)
    faults.push({
      where: configKeys.kuberayListen.flag,
      message: "needs ,as=KEYNAME: the API key of a workspace that requests without a key act as.",
    })
  return faults
}

/** What is wrong with listening where other machines reach it. */
function openFaults(where: string, host: string, values: ConfigValues): ConfigFault[] {
  const { tlsCert, tlsKey, behindProxy, noAuth } = values
  const faults: ConfigFault[] = []
  if (isLoopbackHost(host)) return faults
  if (tlsCert === null && tlsKey === null && !behindProxy)
    faults.push({
      where,
      message: `${host} can be reached from other machines: give --tls-cert and --tls-key, or --behind-proxy where a proxy ends TLS.`,
    })
  if (noAuth)
    faults.push({
      where: "--no-auth",
      message: `is for loopback only: listen on 127.0.0.1 instead of ${host}, or leave it out.`,
    })
  return faults
}

type Reach = Pick<ConfigValues, "listen" | "kuberayListen" | "grpcListen">

/** Every address that is listened on, with the flag that says it. */
function listenersOf({ listen, kuberayListen, grpcListen }: Reach): [string, ListenAddress][] {
  const all: [string, ListenAddress | null][] = [
    [configKeys.listen.flag, listen],
    [configKeys.kuberayListen.flag, kuberayListen],
    [configKeys.grpcListen.flag, grpcListen],
  ]
  return all.flatMap(([flag, address]) => (address === null ? [] : [[flag, address]]))
}

function clusterFaults({ clusters, simulate }: ConfigValues): ConfigFault[] {
  const faults: ConfigFault[] = []
  if (clusters.length === 0) faults.push({ where: "--cluster", message: "must name at least one cluster." })
  if (new Set(clusters).size < clusters.length)
    faults.push({ where: "--cluster", message: "names a cluster twice." })
  for (const { text, nodes } of simulate)
    if (nodes.cluster !== null && !clusters.includes(nodes.cluster))
      faults.push({
        where: "--simulate",
        message: `"${text}" names a cluster that is not there: --cluster has ${clusters.join(", ")}.`,
      })
  return faults
}

/** The first step of an automatic request is its length. */
function stepFaults(values: ConfigValues): ConfigFault[] {
  const longest = values["gpuRequests.longestDurationHours"]
  const step = values["gpuRequests.automaticStepHours"]
  if (step <= longest) return []
  const message = `must be at most ${longest}, the longest duration of a GPU request, not ${step}.`
  return [{ where: "--gpu-requests-automatic-step-hours", message }]
}

/** A cluster without a block could start no Ray node at all. */
function rayPortFaults(values: ConfigValues): ConfigFault[] {
  const { first, last } = values["local.rayPorts"]
  const clusters = values.clusters.length
  if (blocksIn([first, last]) >= clusters) return []
  const message = `must hold ${clusters * portsPerBlock} ports at least, ${portsPerBlock} for each cluster, not ${last - first + 1}.`
  return [{ where: "--local-ray-ports", message }]
}

/** Whether only this machine can reach the host: 127.0.0.0/8, ::1 and `localhost`. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase()
  if (name === "localhost" || name === "::1") return true
  return isIP(name) === 4 && name.startsWith("127.")
}

/** DESIGN 7: programs of this machine are nobody's to hold back. */
function automaticRateLimit(values: Reach): Config["rateLimit"] {
  return listenersOf(values).every(([, { host }]) => isLoopbackHost(host))
    ? null
    : { perSecond: 500, burst: 1000 }
}

function assemble(values: ConfigValues): Config {
  const { data, database, listen, simulate, demo, noAuth, tlsCert, tlsKey, behindProxy, allowHost } = values
  const { rateLimit, openMetrics, logLevel, clusters, stopGraceSeconds, kuberayListen, grpcListen } = values
  return {
    data,
    database,
    listen,
    kuberayListen,
    grpcListen,
    simulate: simulate.map((declared) => declared.nodes),
    demo,
    noAuth,
    tlsCert,
    tlsKey,
    behindProxy,
    allowHost,
    rateLimit: rateLimit === "auto" ? automaticRateLimit(values) : rateLimit === "off" ? null : rateLimit,
    openMetrics,
    logLevel,
    clusters,
    egs: { dialect: values["egs.dialect"], inventoryBySlice: values["egs.inventoryBySlice"] },
    gpuRequests: {
      mostGpusPerNode: values["gpuRequests.mostGpusPerNode"],
      mostNodes: values["gpuRequests.mostNodes"],
      longestDurationHours: values["gpuRequests.longestDurationHours"],
      longestIdleTimeoutSeconds: values["gpuRequests.longestIdleTimeoutSeconds"],
      mostQueuedPerWorkspace: values["gpuRequests.mostQueuedPerWorkspace"],
      warnBeforeEndSeconds: values["gpuRequests.warnBeforeEndSeconds"],
      nodeLostAfterSeconds: values["gpuRequests.nodeLostAfterSeconds"],
      automaticStepHours: values["gpuRequests.automaticStepHours"],
    },
    stopGraceSeconds,
    local: {
      runAs: values["local.runAs"],
      uidRange: values["local.uidRange"],
      shareAccount: values["local.shareAccount"],
      path: values["local.path"],
      gpuToolPath: values["local.gpuToolPath"],
      labels: Object.fromEntries(values["local.labels"]),
      overcommitCpu: values["local.overcommitCpu"],
      overcommitMemory: values["local.overcommitMemory"],
      logCapMiB: values["local.logCapMiB"],
      logFloodMiB: values["local.logFloodMiB"],
      logKeepDays: values["local.logKeepDays"],
      logKeepGiB: values["local.logKeepGiB"],
      rayPorts: values["local.rayPorts"],
      hostPathAllow: values["local.hostPathAllow"],
    },
    services: { probeAllow: values["services.probeAllow"], probeCa: values["services.probeCa"] },
    ray: {
      allowInstall: values["ray.allowInstall"],
      interpreters: Object.fromEntries(values["ray.interpreters"]),
      allowUnauthenticated: values["ray.allowUnauthenticated"],
    },
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}

/** The table of settings as Markdown, for the README: one row a key. */
export function renderConfigTable(): string {
  const rows = configKeyNames.map((name) => {
    const key = configKeys[name] as ConfigKey<unknown>
    const fallback = key.fallbackText ?? code(key.type.format(key.fallback({ isRoot: false, homeDir: "~" })))
    const syntax = key.type.isSwitch ? "" : ` ${key.type.syntax}`
    return `| \`${name}\` | ${code(`${key.flag}${syntax}`)} | \`${key.env}\` | ${fallback} | ${cell(key.sentence)} |`
  })
  return ["| key | flag | variable | default | what it does |", "|---|---|---|---|---|", ...rows, ""].join(
    "\n",
  )
}

const cell = (text: string) => text.replaceAll("|", "\\|")
const code = (text: string) => (text === "" ? "" : `\`${cell(text)}\``)
