import type { JsonObject } from "./json.ts"

/** The public half of an RSA key that signs, as a JSON Web Key Set shows it (RFC 7517). */
export interface PublicJwk extends JsonObject {
  readonly kty: "RSA"
  readonly n: string
  readonly e: string
  /** Thumbprint of the key (RFC 7638). */
  readonly kid: string
  readonly alg: "RS256"
  readonly use: "sig"
}

/** A whole key. Keep `privatePem` sealed. */
export interface RsaSigningKey {
  readonly publicJwk: PublicJwk
  /** PKCS #8. */
  readonly privatePem: string
}

/** Signs claims: the compact form of a JWT with the header alg RS256, kid, typ JWT. */
export type SignJwt = (claims: JsonObject) => Promise<string>
/** The claims of a text whose signature is the key's; undefined for every other text. Never rejects. */
export type VerifyJwt = (text: string) => Promise<JsonObject | undefined>

const algorithm = "RS256"
const modulusBits = 2048
/** Three parts of base64url. */
const jwtPattern = /^[\w-]{1,1024}\.[\w-]{1,4096}\.[\w-]{1,1024}$/

/** Loaded at first need: a server whose clients send keys only does without it. */
const loadJose = () => import("jose")

/** A new key of 2,048 bits; takes some tenths of a second beside the event loop. */
export async function makeRsaSigningKey(): Promise<RsaSigningKey> {
  const jose = await loadJose()
  const pair = await jose.generateKeyPair(algorithm, { modulusLength: modulusBits, extractable: true })
  const { n, e } = await jose.exportJWK(pair.publicKey)
  if (n === undefined || e === undefined) throw new Error("The key made is no RSA key.")
  const kid = await jose.calculateJwkThumbprint({ kty: "RSA", n, e })
  return {
    publicJwk: { kty: "RSA", n, e, kid, alg: algorithm, use: "sig" },
    privatePem: await jose.exportPKCS8(pair.privateKey),
  }
}

/** @throws Error when it is no private RSA key */
export async function openJwtSigner({ publicJwk, privatePem }: RsaSigningKey): Promise<SignJwt> {
  const jose = await loadJose()
  const key = await jose.importPKCS8(privatePem, algorithm)
  const header = { alg: algorithm, kid: publicJwk.kid, typ: "JWT" }
  return (claims) =>
    new jose.CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header).sign(key)
}

/** @throws Error when it is no public RSA key */
export async function openJwtVerifier(publicJwk: PublicJwk): Promise<VerifyJwt> {
  const jose = await loadJose()
  const key = await jose.importJWK(publicJwk, algorithm)
  return async (text) => {
    try {
      const { payload } = await jose.compactVerify(text, key, { algorithms: [algorithm] })
      return objectOf(Buffer.from(payload))
    } catch {
      return undefined
    }
  }
}

/**
 * The key that a text says it was signed with. Looks at its form and its header only; verifies nothing.
 * @returns undefined for what is no JWT of the algorithm RS256: `none` and the symmetric ones are never tried
 */
export function kidOfJwt(text: string): string | undefined {
  if (!jwtPattern.test(text)) return undefined
  const header = objectOf(Buffer.from(text.slice(0, text.indexOf(".")), "base64url"))
  if (header?.["alg"] !== algorithm || header["typ"] !== "JWT") return undefined
  return typeof header["kid"] === "string" ? header["kid"] : undefined
}

function objectOf(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined
  } catch {
    return undefined
  }
}
