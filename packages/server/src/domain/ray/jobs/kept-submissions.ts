import { AppError } from "../../../kit/errors.ts"
import type { RayDashboard } from "../ports.ts"
import type { RayEntrypoint, SubmissionInfo } from "../types.ts"

/** Of a log, its end. */
const mostLogBytes = 1_048_576

/** A submission as it is sent: Ray has said nothing of it. */
export function newSubmissionInfo(
  { entrypoint, metadata }: Pick<RayEntrypoint, "entrypoint" | "metadata">,
  submissionId: string,
  atMs: number,
): SubmissionInfo {
  return {
    entrypoint,
    jobId: "",
    submissionId,
    status: "PENDING",
    message: "",
    errorType: "",
    startTimeMs: atMs,
    endTimeMs: null,
    metadata,
    runtimeEnv: {},
  }
}

/** Ray's word that nothing comes after it. */
export function hasEndedAs(status: string): boolean {
  return status === "SUCCEEDED" || status === "FAILED" || status === "STOPPED"
}

/** The end of what a submission wrote; null = Ray does not answer, or does not know it. */
export async function logTail(
  dashboard: RayDashboard,
  submissionId: string,
  signal: AbortSignal,
): Promise<string | null> {
  const log = await answerOf(dashboard.log(submissionId, signal))
  return log === undefined ? null : tailOf(log)
}

/** Whole letters, at most `mostLogBytes` bytes of them. */
export function tailOf(log: string): string {
  if (Buffer.byteLength(log) <= mostLogBytes) return log
  const bytes = Buffer.from(log).subarray(-mostLogBytes)
  const start = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80)
  return bytes.subarray(Math.max(0, start)).toString()
}

/** What Ray answers; undefined where it does not, says no, or says too much. */
export async function answerOf<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AppError && error.code !== "internal") return undefined
    throw error
  }
}
