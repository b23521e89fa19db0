import type { ConfigType, Parsed, RateLimitSetting } from "./config-types.ts"
import {
  autoSwitchType,
  boundListenType,
  choiceType,
  hostType,
  labelType,
  listenType,
  listType,
  nodeLabelType,
  numberType,
  optionalListenType,
  optionalTextType,
  pathType,
  portRangeType,
  probeAllowType,
  rateLimitType,
  rayInterpreterType,
  switchType,
  textType,
  uidRangeType,
} from "./config-types.ts"
import { databaseType } from "./database-url.ts"
import { gpuToolPath } from "./drivers/local/hardware-run.ts"
import type { SimulatedNodes } from "./drivers/local/simulate.ts"
import { parseSimulate } from "./drivers/local/simulate.ts"
import type { LogLevel } from "./kit/log.ts"

/** What a default may depend on: facts of the machine and account, handed in. */
export interface Host {
  readonly isRoot: boolean
  readonly homeDir: string
}

/** One setting: everything that parse, `--help`, the README's table and `berth config show` need. */
export interface ConfigKey<T> {
  readonly type: ConfigType<T>
  /** Long flag of `berth up`. */
  readonly flag: string
  readonly env: string
  readonly fallback: (host: Host) => T
  /** For documents, where the default depends on the machine. */
  readonly fallbackText?: string
  /** What it does, in one sentence without a line break. */
  readonly sentence: string
}

function key<T>(
  type: ConfigType<T>,
  names: readonly [flag: string, env: string],
  fallback: T | ((host: Host) => T),
  sentence: string,
  fallbackText?: string,
): ConfigKey<T> {
  const [flag, env] = names
  const base = { type, flag, env, sentence }
  const give = typeof fallback === "function" ? (fallback as (host: Host) => T) : () => fallback
  return fallbackText === undefined ? { ...base, fallback: give } : { ...base, fallback: give, fallbackText }
}

/** Declared nodes, with the text they were declared by. */
export interface DeclaredNodes {
  readonly text: string
  readonly nodes: SimulatedNodes
}

const simulateType: ConfigType<DeclaredNodes> = {
  syntax: "NxGxMODEL[@INSTANCE][,cluster=NAME]",
  isList: false,
  isSwitch: false,
  format: (value) => value.text,
  parse(raw): Parsed<DeclaredNodes> {
    if (typeof raw !== "string") return { ok: false, message: "must be text such as 2x8xH100" }
    const parsed = parseSimulate(raw)
    if (!parsed.ok) return { ok: false, message: parsed.message.replace(/\.$/, "") }
    return { ok: true, value: { text: raw.trim(), nodes: parsed.value } }
  },
}

const whole = (min: number, max: number) => numberType({ min, max, whole: true })
const decimal = (min: number, max: number) => numberType({ min, max, whole: false })
/** Ten years: no API takes more. */
const longestHours = 10 * 366 * 24
const logLevels = ["debug", "info", "warn", "error", "silent"] as const satisfies readonly LogLevel[]

/** The data directory of an account. */
export function defaultDataDir(host: Host): string {
  return host.isRoot ? "/var/lib/berth" : `${host.homeDir}/.local/share/berth`
}

/**
 * The one table of settings, in the order in which they are shown. A dotted name is nested in the YAML file.
 * A key that is not here does not exist: it is refused in the file.
 */
