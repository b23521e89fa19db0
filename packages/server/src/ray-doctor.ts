import type { Finding } from "./cli/doctor-checks.ts"
import { type Environment, loadConfig } from "./config.ts"
import { readTable } from "./drivers/local/ports-in-use.ts"
import { findPython } from "./drivers/local/ray/python.ts"
import { blocksIn, portsPerBlock } from "./drivers/local/ray/ray-ports.ts"
import { troubleWithMounts } from "./drivers/local/ray/volumes.ts"
import { systemClock } from "./kit/clock.ts"
import { AppError } from "./kit/errors.ts"

type Range = readonly [first: number, last: number]

/** Fewer Ray nodes than these are soon too few. */
const fewBlocks = 3

/**
 * What Ray needs of this machine, for `berth doctor`: a Python, mounts for volumes, ports. Each finding by itself; never throws.
 * @param env what a server would be started with: the settings of its file are not known here
 */
export async function rayFindings(env: Environment): Promise<readonly Finding[]> {
  const loaded = loadConfig({}, env, null)
  const fallback = loadConfig({}, {}, null)
  const config = loaded.ok ? loaded.config : fallback.ok ? fallback.config : undefined
  if (!config) return []
  const { path, rayPorts } = config.local
  return [await pythonFinding(path), await mountFinding(), await portFinding([rayPorts.first, rayPorts.last])]
}

async function pythonFinding(searchPath: string): Promise<Finding> {
  const name = "ray python"
  const env = { PATH: searchPath, LC_ALL: "C.UTF-8" }
  const given = "Else name one that has Ray with --ray-interpreter."
  try {
    const { signal } = new AbortController()
    const python = await findPython(searchPath, null, { clock: systemClock, env }, signal)
    const message = `Ray is installed with Python 3.${python.minor} (${python.path}) when it is first asked for.`
    if (python.isOpen) return { name, level: "ok", message, advice: "" }
    const closed = `${message} Workspaces' accounts may not run it.`
    return { name, level: "warn", message: closed, advice: `Install a Python for all accounts. ${given}` }
  } catch (error) {
    const { message } = AppError.from(error)
    const advice = `Install Python 3.9 or later with venv on the path of pods (${searchPath}). ${given}`
    return { name, level: "warn", message, advice }
  }
}

async function mountFinding(): Promise<Finding> {
  const name = "ray volumes"
  const trouble = await troubleWithMounts()
  if (trouble === undefined) return { name, level: "ok", message: "Ray nodes can have volumes.", advice: "" }
  const advice = "Start the server as root, with util-linux; Ray clusters without volumes need neither."
  return { name, level: "warn", message: trouble, advice }
}

async function portFinding([first, last]: Range): Promise<Finding> {
  const name = "ray ports"
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(readTable))
  const taken = new Set(
    tables.flatMap((table) => table.map(({ port }) => Math.floor((port - first) / portsPerBlock))),
  )
  const all = blocksIn([first, last])
  const free = Array.from({ length: all }, (_, block) => block).filter((block) => !taken.has(block)).length
  const message = `${free} of ${all} Ray nodes could have their ports (${first}–${last}) now.`
  if (free >= Math.min(fewBlocks, all)) return { name, level: "ok", message, advice: "" }
  return { name, level: "warn", message, advice: "Give other ports with --local-ray-ports." }
}
