import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { createScope } from "../../kit/scope.ts"
import type { NewEvent, Reads, Store, Subject, Tx } from "./ports.ts"

/** A request that its sender may send again (DESIGN 5). */
export interface IdempotentRequest {
  readonly userId: string
  /** Method and path, and how far a key reaches that does not reach as far as its user. */
  readonly route: string
  /** As sent. */
  readonly key: string
  /** SHA-256 of the raw body, lower-case hex. */
  readonly bodyHash: string
}

/** What was answered. */
export interface KeptAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export interface IdempotencyRow extends IdempotentRequest {
  /** null: it was carried out, and the answer was not kept: the server ended before, or it is too long. */
  readonly answer: KeptAnswer | null
  /** What its first event is about; null: it has none, or the answer is kept. */
  readonly about: Subject | null
  readonly createdAtMs: number
}

export interface IdempotencyStore {
  find(from: Reads, request: IdempotentRequest): Promise<IdempotencyRow | undefined>
  /** Writes it without an answer, also over a row that is too old to be answered from. */
  mark(
    tx: Tx,
    request: IdempotentRequest,
    done: { readonly atMs: number; readonly about: Subject | null },
  ): Promise<void>
  keep(tx: Tx, request: IdempotentRequest, answer: KeptAnswer): Promise<void>
  drop(tx: Tx, request: IdempotentRequest): Promise<void>
  /** Removes what is older than `beforeMs`, and the oldest beyond `most`; at most `limit`. @returns how many */
  prune(tx: Tx, beforeMs: number, most: number, limit: number): Promise<number>
}

/** Requests that are carried out once, however often they are sent. */
export interface Idempotency {
  /** The store for all that requests may change: what a request writes first, it marks. */
  readonly store: Store
  /**
   * What is to be done with a request: answer as before, `run` it and tell the outcome, or make the answer anew of
   * what was done. While one runs, the others wait for it, at most 20 s.
   * @throws AppError `invalid` detail `key_reused` for another body; `too_many` detail `in_flight` when the first one
   *   still runs
   */
  begin(request: IdempotentRequest, ways: IdempotencyWays): Promise<KeptAnswer | RunningRequest | LostAnswer>
  /** Removes what nobody asks for any more, in one small step. @returns how many; 0 = nothing is left */
  prune(limit: number): Promise<number>
}

export interface IdempotencyWays {
  /** Another body is answered as the first one was. */
  readonly replaysAnyBody: boolean
  /** Doing it again does no harm: so it is when the first answer was lost. */
  readonly isRepeatable: boolean
}

/** It was carried out, and the answer was not kept. */
export interface LostAnswer {
  /** What its first event is about. */
  readonly about: Subject | null
  /** Answers the others that come as this one was answered. */
  keep(answer: KeptAnswer): Promise<void>
}

export interface RunningRequest {
  /** Everything that `work` starts counts as the request's. */
  run(work: () => void): void
  /** Once, however it ended. null: it failed, and may be tried again under its key. */
  end(answer: KeptAnswer | null): Promise<void>
}

const keepMs = 24 * 3_600_000
const mostKept = 100_000
const longestWaitMs = 20_000
/** A longer answer is not kept, in characters. */
const longestBody = 1024 * 1024

interface Scope {
  readonly request: IdempotentRequest
  isMarked: boolean
  /** What its first event is about. */
  about: Subject | null
  /** It was answered: what it has woken goes on for itself. */
  isOver: boolean
}

export function createIdempotency(options: {
  readonly store: Store
  readonly rows: IdempotencyStore
  readonly clock: Clock
}): Idempotency {
  const { rows, clock } = options
  const inner = options.store
  const scopes = createScope<Scope>()
  const running = new Map<string, Promise<void>>()

  const store: Store = {
    get committed() {
      return inner.committed
    },
    subscribe: (topic, listener) => inner.subscribe(topic, listener),
    async tx(closure, txOptions) {
      const scope = scopes.current()
      if (!scope || scope.isOver) return inner.tx(closure, txOptions)
      const atMs = clock.nowMs()
      let about: Subject | null = null
      const result = await inner.tx(async (tx) => {
        const { seen, first } = noting(tx)
        const done = await closure(seen)
        about = scope.about ?? first()
        await rows.mark(tx, scope.request, { atMs, about })
        return done
      }, txOptions)
      scope.isMarked = true
      scope.about = about
      return result
    },
  }

  async function end(scope: Scope, answer: KeptAnswer | null): Promise<void> {
    scope.isOver = true
    if (!scope.isMarked) return
    const { request } = scope
    if (answer) await keep(request, answer)
    else await inner.tx((tx) => rows.drop(tx, request))
  }

  /** A long one is made anew whenever it is asked for, as one that was lost. */
  async function keep(request: IdempotentRequest, answer: KeptAnswer): Promise<void> {
    if (answer.body.length <= longestBody) await inner.tx((tx) => rows.keep(tx, request, answer))
  }

  /** Resolves when nothing of that name runs, and takes its place. */
  async function enter(name: string): Promise<() => void> {
    const untilMono = clock.monotonicMs() + longestWaitMs
    for (let other = running.get(name); other; other = running.get(name)) {
      const leftMs = untilMono - clock.monotonicMs()
      if (leftMs <= 0 || !(await settledWithin(clock, other, leftMs))) throw inFlight()
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    running.set(name, promise)
    return () => {
      running.delete(name)
      resolve()
    }
  }

  return {
    store,
    async begin(request, { replaysAnyBody, isRepeatable }) {
      const leave = await enter(JSON.stringify([request.userId, request.route, request.key]))
      try {
        const known = await rows.find(inner.committed, request)
        const isOld = known && known.createdAtMs <= clock.nowMs() - keepMs
        if (!known || isOld || (known.answer === null && isRepeatable)) {
          const scope: Scope = { request, isMarked: false, about: null, isOver: false }
          return {
            run: (work) => scopes.run(scope, work),
            end: (answer) => end(scope, answer).finally(leave),
          }
        }
        if (known.bodyHash !== request.bodyHash && !replaysAnyBody) throw reused()
        leave()
        const { answer, about } = known
        return answer ?? { about, keep: (made) => keep(request, made) }
      } catch (error) {
        leave()
        throw error
      }
    },
    prune: (limit) =>
      inner.tx((tx) => rows.prune(tx, clock.nowMs() - keepMs, mostKept, limit), { isLarge: true }),
  }
}

async function settledWithin(clock: Clock, work: Promise<void>, withinMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>()
  const cancel = clock.alarm(withinMs, () => late.resolve(false), true)
  const isDone = await Promise.race([work.then(() => true), late.promise])
  cancel()
  return isDone
}

function inFlight(): AppError {
  return new AppError("too_many", "A request with this Idempotency-Key is still being carried out.", {
    detail: "in_flight",
    retryAfterMs: 1000,
  })
}

function reused(): AppError {
  return new AppError("invalid", "This Idempotency-Key was used for a request with another body.", {
    detail: "key_reused",
    issues: [{ path: ["Idempotency-Key"], message: "was used for a request with another body" }],
  })
}

/** The same transaction, of which the subject of the first event is noted. */
function noting(tx: Tx): { readonly seen: Tx; readonly first: () => Subject | null } {
  let about: Subject | null = null
  const emit = (event: NewEvent): Promise<void> => {
    about ??= event.subject
    return tx.emit(event)
  }
  // a store's handle is known by its members, and those of a prototype are members too
  const seen = Object.create(tx, { emit: { value: emit } }) as Tx
  return { seen, first: () => about }
}
