import { join } from "node:path"
import type { Config, Environment } from "./config.ts"
import type { LocalMachine } from "./drivers/local/local-machine.ts"
import { createLogFiles } from "./drivers/local/log-files.ts"
import { createLocalRay, type LocalRay } from "./drivers/local/ray/local-ray.ts"
import { isOneUserMachine } from "./drivers/local/ray/one-user.ts"
import { blocksIn, portsPerBlock } from "./drivers/local/ray/ray-ports.ts"
import type { Clock } from "./kit/clock.ts"
import type { Log } from "./kit/log.ts"

/** What runs Ray on this machine, one backend for each configured cluster. */
export interface LocalRayClusters {
  readonly backends: readonly LocalRay[]
  close(): Promise<void>
}

const mib = 1024 * 1024

/** Versions are installed once for all; each cluster has ports of its own, for blocks are counted within a cluster. */
export function createLocalRayClusters(
  config: Config,
  parts: {
    readonly dataDir: string
    /** Where a cluster keeps its own. */
    readonly folderOf: (clusterId: string) => string
    readonly clock: Clock
    readonly log: Log
    readonly machine: LocalMachine
    /** The server's environment: what pip is to know of it is taken from it. */
    readonly environment: Environment
  },
): LocalRayClusters {
  const { clock, log, machine } = parts
  const { local, ray } = config
  const ports = portsByCluster([local.rayPorts.first, local.rayPorts.last], config.clusters.length)
  const made = config.clusters.map((clusterId, at) => {
    const logs = createLogFiles({
      clock,
      log,
      capBytes: local.logCapMiB * mib,
      floodBytes: local.logFloodMiB * mib,
    })
    const backend = createLocalRay({
      clusterId,
      dataDir: parts.folderOf(clusterId),
      clock,
      log,
      logs,
      machine,
      ...(ports[at] ? { ports: ports[at] } : {}),
      searchPath: local.path,
      hostPathAllow: local.hostPathAllow,
      runtimes: {
        home: join(parts.dataDir, "ray", "runtimes"),
        environment: parts.environment,
        interpreters: ray.interpreters,
        allowInstall: () => ray.allowInstall,
        allowUnauthenticated: () =>
          ray.allowUnauthenticated === "auto" ? isOneUserMachine() : ray.allowUnauthenticated,
      },
    })
    return { backend, logs }
  })
  return {
    backends: made.map(({ backend }) => backend),
    async close() {
      for (const { backend, logs } of made) {
        await backend.close()
        await logs.close()
      }
    },
  }
}

/** The range as so many parts of whole blocks, as even as can be; what is left over nobody has. */
export function portsByCluster(
  [first, last]: readonly [number, number],
  clusters: number,
): readonly (readonly [number, number])[] {
  const blocks = Math.floor(blocksIn([first, last]) / clusters)
  const width = blocks * portsPerBlock
  return Array.from({ length: clusters }, (_, at) => [first + at * width, first + (at + 1) * width - 1])
}
