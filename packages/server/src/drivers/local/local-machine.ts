import type { Log } from "../../kit/log.ts"
import { createAccounts, type Accounts } from "./accounts.ts"
import { createAddresses, type Addresses } from "./addresses.ts"
import { localPaths, makeSharedFolders } from "./attempt-files.ts"
import { createSlots, type Slots } from "./slots.ts"

/** What the local drivers of one server share, because the machine has it once: accounts and addresses. */
export interface LocalMachine {
  readonly accounts: Accounts
  readonly addresses: Addresses
  /** Of each driver, whether an attempt of it may be running under the account. */
  readonly usesOfUid: Set<(uid: number) => boolean>
  /** Probes under way. */
  readonly probeSlots: Slots
}

export interface LocalMachineOptions {
  /** Where the table of accounts is kept: in `local/`. */
  readonly dataDir: string
  readonly log: Log
  /** `auto` (default): a server owner's workloads run as the server's account; `uid`: nobody's do. */
  readonly runAs?: "auto" | "uid"
  /** First and last uid for workspaces. Default 60000–60999. */
  readonly uidRange?: readonly [number, number]
  /** A server that is not root runs everybody's workloads as its own account. Default false. */
  readonly shareAccount?: boolean
  /** Probes of pods with an open connection at a time; others wait their turn. Default 512. */
  readonly mostProbes?: number
}

/**
 * Make one for all local drivers of a server: two tables of accounts would give one uid to two workspaces.
 * @throws AppError `internal` when the table of accounts is damaged
 */
export function createLocalMachine(options: LocalMachineOptions): LocalMachine {
  const paths = localPaths(options.dataDir)
  makeSharedFolders(paths)
  return {
    addresses: createAddresses(options.dataDir),
    usesOfUid: new Set(),
    probeSlots: createSlots(options.mostProbes ?? 512),
    accounts: createAccounts({
      paths,
      log: options.log,
      runAs: options.runAs ?? "auto",
      uidRange: options.uidRange ?? [60_000, 60_999],
      shareAccount: options.shareAccount ?? false,
      serverUid: process.getuid?.() ?? 0,
    }),
  }
}
