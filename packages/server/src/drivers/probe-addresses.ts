import { lookup } from "node:dns/promises"
import { isIP } from "node:net"
import type { Clock } from "../kit/clock.ts"
import { createTurns } from "./probe-turns.ts"

/** The addresses of a host, the preferred one first. Rejects where it has none. */
export type Resolve = (host: string) => Promise<readonly string[]>

/** Look-ups at once: each takes one of the few threads that files are written by too. */
const lookupsAtOnce = 2
/** Probes come far more often than addresses change. */
const keepMs = 30_000
const mostHosts = 10_000

/** As the machine resolves names; an answer, or that there is none, is kept for half a minute. */
export function createResolver(clock: Clock, ask: Resolve = systemAddresses): Resolve {
  const turns = createTurns(lookupsAtOnce)
  const known = new Map<
    string,
    { readonly untilMs: number; readonly addresses: Promise<readonly string[]> }
  >()
  return (host) => {
    if (isIP(host) !== 0) return Promise.resolve([host])
    const now = clock.monotonicMs()
    const kept = known.get(host)
    if (kept && kept.untilMs > now) return kept.addresses
    const addresses = turns.take(() => ask(host))
    known.delete(host)
    known.set(host, { untilMs: now + keepMs, addresses })
    const [oldest] = known.keys()
    if (known.size > mostHosts && oldest !== undefined) known.delete(oldest)
    return addresses
  }
}

async function systemAddresses(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true, order: "verbatim" })).map(({ address }) => address)
}
