import { type ClientRequest, type IncomingMessage, request, type RequestOptions } from "node:http"
import { connect, isIP, type Socket } from "node:net"
import { connect as connectSecurely, type SecureContext } from "node:tls"
import type { ProbeResult, Prober } from "../domain/services/index.ts"
import type { Clock } from "../kit/clock.ts"
import { faultOf, mostHeaderBytes, ProbeFault } from "./probe-faults.ts"
import { isSilence, type Resolve } from "./probe-names.ts"
import type { AddressRules } from "./probe-rules.ts"

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
/** Answers before the answer (1xx); they could come without end. */
const mostForerunners = 8

/** What a probe has open. Many run in a second: signals of their own would cost as much as asking does. */
interface Hand {
  isOver: boolean
  sent: ClientRequest | undefined
  /** Ends it now, with this sentence. */
  giveUp(sentence: string): void
}

/**
 * GET to an address from outside: 2xx is up. Every address that it connects to was checked, and is the very one that
 * it connects to; redirects are followed thrice at most, each checked anew. Nothing of a body is told.
 */
export function createHttpProber(options: HttpProberOptions): Prober {
  const { clock } = options
  const handsOf = createHands()

  async function follow(first: string, hand: Hand): Promise<ProbeResult> {
    let url = checkedUrl(first)
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const answer = await send(options, url, hand)
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
      if (signal.aborted) return { ok: false, detail: givenUp }
      const ended = Promise.withResolvers<never>()
      const hand: Hand = {
        isOver: false,
        sent: undefined,
        giveUp: (sentence) => ended.reject(new ProbeFault(sentence)),
      }
      const hands = handsOf(signal)
      hands.add(hand)
      const cancel = clock.alarm(timeoutMs, () => hand.giveUp(`It took longer than ${timeoutMs / 1000} s.`))
      try {
        return await Promise.race([follow(url, hand), ended.promise])
      } catch (error) {
        return { ok: false, detail: faultOf(error) }
      } finally {
        cancel()
        hands.delete(hand)
        // what still runs for it (a look-up that hangs may) reaches nothing any more
        hand.isOver = true
        hand.sent?.destroy()
      }
    },
  }
}

const givenUp = "It was given up."

/** What is under way for a signal, all of which ends with it: one listener, however many there are. */
function createHands(): (signal: AbortSignal) => Set<Hand> {
  const known = new WeakMap<AbortSignal, Set<Hand>>()
  return (signal) => {
    const before = known.get(signal)
    if (before) return before
    const hands = new Set<Hand>()
    known.set(signal, hands)
    const end = () => {
      for (const hand of hands) hand.giveUp(givenUp)
    }
    signal.addEventListener("abort", end, { once: true })
    return hands
  }
}

/** @throws ProbeFault for what is never probed */
function checkedUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href)
  if (!url) throw new ProbeFault("Its address is no URL.")
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ProbeFault("Its address is neither http nor https.")
  if (url.username !== "" || url.password !== "") throw new ProbeFault("Its address has credentials in it.")
  if (url.port === "0") throw new ProbeFault("Its address has no port that can be connected to.")
  return url
}

async function send(options: HttpProberOptions, url: URL, hand: Hand): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const found = await options.resolve(host).catch((error: unknown) => {
    throw new ProbeFault(
      isSilence(error) ? "The name servers of its host do not answer." : "Its host is not known.",
    )
  })
  if (hand.isOver) throw new ProbeFault(givenUp)
  const address = found.find((one) => options.rules.allows(host, one))
  if (address === undefined)
    throw new ProbeFault("Its host is not one that may be probed (services.probeAllow lists exceptions).")
  return begin(url, () => open(options, url, { host, address }), hand)
}

/** To the checked address itself: there is no second look-up that could say something else. */
function open(
  { trust }: HttpProberOptions,
  url: URL,
  { host, address }: { readonly host: string; readonly address: string },
): Socket {
  const isSecure = url.protocol === "https:"
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port)
  const to = { host: address, family: isIP(address), port }
  if (!isSecure) return connect(to)
  // the certificate is to be the name's, whatever address that has; SNI knows no final dot and no address
  const servername = isIP(host) === 0 ? { servername: host.replace(/\.$/, "") } : {}
  return connectSecurely({ ...to, ...servername, secureContext: trust(), ALPNProtocols: ["http/1.1"] })
}

function begin(url: URL, createConnection: () => Socket, hand: Hand): Promise<IncomingMessage> {
  const options: RequestOptions = {
    createConnection,
    path: `${url.pathname}${url.search}`,
    method: "GET",
    headers: { host: url.host, "user-agent": "berth-watch", accept: "*/*", connection: "close" },
    maxHeaderSize: mostHeaderBytes,
  }
  return new Promise((resolve, reject) => {
    const sent = request(options, resolve)
    hand.sent = sent
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

/** To its end, or until enough was read; then the connection is ended. */
function readSome(answer: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    answer.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes < mostBodyBytes) return
      answer.destroy()
      resolve()
    })
    answer.on("end", resolve)
    answer.on("error", reject)
  })
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}
