import { CliError, usageError } from "./cli-error.ts"
import { exitCodes } from "./exit-codes.ts"
import { isLoopbackUrl } from "./find-server.ts"
import type { Terminal } from "./terminal.ts"

/** A password or a key is sent encrypted, or not beyond this machine, or because somebody said so. */
export interface WireOptions {
  readonly insecure?: boolean
}

/** @throws CliError for plain http to another machine, unless `insecure` */
export function checkWire(url: string, { insecure }: WireOptions): void {
  if (insecure || isLoopbackUrl(url) || !URL.canParse(url) || new URL(url).protocol !== "http:") return
  throw new CliError(
    `${url} is not encrypted: everybody on the way could read the secret.`,
    "Give the server's https:// address, or --insecure where you trust the network.",
    exitCodes.usage,
  )
}

/** The lines of standard input, without what ends them. */
export async function inputLines(terminal: Terminal): Promise<readonly string[]> {
  return (await terminal.input()).split("\n").map((line) => line.replace(/\r$/, ""))
}

/**
 * A secret: asked for without showing it where a person is there, else the first line of standard input. Never an
 * argument or a variable, which others can see.
 * @throws CliError when it is empty
 */
export async function readSecret(terminal: Terminal, what: string): Promise<string> {
  const [secret = ""] = terminal.canAsk ? [await terminal.ask(`${what}: `, true)] : await inputLines(terminal)
  if (secret === "") throw usageError(`The ${what.toLowerCase()} is empty.`)
  return secret
}
