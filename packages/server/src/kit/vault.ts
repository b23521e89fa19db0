import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"

/** Keeps texts that only the holder of a key may read. */
export interface Vault {
  /** @param context what it is, e.g. its id: it opens under the same one only, so that sealed texts cannot be swapped */
  seal(text: string, context: string): string
  /** undefined when it was sealed with another key or context, or changed since. */
  open(sealed: string, context: string): string | undefined
}

/** Bytes of a vault's key. */
export const vaultKeyBytes = 32

const cipher = "aes-256-gcm"
const nonceBytes = 12
const tagBytes = 16
/** Tells the form, so that another one may follow. */
const prefix = "v1."

/** AES-256-GCM with a random nonce each time. @param key 32 bytes @throws RangeError for another length */
export function createVault(key: Uint8Array): Vault {
  if (key.length !== vaultKeyBytes) throw new RangeError(`A vault's key has ${vaultKeyBytes} bytes.`)
  return {
    seal(text, context) {
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes })
      sealing.setAAD(Buffer.from(context))
      const body = Buffer.concat([sealing.update(text, "utf8"), sealing.final()])
      return prefix + Buffer.concat([nonce, sealing.getAuthTag(), body]).toString("base64url")
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed.startsWith(prefix) ? sealed.slice(prefix.length) : "", "base64url")
      if (bytes.length < nonceBytes + tagBytes) return undefined
      try {
        const nonce = bytes.subarray(0, nonceBytes)
        const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
        opening.setAAD(Buffer.from(context))
        opening.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
        const text = opening.update(bytes.subarray(nonceBytes + tagBytes))
        return Buffer.concat([text, opening.final()]).toString()
      } catch {
        return undefined
      }
    },
  }
}
