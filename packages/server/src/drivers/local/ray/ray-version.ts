import type { RayRuntimeWanted } from "../../../domain/ray/index.ts"
import { AppError } from "../../../kit/errors.ts"

export interface WantedVersion {
  /** x.y.z */
  readonly version: string
  /** Of the image's `-py3xx`; null = any. */
  readonly pythonMinor: number | null
}

/** Ray versions from here on give every cluster a token. */
const firstWithTokens = [2, 52] as const

/** @throws AppError `unavailable` (detail `no_version`) when neither version nor image names one */
export function wantedVersion({
  version,
  image,
}: Pick<RayRuntimeWanted, "version" | "image">): WantedVersion {
  const tag = /:([^:/@]+)(?:@.*)?$/.exec(image)?.[1] ?? ""
  const named = version === "" ? (/^v?(\d+\.\d+\.\d+)(?:[-.+].*)?$/.exec(tag)?.[1] ?? "") : version
  if (!/^\d{1,4}\.\d{1,4}\.\d{1,4}$/.test(named)) throw noVersion(version, image)
  const minor = /(?:^|-)py3(\d{1,2})(?:-|$)/.exec(tag)?.[1]
  return { version: named, pythonMinor: minor === undefined ? null : Number(minor) }
}

function noVersion(version: string, image: string): AppError {
  const message =
    version !== ""
      ? `"${version}" is not a Ray version of the form 2.46.0.`
      : `No Ray version was given, and the image "${image}" does not name one: give a version as in 2.46.0.`
  return new AppError("unavailable", message, { detail: "no_version" })
}

export function hasTokens(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const [firstMajor, firstMinor] = firstWithTokens
  return major > firstMajor || (major === firstMajor && minor >= firstMinor)
}
