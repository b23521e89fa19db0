import { AppError } from "../../../kit/errors.ts"
import type { Actor, Tx } from "../../journal/index.ts"
import type { Endpoint, EndpointStore } from "../applications/types.ts"
import { serviceOf, type ServicePort } from "../probes.ts"
import { workloadEvent } from "../runner-ports.ts"
import type { Workload } from "../types.ts"
import { candidate, clusterIpPool, firstFree, nodePortPool, nodePorts } from "./addresses.ts"

/** Guesses before all that are in use are looked at: up to half full, one is nearly always enough. */
const guesses = 8

/** What is said of a service that nothing is forwarded for. */
export const udpSentence = "UDP is not forwarded: clients have to go to the addresses of the pods themselves"

/** Whether the node port of a workload's service is the server's choice. */
export function isNodePortChosen(workload: Workload): boolean {
  const service = serviceOf(workload.spec.service)
  if (service?.type !== "NodePort") return false
  // rows from before there were addresses may hold any number
  return service.nodePort < nodePorts.first || service.nodePort > nodePorts.last
}

/**
 * Gives a workload's service its addresses, for as long as it lives. A schedule gets none: what it starts does.
 * @param made.isLate it lives already: a node port that is taken is then replaced by another
 * @throws AppError `already_exists` (resource `nodePort`) when another live workload has the port that was asked for,
 *   `conflict` when every address is given out
 */
export async function giveEndpoint(
  tx: Tx,
  rows: EndpointStore,
  workload: Workload,
  made: { readonly actor: Actor; readonly nowMs: number; readonly isLate?: boolean },
): Promise<void> {
  const service = serviceOf(workload.spec.service)
  if (service === null || workload.schedule !== null) return
  const { actor, nowMs } = made
  const isChosen = isNodePortChosen(workload)
  const clusterIps = createTries(clusterIpPool, workload.key, async () =>
    (await rows.all(tx)).map((other) => other.clusterIp),
  )
  const ports = createTries(nodePortPool, workload.key, () => usedNodePorts(tx, rows))
  let endpoint = endpointOf(workload, service, {
    clusterIp: clusterIps.first,
    nodePort: isChosen ? ports.first : givenNodePort(service),
    nowMs,
  })
  for (;;) {
    const taken = await tryInsert(tx, rows, endpoint)
    if (taken === null) break
    if (taken === "clusterIp") endpoint = { ...endpoint, clusterIp: await clusterIps.next() }
    else if (isChosen || made.isLate === true) endpoint = { ...endpoint, nodePort: await ports.next() }
    else throw nodePortTaken(endpoint.nodePort)
  }
  if (service.protocol === "UDP")
    await tx.emit(
      workloadEvent(workload, "service.not_forwarded", actor, nowMs, {
        protocol: "UDP",
        message: udpSentence,
      }),
    )
}

/**
 * Another node port for a service whose chosen one some other program of the machine has.
 * @param refused ports that were found to be taken like that
 * @returns the row as it is now; null when no port is left
 */
export async function moveNodePort(
  tx: Tx,
  rows: EndpointStore,
  endpoint: Endpoint,
  refused: readonly number[],
): Promise<Endpoint | null> {
  const used = new Set([...(await usedNodePorts(tx, rows)), ...refused])
  const nodePort = firstFree(nodePortPool, `${endpoint.workloadKey}:${refused.length}`, used)
  if (nodePort === undefined) return null
  const moved = { ...endpoint, nodePort }
  await rows.update(tx, moved)
  return moved
}

async function usedNodePorts(tx: Tx, rows: EndpointStore): Promise<readonly number[]> {
  return (await rows.all(tx)).flatMap((other) => other.nodePort ?? [])
}

/** The node port that a service asks for; null when it needs none or leaves it to the server. */
export function givenNodePort(service: ServicePort | null): number | null {
  return service?.type === "NodePort" && service.nodePort > 0 ? service.nodePort : null
}

function endpointOf(
  workload: Workload,
  service: ServicePort,
  given: { readonly clusterIp: string; readonly nodePort: number | null; readonly nowMs: number },
): Endpoint {
  return {
    workloadKey: workload.key,
    workloadId: workload.id,
    workspaceId: workload.workspaceId,
    protocol: service.protocol,
    type: service.type,
    clusterIp: given.clusterIp,
    port: service.port,
    targetPort: service.targetPort,
    nodePort: given.nodePort,
    createdAtMs: given.nowMs,
  }
}

/** Tries at one kind of address: a few by the hash, then the first that is free; ends by throwing. */
function createTries<T>(
  pool: { readonly size: number; at(index: number): T },
  key: string,
  inUse: () => Promise<readonly T[]>,
) {
  let tried = 0
  return {
    first: candidate(pool, key, 0),
    async next(): Promise<T> {
      tried++
      if (tried < guesses) return candidate(pool, key, tried)
      const free = tried === guesses ? firstFree(pool, key, new Set(await inUse())) : undefined
      if (free !== undefined) return free
      throw new AppError(
        "conflict",
        "All addresses of services are given out, stop a workload that has one.",
        {
          resource: "service",
          detail: "addresses",
        },
      )
    },
  }
}

async function tryInsert(
  tx: Tx,
  rows: EndpointStore,
  endpoint: Endpoint,
): Promise<"clusterIp" | "nodePort" | null> {
  try {
    await rows.insert(tx, endpoint)
    return null
  } catch (error) {
    const { code, resource } = AppError.from(error)
    if (code === "already_exists" && (resource === "clusterIp" || resource === "nodePort")) return resource
    throw error
  }
}

/** What is said when another live workload has the port. */
export function nodePortTaken(nodePort: number | null): AppError {
  return new AppError("already_exists", `the nodePort ${nodePort} is already used`, {
    resource: "nodePort",
    name: String(nodePort),
  })
}
