import { lookup, Resolver } from "node:dns/promises"
import { readFile } from "node:fs/promises"
import type { Clock } from "../kit/clock.ts"
import { createTurns } from "./probe-turns.ts"

/** The addresses of a host, the preferred one first. Rejects where it has none. */
export type Resolve = (host: string) => Promise<readonly string[]>

/** Where the addresses of a name may be had. */
export interface NameSources {
  /** Of the machine's name servers. Takes no thread: names whose server is silent hold up no others. */
  readonly servers: Resolve
  /** As every program of the machine has it, by one of the few threads. */
  readonly system: Resolve
  /** Whether the machine itself says what it is, before any server is asked. */
  readonly isListed: (host: string) => Promise<boolean>
}

/** Look-ups of the system at once: more than two wait for each other in any case, whoever asks. */
const systemAtOnce = 2
const dnsTimeoutMs = 1_500
const dnsTries = 2
/** The machine's files are read anew so often. */
const keepFilesMs = 30_000

/**
 * Names as the machine has them: its own list, then its name servers, then whatever else it knows (search domains
 * and the like) where those say that there is none. A name whose servers do not answer at all ends there: the system
 * would wait for them too, and hold a thread meanwhile that all other names wait for.
 */
export function resolveBy({ servers, system, isListed }: NameSources): Resolve {
  return async (host) => {
    if (await isListed(host)) return system(host)
    try {
      return await servers(host)
    } catch (error) {
      if (isSilence(error)) throw error
      return system(host)
    }
  }
}

/** Whether it failed because nobody answered. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ETIMEOUT"
}

export function machineNames(clock: Clock): NameSources {
  const turns = createTurns(systemAtOnce)
  const resolver = kept(clock, () => new Resolver({ timeout: dnsTimeoutMs, tries: dnsTries }))
  const listed = kept(clock, () => readFile("/etc/hosts", "utf8").then(namesIn, () => new Set<string>()))
  return {
    servers: (host) => askServers(resolver(), host),
    system: (host) =>
      turns.take(async () =>
        (await lookup(host, { all: true, order: "verbatim" })).map(({ address }) => address),
      ),
    isListed: async (host) => (await listed()).has(host.toLowerCase().replace(/\.$/, "")),
  }
}

/** Both families; that one of them has none is no matter. Rejects with silence before anything else. */
export async function askServers(resolver: Resolver, host: string): Promise<readonly string[]> {
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []))
  if (found.length > 0) return found
  const reasons = answers.flatMap((answer) =>
    answer.status === "rejected" ? [answer.reason as unknown] : [],
  )
  throw reasons.find(isSilence) ?? reasons[0] ?? new Error("There is no address.")
}

/** Names in the machine's own list: each line an address, then names, then maybe a comment. */
function namesIn(text: string): ReadonlySet<string> {
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim().split(/\s+/))
  return new Set(lines.flatMap(([, ...names]) => names.map((name) => name.toLowerCase())))
}

function kept<T>(clock: Clock, make: () => T): () => T {
  let made: { readonly value: T; readonly untilMs: number } | undefined
  return () => {
    const nowMs = clock.monotonicMs()
    if (!made || made.untilMs <= nowMs) made = { value: make(), untilMs: nowMs + keepFilesMs }
    return made.value
  }
}
