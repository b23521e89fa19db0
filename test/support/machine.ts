import { spawnSync } from "node:child_process"

/** Whether the tests run as root, which separate accounts and mounts need. */
export const isRoot = process.getuid?.() === 0

/** Whether programs can be written in Python. */
export const hasPython = spawnSync("python3", ["-c", "pass"]).status === 0

/**
 * Whether a part of the tests is left out because the machine lacks what it needs; says so. With `CI_FULL=1` the
 * part is not left out: it fails, and its failure says what is missing.
 */
export function isLeftOut(hasIt: boolean, part: string, lacking: string): boolean {
  if (hasIt || process.env["CI_FULL"] === "1") return false
  // oxlint-disable-next-line no-console -- whoever reads the run has to know
  console.warn(`left out: ${part}, because ${lacking}`)
  return true
}
