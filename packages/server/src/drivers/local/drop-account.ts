/** The command that drops to an account, before the command it is for. */
export function dropTo(uid: number, gid: number, groups: readonly number[]): readonly string[] {
  return [
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${gid}`,
    groups.length > 0 ? `--groups=${groups.join(",")}` : "--clear-groups",
    "--inh-caps=-all",
    "--no-new-privs",
  ]
}

/** What pods' wrappers and this file's commands are found in: never a user's path. */
export const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
