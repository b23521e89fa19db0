import { execFile } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)
const version = "0.98.0"
const limits = { timeout: 400_000, killSignal: "SIGKILL" } as const

/**
 * A Python that has ZenML's own client, installed once below `node_modules/.cache`. Undefined, with the reason printed,
 * where it cannot be had; with CI_FULL=1 that is an error. BERTH_TEST_ZENML_PYTHON names one that has it already.
 */
export async function pythonWithZenml(): Promise<string | undefined> {
  const given = process.env["BERTH_TEST_ZENML_PYTHON"]
  if (given !== undefined) return given
  try {
    return await install()
  } catch (error) {
    const [reason = ""] = String(error).split("\n")
    if (process.env["CI_FULL"] === "1")
      throw new Error(`ZenML's client is required here: ${reason}`, { cause: error })
    // oxlint-disable-next-line no-console -- what was left out is said
    console.log(`left out, for ZenML's client could not be installed: ${reason}`)
    return undefined
  }
}

async function install(): Promise<string> {
  const home = fileURLToPath(new URL(`../../node_modules/.cache/zenml-${version}`, import.meta.url))
  const python = join(home, "bin/python")
  if (await hasZenml(python)) return python
  // What an installation that was broken off has left.
  rmSync(home, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  await run("python3", ["-m", "venv", home], limits)
  await run(python, ["-m", "pip", "install", "--quiet", `zenml==${version}`], limits)
  return python
}

/** pip writes down last what it has installed. */
async function hasZenml(python: string): Promise<boolean> {
  const program = `import importlib.metadata as m; assert m.version("zenml") == "${version}"; m.version("pydantic")`
  return run(python, ["-I", "-c", program], limits).then(
    () => true,
    () => false,
  )
}
