import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The variable that names the folder of installed Ray versions; set beforehand, they stay from run to run. */
export const rayHomeVariable = "BERTH_TEST_RAY_HOME"

let made: string | undefined

/** One folder for the whole run: the first file that wants a Ray version installs it there. */
export function setup(): void {
  if (process.env[rayHomeVariable] !== undefined) return
  made = mkdtempSync(join(tmpdir(), "berth-ray-home-"))
  process.env[rayHomeVariable] = made
}

export function teardown(): void {
  if (made !== undefined) rmSync(made, { recursive: true, force: true })
}
