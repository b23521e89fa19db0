import { accessSync, constants, statSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { AppError } from "../../../kit/errors.ts"
import { runCommand, type CommandOptions } from "./command.ts"

/** A Python of this machine that can make virtual environments. */
export interface Python {
  readonly path: string
  /** 3.x */
  readonly minor: number
  /** Every account may run it: no folder above it is closed. */
  readonly isOpen: boolean
}

const oldestMinor = 9
const probeDeadlineMs = 20_000
const probe = `import sys, json
try:
    import venv, ensurepip
    has = True
except ImportError:
    has = False
print(json.dumps([sys.version_info[0], sys.version_info[1], has, sys.base_prefix]))`

/**
 * The first fitting one on the search path; one that every account may run before others.
 * @param wantedMinor null = any from 3.9 on
 * @throws AppError `unavailable` (detail `no_python`) when there is none
 */
export async function findPython(
  searchPath: string,
  wantedMinor: number | null,
  options: Omit<CommandOptions, "deadlineMs">,
  signal: AbortSignal,
): Promise<Python> {
  const looks: (Look | undefined)[] = []
  for (const path of candidates(searchPath, wantedMinor)) {
    const look = await lookAt(path, options, signal)
    looks.push(look)
    if (isFit(look) && look.isOpen) return look
  }
  const closed = looks.find(isFit)
  if (closed) return closed
  const message = looks.some((look) => look && look.minor >= oldestMinor)
    ? "The Python on this machine cannot make virtual environments: it has no venv module (on Debian and Ubuntu: apt install python3-venv)."
    : `There is no Python 3.${oldestMinor} or later on this machine, which Ray needs.`
  throw new AppError("unavailable", message, { detail: "no_python" })
}

/** Whether a Python of that minor version is on the search path. */
export function hasPython(searchPath: string, minor: number): boolean {
  return existing(searchPath, [`python3.${minor}`]).length > 0
}

function candidates(searchPath: string, wantedMinor: number | null): readonly string[] {
  if (wantedMinor !== null) return existing(searchPath, [`python3.${wantedMinor}`])
  return existing(searchPath, ["python3", ...[13, 12, 11, 10, 9].map((minor) => `python3.${minor}`)])
}

function existing(searchPath: string, names: readonly string[]): readonly string[] {
  const folders = searchPath.split(delimiter).filter((folder) => folder.startsWith("/"))
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return paths.filter((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

interface Look extends Python {
  readonly hasVenv: boolean
}

function isFit(look: Look | undefined): look is Look {
  return look !== undefined && look.hasVenv && look.minor >= oldestMinor
}

/** undefined: it is no Python 3 */
async function lookAt(
  path: string,
  options: Omit<CommandOptions, "deadlineMs">,
  signal: AbortSignal,
): Promise<Look | undefined> {
  const command = [path, "-I", "-c", probe]
  const { exitCode, output } = await runCommand(command, { ...options, deadlineMs: probeDeadlineMs }, signal)
  const found = /^\[(\d+), (\d+), (true|false), "(.*)"\]$/m.exec(output)
  if (exitCode !== 0 || !found || found[1] !== "3") return undefined
  return {
    path,
    minor: Number(found[2]),
    hasVenv: found[3] === "true",
    isOpen: isOpenPath(path) && isOpenPath(found[4] ?? "/"),
  }
}

/** Whether every account may enter all folders on the way, and the last one. */
export function isOpenPath(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat || (stat.mode & 0o001) === 0) return false
  const parent = dirname(path)
  return parent === path || isOpenPath(parent)
}
