import type { ExitCode } from "./exit-codes.ts"
import { exitCodes } from "./exit-codes.ts"

/** Something that ends the command: what happened, what to do about it, and the exit code. */
export class CliError extends Error {
  readonly hint: string
  readonly exitCode: number

  /** @param hint a sentence or command that helps; empty where there is none */
  constructor(message: string, hint = "", exitCode: ExitCode = exitCodes.failure) {
    super(message)
    this.name = "CliError"
    this.hint = hint
    this.exitCode = exitCode
  }
}

/** A wrong command line: exit code 2. */
export function usageError(message: string, hint = ""): CliError {
  return new CliError(message, hint, exitCodes.usage)
}
