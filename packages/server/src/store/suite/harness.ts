import type { AppErrorFacts, ErrorCode } from "../../kit/errors.ts"
import type { OpenStore, OpenStoreOptions } from "../index.ts"

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

export type HarnessOptions = Pick<OpenStoreOptions, "maxWaiting" | "onCommit">
export type OpenHarness = (options?: HarnessOptions) => Promise<StoreHarness>

/** What an AppError must look like: for `rejects.toMatchObject`. */
export function failure(code: ErrorCode, detail?: AppErrorFacts["detail"]) {
  return detail === undefined ? { name: "AppError", code } : { name: "AppError", code, detail }
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
