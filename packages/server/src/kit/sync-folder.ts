import { closeSync, fsyncSync, openSync } from "node:fs"

/** Makes the names in a folder (a file that was renamed into it) survive a power cut. @throws the system's errors */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
