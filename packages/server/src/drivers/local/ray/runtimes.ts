import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs"
import { rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { RayRuntime, RayRuntimeWanted } from "../../../domain/ray/index.ts"
import type { Clock } from "../../../kit/clock.ts"
import { AppError } from "../../../kit/errors.ts"
import type { Log } from "../../../kit/log.ts"
import { readTextSync, replaceFileSync } from "../attempt-files.ts"
import { runCommand, type CommandEnd } from "./command.ts"
import { lockFile } from "./file-lock.ts"
import { pipTrouble } from "./pip-trouble.ts"
import { findPython, hasPython, isOpenPath, type Python } from "./python.ts"
import { hasTokens, wantedVersion, type WantedVersion } from "./ray-version.ts"
import { createSharedWork } from "./shared-work.ts"

export interface RayRuntimesOptions {
  /** Where virtual environments are made: a folder each. */
  readonly home: string
  readonly clock: Clock
  readonly log: Log
  /** Where Pythons are looked for. */
  readonly searchPath: string
  /** The server's environment: what pip is to know of it (indexes, proxies, certificates). */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Version → Python that has it. */
  readonly interpreters: Readonly<Record<string, string>>
  readonly allowInstall: () => boolean
  /** Versions whose clusters anybody on the machine could use. */
  readonly allowUnauthenticated: () => boolean
  /** What pip is told to install. Default `ray[default,serve]==VERSION`. */
  readonly requirement?: (version: string) => string
}

/** Ray versions on this machine. */
export interface RayRuntimes {
  /** As RayBackend.prepare. `details`: `python`, and `bin`, the folder of it and of `ray`. */
  prepare(
    want: RayRuntimeWanted,
    report: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<RayRuntime>
}

const installDeadlineMs = 20 * 60_000
const shortDeadlineMs = 120_000
const markerName = "berth-runtime.json"

export function createRayRuntimes(options: RayRuntimesOptions): RayRuntimes {
  const { home, clock } = options
  const shared = createSharedWork<string>()
  /** Of configured interpreters, those that were seen to have the version. */
  const checked = new Map<string, string>()
  const env = pipEnvironment(options.environment, options.searchPath)

  const run = (command: readonly string[], signal: AbortSignal, deadlineMs = shortDeadlineMs) =>
    runCommand(command, { clock, env, deadlineMs }, signal)

  /** @throws AppError when it cannot be imported or is another version */
  async function check(python: string, version: string, signal: AbortSignal): Promise<void> {
    const end = await run([python, "-I", "-c", "import ray; print('ray', ray.__version__)"], signal)
    const found = /^ray (\S+)$/m.exec(end.output)?.[1]
    if (end.exitCode === 0 && found === version) return
    const what = found ? `has Ray ${found}` : "cannot import Ray"
    throw failed(`The Python at ${python}, which is to have Ray ${version}, ${what}.`)
  }

  async function configured(python: string, version: string, signal: AbortSignal): Promise<string> {
    if (checked.get(version) !== python) await check(python, version, signal)
    checked.set(version, python)
    return python
  }

  async function made(
    want: WantedVersion,
    report: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const minor = chosenMinor(want, report)
    const there = readyOnes(home, want.version).find((each) => minor === null || each.minor === minor)
    if (there) return there.python
    if (!options.allowInstall())
      throw refused(`Ray ${want.version} is not installed here, and ray.allowInstall is false.`)
    return shared.join(
      `${want.version} ${minor}`,
      (tell, end) => install(want.version, minor, tell, end),
      report,
      signal,
    )
  }

  function chosenMinor({ pythonMinor }: WantedVersion, report: (sentence: string) => void): number | null {
    if (pythonMinor === null || hasPython(options.searchPath, pythonMinor)) return pythonMinor
    report(`There is no Python 3.${pythonMinor} on this machine: another one is used.`)
    return null
  }

  async function install(
    version: string,
    minor: number | null,
    report: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const python = await findPython(options.searchPath, minor, { clock, env }, signal)
    const folder = join(home, `${version}-py3${python.minor}`)
    mkdirSync(home, { recursive: true })
    chmodSync(home, 0o711)
    const unlock = await lockFile(`${folder}.lock`, signal)
    try {
      // another process may have made it meanwhile
      const ready = readyAt(folder, version)
      return ready ? ready.python : await fill(folder, version, python, report, signal)
    } finally {
      unlock()
    }
  }

  /** What is there without its marker was cut off, and goes. */
  async function fill(
    folder: string,
    version: string,
    python: Python,
    report: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const began = clock.monotonicMs()
    // what another server was killed at may take a moment to end
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    report(`Ray ${version} is being installed with Python 3.${python.minor}.`)
    const inFolder = join(folder, "bin", "python")
    try {
      const venv = await run(["/bin/sh", "-c", openly, "sh", python.path, "-I", "-m", "venv", folder], signal)
      if (venv.exitCode !== 0) throw failed(`A virtual environment could not be made: ${lastLine(venv)}.`)
      const pip = await run(
        ["/bin/sh", "-c", openly, "sh", inFolder, ...pipInstall, requirement(version)],
        signal,
        installDeadlineMs,
      )
      if (pip.isLate)
        throw failed(`Ray ${version} was not installed within ${installDeadlineMs / 60_000} min.`)
      if (pip.exitCode !== 0) throw pipTrouble(version, python.minor, pip.output)
      await check(inFolder, version, signal)
      const marker = { version, minor: python.minor }
      replaceFileSync(join(folder, markerName), JSON.stringify(marker), 0o644)
    } catch (error) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined)
      if (!signal.aborted) options.log.warn({ err: error, version }, "a Ray version could not be installed")
      throw error
    }
    report(`Ray ${version} was installed in ${Math.ceil((clock.monotonicMs() - began) / 1000)} s.`)
    return inFolder
  }

  function requirement(version: string): string {
    return options.requirement?.(version) ?? `ray[default,serve]==${version}`
  }

  return {
    async prepare(want, report, signal) {
      const wanted = wantedVersion(want)
      const { version } = wanted
      if (!hasTokens(version) && !options.allowUnauthenticated())
        throw refused(
          `Ray ${version} is older than 2.52 and knows no tokens: everybody on this machine could use the cluster. ray.allowUnauthenticated: true allows it.`,
        )
      const given = options.interpreters[version]
      const python = given ? await configured(given, version, signal) : await made(wanted, report, signal)
      if (!want.asServerOwner && process.getuid?.() === 0) await mustBeOpen(python, run, signal)
      return { version, hasTokens: hasTokens(version), details: { python, bin: dirname(python) } }
    },
  }
}

