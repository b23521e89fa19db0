import { statSync } from "node:fs"
import { dirname } from "node:path"

/** Whom the pod will be: the server's account, or one of its own that owns nothing here. */
export type PodAccount = { readonly uid: number } | { readonly uid: null }

/**
 * Why the pod's account cannot work in the folder; null when it can, as far as the modes say. Looks at every
 * folder on the way, as the kernel does. Groups and access lists are not looked at: they only ever add.
 */
export function whyUnreadable(folder: string, account: PodAccount): string | null {
  if (account.uid === 0) return isFolder(folder) ? null : `${folder} is not a folder`
  for (let at = folder; ; at = dirname(at)) {
    const fault = faultOf(at, at === folder, account)
    if (fault !== null) return fault
    if (at === dirname(at)) return null
  }
}

function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
}

function faultOf(folder: string, isTarget: boolean, account: PodAccount): string | null {
  const stat = statSync(folder, { throwIfNoEntry: false })
  if (!stat?.isDirectory()) return `${folder} is not a folder`
  const isOwner = account.uid !== null && stat.uid === account.uid
  const bits = isOwner ? stat.mode >> 6 : stat.mode
  const needed = isTarget ? 0o5 : 0o1
  if ((bits & needed) === needed) return null
  return isTarget ? `${folder} may not be read by others` : `${folder} may not be entered by others`
}
