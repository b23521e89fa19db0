import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs"

/**
 * Writes a file that this account alone can read: whole or not at all.
 * @param part where it is written first, in the same folder; writers that may meet need one each
 * @throws the system's errors
 */
export function writePrivately(path: string, text: string, part = `${path}.part`): void {
  try {
    // left by an earlier try, or a link that leads to a file of somebody else
    rmSync(part, { force: true })
    const file = openSync(part, "wx", 0o600)
    try {
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
