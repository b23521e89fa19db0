import type { Actor, Store } from "./ports.ts"

/** A request that was refused. */
export interface Refusal {
  /** Who asked; null where nobody could be told from the request. */
  readonly actor: Actor | null
  /** Of the connection. */
  readonly address: string
  /** Of the route: of few values. */
  readonly operation: string
  readonly status: number
  /** Why, from closed lists. */
  readonly code: string
  readonly detail: string | undefined
}

/** Refused requests, counted so that a flood of them is a few audit records and no load (DESIGN 5). */
export interface Refusals {
  /** Counts one; costs a look-up. */
  note(refusal: Refusal, atMs: number): void
  /**
   * Writes a record of each kind that was counted since the last call. Call it every minute and at the end. What
   * could not be written is counted on and written later.
   */
  flush(nowMs: number): Promise<void>
}

interface Counted {
  readonly refusal: Refusal
  count: number
  firstAtMs: number
  lastAtMs: number
}

/** Kinds that are told apart between two flushes; what comes beyond them is counted together. */
const mostKinds = 1_000
/** Of them, those of nobody who is known: anybody can make as many as there are routes, from every address. */
const mostUnknown = 50
/** Records written in one transaction. */
const step = 100

/** Nobody's requests: what they claim to be is not written. */
function nobody(address: string | null): Actor {
  return { kind: "unknown", id: "unknown", name: "unknown", keyId: null, address, requestId: null }
}

/** Counts in memory; `most` kinds at a time, at most 50 of them without an actor. */
export function createRefusals(store: Pick<Store, "tx">, most = mostKinds): Refusals {
  let kinds = new Map<string, Counted>()
  let unknown = 0

  /** Beyond the bound it is counted with the others. */
  function add(key: string, counted: Counted): void {
    const known = kinds.get(key)
    if (!known) {
      const isUnknown = counted.refusal.actor === null
      const hasRoom = kinds.size < most && (!isUnknown || unknown < mostUnknown)
      if (!hasRoom && key !== othersKey) return add(othersKey, { ...counted, refusal: others })
      kinds.set(key, counted)
      if (isUnknown) unknown++
      return
    }
    known.count += counted.count
    known.firstAtMs = Math.min(known.firstAtMs, counted.firstAtMs)
    known.lastAtMs = Math.max(known.lastAtMs, counted.lastAtMs)
  }

  async function write(part: readonly (readonly [string, Counted])[], nowMs: number): Promise<void> {
    try {
      await store.tx(async (tx) => {
        for (const [, counted] of part) await tx.audit(recordOf(counted, nowMs))
      })
    } catch (error) {
      // a full disk must not lose them: they wait for the next time, within the same bound
      for (const [key, counted] of part) add(key, counted)
      throw error
    }
  }

  return {
    note(refusal, atMs) {
      const { actor, address, operation, code, detail = "" } = refusal
      const key = [actor?.id ?? "", actor?.keyId ?? "", address, operation, code, detail].join("\u0000")
      add(key, { refusal, count: 1, firstAtMs: atMs, lastAtMs: atMs })
    },
    async flush(nowMs) {
      const all = [...kinds]
      kinds = new Map()
      unknown = 0
      for (let at = 0; at < all.length; at += step) {
        const part = all.slice(at, at + step)
        try {
          await write(part, nowMs)
        } catch (error) {
          for (const [key, counted] of all.slice(at + step)) add(key, counted)
          throw error
        }
      }
    },
  }
}

const othersKey = "others"
/** What came when too many kinds were counted already. */
const others: Refusal = {
  actor: null,
  address: "",
  operation: "others",
  status: 0,
  code: "others",
  detail: undefined,
}

function recordOf({ refusal, count, firstAtMs, lastAtMs }: Counted, nowMs: number) {
  const { actor, address, operation, status, code, detail } = refusal
  return {
    operation,
    subject: { kind: "server", id: "requests" },
    workspace: null,
    // of many requests no one's id
    actor: actor ? { ...actor, address, requestId: null } : nobody(address === "" ? null : address),
    outcome: "refused",
    atMs: nowMs,
    data: {
      count,
      status,
      code,
      ...(detail === undefined ? {} : { detail }),
      first: new Date(firstAtMs).toISOString(),
      last: new Date(lastAtMs).toISOString(),
    },
  } as const
}
