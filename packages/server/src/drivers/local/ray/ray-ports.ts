import { readTable } from "../ports-in-use.ts"
import { AppError } from "../../../kit/errors.ts"
import type { RayHeadAddress } from "../../../domain/ray/index.ts"

/** Ports that one Ray node may have. */
export const portsPerBlock = 300

/** What a block's ports are for. All of them listen on this machine; some beyond it, for Ray asks no leave. */
export interface RayPorts {
  readonly gcs: number
  readonly dashboard: number
  readonly client: number
  readonly nodeManager: number
  readonly objectManager: number
  readonly agent: number
  readonly agentGrpc: number
  readonly metrics: number
  readonly runtimeEnv: number
  readonly dashboardMetrics: number
  readonly autoscalerMetrics: number
  readonly serve: number
  readonly serveGrpc: number
  readonly firstWorker: number
  readonly lastWorker: number
}

/** How many blocks there are from the first to the last port. */
export function blocksIn([first, last]: readonly [number, number]): number {
  return Math.max(0, Math.floor((last - first + 1) / portsPerBlock))
}

/** @param block 0-based */
export function portsOf(firstPort: number, block: number): RayPorts {
  const base = firstPort + block * portsPerBlock
  return {
    gcs: base,
    dashboard: base + 1,
    client: base + 2,
    nodeManager: base + 3,
    objectManager: base + 4,
    agent: base + 5,
    agentGrpc: base + 6,
    metrics: base + 7,
    runtimeEnv: base + 8,
    dashboardMetrics: base + 9,
    autoscalerMetrics: base + 10,
    serve: base + 20,
    serveGrpc: base + 21,
    firstWorker: base + 100,
    lastWorker: base + portsPerBlock - 1,
  }
}

export function addressOf(ports: RayPorts, serves: boolean): RayHeadAddress {
  const http = (port: number) => `http://127.0.0.1:${port}`
  return {
    gcs: `127.0.0.1:${ports.gcs}`,
    dashboardUrl: http(ports.dashboard),
    agentUrl: http(ports.agent),
    serveUrl: http(ports.serve),
    endpoints: {
      dashboard: String(ports.dashboard),
      head: String(ports.client),
      metrics: String(ports.metrics),
      redis: String(ports.gcs),
      ...(serves ? { serve: String(ports.serve), "dashboard-agent": String(ports.agent) } : {}),
    },
  }
}

/**
 * Looks whether anybody listens on a port of the block, on whatever address.
 * @throws AppError `unavailable`, detail `port_in_use`
 */
export async function checkBlock(ports: RayPorts): Promise<void> {
  const taken = (await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(readTable)))
    .flat()
    .find(({ port }) => port >= ports.gcs && port <= ports.lastWorker)
  if (taken)
    throw new AppError(
      "unavailable",
      `Port ${taken.port}, which Ray was to have, is in use on this machine.`,
      {
        detail: "port_in_use",
        facts: { port: taken.port },
      },
    )
}
