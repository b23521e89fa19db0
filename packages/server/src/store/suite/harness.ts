import type { AppErrorFacts, ErrorCode } from "../../kit/errors.ts"
import type { OpenStore, StoreOptions } from "../index.ts"

/** One database with its faults, made for one test. */
export interface StoreHarness {
  readonly store: OpenStore
  /** From now on the database may grow by about `bytes` more, then it is full. */
  fill(bytes: number): void
  /** There is space again. */
  free(): void
  /** Closes the store and opens the same database anew. */
  reopen(): Promise<OpenStore>
  /** Ends all and removes the database. */
  dispose(): Promise<void>
}

export type HarnessOptions = Pick<StoreOptions, "maxWaiting" | "onCommit">
/** In what the dialects may differ, seen from outside. */
export interface SuiteTraits {
  /** Closures that wait share a transaction, in order; else each has its own and they run beside each other. */
  readonly isBatching: boolean
  /** A database that can be filled; undefined where none can be made. */
  readonly openSmall: OpenHarness | undefined
}

export type OpenHarness = (options?: HarnessOptions) => Promise<StoreHarness>

/** What an AppError must look like: for `rejects.toMatchObject`. */
export function failure(code: ErrorCode, detail?: AppErrorFacts["detail"]) {
  return detail === undefined ? { name: "AppError", code } : { name: "AppError", code, detail }
}

/** Does all at once where that keeps their order, else one after the other; none of them may fail the whole. */
export async function inOrder<T>(
  { isBatching }: SuiteTraits,
  work: readonly (() => Promise<T>)[],
): Promise<readonly PromiseSettledResult<T>[]> {
  if (isBatching) return Promise.allSettled(work.map((one) => one()))
  const results: PromiseSettledResult<T>[] = []
  for (const one of work) results.push(...(await Promise.allSettled([one()])))
  return results
}

/** The codes of settled writes, `ok` for those that stood. */
export async function outcomes(writes: readonly Promise<unknown>[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(writes)
  return settled.map((result) =>
    result.status === "fulfilled"
      ? "ok"
      : ((result.reason as { detail?: string; code?: string }).detail ??
        (result.reason as { code?: string }).code ??
        String(result.reason)),
  )
}
