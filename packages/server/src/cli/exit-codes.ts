/**
 * What the command's exit code says. `berth run` and `berth logs -f` end with the workload's own code once it
 * has ended, so these small codes are certain only for the other commands.
 */
export const exitCodes = {
  ok: 0,
  /** It was refused or failed; the sentence on standard error says why. */
  failure: 1,
  /** The command line or the configuration is wrong: nothing was tried. */
  usage: 2,
  /** The server is not there; for `berth up`: another server holds the data directory or the database. */
  notReachable: 3,
  /** `berth up` cannot start here: port in use, directory not writable, database corrupt or newer. */
  cannotStart: 4,
  /** A workload that ran out of time. */
  timedOut: 124,
  /** Interrupted by Ctrl-C; a workload goes on. */
  detached: 130,
  /** A workload that was stopped before it ended by itself; a question that a signal ended. */
  stopped: 143,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
