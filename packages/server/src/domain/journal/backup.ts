/** How many rows a copy holds, for people. */
export type RowCounts = Readonly<
  Record<"workspaces" | "users" | "keys" | "workloads" | "events" | "auditRecords", number>
>

/** All rows as of one instant, on disk until it is disposed. */
export interface StoreCopy {
  /** When the instant was. */
  readonly madeAtMs: number
  readonly schemaVersion: number
  readonly bytes: number
  /** Of the content, lower-case hex. */
  readonly sha256: string
  readonly counts: RowCounts
  /** May be read once or more often, until it is disposed. */
  content(): AsyncIterable<Uint8Array>
  /** Removes it. Idempotent. */
  dispose(): Promise<void>
}

/** Makes copies of the store while it is written to. */
export interface Backup {
  /**
   * One at a time: the one before must have been disposed.
   * @throws AppError `conflict` detail `backup_running`; `unavailable` detail `backup_no_room` when the disk has no
   *   room for it, `store_closed` while closing, or `store_failed`; `unimplemented` detail `backup_elsewhere` where
   *   the database has tools of its own for it, which the sentence names. Nothing is left on the disk then.
   */
  copy(): Promise<StoreCopy>
}
