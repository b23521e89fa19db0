import { AppError } from "../kit/errors.ts"
import type { Flag } from "./schema.ts"

/** A JSON column's value. */
export function toJson(value: unknown): string {
  return JSON.stringify(value)
}

/** Reads a JSON column that this store wrote. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the column says what it holds
export function fromJson<T>(text: string): T {
  return JSON.parse(text) as T
}

export function toFlag(value: boolean): Flag {
  return value ? 1 : 0
}

/** @throws AppError `stale` when a guarded update changed no row */
export function assertMoved(changed: number, resource: string, name: string): void {
  if (changed === 1) return
  throw new AppError("stale", `The ${resource} "${name}" was changed meanwhile; read it again and retry.`, {
    resource,
    name,
  })
}

/** @throws AppError `already_exists` when an insert that yields to what is there inserted nothing */
export function assertInserted(changed: number, resource: string, name: string): void {
  if (changed === 1) return
  throw new AppError("already_exists", `There is already a ${resource} "${name}".`, { resource, name })
}
