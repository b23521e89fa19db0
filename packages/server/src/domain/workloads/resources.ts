import { AppError, type Issue } from "../../kit/errors.ts"
import type { Amounts, QuantityResult, ResourceName } from "../inventory/index.ts"
import { formatAmount, halfOfBytes, parseBytes, parseCpuMilli, parseGpus } from "../inventory/index.ts"
import type { Capacity } from "../queue/index.ts"
import type { ResourceText } from "./types.ts"

/** What is shown where `ephemeralStorage` was not given; it claims nothing (DESIGN 4). */
const shownEphemeralStorage = "50Gi"
/** Most pods of one workload. */
const replicaLimit = 10_000

export interface ReadResources {
  /** Echoed as typed, with the defaults filled in. */
  readonly text: ResourceText
  /** What one pod claims; null when there are issues. */
  readonly size: Amounts | null
  readonly issues: readonly Issue[]
}

interface ResourceRequest {
  readonly replica: number
  readonly cpu: string
  readonly gpu: string
  readonly memory: string
  readonly ephemeralStorage: string
  readonly sharedMemory: string
}

/** Reads a resource request (reference/workloads.md 2.1, 2.3): every fault at once, in the order of the table. */
export function readResources(request: ResourceRequest, leastReplica = 1): ReadResources {
  const text = shownText(request)
  const issues: Issue[] = []
  const fault = (field: string, message: string) => void issues.push({ path: ["resource", field], message })

  if (request.replica < leastReplica) fault("replica", "the replica is empty")
  else if (request.replica > replicaLimit) fault("replica", `the replica is over ${replicaLimit}`)
  const read = (field: string, given: string, result: QuantityResult, least: number, refusal: string) => {
    if (given !== "" && !result.ok) fault(field, result.message)
    else if (result.ok && result.value < least) fault(field, refusal)
    return result.ok ? result.value : 0
  }
  if (text.cpu === "") fault("cpu", "the cpu is empty")
  const cpuMilli = read("cpu", text.cpu, parseCpuMilli(text.cpu), 1, "invalid cpu")
  const gpus = read("gpu", text.gpu, parseGpus(text.gpu), 0, "invalid gpu")
  if (text.memory === "") fault("memory", "the memory is empty")
  const memoryBytes = read("memory", text.memory, parseBytes(text.memory), 1, "invalid memory")
  const given = request.ephemeralStorage.trim()
  const ephemeralBytes =
    given === "" || given === shownEphemeralStorage
      ? 0
      : read("ephemeralStorage", given, parseBytes(given), 1, "invalid ephemeral store")
  if (request.sharedMemory.trim() !== "") {
    const shared = read(
      "sharedMemory",
      text.sharedMemory,
      parseBytes(text.sharedMemory),
      1,
      "invalid share memory",
    )
    if (shared > memoryBytes && memoryBytes > 0) fault("sharedMemory", "invalid share memory")
  }
  return { text, issues, size: issues.length > 0 ? null : { cpuMilli, gpus, memoryBytes, ephemeralBytes } }
}

function shownText(request: ResourceRequest): ResourceText {
  const gpu = request.gpu.trim()
  const memory = request.memory.trim()
  return {
    replica: request.replica,
    cpu: request.cpu.trim(),
    gpu: gpu === "0" ? "" : gpu,
    memory,
    ephemeralStorage: request.ephemeralStorage.trim() || shownEphemeralStorage,
    sharedMemory: request.sharedMemory.trim() || (halfOfBytes(memory) ?? ""),
  }
}

/**
 * Refuses what the declared inventory of the workspace's clusters can never hold, nothing else running
 * (DESIGN 4, 9.2). Labels and node names are left out: a node that has them may join later.
 * @throws AppError `insufficient` with the family's sentence
 */
export function checkRoom(
  asked: { readonly replica: number; readonly text: ResourceText; readonly size: Amounts },
  clusters: readonly string[],
  capacity: Pick<Capacity, "couldHold">,
): void {
  const room = capacity.couldHold(clusters, asked.size, {
    labels: {},
    nodeNames: [],
    tolerateAll: true,
    gpuModel: null,
  })
  if (!room.declared || room.pods >= asked.replica) return
  if (room.pods > 0)
    throw insufficient(
      `Insufficient resource: request.replica: ${asked.replica}, total.replica: ${room.pods}`,
    )
  const short = room.short ?? { resource: "cpu" as ResourceName, largest: 0 }
  throw insufficient(
    `Insufficient resource: ${short.resource}, request: ${textOf(asked.text, short.resource)}, ` +
      `available: ${formatAmount(short.resource, short.largest)}`,
  )
}

function textOf(text: ResourceText, resource: ResourceName): string {
  switch (resource) {
    case "cpu":
      return text.cpu
    case "gpu":
      return text.gpu
    case "memory":
      return text.memory
    case "ephemeral-storage":
      return text.ephemeralStorage
  }
}

function insufficient(message: string): AppError {
  return new AppError("insufficient", message, { resource: "workload" })
}
