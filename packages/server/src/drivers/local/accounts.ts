import { execFile } from "node:child_process"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { userInfo } from "node:os"
import { AppError } from "../../kit/errors.ts"
import type { Log } from "../../kit/log.ts"
import { dropTo, systemPath } from "./drop-account.ts"
import { readTextSync, replaceFileSync, type LocalPaths } from "./attempt-files.ts"

export interface AccountsOptions {
  readonly paths: LocalPaths
  readonly log: Log
  /** `auto`: a server owner's workloads run as the server's account; `uid`: nobody's do. */
  readonly runAs: "auto" | "uid"
  /** First and last uid to give to workspaces. */
  readonly uidRange: readonly [number, number]
  /** Lets a server that is not root run everybody's workloads as its own account. */
  readonly shareAccount: boolean
  /** The server's own uid. */
  readonly serverUid: number
}

/** Under which account a pod's command runs. */
export interface Account {
  readonly uid: number
  readonly gid: number
  readonly sharesAccount: boolean
  readonly userName: string
  /** undefined = the pod's working folder. */
  readonly home: string | undefined
}

export interface Accounts {
  /**
   * The account for a workload; a workspace's uid is the same for ever.
   * @throws AppError `unavailable` with a sentence on what to change when the server cannot do as configured
   */
  accountFor(workspaceId: string, asServerOwner: boolean): Promise<Account>
  /** Whether the uid is a workspace's. */
  isGiven(uid: number): boolean
  /** Why the server cannot give workspaces accounts of their own; undefined when it can. */
  troubleWithSeparation(): Promise<string | undefined>
}

export function createAccounts(options: AccountsOptions): Accounts {
  const { paths, uidRange } = options
  const uids = readUids(paths.accounts)
  let checked: Promise<string | undefined> | undefined

  const own: Account = serverAccount(options.serverUid)

  function troubleWithSeparation(): Promise<string | undefined> {
    checked ??= findTrouble().then((trouble) => {
      if (trouble !== undefined) checked = undefined // it may be put right while the server runs
      return trouble
    })
    return checked
  }

  async function findTrouble(): Promise<string | undefined> {
    if (options.serverUid !== 0)
      return "The server does not run as root, so it cannot give workspaces accounts of their own."
    const closed = closedParentOf(paths.pods)
    if (closed !== undefined)
      return `The accounts of workspaces cannot enter ${closed}: allow it (chmod o+x) or put the data directory elsewhere.`
    return tryDropping(uidRange[0])
  }

  function uidOf(workspaceId: string): number {
    const known = uids.get(workspaceId)
    if (known !== undefined) return known
    const taken = new Set([...uids.values(), ...systemUids()])
    for (let uid = uidRange[0]; uid <= uidRange[1]; uid++) {
      if (taken.has(uid)) continue
      const next = Object.fromEntries([...uids, [workspaceId, uid]])
      replaceFileSync(paths.accounts, `${JSON.stringify(next)}\n`, 0o600)
      uids.set(workspaceId, uid)
      options.log.info({ workspaceId, uid }, "workspace got an account")
      return uid
    }
    throw new AppError(
      "unavailable",
      `All accounts from ${uidRange[0]} to ${uidRange[1]} are taken: widen local.uidRange.`,
    )
  }

  return {
    async accountFor(workspaceId, asServerOwner) {
      if (asServerOwner && options.runAs === "auto") return own
      const trouble = await troubleWithSeparation()
      if (trouble === undefined) {
        const uid = uidOf(workspaceId)
        return { uid, gid: uid, sharesAccount: false, userName: `berth-${uid}`, home: undefined }
      }
      if (options.serverUid !== 0 && options.runAs === "auto") {
        if (options.shareAccount) return own
        throw new AppError(
          "unavailable",
          `${trouble} Only a server owner's workloads can run; local.shareAccount: true lets all run as the server's account.`,
        )
      }
      throw new AppError("unavailable", trouble)
    },
    isGiven: (uid) => [...uids.values()].includes(uid),
    troubleWithSeparation,
  }
}

function serverAccount(uid: number): Account {
  try {
    const info = userInfo()
    return { uid, gid: info.gid, sharesAccount: true, userName: info.username, home: info.homedir }
  } catch {
    // an account without an entry in the user table, as in some containers
    return {
      uid,
      gid: process.getgid?.() ?? uid,
      sharesAccount: true,
      userName: String(uid),
      home: undefined,
    }
  }
}

function readUids(path: string): Map<string, number> {
  const text = readTextSync(path)
  if (text === undefined) return new Map()
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, number>))
  } catch (cause) {
    // guessing would give one workspace's files to another
    throw new AppError("internal", `The file ${path} is damaged: restore it from a backup.`, { cause })
  }
}

function systemUids(): readonly number[] {
  try {
    return readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .map((line) => Number(line.split(":")[2] ?? Number.NaN))
      .filter(Number.isSafeInteger)
  } catch {
    return []
  }
}

/** The outermost folder on the way to `path` that other accounts may not enter. */
function closedParentOf(path: string): string | undefined {
  const parent = dirname(path)
  const above = parent === path ? undefined : closedParentOf(parent)
  if (above !== undefined) return above
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && (stat.mode & 0o001) === 0 ? path : undefined
}

function tryDropping(uid: number): Promise<string | undefined> {
  const [file, ...args] = [...dropTo(uid, uid, []), "/bin/sh", "-c", "exit 0"]
  return new Promise((resolve) => {
    execFile(file ?? "", args, { timeout: 5000, env: { PATH: systemPath } }, (error) => {
      if (!error) return resolve(undefined)
      const why =
        "code" in error && error.code === "ENOENT" ? "it is not installed" : error.message.split("\n")[1]
      resolve(
        `Commands cannot be given accounts of their own by setpriv (util-linux): ${why || error.message}.`,
      )
    })
  })
}

/** The groups that own the GPU device files of this machine, root's not among them. */
export function gpuDeviceGroups(devices = "/dev"): readonly number[] {
  const groups = new Set<number>()
  for (const path of gpuDevices(devices)) {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isCharacterDevice() && stat.gid !== 0) groups.add(stat.gid)
  }
  return [...groups].sort((a, b) => a - b)
}

function gpuDevices(devices: string): readonly string[] {
  const list = (folder: string) => {
    try {
      return readdirSync(folder).map((name) => `${folder}/${name}`)
    } catch {
      return []
    }
  }
  return [
    ...list(devices).filter((path) => /\/(nvidia[^/]*|kfd)$/.test(path)),
    ...list(`${devices}/dri`).filter((path) => /\/renderD\d+$/.test(path)),
  ]
}
