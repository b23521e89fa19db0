import { createHash } from "node:crypto"
import type { GpuKind } from "../../domain/inventory/index.ts"
import { isApplication, type AttemptLaunch, type PodLaunch } from "../../domain/workloads/index.ts"

/** Where and as whom a pod runs: what only this driver knows. */
export interface PodPlace {
  readonly home: string
  readonly userName: string
  readonly tmpDir: string
  /** The search path that pods start with. */
  readonly path: string
  readonly podIp: string
  readonly masterIp: string
  readonly masterPort: number
  readonly stopReasonFile: string
  readonly gpuKind: GpuKind
}

/**
 * A pod's whole environment, later names winning: the account's basics, the launch's (user's, then platform's),
 * the pod's own. Nothing of the server's environment is in it.
 */
export function podEnvironment(
  launch: AttemptLaunch,
  pod: PodLaunch,
  place: PodPlace,
): Record<string, string> {
  return {
    HOME: place.home,
    USER: place.userName,
    LOGNAME: place.userName,
    SHELL: "/bin/sh",
    TMPDIR: place.tmpDir,
    LANG: "C.UTF-8",
    PATH: searchPath(place.path, launch.env),
    // output is a file: without it Python keeps lines back until its buffer is full
    PYTHONUNBUFFERED: "1",
    ...launch.env,
    ...identityOf(launch, pod, place),
    ...(isApplication(launch.kind) ? {} : rendezvousOf(launch, pod, place)),
    ...interfaces,
    ...devicesOf(pod, place),
  }
}

/** The tools of a virtual environment that travelled along come first. */
function searchPath(path: string, env: Readonly<Record<string, string>>): string {
  const roots = [env["VIRTUAL_ENV"], env["CONDA_PREFIX"]].filter((root) => root !== undefined && root !== "")
  return [...roots.map((root) => `${root}/bin`), path].join(":")
}

function identityOf(launch: AttemptLaunch, pod: PodLaunch, place: PodPlace): Record<string, string> {
  return {
    WORKLOAD_ID: launch.workloadId,
    DISPATCH_COUNT: String(launch.run),
    MAIN_CONTAINER_NAME: pod.containerName,
    POD_NAME: pod.podId,
    POD_UID: podUid(launch.id, pod.podId),
    POD_NAMESPACE: launch.workspaceId,
    POD_IP: place.podIp,
    BERTH_HOST: place.podIp,
    BERTH_ATTEMPT: launch.id,
    BERTH_POD: String(pod.index),
    BERTH_NODE: pod.nodeName,
    BERTH_STOP_REASON_FILE: place.stopReasonFile,
  }
}

/** Of jobs: each pod of an application runs for itself, and a world of one would mislead it. */
function rendezvousOf(launch: AttemptLaunch, pod: PodLaunch, place: PodPlace): Record<string, string> {
  const world = String(launch.pods.length)
  const rank = String(pod.index)
  const port = String(place.masterPort)
  return {
    MASTER_ADDR: place.masterIp,
    MASTER_PORT: port,
    WORLD_SIZE: world,
    RANK: rank,
    LOCAL_RANK: "0",
    NNODES: world,
    NODE_RANK: rank,
    PET_MASTER_ADDR: place.masterIp,
    PET_MASTER_PORT: port,
    PET_NNODES: world,
    PET_NODE_RANK: rank,
    PET_NPROC_PER_NODE: String(Math.max(1, pod.gpuIndexes.length)),
  }
}

/** Where pods' addresses are: the processes of one pod meet there too. */
const interfaces = { NCCL_SOCKET_IFNAME: "lo", GLOO_SOCKET_IFNAME: "lo" }

/**
 * The devices by index in bus order; empty, not absent, where none was asked for, so that none is seen. AMD's runtime
 * takes HIP's and CUDA's list from among those that ROCR's leaves, counted anew from 0.
 */
function devicesOf(pod: PodLaunch, place: PodPlace): Record<string, string> {
  const visible = pod.gpuIndexes.join(",")
  const count = pod.gpuIndexes.length
  const amongVisible = place.gpuKind === "amd" ? pod.gpuIndexes.map((_, at) => at).join(",") : visible
  return {
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    CUDA_VISIBLE_DEVICES: amongVisible,
    HIP_VISIBLE_DEVICES: amongVisible,
    ROCR_VISIBLE_DEVICES: visible,
    ...(count > 0 ? { GPUS_PER_NODE: String(count) } : {}),
    ...(count > 0 && place.gpuKind === "simulated" ? { BERTH_GPU_SIMULATED: "1" } : {}),
  }
}

/** A UUID that is the same whenever the same pod of the same attempt is asked for. */
function podUid(attemptId: string, podId: string): string {
  const hex = createHash("sha256").update(`${attemptId}/${podId}`).digest("hex")
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-")
}
