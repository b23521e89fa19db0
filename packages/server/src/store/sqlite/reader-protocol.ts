import type { ScanQuery, SqlRow } from "../session.ts"

/** Handed to a reader thread when it starts. */
export interface ReaderSetup {
  readonly path: string
}

/** To a reader thread: queries of one snapshot; `close` ends it. */
export type ReaderRequest = { readonly queries: readonly ScanQuery[] } | { readonly close: true }

/** From a reader thread: one answer per request, in order. */
export type ReaderReply =
  | { readonly rows: readonly (readonly SqlRow[])[] }
  | { readonly message: string; readonly errcode: number | null }
