import { resolve } from "node:path"
import { systemClock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { createLog } from "../../kit/log.ts"
import { CliError } from "../cli-error.ts"
import type { ExitCode } from "../exit-codes.ts"
import { exitCodes } from "../exit-codes.ts"
import { dataDirs } from "../find-server.ts"
import { count } from "../human.ts"
import { readOutputForm, writeDone } from "../output.ts"
import { quoteWord } from "../quote.ts"
import type { Terminal } from "../terminal.ts"

export interface RestoreCommandOptions {
  readonly data?: string
  readonly force?: boolean
  readonly output?: string
}

/** `berth restore FILE`: puts a backup into a data directory on this machine that no server uses. */
export async function restore(
  terminal: Terminal,
  given: string,
  options: RestoreCommandOptions,
): Promise<void> {
  const form = readOutputForm(options.output ?? "table")
  if (terminal.env["BERTH_DATABASE"])
    throw new CliError(
      "BERTH_DATABASE is set: a backup is put into a file, which a server on PostgreSQL does not look at.",
      "Unset it to restore into a data directory; a PostgreSQL database is restored with pg_restore.",
      exitCodes.usage,
    )
  const { restoreBackup } = await import("../../backups/restore.ts")
  const [said = "."] = dataDirs(terminal, options)
  const dataDir = resolve(terminal.cwd, said)
  const file = resolve(terminal.cwd, given)
  const force = options.force === true
  const log = createLog("error")
  const restored = await restoreBackup({ file, dataDir, force, clock: systemClock, log }).catch(
    (error: unknown) => rethrow(error, file),
  )
  const { manifest, setAside, hasOwnerKey } = restored
  const { counts } = manifest
  const lines = [
    `${dataDir} holds the database as of ${manifest.madeAt}: ${count(counts.workspaces, "workspace")}, ${count(counts.users, "user")}, ${count(counts.workloads, "workload")}.`,
    ...(setAside === null ? [] : [`What was there before is in ${setAside}.`]),
    ...(hasOwnerKey
      ? []
      : ["The server makes a new owner's key when it starts; other keys hold as they did then."]),
    `Start it with \`berth up --data ${quoteWord(dataDir)}\`: all queues are paused; look around, then \`berth queue resume --all\`.`,
  ]
  await writeDone(terminal, form, lines.join("\n"), { dataDir, setAside, hasOwnerKey, manifest })
}

const faults: Readonly<Record<string, readonly [ExitCode, string]>> = {
  data_dir_locked: [exitCodes.notReachable, "End it first: berth down."],
  data_dir_unwritable: [exitCodes.cannotStart, "Choose another with --data DIR, or change its owner."],
  data_dir_not_empty: [
    exitCodes.failure,
    "Choose another with --data DIR, or --force: the database there is then set aside, and pods that run there are looked at.",
  ],
  newer_database: [exitCodes.cannotStart, ""],
}

function rethrow(error: unknown, file: string): never {
  if (error instanceof AppError) {
    const [exitCode, hint] = faults[error.detail ?? ""] ?? [exitCodes.failure, ""]
    const isAboutFile = error.code === "invalid" || error.detail === "newer_database"
    throw new CliError(isAboutFile ? `${file}: ${error.message}` : error.message, hint, exitCode)
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  if (code === "ENOENT" || code === "EACCES" || code === "EISDIR")
    throw new CliError(
      `${file} cannot be read (${code}).`,
      "Give the file that `berth backup` wrote.",
      exitCodes.usage,
    )
  throw error
}
