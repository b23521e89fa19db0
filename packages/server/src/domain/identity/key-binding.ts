import { AppError } from "../../kit/errors.ts"
import type { LiveDirectory } from "./directory.ts"
import type { ApiKey, Principal } from "./types.ts"

type From = Parameters<LiveDirectory["local"]>[0]

/** Acts as one key for whoever asks without a credential. undefined: the key holds no more. */
export type KeyBinding = (from: From) => Principal | undefined

/**
 * Binds to the key of that name (DESIGN 7): the key itself, not its name, so that nobody takes its place by another
 * one of the same name. Its role is that of the moment, at each request anew.
 * @throws AppError `invalid`, detail `bound_key`: there is none that holds, there are several, or it is not of a
 *   workspace, so that it could be a server owner's
 */
export function bindKey(directory: LiveDirectory, name: string, nowMs: number): KeyBinding {
  const { id, generation } = theKey(directory, name, nowMs)
  return (from) => directory.authenticateKey(id, generation, from)
}

function theKey(directory: LiveDirectory, name: string, nowMs: number): ApiKey {
  const live = directory
    .keys()
    .filter((key) => key.name === name && key.revokedAtMs === null)
    .filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > nowMs)
  const [key] = live
  if (!key) throw unusable(`There is no API key "${name}" that holds.`)
  if (live.length > 1) throw unusable(`There are ${live.length} API keys "${name}".`)
  if (key.workspaceId === null)
    throw unusable(`The API key "${name}" is of no workspace: who sends no key may not have its rights.`)
  return key
}

function unusable(message: string): AppError {
  return new AppError("invalid", message, { resource: "key", detail: "bound_key" })
}
