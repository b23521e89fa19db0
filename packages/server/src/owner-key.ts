import { readFileSync } from "node:fs"
import { dirname } from "node:path"
import type { ControlPlane } from "./control-plane.ts"
import { hashToken, localUserName, type Principal, type UserId } from "./domain/identity/index.ts"
import { AppError } from "./kit/errors.ts"
import { writePrivately } from "./kit/write-privately.ts"

/** Where the owner's key is kept, and in whose name one is made anew. */
export interface OwnerKeyOptions {
  readonly path: string
  readonly as: (userId: UserId, userName: string) => Principal
  readonly nowMs: number
}

/**
 * First start makes the owner and its key; a key file that is missing later is made anew.
 * @returns sentences that somebody should know: the key in the file does not hold
 * @throws AppError `conflict` detail `foreign_data_dir` where a key is kept and the database is new: the key belongs
 *   to another database, whose owner would be locked out if it were written over
 */
export async function ensureOwnerKey(
  plane: ControlPlane,
  options: OwnerKeyOptions,
): Promise<readonly string[]> {
  const { path, nowMs } = options
  const kept = readKey(path)
  if (kept !== "" && isNew(plane))
    throw new AppError(
      "conflict",
      `The data directory ${dirname(path)} has an owner's key and the database is new: they do not belong together.`,
      { detail: "foreign_data_dir" },
    )
  const made = await plane.identity.bootstrap()
  if (made) writePrivately(path, `${made.token}\n`)
  else if (kept === "") await makeAnew(plane, options)
  else if (!holds(plane, kept, nowMs))
    return [
      `The key in ${path} does not hold in this database: remove the file and start again for a new one.`,
    ]
  return []
}

/** Nobody is there yet, as `bootstrap` sees it. */
function isNew({ directory }: ControlPlane): boolean {
  return directory.users().every((user) => user.name === localUserName)
}

function readKey(path: string): string {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    // not there: a first start, a crash between the commit and the file, or somebody took it away
    return ""
  }
}

async function makeAnew(plane: ControlPlane, { path, as }: OwnerKeyOptions): Promise<void> {
  const owner = plane.directory.userByName("owner")
  if (!owner) return
  const { token } = await plane.identity.createKey(as(owner.id, owner.name), {
    name: "owner",
    userId: owner.id,
    role: null,
    workspaceId: null,
    expiresAtMs: null,
  })
  writePrivately(path, `${token}\n`)
}

function holds({ directory }: ControlPlane, token: string, nowMs: number): boolean {
  const hash = hashToken(token)
  return directory
    .keys()
    .some(
      (key) =>
        key.hash === hash &&
        key.revokedAtMs === null &&
        (key.expiresAtMs === null || key.expiresAtMs > nowMs),
    )
}
