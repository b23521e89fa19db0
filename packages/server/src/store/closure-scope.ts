import { AsyncLocalStorage } from "node:async_hooks"
import { AppError } from "../kit/errors.ts"
import type { EventPosition } from "./event-order.ts"
import type { Notice } from "./topics.ts"

/** One run of a closure given to `store.tx`, from its start until it settled or was given up. */
export interface ClosureRun {
  phase: "running" | "settled" | "abandoned"
  /** The first statement that failed: later ones fail alike, and so does the closure, also if it caught it. */
  failure: AppError | undefined
  /** What subscribers are told after COMMIT. */
  readonly notices: Notice[]
  /** The newest event it appended. */
  lastEvent: EventPosition | undefined
}

/** Knows, across awaits, whether the running code belongs to a closure. */
export interface ClosureScope {
  run<T>(closureRun: ClosureRun, body: () => T): T
  /** Why code of a closure may not use the store itself now; undefined when it may. */
  refusal(what: string): AppError | undefined
}

export function createClosureScope(): ClosureScope {
  const storage = new AsyncLocalStorage<ClosureRun>()
  return {
    run: (closureRun, body) => storage.run(closureRun, body),
    refusal(what) {
      const phase = storage.getStore()?.phase
      // What a closure started and that outlived it in good order (a timer) is outside again.
      if (phase === undefined || phase === "settled") return undefined
      return new AppError("internal", `${what} was used inside a transaction closure.`, {
        detail: "nested_tx",
      })
    },
  }
}

export function newClosureRun(): ClosureRun {
  return { phase: "running", failure: undefined, notices: [], lastEvent: undefined }
}
