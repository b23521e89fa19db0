import type { Status, StopServer, StoppingServer } from "@berth/contract/berth"
import type { FastifyRequest } from "fastify"
import { authorize } from "../../domain/identity/index.ts"
import type { Principal } from "../../domain/identity/index.ts"
import type { QueueControl } from "../../domain/queue/index.ts"
import type { Services } from "../services.ts"
import type { BerthFamilyOptions } from "./family.ts"
import { instant, instantOrNull, toCluster } from "./map.ts"

/** The server itself. */
export function serverHandlers(services: Services, options: BerthFamilyOptions) {
  return {
    async status(request: FastifyRequest): Promise<Status> {
      const { isReady, message } = services.readiness()
      const clusters = await services.inventory.clusters(request.principal)
      return {
        version: services.version,
        startedAt: instant(options.startedAtMs),
        uptimeSeconds: Math.max(0, Math.floor((services.clock.nowMs() - options.startedAtMs) / 1000)),
        ready: isReady,
        readyMessage: isReady ? "" : message,
        noAuth: options.noAuth,
        counts: await countsFor(request.principal, services, options),
        clusters: clusters.map(toCluster),
        queues: toQueues(services.capacity.control()),
        warnings: [...options.warnings()],
      }
    },
    async stopServer(request: FastifyRequest): Promise<StoppingServer> {
      authorize(request.principal, "server.stop", { workspaceId: null })
      const { pods = false } = request.body as StopServer
      return await services.shutdown({ pods })
    },
  }
}

function toQueues(control: QueueControl): Status["queues"] {
  return {
    paused: control.paused,
    pausedBy: control.pausedBy,
    since: control.paused ? instantOrNull(control.sinceMs) : null,
    restoredFrom: instantOrNull(control.restoredFromMs),
  }
}

async function countsFor(
  principal: Principal,
  services: Services,
  options: BerthFamilyOptions,
): Promise<Status["counts"]> {
  const { capacity } = services
  const nodes = capacity.nodes().filter((node) => node.removedAtMs === null)
  const workspaces = await services.workspaces.list(principal)
  // every replica of an application has a claim of its own
  const running = new Set<string>()
  for (const node of nodes)
    for (const claim of capacity.holders(node.id))
      if (claim.state === "bound" && principal.roleIn(claim.workspaceId) !== null) running.add(claim.owner.id)
  return {
    nodes: nodes.length,
    healthyNodes: nodes.filter((node) => node.healthy).length,
    gpus: sum(nodes.map((node) => node.capacity.gpus)),
    gpusFree: sum(nodes.map((node) => capacity.free(node.id).gpus)),
    gpusHeld: sum(nodes.map((node) => (capacity.hold(node.id) ? node.gpus.length : 0))),
    workspaces: workspaces.length,
    workloadsQueued: sum(workspaces.map((workspace) => capacity.queueLength(workspace.id))),
    workloadsRunning: running.size,
    ...countRequests(principal, services),
    streams: options.streams.count,
    streamsMost: options.streams.most,
  }
}

function countRequests(
  principal: Principal,
  { gpuReading }: Services,
): Pick<Status["counts"], "gpuRequestsQueued" | "gpuRequestsProvisioned"> {
  const seen = gpuReading().requests.filter((one) => principal.roleIn(one.workspaceId) !== null)
  const inState = (state: string) => sum(seen.filter((one) => one.state === state).map(({ count }) => count))
  return { gpuRequestsQueued: inState("queued"), gpuRequestsProvisioned: inState("provisioned") }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
