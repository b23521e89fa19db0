import type { WorkloadPod } from "@berth/contract/workloads"
import type { Attempt, Pod, Replica, Workload, WorkloadDetail } from "../../domain/workloads/index.ts"
import { isApplication, mainContainerOf } from "../../domain/workloads/index.ts"
import { comparePods, formatInstant } from "./format.ts"
import { wordsOfEnd } from "./messages.ts"

/** What is shown where a process went away without a code, as for a killed one. */
const lostExitCode = 137

/** The pods of the current attempt; none while the next attempt is awaited. */
export function currentPods(detail: WorkloadDetail): WorkloadPod[] {
  const { workload, attempts } = detail
  if (isApplication(workload.kind)) return podsOfApplication(detail).map((pod) => mapPod(workload, pod))
  const current = attempts.at(-1)
  if (!current || (current.state === "gone" && workload.phase === "Pending")) return []
  return current.pods.map((pod) => mapPod(workload, pod))
}

/** Of its replicas; once it is over, those too that ran until then: replicas are no more when they are gone. */
function podsOfApplication({ workload, replicas, attempts }: WorkloadDetail): Pod[] {
  const present = replicas.map((replica) => podOf(replica, attempts))
  if (workload.endedAtMs === null) return present
  const shownAlready = new Set(replicas.map((replica) => replica.attemptId))
  const { endedAtMs } = workload
  const ended = attempts.filter(
    ({ id, goneAtMs }) => goneAtMs !== null && goneAtMs >= endedAtMs && !shownAlready.has(id),
  )
  // one that was in its back-off ran last some time before
  const last = present.length === 0 && ended.length === 0 ? attempts.slice(-1) : ended
  return [...present, ...last.flatMap((attempt) => attempt.pods)]
}

/** The pod of a replica: the one that runs, or the one that is to start, with how the last one ended. */
function podOf(replica: Replica, attempts: readonly Attempt[]): Pod {
  const last = attempts.find((attempt) => attempt.id === replica.attemptId)?.pods[0]
  if (last && (replica.state === "running" || replica.state === "leaving")) return last
  const { nodeName, gpuIndexes, hostIp } = replica.place ?? nowhere
  // an update gives it another name: what ended under the old one is not its own
  const { exitCode, cause, message } = last?.podId === replica.podId ? last : notEnded
  return {
    podId: replica.podId,
    index: replica.ordinal,
    nodeName,
    gpuIndexes,
    phase: "Pending",
    hostIp,
    podIp: "",
    startedAtMs: null,
    endedAtMs: null,
    exitCode,
    cause,
    message,
  }
}

const nowhere = { nodeName: "", gpuIndexes: [], hostIp: "" }
const notEnded = { exitCode: null, cause: null, message: "" }

function mapPod(workload: Workload, pod: Pod): WorkloadPod {
  return {
    podId: pod.podId,
    ...shown("k8sNodeName", pod.nodeName),
    ...shown("adminNodeName", pod.nodeName),
    ...shown("phase", pod.phase),
    ...shown("hostIP", pod.hostIp),
    ...shown("podIP", pod.podIp),
    ...shown("rank", rankOf(workload, pod)),
    ...shown("startTime", formatInstant(pod.startedAtMs)),
    ...shown("endTime", formatInstant(pod.endedAtMs)),
    containers: containersOf(workload, pod),
  }
}

function containersOf(workload: Workload, pod: Pod): WorkloadPod["containers"] {
  const isLost = pod.cause === "lost" || pod.cause === "node_lost"
  const exitCode = pod.exitCode ?? (isLost ? lostExitCode : null)
  if (exitCode === null) return []
  const words = wordsOfEnd(pod.cause, exitCode)
  return [
    {
      name: mainContainerOf(workload.kind),
      ...shown("reason", words.reason),
      ...shown("message", pod.message || words.message),
      exitCode,
    },
  ]
}

/** `nodes` and `ranks`: one entry per dispatched attempt, one for one. */
export function placesOf(detail: WorkloadDetail): { readonly nodes: string[][]; readonly ranks: string[][] } {
  const { workload, attempts } = detail
  if (isApplication(workload.kind)) return placesOfReplicas(detail)
  const byRun = new Map(attempts.map((attempt) => [attempt.run, attempt]))
  const nodes: string[][] = []
  const ranks: string[][] = []
  for (let run = 1; run <= workload.dispatchCount; run++) {
    const places = placesOfAttempt(workload, byRun.get(run))
    nodes.push([...places.keys()])
    ranks.push([...places.values()])
  }
  return { nodes, ranks }
}

/** An application's entry is that of its present pods (reference/workloads.md 3.4). */
function placesOfReplicas(detail: WorkloadDetail): {
  readonly nodes: string[][]
  readonly ranks: string[][]
} {
  if (detail.workload.dispatchCount === 0) return { nodes: [], ranks: [] }
  const names = podsOfApplication(detail).map((pod) => pod.nodeName)
  const nodes = [...new Set(names.filter((name) => name !== ""))]
  return { nodes: [nodes], ranks: [nodes.map(() => "")] }
}

/** The distinct nodes of an attempt, each with the rank of its first pod there. */
function placesOfAttempt(workload: Workload, attempt: Attempt | undefined): Map<string, string> {
  const places = new Map<string, string>()
  for (const pod of (attempt?.pods ?? []).toSorted(comparePods)) {
    if (pod.nodeName === "" || places.has(pod.nodeName)) continue
    places.set(pod.nodeName, rankOf(workload, pod))
  }
  return places
}

function rankOf(workload: Workload, pod: Pod): string {
  return workload.kind === "PyTorchJob" ? String(pod.index) : ""
}

/** The member, unless it would be empty. */
function shown<K extends string>(key: K, value: string): { [P in K]?: string } {
  return value === "" ? {} : ({ [key]: value } as { [P in K]: string })
}
