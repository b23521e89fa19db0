import { AppError } from "../../../kit/errors.ts"

const networkSigns =
  /Failed to establish a new connection|Temporary failure in name resolution|Name or service not known|Network is unreachable|No route to host|ConnectTimeoutError|NewConnectionError|ConnectionResetError|ProxyError|Read timed out|CERTIFICATE_VERIFY_FAILED|SSLError/i
/** A network may come back by itself. */
const networkRetryMs = 60_000

/** What went wrong with pip, in a sentence: by what it wrote last. */
export function pipTrouble(version: string, pythonMinor: number, output: string): AppError {
  const hasVersions = /\(from versions: (?!none)/.test(output)
  const isMissing = output.includes("No matching distribution found for ray")
  if (networkSigns.test(output) || (isMissing && !hasVersions))
    return new AppError(
      "unavailable",
      `Ray ${version} could not be downloaded: the Python package index cannot be reached from this machine.`,
      { detail: "no_network", retryAfterMs: networkRetryMs },
    )
  if (isMissing) return noWheel(version, pythonMinor, output)
  if (/No space left on device|Disk quota exceeded/.test(output))
    return failed(`Ray ${version} could not be installed: the disk is full.`)
  const last = output
    .split("\n")
    .map((line) => line.trim())
    .findLast((line) => /^error/i.test(line))
  const words = (last ?? "pip failed without a word").slice(0, 300).replace(/\.+$/, "")
  return failed(`Ray ${version} could not be installed: ${words}.`)
}

function noWheel(version: string, pythonMinor: number, output: string): AppError {
  const escaped = version.replaceAll(".", "\\.")
  const wants = new RegExp(`\\b${escaped} Requires-Python ([^;\\s]+)`).exec(output)?.[1]
  const offered = /\(from versions: ([^)]*)\)/.exec(output)?.[1]?.split(", ") ?? []
  const advice = wants
    ? ` It wants Python ${wants}.`
    : ` Versions from ${offered[0] ?? "?"} to ${offered.at(-1) ?? "?"} can be installed here.`
  const message = `There is no Ray ${version} for Python 3.${pythonMinor} on this kind of machine.${advice}`
  return new AppError("unavailable", message, { detail: "no_wheel" })
}

function failed(message: string): AppError {
  return new AppError("unavailable", message, { detail: "install_failed" })
}
