import { randomBytes } from "node:crypto"
import { chmodSync, readFileSync, renameSync, statSync } from "node:fs"
import { AppError } from "./kit/errors.ts"
import { vaultKeyBytes } from "./kit/vault.ts"
import { writePrivately } from "./kit/write-privately.ts"

/** The key that seals what is secret in the database. */
export interface SecretKey {
  readonly bytes: Uint8Array
  /** Sentences that somebody should know. */
  readonly warnings: readonly string[]
}

/** 32 bytes in base64url. */
const keyPattern = /^[\w-]{43}$/

/**
 * Reads the file of the secret key; makes it, readable by this account only, where it is missing. One that is damaged
 * is set aside and a new one is made: it opens nothing that was sealed before, which whoever needs that says.
 * @throws AppError `invalid` detail `secret_key_unreadable` where it is there and cannot be read
 */
export function openSecretKey(path: string, nowMs: number): SecretKey {
  const text = readText(path)
  if (text === undefined) return { bytes: makeKey(path), warnings: [] }
  if (keyPattern.test(text)) return { bytes: Buffer.from(text, "base64url"), warnings: keepPrivate(path) }
  const aside = `${path}.damaged-${nowMs}`
  renameSync(path, aside)
  const warning = `The secret key in ${path} was damaged: it is kept as ${aside}, and a new one was made.`
  return { bytes: makeKey(path), warnings: [warning] }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim()
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
    if (code === "ENOENT") return undefined
    throw new AppError(
      "invalid",
      `The secret key ${path} cannot be read (${code}): it must be a file of the server's account.`,
      { detail: "secret_key_unreadable", cause },
    )
  }
}

function makeKey(path: string): Uint8Array {
  const bytes = randomBytes(vaultKeyBytes)
  writePrivately(path, `${bytes.toString("base64url")}\n`)
  return bytes
}

function keepPrivate(path: string): readonly string[] {
  if ((statSync(path).mode & 0o077) === 0) return []
  chmodSync(path, 0o600)
  return [`Others could read the secret key in ${path}; now its owner alone can.`]
}
