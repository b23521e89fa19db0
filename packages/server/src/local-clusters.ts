import { join } from "node:path"
import type { Config, Environment } from "./config.ts"
import { gpuKindOf, type Cluster, type Node, type NodeSource } from "./domain/inventory/index.ts"
import { createLocalNodes } from "./drivers/local/hardware.ts"
import { createRunCommand } from "./drivers/local/hardware-run.ts"
import { createLocalDriver, type LocalDriver, type LocalPods } from "./drivers/local/local-driver.ts"
import { createLocalMachine } from "./drivers/local/local-machine.ts"
import { createLogFiles } from "./drivers/local/log-files.ts"
import { type LogRetentionResult, removeOldLogs } from "./drivers/local/log-retention.ts"
import { createLocalNetwork, type LocalNetwork } from "./drivers/local/service-network.ts"
import type { RayBackend } from "./domain/ray/index.ts"
import type { Clock } from "./kit/clock.ts"
import type { Log } from "./kit/log.ts"
import { createLocalRayClusters } from "./local-ray-clusters.ts"
import { forwardLimit, probeLimit } from "./open-files.ts"

/** The configured clusters of this machine with their drivers. */
export interface LocalClusters {
  readonly clusters: readonly Cluster[]
  readonly drivers: readonly LocalDriver[]
  /** One for each cluster, in their order. */
  readonly rayBackends: readonly RayBackend[]
  /** Listens for services, of all clusters: they are on the same machine. */
  readonly network: LocalNetwork
  readonly sources: readonly NodeSource[]
  /** Attempts of workloads, and Ray nodes, that are not known to be gone. */
  liveAttempts(): number
  /** Resolves at the next change of an attempt or a Ray node, at the latest after `atMostMs`. */
  changed(atMostMs: number): Promise<void>
  /** Old logs go, in small steps; called again meanwhile it does nothing. */
  retainLogs(): Promise<void>
  /** What somebody should know about this machine. */
  warnings(): readonly string[]
  close(): Promise<void>
}

/** Logs removed in one look, each in a turn of the event loop of its own; the rest goes with the next. */
const removalsAtOnce = 20_000
const mib = 1024 * 1024
const gib = 1024 * mib
const dayMs = 24 * 3_600_000

export function createLocalClusters(
  config: Config,
  parts: {
    readonly dataDir: string
    readonly clock: Clock
    readonly log: Log
    /** The server's own, for what installs Ray. */
    readonly environment: Environment
    /** Told of each look at the logs. */
    readonly onRetained?: (found: LogRetentionResult) => void
    /** A node as it was last found, also by an earlier server. */
    readonly nodeOf: (clusterId: string, nodeName: string) => Node | undefined
  },
): LocalClusters {
  const { clock, log, dataDir } = parts
  const logs = createLogFiles({
    clock,
    log,
    capBytes: config.local.logCapMiB * mib,
    floodBytes: config.local.logFloodMiB * mib,
  })
  // accounts and addresses are the machine's: two clusters must not give one away twice
  const machine = createLocalMachine({
    dataDir,
    log,
    runAs: config.local.runAs,
    uidRange: [config.local.uidRange.first, config.local.uidRange.last],
    shareAccount: config.local.shareAccount,
    mostProbes: probeLimit(),
  })
  const network = createLocalNetwork({ clock, log, mostInAll: forwardLimit() })
  // each keeps its own pods; the first one has the data directory itself
  const folderOf = (clusterId: string) =>
    clusterId === config.clusters[0] ? dataDir : join(dataDir, "clusters", clusterId)
  const drivers = config.clusters.map((clusterId) =>
    createLocalDriver({
      clusterId,
      dataDir: folderOf(clusterId),
      clock,
      log,
      logs,
      machine,
      path: config.local.path,
      gpuKind: (name) => gpuKindOf(parts.nodeOf(clusterId, name)),
    }),
  )
  const { environment } = parts
  const ray = createLocalRayClusters(config, { dataDir, folderOf, clock, log, machine, environment })
  /** All pods of this machine, of workloads and of Ray. */
  const all: readonly LocalPods[] = [...drivers, ...ray.backends.map((backend) => backend.pods)]
  const sources = config.clusters.map((clusterId, at) =>
    createLocalNodes({
      clusterId,
      clock,
      log,
      dataDir,
      overcommit: { cpu: config.local.overcommitCpu, memory: config.local.overcommitMemory },
      simulate: config.simulate.filter(({ cluster }) => (cluster ?? config.clusters[0]) === clusterId),
      run: createRunCommand(clock, { path: config.local.gpuToolPath }),
      labels: config.local.labels,
      before: (name) => parts.nodeOf(clusterId, name),
      hasRealGpus: config.simulate.length === 0 && at === 0,
      hasMachine: at === 0,
      isOurs: (pid) => all.some((pods) => pods.isPodProcess(pid)),
    }),
  )
  const facts: string[] = []
  void drivers[0]?.doctor().then((found) => {
    for (const fact of found) if (!fact.ok) facts.push(fact.message)
  })

  const ownerOf = (path: string) => all.find((pods) => pods.isLogPath(path))
  let isRetaining = false

  async function retainLogs(): Promise<void> {
    if (isRetaining) return
    isRetaining = true
    try {
      const found = await removeOldLogs(
        {
          roots: all.map((pods) => pods.podsDir),
          depth: 2,
          isLog: (path) => ownerOf(path) !== undefined,
          isLive: (path) => ownerOf(path)?.isLiveLog(path) ?? true,
          onRemoved: async (path) => ownerOf(path)?.logRemoved(path),
          log,
          keepMs: config.local.logKeepDays * dayMs,
          keepBytes: config.local.logKeepGiB * gib,
          mostRemovals: removalsAtOnce,
        },
        clock.nowMs(),
      )
      parts.onRetained?.(found)
    } finally {
      isRetaining = false
    }
  }

  return {
    clusters: config.clusters.map((id) => ({ id, driver: "local" })),
    drivers,
    rayBackends: ray.backends,
    network,
    sources,
    liveAttempts: () => all.reduce((sum, pods) => sum + pods.liveAttempts, 0),
    changed: (atMostMs) =>
      new Promise((resolve) => {
        const done = () => {
          cancel()
          for (const off of offs) off()
          resolve()
        }
        const cancel = clock.alarm(atMostMs, done, true)
        const offs = [...drivers, ...ray.backends].map((one) => one.onChange(done))
      }),
    retainLogs,
    warnings: () => facts,
    async close() {
      await network.closeAll()
      await ray.close()
      for (const driver of drivers) await driver.close()
      await logs.close()
    },
  }
}
