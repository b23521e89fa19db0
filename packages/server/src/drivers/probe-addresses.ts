import { isIP } from "node:net"
import type { Clock } from "../kit/clock.ts"
import { machineNames, type Resolve, resolveBy } from "./probe-names.ts"

/** Probes come far more often than addresses change. */
const keepMs = 30_000
const mostHosts = 10_000

/** As the machine resolves names; an answer, or that there is none, is kept for half a minute. */
export function createResolver(clock: Clock, ask: Resolve = resolveBy(machineNames(clock))): Resolve {
  const known = new Map<
    string,
    { readonly untilMs: number; readonly addresses: Promise<readonly string[]> }
  >()
  return (host) => {
    if (isIP(host) !== 0) return Promise.resolve([host])
    const now = clock.monotonicMs()
    const kept = known.get(host)
    if (kept && kept.untilMs > now) return kept.addresses
    const addresses = ask(host)
    known.delete(host)
    known.set(host, { untilMs: now + keepMs, addresses })
    const [oldest] = known.keys()
    if (known.size > mostHosts && oldest !== undefined) known.delete(oldest)
    return addresses
  }
}
