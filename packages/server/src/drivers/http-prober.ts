import { request as requestPlain, type IncomingMessage, type RequestOptions } from "node:http"
import { request as requestSecure } from "node:https"
import { isIP } from "node:net"
import type { SecureContext } from "node:tls"
import type { ProbeResult, Prober } from "../domain/services/index.ts"
import type { Clock } from "../kit/clock.ts"
import type { AddressRules } from "./probe-rules.ts"
import type { Resolve } from "./probe-addresses.ts"

export interface HttpProberOptions {
  readonly clock: Clock
  readonly rules: AddressRules
  readonly resolve: Resolve
  /** Whose certificates are taken; asked for at the first address with https. */
  readonly trust: () => SecureContext
}

const mostRedirects = 3
/** What is read of an answer's body; more is not looked at. */
const mostBodyBytes = 64 * 1024
const mostHeaderBytes = 16 * 1024
/** Answers before the answer (1xx); they could come without end. */
const mostForerunners = 8

/** A fault that a probe ends with; its message is shown. */
class ProbeFault extends Error {}

/**
 * GET to an address from outside: 2xx is up. Every address that it connects to was checked, and is the very one that
 * it connects to; redirects are followed thrice at most, each checked anew. Nothing of a body is told.
 */
export function createHttpProber(options: HttpProberOptions): Prober {
  const { clock } = options

  async function follow(first: string, signal: AbortSignal): Promise<ProbeResult> {
    let url = checkedUrl(first)
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const answer = await send(options, url, signal)
      const status = answer.statusCode ?? 0
      const to = isRedirect(status) ? answer.headers.location : undefined
      if (to === undefined) {
        await readSome(answer)
        return { ok: status >= 200 && status < 300, detail: `It answered ${status}.` }
      }
      answer.destroy()
      url = checkedUrl(to, url)
    }
    return { ok: false, detail: `It redirects more than ${mostRedirects} times.` }
  }

  return {
    async probe(url, timeoutMs, signal) {
      const late = new AbortController()
      const ended = AbortSignal.any([signal, late.signal])
      const cancel = clock.alarm(timeoutMs, () => late.abort())
      try {
        return await Promise.race([follow(url, ended), rejected(ended)])
      } catch (error) {
        if (late.signal.aborted) return { ok: false, detail: `It took longer than ${timeoutMs / 1000} s.` }
        return { ok: false, detail: faultOf(error) }
      } finally {
        cancel()
        // what still runs for it (a look-up that hangs may) reaches nothing any more
        late.abort()
      }
    },
  }
}

/** @throws ProbeFault for what is never probed */
function checkedUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw new ProbeFault("Its address is no URL.")
  const url = new URL(text, base)
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ProbeFault("Its address is neither http nor https.")
  if (url.username !== "" || url.password !== "") throw new ProbeFault("Its address has credentials in it.")
  if (url.port === "0") throw new ProbeFault("Its address has no port that can be connected to.")
  return url
}

async function send(
  { rules, resolve, trust }: HttpProberOptions,
  url: URL,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const found = await resolve(host).catch(() => {
    throw new ProbeFault("Its host is not known.")
  })
  signal.throwIfAborted()
  const address = found.find((one) => rules.allows(host, one))
  if (address === undefined)
    throw new ProbeFault("Its host is not one that may be probed (services.probeAllow lists exceptions).")
  return begin(url, { host, address, trust }, signal)
}

function begin(
  url: URL,
  {
    host,
    address,
    trust,
  }: { readonly host: string; readonly address: string; readonly trust: () => SecureContext },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const isSecure = url.protocol === "https:"
  const options: RequestOptions & { readonly servername?: string; readonly secureContext?: SecureContext } = {
    // the checked address itself: there is no second look-up that could say something else
    host: address,
    family: isIP(address),
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method: "GET",
    headers: { host: url.host, "user-agent": "berth-watch", accept: "*/*" },
    agent: false,
    maxHeaderSize: mostHeaderBytes,
    signal,
    ...(isSecure && { secureContext: trust() }),
    // the certificate is to be the name's, whatever address that has; SNI knows no final dot
    ...(isSecure && isIP(host) === 0 && { servername: host.replace(/\.$/, "") }),
  }
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? requestSecure : requestPlain)(options, resolve)
    let forerunners = 0
    sent.on("information", () => {
      if (++forerunners > mostForerunners) sent.destroy(new ProbeFault("It does not come to its answer."))
    })
    // without a listener the connection is ended and nobody told
    sent.on("upgrade", (answer) => {
      answer.socket.destroy()
      reject(new ProbeFault(`It answered ${answer.statusCode ?? 0}.`))
    })
    sent.on("error", reject)
    sent.end()
  })
}

/** To its end, or until enough was read. */
async function readSome(answer: IncomingMessage): Promise<void> {
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // leaving the loop destroys the connection
    if (bytes >= mostBodyBytes) return
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })
  })
}

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
function faultOf(error: unknown): string {
  if (error instanceof ProbeFault) return error.message
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  if (code.startsWith("HPE_")) return sentences[code] ?? "It does not answer as HTTP does."
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return "It does not speak TLS as it should."
  return sentences[code] ?? "It could not be asked."
}
