import type { RowCounts } from "../../domain/journal/index.ts"

/** Handed to the thread that copies when it starts. */
export interface BackupSetup {
  /** The database. */
  readonly path: string
  /** Where the copy goes; made 0600, nothing may be there. */
  readonly to: string
}

/** To the thread: give up. What it has written stays behind. */
export interface BackupStop {
  readonly stop: true
}

/** From the thread, once. */
export type BackupReply =
  | {
      readonly bytes: number
      readonly sha256: string
      readonly schemaVersion: number
      readonly counts: RowCounts
    }
  | { readonly message: string; readonly errcode: number | null }
