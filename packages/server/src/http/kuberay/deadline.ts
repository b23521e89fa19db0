import type { Clock } from "../../kit/clock.ts"
import { AppError } from "../../kit/errors.ts"
import { details } from "./faults.ts"

const unitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 1e-6,
}
/** A call that may take longer than this has no deadline of its own. */
const longestMs = 2 ** 31 - 1

/**
 * Milliseconds that the header `Grpc-Timeout` gives a call (`5S`, `100m`); null = none.
 * @throws AppError `invalid` for another form
 */
export function timeoutOf(header: string | undefined): number | null {
  if (header === undefined || header === "") return null
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? []
  const unitMs = unitsMs[unit]
  if (digits === undefined || unitMs === undefined)
    throw new AppError("invalid", `invalid grpc-timeout: ${header}`, { detail: details.worded })
  const ms = Number(digits) * unitMs
  return ms === 0 || ms > longestMs ? null : ms
}

/** Runs `work` with a signal that aborts after `ms`; null = never. */
export async function withDeadline<T>(
  clock: Clock,
  ms: number | null,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (ms === null) return work(undefined)
  const ending = new AbortController()
  const cancel = clock.alarm(ms, () => ending.abort())
  try {
    return await work(ending.signal)
  } finally {
    cancel()
  }
}
