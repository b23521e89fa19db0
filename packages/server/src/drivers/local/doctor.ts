import { accessSync, constants, statSync } from "node:fs"
import type { Accounts } from "./accounts.ts"
import type { LocalPaths } from "./attempt-files.ts"

/** One thing the local driver depends on. */
export interface DoctorFact {
  /** A stable name: `data_dir`, `root`, `separate_accounts`, `control_groups`, `private_data`. */
  readonly name: string
  readonly ok: boolean
  /** A sentence, also when all is well. */
  readonly message: string
}

/** What this machine and this account allow the driver to do. Starts one short process at most. */
export async function examineMachine(options: {
  readonly paths: LocalPaths
  readonly accounts: Accounts
  readonly serverUid: number
  readonly hasGroups: boolean
}): Promise<readonly DoctorFact[]> {
  const { paths, serverUid } = options
  const trouble = await options.accounts.troubleWithSeparation()
  return [
    writableFact(paths.dataDir),
    {
      name: "root",
      ok: serverUid === 0,
      message:
        serverUid === 0
          ? "The server runs as root."
          : `The server runs as uid ${serverUid}: all workloads would share its account.`,
    },
    {
      name: "separate_accounts",
      ok: trouble === undefined,
      message: trouble ?? "Workspaces get accounts of their own.",
    },
    {
      name: "control_groups",
      ok: options.hasGroups,
      message: options.hasGroups
        ? "Pods are kept in control groups."
        : "No control group can be made: the processes of pods are found by session and environment.",
    },
    privateFact(paths.own),
  ]
}

function writableFact(path: string): DoctorFact {
  try {
    accessSync(path, constants.W_OK)
    return { name: "data_dir", ok: true, message: `The data directory ${path} is writable.` }
  } catch {
    return { name: "data_dir", ok: false, message: `The data directory ${path} is not writable.` }
  }
}

function privateFact(path: string): DoctorFact {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
  const ok = (mode & 0o077) === 0
  return {
    name: "private_data",
    ok,
    message: ok ? "Other accounts cannot read the server's own files." : `Other accounts can read ${path}.`,
  }
}
