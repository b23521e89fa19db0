import type { ScanQuery, SqlRow } from "../session.ts"

/** Handed to a reader thread when it starts. */
export interface ReaderSetup {
  readonly path: string
}

/**
 * To a reader thread: queries of one snapshot, which is kept for the next ones where it is to be held, until it is
 * released; `close` ends the thread.
 */
export type ReaderRequest =
  | { readonly queries: readonly ScanQuery[]; readonly hold?: true }
  | { readonly release: true }
  | { readonly close: true }

/** From a reader thread: one answer per request of queries, in order. */
export type ReaderReply =
  | { readonly rows: readonly (readonly SqlRow[])[] }
  | { readonly message: string; readonly errcode: number | null }
