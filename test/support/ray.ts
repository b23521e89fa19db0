import { execFileSync } from "node:child_process"
import { delimiter } from "node:path"
import { createRayRuntimes } from "../../packages/server/src/drivers/local/ray/runtimes.ts"
import { systemClock } from "../../packages/server/src/kit/clock.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import { rayHomeVariable } from "./ray-home.ts"

/** Where tests find, or make, Ray versions: one folder for all of a run. */
export interface TestRay {
  readonly version: string
  readonly home: string
  readonly searchPath: string
}

/**
 * What is needed for real Ray clusters. Undefined, with the reason printed, where it cannot be had; with CI_FULL=1 that
 * is an error.
 */
export function testRay(): TestRay | undefined {
  const searchPath = withoutModules(process.env["PATH"] ?? "")
  const absent = whyAbsent(searchPath)
  if (absent !== undefined) {
    if (process.env["CI_FULL"] === "1") throw new Error(`Real Ray clusters are required here: ${absent}.`)
    // oxlint-disable-next-line no-console -- what was left out is said
    console.log(`left out, for there can be no real Ray cluster: ${absent}`)
    return undefined
  }
  const home = process.env[rayHomeVariable]
  if (home === undefined) throw new Error("There is no folder for Ray: vitest.config.ts makes it.")
  return { version: "2.60.0", home, searchPath }
}

/** A Python of this machine that has the version, installed where it was not yet. */
export async function pythonWithRay({ version, home, searchPath }: TestRay): Promise<string> {
  const runtimes = createRayRuntimes({
    home,
    searchPath,
    clock: systemClock,
    log: silentLog,
    environment: process.env,
    interpreters: {},
    allowInstall: () => true,
    allowUnauthenticated: () => false,
  })
  const want = { version, image: "", asServerOwner: true }
  const { details } = await runtimes.prepare(want, () => undefined, new AbortController().signal)
  if (typeof details["python"] !== "string") throw new Error("There is no Python with Ray.")
  return details["python"]
}

function withoutModules(path: string): string {
  return path
    .split(delimiter)
    .filter((folder) => folder.startsWith("/") && !folder.includes("node_modules"))
    .join(delimiter)
}

function whyAbsent(searchPath: string): string | undefined {
  try {
    const program = "import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 9) else 1)"
    execFileSync("python3", ["-I", "-c", program], {
      env: { PATH: searchPath },
      stdio: "ignore",
      timeout: 20_000,
    })
    return undefined
  } catch {
    return "there is no Python 3.9 or later with the module venv"
  }
}
