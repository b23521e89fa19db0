import { readFileSync } from "node:fs"

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

/** The part of the machine's processes that one account may have: a fork bomb leaves the others theirs. */
const accountShare = 1 / 4

/** The most processes and threads that all pods of one account may have together. */
export function processesPerAccount(): number {
  const [pids, threads] = ["pid_max", "threads-max"].map((name) =>
    Number(readFileSync(`/proc/sys/kernel/${name}`, "utf8")),
  )
  return Math.floor(Math.min(pids ?? Infinity, threads ?? Infinity) * accountShare)
}

/** The command that bounds the processes of an account, before `dropTo`; the kernel does not hold root to it. */
export function boundProcesses(): readonly string[] {
  const most = processesPerAccount()
  return ["prlimit", `--nproc=${most}:${most}`]
}
