/** A fault that a probe ends with; its message is shown. */
export class ProbeFault extends Error {}

/** What an answer's headers may take. */
export const mostHeaderBytes = 16 * 1024

const untrusted = "Its certificate is not trusted: nobody known has signed it (services.probeCa)."
const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: "The connection was refused.",
  ECONNRESET: "The connection was cut.",
  EPIPE: "The connection was cut.",
  EHOSTUNREACH: "Its host cannot be reached.",
  ENETUNREACH: "Its network cannot be reached.",
  ETIMEDOUT: "The connection took too long.",
  HPE_HEADER_OVERFLOW: `Its headers are longer than ${mostHeaderBytes / 1024} KiB.`,
  CERT_HAS_EXPIRED: "Its certificate has expired.",
  CERT_NOT_YET_VALID: "Its certificate is not valid yet.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Its certificate is not trusted: it has signed itself (services.probeCa).",
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: "Its certificate is for another host.",
}

/** Never the error's own text: it may hold something that the other side sent. */
export function faultOf(error: unknown): string {
  if (error instanceof ProbeFault) return error.message
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  if (code.startsWith("HPE_")) return sentences[code] ?? "It does not answer as HTTP does."
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return "It does not speak TLS as it should."
  return sentences[code] ?? "It could not be asked."
}
