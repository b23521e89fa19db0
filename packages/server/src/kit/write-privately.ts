import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs"

/**
 * Writes a file that this account alone can read: whole or not at all.
 * @param part where it is written first, in the same folder; writers that may meet need one each
 * @throws the system's errors
 */
export function writePrivately(path: string, text: string, part = `${path}.part`): void {
  try {
    const file = openSync(part, "w", 0o600)
    try {
      // the file may have been there, with another mode
      chmodSync(part, 0o600)
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}