/** Files that every account can read, whatever the server's umask. */
const openly = 'umask 022; exec "$@"'
const pipInstall = [
  "-I",
  "-m",
  "pip",
  "install",
  "--disable-pip-version-check",
  "--no-input",
  "--progress-bar=off",
] as const

interface Ready {
  readonly python: string
  readonly minor: number
}

function readyOnes(home: string, version: string): readonly Ready[] {
  try {
    return readdirSync(home).flatMap((name) => readyAt(join(home, name), version) ?? [])
  } catch {
    return [] // nothing was made yet
  }
}

/** undefined unless it is whole, and its Python still there. */
function readyAt(folder: string, version: string): Ready | undefined {
  const python = join(folder, "bin", "python")
  try {
    const marker = JSON.parse(readTextSync(join(folder, markerName)) ?? "") as Record<string, unknown>
    const isWhole = marker["version"] === version && statSync(python, { throwIfNoEntry: false })
    return isWhole ? { python, minor: Number(marker["minor"]) } : undefined
  } catch {
    return undefined
  }
}

/** @throws AppError `unavailable` (detail `no_python`) when workspaces' accounts cannot run it */
async function mustBeOpen(
  python: string,
  run: (command: readonly string[], signal: AbortSignal) => Promise<CommandEnd>,
  signal: AbortSignal,
): Promise<void> {
  const { output } = await run([python, "-I", "-c", "import sys; print(sys.base_prefix)"], signal)
  const places = [dirname(python), output.trim()]
  const closed = places.find((place) => !isOpenPath(place))
  if (closed === undefined) return
  const message = `The accounts of workspaces cannot enter ${closed}, where Ray's Python is: install a Python that all accounts may run.`
  throw new AppError("unavailable", message, { detail: "no_python" })
}

/** Of the server's environment only what pip needs: its names end or begin so. */
function pipEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  searchPath: string,
): Record<string, string> {
  const wanted = /^(?:HOME|LANG|PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|https?_proxy|all_proxy|no_proxy)$/i
  const kept = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && wanted.test(name) ? [[name, value] as const] : [],
  )
  return { ...Object.fromEntries(kept), PATH: searchPath, LC_ALL: "C.UTF-8" }
}

function lastLine({ output }: CommandEnd): string {
  return (output.trim().split("\n").at(-1) ?? "").slice(0, 300)
}

function refused(message: string): AppError {
  return new AppError("unavailable", message, { detail: "install_refused" })
}

function failed(message: string): AppError {
  return new AppError("unavailable", message, { detail: "install_failed" })
}
