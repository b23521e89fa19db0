import type { RowCounts } from "../domain/journal/index.ts"
import { AppError } from "../kit/errors.ts"

/** What a backup says of itself: the first member of its archive. */
export interface Manifest {
  readonly format: "berth-backup"
  readonly formatVersion: number
  /** Of the server that made it. */
  readonly serverVersion: string
  readonly schemaVersion: number
  /** RFC 3339, of the instant that it holds. */
  readonly madeAt: string
  readonly database: { readonly bytes: number; readonly sha256: string }
  readonly counts: RowCounts
}

/** The form that this server writes, and the newest that it reads. */
export const formatVersion = 1

/** What an archive may hold, by name. Logs and working folders of pods are not in it. */
export const memberNames = {
  manifest: "manifest.json",
  database: "berth.db",
  /** Which uid each workspace has on the machine. */
  accounts: "accounts.json",
  /** Only where asked for. */
  ownerKey: "owner.key",
  /** Only where asked for: it opens what is sealed in the database. */
  secretKey: "secret.key",
} as const

/** Larger members than this, the database aside, are none of ours. */
export const mostSmallBytes = 4 * 1024 * 1024

/**
 * Reads a manifest.
 * @throws AppError `invalid` detail `not_a_backup`, or `backup_too_new` for a form of a later release
 */
export function parseManifest(text: string): Manifest {
  const found = jsonObject(text) as Partial<Manifest>
  if (found.format !== "berth-backup" || !Number.isSafeInteger(found.formatVersion)) throw notABackup()
  if ((found.formatVersion ?? 0) > formatVersion)
    throw new AppError(
      "invalid",
      `It was made by a newer Berth (${String(found.serverVersion)}): restore it with that one or a later one.`,
      { detail: "backup_too_new" },
    )
  if (!isWhole(found)) throw notABackup()
  return found
}

function jsonObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? value : {}
  } catch {
    return {}
  }
}

function isWhole(found: Partial<Manifest>): found is Manifest {
  const { database, counts } = found
  const numbers = [found.schemaVersion, database?.bytes, counts?.workspaces, counts?.users, counts?.workloads]
  return (
    numbers.every(isCount) &&
    typeof found.serverVersion === "string" &&
    /^[0-9a-f]{64}$/.test(database?.sha256 ?? "") &&
    !Number.isNaN(Date.parse(found.madeAt ?? ""))
  )
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** @param cause for the log */
export function notABackup(cause?: unknown): AppError {
  return new AppError("invalid", "It is no backup of Berth, or damaged.", { detail: "not_a_backup", cause })
}

/** The archive is one, but not all of it arrived or it changed since. */
export function damagedBackup(what: string, cause?: unknown): AppError {
  return new AppError("invalid", `It is damaged: ${what}`, { detail: "backup_damaged", cause })
}
