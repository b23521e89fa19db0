import { execFile } from "node:child_process"
import { chmod, chown, mkdir, realpath, stat } from "node:fs/promises"
import { join, normalize } from "node:path"
import type { RayPodLaunch, RayVolumeContent } from "../../../domain/ray/index.ts"
import type { PodMount } from "../../../domain/workloads/index.ts"
import { AppError } from "../../../kit/errors.ts"
import type { Account } from "../accounts.ts"
import { systemPath } from "../drop-account.ts"

export interface VolumesOptions {
  /** Where claims are kept: a folder for each workspace that ever was, in it one for each namespace with its claims. */
  readonly claims: string
  /** Paths that a node itself needs: nothing may be mounted on or above them. */
  readonly needed: readonly string[]
  /** Paths that clusters of people who are not server owners may mount, with what is below them. */
  readonly hostPathAllow: readonly string[]
}

const machineNeeds = ["/proc", "/sys", "/dev", "/usr"] as const

/**
 * What of a launch's volumes is to be mounted; claims that are not there are made.
 * @throws AppError `invalid`, detail `volume`: the message is the reason
 */
export async function mountsOf(
  launch: RayPodLaunch,
  account: Account,
  options: VolumesOptions,
): Promise<readonly PodMount[]> {
  if (launch.volumes.length === 0) return []
  for (const volume of launch.volumes) checkPoint(volume, [...machineNeeds, ...options.needed])
  const trouble = await troubleWithMounts()
  if (trouble !== undefined) throw refusal(trouble)
  const mounts: PodMount[] = []
  for (const volume of launch.volumes) mounts.push(await mountOf(volume, launch, account, options))
  return mounts
}

function refusal(message: string): AppError {
  return new AppError("invalid", message, { detail: "volume" })
}

function checkPoint({ name, mountPath }: RayVolumeContent, needed: readonly string[]): void {
  const path = trimmed(mountPath)
  if (!path.startsWith("/") || path.includes("\0") || normalize(path) !== path)
    throw refusal(`The volume ${name} cannot be mounted at ${mountPath}: that is no whole path.`)
  const inTheWay = needed.find((each) => path === "/" || each === path || each.startsWith(`${path}/`))
  if (inTheWay !== undefined || /^\/(?:proc|sys)\//.test(path))
    throw refusal(
      `The volume ${name} cannot be mounted at ${mountPath}: the machine or Berth needs that place.`,
    )
}

function trimmed(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path
}

/** Why this server can mount nothing; undefined when it can. */
export function troubleWithMounts(): Promise<string | undefined> {
  if (process.getuid?.() !== 0)
    return Promise.resolve("Volumes cannot be mounted: the server does not run as root.")
  const args = ["--mount", "--propagation", "private", "true"]
  return new Promise((resolve) => {
    execFile("unshare", args, { timeout: 5000, env: { PATH: systemPath } }, (error) =>
      resolve(
        error
          ? "Volumes cannot be mounted: this machine lets the server make no mount namespace (unshare of util-linux)."
          : undefined,
      ),
    )
  })
}

async function mountOf(
  volume: RayVolumeContent,
  launch: RayPodLaunch,
  account: Account,
  { claims, hostPathAllow }: VolumesOptions,
): Promise<PodMount> {
  const path = trimmed(volume.mountPath)
  const { readOnly } = volume
  switch (volume.type) {
    case "configMap":
    case "secret":
      checkFiles(volume)
      return { kind: "files", path, files: volume.files, isSecret: volume.type === "secret" }
    case "emptyDir":
    case "ephemeral":
      return { kind: "folder", path, readOnly }
    case "persistentVolumeClaim": {
      const source = await claimFolder(claims, launch, volume.source, account)
      return { kind: "host", path, source, isFile: false, readOnly }
    }
    case "hostPath":
      return hostMount(volume, path, launch.asServerOwner ? null : hostPathAllow)
  }
}

function checkFiles({ name, files }: RayVolumeContent): void {
  for (const path of Object.keys(files))
    if (path === "" || path.startsWith("/") || path.includes("\0") || path.split("/").includes(".."))
      throw refusal(`The volume ${name} has a file that lies outside of it: ${path}.`)
}

const claimName = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/

/** The mode of a claim's folder until it has its account. */
const unfinished = 0o300

/**
 * Its folder belongs to the account that was the first to use it, and is reached by being mounted alone: the next
 * workspace of the name has the same account, and must not find what this one leaves behind.
 */
async function claimFolder(
  claims: string,
  { workspaceKey, namespace }: RayPodLaunch,
  claim: string,
  account: Account,
): Promise<string> {
  if (!claimName.test(namespace) || !claimName.test(claim))
    throw refusal(`"${claim}" cannot be the name of a volume claim.`)
  const parent = join(claims, workspaceKey, namespace)
  const folder = join(parent, claim)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await mkdir(folder, { mode: unfinished }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error
  })
  // a server that was killed half-way, and another start at this moment, leave it so
  if (((await stat(folder)).mode & 0o777) !== unfinished) return folder
  if (!account.sharesAccount) await chown(folder, account.uid, account.gid)
  await chmod(folder, 0o700)
  return folder
}

/** @param allowed null = every path */
async function hostMount(
  volume: RayVolumeContent,
  path: string,
  allowed: readonly string[] | null,
): Promise<PodMount> {
  const { name, readOnly } = volume
  const isFile = volume.hostPathType === "file"
  const source = allowed === null ? volume.source : await allowedSource(volume, allowed)
  const found = await stat(source).catch(() => undefined)
  if (!source.startsWith("/") || !found || found.isDirectory() === isFile)
    throw refusal(`The volume ${name} wants the ${volume.hostPathType} ${volume.source}, which is not there.`)
  const mount = { kind: "host", path, source, isFile, readOnly } as const
  // somebody who may write there could exchange it for a link before it is mounted
  return allowed === null ? mount : { ...mount, identity: `${found.dev}:${found.ino}` }
}

/** Where its links lead, which must be below where those of an allowed path lead. */
async function allowedSource(
  { name, source }: RayVolumeContent,
  allowed: readonly string[],
): Promise<string> {
  const real = source.startsWith("/") ? await realpath(source).catch(() => undefined) : undefined
  for (const each of allowed) {
    const place = await realpath(each).catch(() => undefined)
    if (real !== undefined && place !== undefined && (real === place || real.startsWith(`${place}/`)))
      return real
  }
  throw refusal(
    `The volume ${name} is the path ${source} of the machine: only a server owner's clusters may have it, or what local.hostPathAllow names.`,
  )
}
