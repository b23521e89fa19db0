import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls"
import { AppError } from "../kit/errors.ts"

/**
 * Whose certificates probes take: those of Node's usual authorities, and of those in a file. The file is read now; what
 * is made of it is made when it is asked for first, and once: it is the dearest part of a connection.
 * @param path of a PEM file; null = none
 * @throws AppError `invalid` detail `tls_unreadable`
 */
export function probeTrust(path: string | null): () => SecureContext {
  const more = path === null ? [] : authoritiesIn(path)
  let made: SecureContext | undefined
  // without a list of its own it shares the one that Node keeps
  return () =>
    (made ??= createSecureContext(
      more.length === 0 ? {} : { ca: [...getCACertificates("default"), ...more] },
    ))
}

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function authoritiesIn(path: string): readonly string[] {
  try {
    const found = readFileSync(path, "utf8").match(block) ?? []
    if (found.length === 0) throw new Error("There is no certificate in it.")
    // what is no certificate would be passed over in silence
    return found.map((pem) => new X509Certificate(pem).toString())
  } catch (cause) {
    throw new AppError(
      "invalid",
      `The file ${path} has no certificates that can be read (services.probeCa).`,
      {
        detail: "tls_unreadable",
        cause,
      },
    )
  }
}