export const configKeys = {
  data: key(
    textType("DIR"),
    ["--data", "BERTH_DATA"],
    defaultDataDir,
    "Directory of the database, keys, pods and logs; one server at a time.",
    "/var/lib/berth as root, else ~/.local/share/berth",
  ),
  database: key(
    databaseType,
    ["--database", "BERTH_DATABASE"],
    null,
    "PostgreSQL database (postgres://USER:PASSWORD@HOST:PORT/NAME) instead of a file in the data directory; give it by the variable or the file, for others can read a command line.",
  ),
  listen: key(
    listenType,
    ["--listen", "BERTH_LISTEN"],
    { host: "127.0.0.1", port: 8080 },
    "Where to answer HTTP; an address that is not loopback needs TLS or --behind-proxy; port 0 takes a free one.",
  ),
  kuberayListen: key(
    boundListenType,
    ["--kuberay-listen", "BERTH_KUBERAY_LISTEN"],
    null,
    "A second address for clients of the KubeRay API that can send no key: requests without one act as the key of that name, which is one of a workspace. It answers nothing but that API; loopback, or TLS or --behind-proxy.",
  ),
  grpcListen: key(
    optionalListenType,
    ["--grpc-listen", "BERTH_GRPC_LISTEN"],
    null,
    "Where to answer the KubeRay API over gRPC, 127.0.0.1:8887 for example; loopback, or TLS or --behind-proxy.",
  ),
  simulate: key(
    listType(simulateType, 100),
    ["--simulate", "BERTH_SIMULATE"],
    [],
    "Declares N nodes with G GPUs of a model that only exist on paper; work on them runs here as real processes. Repeatable.",
  ),
  demo: key(
    switchType,
    ["--demo", "BERTH_DEMO"],
    false,
    "Brings up two simulated GPU nodes in a temporary data directory and runs a two-rank job on what a GPU request gets of them.",
  ),
  noAuth: key(
    switchType,
    ["--no-auth", "BERTH_NO_AUTH"],
    false,
    "Requests without credentials are the owner's; on loopback only.",
  ),
  tlsCert: key(
    optionalTextType("FILE"),
    ["--tls-cert", "BERTH_TLS_CERT"],
    null,
    "PEM file with the server's certificate chain; needs --tls-key.",
  ),
  tlsKey: key(
    optionalTextType("FILE"),
    ["--tls-key", "BERTH_TLS_KEY"],
    null,
    "PEM file with the certificate's private key.",
  ),
  behindProxy: key(
    switchType,
    ["--behind-proxy", "BERTH_BEHIND_PROXY"],
    false,
    "A proxy in front ends TLS: allows plain HTTP on other addresses and believes its X-Forwarded headers.",
  ),
  allowHost: key(
    listType(hostType, 100),
    ["--allow-host", "BERTH_ALLOW_HOST"],
    [],
    "A further name that requests may use as Host. Repeatable.",
  ),
  rateLimit: key<RateLimitSetting>(
    rateLimitType,
    ["--rate-limit", "BERTH_RATE_LIMIT"],
    "auto",
    "Requests a second that each API key may make; auto: none on loopback, else 500 with a burst of 1000. Failed sign-ins are held to 10 a second for each address in any case.",
  ),
  openMetrics: key(
    switchType,
    ["--open-metrics", "BERTH_OPEN_METRICS"],
    false,
    "Shows /metrics and the OpenAPI documents without a token.",
  ),
  logLevel: key(
    choiceType(logLevels),
    ["--log-level", "BERTH_LOG_LEVEL"],
    "info",
    "Least level that is written to standard error.",
  ),
  clusters: key(
    listType(labelType, 20),
    ["--cluster", "BERTH_CLUSTERS"],
    ["local"],
    "Names of the local clusters; the first one is this machine. Repeatable. Without it: local, and those that --simulate names.",
  ),
  "egs.dialect": key(
    choiceType(["seed", "upstream"]),
    ["--egs-dialect", "BERTH_EGS_DIALECT"],
    "seed",
    "Words of the EGS API: seed as its document prints refusals and states, upstream as its own server sends them.",
  ),
  "egs.inventoryBySlice": key(
    choiceType(["seed", "union"]),
    ["--egs-inventory-by-slice", "BERTH_EGS_INVENTORY_BY_SLICE"],
    "union",
    "What the EGS API's inventory of a workspace has: union suits the clients of today, seed has the five members of its document alone.",
  ),
  "gpuRequests.mostGpusPerNode": key(
    whole(1, 10_000),
    ["--gpu-requests-most-gpus-per-node", "BERTH_GPU_REQUESTS_MOST_GPUS_PER_NODE"],
    100,
    "GPUs that a GPU request may ask for on each node.",
  ),
  "gpuRequests.mostNodes": key(
    whole(1, 10_000),
    ["--gpu-requests-most-nodes", "BERTH_GPU_REQUESTS_MOST_NODES"],
    100,
    "Nodes that a GPU request may ask for.",
  ),
  "gpuRequests.longestDurationHours": key(
    whole(1, longestHours),
    ["--gpu-requests-longest-duration-hours", "BERTH_GPU_REQUESTS_LONGEST_DURATION_HOURS"],
    8760,
    "Hours for which a GPU request may hold its nodes, extensions included; one that is there for work without a time-out may go on as long as nobody else is promised them.",
  ),
  "gpuRequests.longestIdleTimeoutSeconds": key(
    whole(1, longestHours * 3600),
    ["--gpu-requests-longest-idle-timeout", "BERTH_GPU_REQUESTS_LONGEST_IDLE_TIMEOUT_SECONDS"],
    1800,
    "Seconds that the idle time-out of a GPU request may have.",
  ),
  "gpuRequests.mostQueuedPerWorkspace": key(
    whole(1, 10_000),
    ["--gpu-requests-most-queued", "BERTH_GPU_REQUESTS_MOST_QUEUED_PER_WORKSPACE"],
    100,
    "GPU requests of a workspace that may wait at a time; further ones are refused.",
  ),
  "gpuRequests.warnBeforeEndSeconds": key(
    whole(0, 86_400),
    ["--gpu-requests-warn-before-end", "BERTH_GPU_REQUESTS_WARN_BEFORE_END_SECONDS"],
    300,
    "Seconds before the end of a GPU request at which an event warns of it; 0: none does.",
  ),
  "gpuRequests.nodeLostAfterSeconds": key(
    whole(1, 86_400),
    ["--gpu-requests-node-lost-after", "BERTH_GPU_REQUESTS_NODE_LOST_AFTER_SECONDS"],
    60,
    "Seconds for which a node may be unhealthy before the GPU request that holds it gets another one, or ends.",
  ),
  "gpuRequests.automaticStepHours": key(
    whole(1, longestHours),
    ["--gpu-requests-automatic-step-hours", "BERTH_GPU_REQUESTS_AUTOMATIC_STEP_HOURS"],
    24,
    "Hours by which an automatic GPU request is extended at a time, while its work goes on and nobody else is promised its nodes.",
  ),
  stopGraceSeconds: key(
    whole(0, 600),
    ["--stop-grace", "BERTH_STOP_GRACE_SECONDS"],
    30,
    "Seconds between TERM and KILL that new workspaces start with.",
  ),
  "local.runAs": key(
    choiceType(["auto", "uid"]),
    ["--local-run-as", "BERTH_LOCAL_RUN_AS"],
    "auto",
    "auto: server owners' work runs as the server's account, everybody else's under a uid per workspace; uid: all of it under a uid per workspace.",
  ),
  "local.uidRange": key(
    uidRangeType,
    ["--local-uid-range", "BERTH_LOCAL_UID_RANGE"],
    { first: 60_000, last: 60_999 },
    "The uids that workspaces get.",
  ),
  "local.shareAccount": key(
    switchType,
    ["--local-share-account", "BERTH_LOCAL_SHARE_ACCOUNT"],
    false,
    "Lets work of people who are not server owners run as the server's account where the server is not root and cannot separate them.",
  ),
  "local.path": key(
    textType("PATH"),
    ["--local-path", "BERTH_LOCAL_PATH"],
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PATH of pods.",
  ),
  "local.gpuToolPath": key(
    textType("PATH"),
    ["--local-gpu-tool-path", "BERTH_LOCAL_GPU_TOOL_PATH"],
    gpuToolPath,
    "Where nvidia-smi, rocm-smi and amd-smi are looked for.",
    "where their makers put them",
  ),
  "local.labels": key(
    listType(nodeLabelType, 64),
    ["--local-label", "BERTH_LOCAL_LABELS"],
    [],
    "A label of this machine's node; kubeslice.io/managed-by-egs=false keeps its GPUs out of GPU requests. Repeatable.",
  ),
  "local.overcommitCpu": key(
    decimal(0.1, 100),
    ["--local-overcommit-cpu", "BERTH_LOCAL_OVERCOMMIT_CPU"],
    4,
    "How many times the machine's cores may be given away.",
  ),
  "local.overcommitMemory": key(
    decimal(0.1, 100),
    ["--local-overcommit-memory", "BERTH_LOCAL_OVERCOMMIT_MEMORY"],
    2,
    "How many times the machine's memory may be given away.",
  ),
  "local.logCapMiB": key(
    whole(1, 1_048_576),
    ["--local-log-cap-mib", "BERTH_LOCAL_LOG_CAP_MIB"],
    64,
    "MiB kept of one pod's log; the oldest goes first.",
  ),
  "local.logFloodMiB": key(
    whole(1, 1_048_576),
    ["--local-log-flood-mib", "BERTH_LOCAL_LOG_FLOOD_MIB"],
    256,
    "MiB of log between two looks (about a second) at which a pod is stopped.",
  ),
  "local.logKeepDays": key(
    whole(1, 3650),
    ["--local-log-keep-days", "BERTH_LOCAL_LOG_KEEP_DAYS"],
    30,
    "Days for which logs of ended pods are kept.",
  ),
  "local.logKeepGiB": key(
    whole(1, 1_048_576),
    ["--local-log-keep-gib", "BERTH_LOCAL_LOG_KEEP_GIB"],
    10,
    "GiB kept of all logs together; the oldest go first.",
  ),
  "local.rayPorts": key(
    portRangeType,
    ["--local-ray-ports", "BERTH_LOCAL_RAY_PORTS"],
    { first: 10_000, last: 19_999 },
    "Ports that Ray nodes get, 300 each; several clusters share them out evenly. Jobs and services have theirs from 20000 to 32767.",
  ),
  "local.hostPathAllow": key(
    listType(pathType, 100),
    ["--local-host-path-allow", "BERTH_LOCAL_HOST_PATH_ALLOW"],
    [],
    "A path of this machine that Ray clusters of people who are not server owners may mount, with everything below it. Repeatable.",
  ),
  "services.probeAllow": key(
    listType(probeAllowType, 100),
    ["--services-probe-allow", "BERTH_SERVICES_PROBE_ALLOW"],
    [],
    "A network (10.0.0.0/8), address or host name that watches of service records may ask though it is not of the internet. Repeatable.",
  ),
  "services.probeCa": key(
    optionalTextType("FILE"),
    ["--services-probe-ca", "BERTH_SERVICES_PROBE_CA"],
    null,
    "PEM file with certificates of authorities that watches of service records trust beside the usual ones.",
  ),
  "ray.allowInstall": key(
    switchType,
    ["--ray-allow-install", "BERTH_RAY_ALLOW_INSTALL"],
    true,
    "Installs a Ray version with pip when it is first asked for; false: only ray.interpreters and what was installed before.",
  ),
  "ray.interpreters": key(
    listType(rayInterpreterType, 100),
    ["--ray-interpreter", "BERTH_RAY_INTERPRETERS"],
    [],
    "A version of Ray and the Python of this machine that has it already. Repeatable.",
  ),
  "ray.allowUnauthenticated": key(
    autoSwitchType,
    ["--ray-allow-unauthenticated", "BERTH_RAY_ALLOW_UNAUTHENTICATED"],
    "auto",
    "Allows Ray versions before 2.52, which know no tokens: everybody on the machine can use their clusters. auto: where the server is not root and nobody else has an account.",
  ),
} as const

export type ConfigKeyName = keyof typeof configKeys

/** The value of each key, by its type in the table. */
export type ConfigValues = {
  readonly [K in ConfigKeyName]: (typeof configKeys)[K] extends ConfigKey<infer T> ? T : never
}

/** Names of all keys in the table's order. */
export const configKeyNames = Object.keys(configKeys) as readonly ConfigKeyName[]
