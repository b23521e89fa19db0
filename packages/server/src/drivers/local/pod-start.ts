import { spawn, type ChildProcess } from "node:child_process"
import { cpus } from "node:os"
import { join } from "node:path"
import { AppError } from "../../kit/errors.ts"
import type { GpuKind } from "../../domain/inventory/index.ts"
import {
  isApplication,
  type AttemptLaunch,
  type PodLaunch,
  type PodMount,
} from "../../domain/workloads/index.ts"
import { gpuDeviceGroups, type Account, type Accounts } from "./accounts.ts"
import { boundProcesses, dropTo, systemPath } from "./drop-account.ts"
import type { Addresses } from "./addresses.ts"
import {
  prepareAttempt,
  stopReasonFile,
  volumesOf,
  type LocalPaths,
  type PodFiles,
  type StoredAttempt,
  type StoredPod,
} from "./attempt-files.ts"
import { podEnvironment } from "./environment.ts"
import { makeGroup, podGroup, type PodGroups } from "./pod-groups.ts"
import { launchScript } from "./launch-script.ts"
import { inOwnMounts, mountScript } from "./mount-script.ts"
import { checkPorts } from "./ports-in-use.ts"
import type { PodMark } from "./processes.ts"

export interface PodStartOptions {
  readonly paths: LocalPaths
  readonly accounts: Accounts
  readonly addresses: Addresses
  /** The search path that pods start with. */
  readonly path: string
  /** What kind the GPUs of a node are. */
  readonly gpuKind: (nodeName: string) => GpuKind
  /** undefined where the server can make no control groups. */
  readonly groups: PodGroups | undefined
  /** Names a pod for people who may see those of the workspace. */
  readonly nameOfPod: (mark: PodMark, workspaceId: string) => string
}

/**
 * Writes all that an attempt needs before its first process and takes its addresses.
 * @throws AppError `unavailable` (detail `port_in_use` for a port that is taken); then no address is kept and nothing can start
 */
export async function prepare(options: PodStartOptions, launch: AttemptLaunch): Promise<StoredAttempt> {
  const { addresses, paths } = options
  const ips: string[] = []
  let port = 0
  try {
    const account = await options.accounts.accountFor(launch.workspaceId, launch.asServerOwner)
    for (let pod = 0; pod < launch.pods.length; pod++) ips.push(addresses.takeIp())
    const wanted = launch.pods.map(({ ports }, at) => ({ podIp: ips[at] ?? "127.0.0.1", ports }))
    await checkPorts(wanted, (mark) => options.nameOfPod(mark, launch.workspaceId))
    // the pods of an application do not meet
    if (!isApplication(launch.kind)) port = await addresses.takePort(ips[0] ?? "127.0.0.1")
    const groupRoot = makeGroups(options.groups, launch)
    const stored = { ...storedAttempt(launch, account, ips, port), groupRoot }
    const files = launch.pods.map((pod) => podFiles(options, launch, pod, stored, account))
    await prepareAttempt(paths, stored, launch.entryPoint, files)
    return stored
  } catch (error) {
    addresses.giveBack(ips, port)
    if (error instanceof AppError) throw error
    const message = "The working folders of the pods could not be made."
    throw new AppError("unavailable", message, { cause: error })
  }
}

function storedAttempt(
  launch: AttemptLaunch,
  account: Account,
  ips: readonly string[],
  masterPort: number,
): Omit<StoredAttempt, "groupRoot"> {
  const wantsGpus = launch.pods.some((pod) => pod.gpuIndexes.length > 0)
  return {
    format: 1,
    attemptId: launch.id,
    workspaceId: launch.workspaceId,
    uid: account.uid,
    gid: account.gid,
    sharesAccount: account.sharesAccount,
    groups: wantsGpus && !account.sharesAccount ? gpuDeviceGroups() : [],
    masterPort,
    pods: launch.pods.map((pod, at) => ({
      podId: pod.podId,
      index: pod.index,
      podIp: ips[at] ?? "127.0.0.1",
      memoryBytes: pod.size.memoryBytes,
      nice: niceFor(pod.size.cpuMilli, cpus().length),
      probes: pod.probes,
      hasMounts: (pod.mounts ?? []).length > 0,
    })),
  }
}

