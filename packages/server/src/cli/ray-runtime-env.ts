import { usageError } from "./cli-error.ts"
import { readObject } from "./ray-body.ts"
import type { Terminal } from "./terminal.ts"
import { readEnv } from "./work-request.ts"

/**
 * Ray's runtime environment as the text that the API takes, from a file with variables on top; "" for none.
 * @throws CliError for a file that cannot be read, or a folder of this machine in it
 */
export async function readRuntimeEnv(
  terminal: Terminal,
  file: string | undefined,
  pairs: readonly string[] | undefined,
): Promise<string> {
  const said = file === undefined ? {} : await readObject(terminal, "--runtime-env", file)
  checkFolders(said)
  const variables = readEnv(pairs ?? [], terminal)
  if (Object.keys(variables).length === 0) return Object.keys(said).length === 0 ? "" : JSON.stringify(said)
  const before = said["env_vars"]
  const env_vars = { ...(typeof before === "object" ? before : {}), ...variables }
  return JSON.stringify({ ...said, env_vars })
}

/** Ray's own client packs and sends a folder; the API does not. */
function checkFolders(said: Readonly<Record<string, unknown>>): void {
  const folder = said["working_dir"]
  if (typeof folder !== "string" || folder.includes("://")) return
  throw usageError(
    `working_dir "${folder}" is a folder, which only Ray's own client can send.`,
    "`berth ray dashboard CLUSTER` prints the `ray job submit` that does.",
  )
}
