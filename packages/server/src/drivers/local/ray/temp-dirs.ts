import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { chmod, chown, lstat, mkdir } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { AppError } from "../../../kit/errors.ts"
import type { Account } from "../accounts.ts"
import { systemPath } from "../drop-account.ts"

/** The folder for a node's sockets: short, for paths of sockets end at 107 bytes; the same whenever asked. */
export function tempDirOf(root: string, dataDir: string, id: string): string {
  const hash = createHash("sha256").update(`${dataDir}\0${id}`).digest("hex")
  return join(root, `br-${hash.slice(0, 16)}`)
}

/**
 * Makes it for one account alone; one that is there must be ours or that account's.
 * @throws AppError `unavailable` when another account has put something in its place
 */
export async function makeTempDir(path: string, account: Account): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (cause) {
    const found = await lstat(path).catch(() => undefined)
    const isOurs = found?.isDirectory() && [process.getuid?.(), account.uid].includes(found.uid)
    if (!isOurs) throw new AppError("unavailable", `The folder ${path} could not be made.`, { cause })
  }
  await chmod(path, 0o700)
  if (!account.sharesAccount) await chown(path, account.uid, account.gid)
}

/** By the system's `rm`, which is not led astray by links. */
export async function removeTempDir(path: string): Promise<void> {
  await promisify(execFile)("rm", ["-rf", "--", path], { env: { PATH: systemPath, LC_ALL: "C" } })
}