/** Without groups a pod runs as well: its processes are then found by their marks. */
function makeGroups(groups: PodGroups | undefined, launch: AttemptLaunch): string | null {
  if (!groups) return null
  try {
    for (const pod of launch.pods) makeGroup(podGroup(groups.root, launch.id, pod.index))
    return groups.root
  } catch {
    return null
  }
}

/** A pod that asked for all cores gets 1; each step down of a quarter one more, as the kernel weighs them. */
export function niceFor(cpuMilli: number, cores: number): number {
  const share = (cores * 1000) / Math.max(1, cpuMilli)
  return Math.min(15, Math.max(1, Math.round(Math.log(share) / Math.log(1.25))))
}

/** Paths of UNIX sockets end at 107 bytes, and programs put some 35 below their temporary folder. */
const longestTmpDir = 72

function podFiles(
  options: PodStartOptions,
  launch: AttemptLaunch,
  pod: PodLaunch,
  stored: StoredAttempt,
  account: Account,
): PodFiles {
  const { paths } = options
  const workDir = join(paths.pod(launch.id, pod.index), "work")
  const ownTmp = join(workDir, "tmp")
  const ipOf = (index: number) => stored.pods.find((other) => other.index === index)?.podIp ?? "127.0.0.1"
  const first = Math.min(...launch.pods.map((other) => other.index))
  const env = podEnvironment(launch, pod, {
    home: account.home ?? workDir,
    userName: account.userName,
    tmpDir: ownTmp.length <= longestTmpDir ? ownTmp : "/tmp",
    path: options.path,
    podIp: ipOf(pod.index),
    masterIp: ipOf(first),
    masterPort: stored.masterPort,
    stopReasonFile: stopReasonFile(paths, launch.id),
    gpuKind: options.gpuKind(pod.nodeName),
  })
  const files = {
    workDir,
    entryFile: join(paths.attempt(launch.id), "entry"),
    stopReasonFile: stopReasonFile(paths, launch.id),
  }
  const script = launchScript(env, files, launch.entryPoint)
  return {
    index: pod.index,
    launch: script.text,
    ...mountFiles(pod.mounts ?? [], volumesOf(paths.pod(launch.id, pod.index)), account),
    firstLines: script.leftOut
      .map(
        (name) => `berth: ${JSON.stringify(name)} cannot be an environment variable here and was left out\n`,
      )
      .join(""),
  }
}

function mountFiles(
  mounts: readonly PodMount[],
  volumes: string,
  { uid, gid }: Account,
): Pick<PodFiles, "mounts" | "folders"> {
  const folder = (index: number) => join(volumes, String(index))
  return {
    mounts: mounts.length > 0 ? mountScript(mounts, { uid, gid, folder }) : null,
    folders: mounts.flatMap((mount, index) => (mount.kind === "folder" ? [String(index)] : [])),
  }
}

/**
 * Starts a pod's wrapper as the leader of a session of its own. Whether it is the first one, its lock decides.
 * @throws AppError `unavailable` when the machine has no process left to give
 */
export function spawnWrapper(
  paths: LocalPaths,
  stored: StoredAttempt,
  pod: StoredPod,
): ChildProcess & { readonly pid: number } {
  const folder = paths.pod(stored.attemptId, pod.index)
  const drop = stored.sharesAccount
    ? []
    : [...boundProcesses(), ...dropTo(stored.uid, stored.gid, stored.groups)]
  const mounts = pod.hasMounts ? inOwnMounts(join(folder, "mounts"), join(folder, "scratch")) : []
  const command = ["nice", "-n", String(pod.nice), ...mounts, ...drop, "/bin/sh", join(folder, "launch")]
  const group = stored.groupRoot === null ? "" : podGroup(stored.groupRoot, stored.attemptId, pod.index)
  let child: ChildProcess
  try {
    child = spawn("/bin/sh", [paths.wrapper, folder, group, ...command], {
      cwd: "/",
      detached: true,
      stdio: "ignore",
      env: {
        PATH: systemPath,
        LC_ALL: "C",
        BERTH_ATTEMPT: stored.attemptId,
        BERTH_POD: String(pod.index),
      },
    })
  } catch (cause) {
    throw new AppError("unavailable", "No process could be started on this machine.", { cause })
  }
  child.on("error", () => undefined) // told by the missing pid, below
  if (child.pid === undefined)
    throw new AppError("unavailable", "No process could be started on this machine: it has too many.")
  child.unref()
  return child as ChildProcess & { readonly pid: number }
}
