import { closeSync, openSync } from "node:fs"

/**
 * Makes a file that only this account can read (0600) unless it is there; its content stays. SQLite gives
 * its own files beside a database (-wal, -shm) the same mode.
 */
export function createPrivateFile(path: string): void {
  closeSync(openSync(path, "a", 0o600))
}
