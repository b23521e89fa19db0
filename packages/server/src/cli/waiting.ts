import type { WorkloadDetail } from "@berth/contract/workloads"
import type { Session } from "./connect.ts"

/** Why a workload is not yet what it is to be. */
export interface Waiting {
  /** For people; empty where nothing is known. */
  readonly sentence: string
  /** Of all reasons, the most decisive first. */
  readonly codes: readonly string[]
}

/**
 * Why it waits and where it stands. Whoever may not be told more reads what the workload itself says.
 * @throws the signal's reason when that aborts
 */
export async function explainWaiting(
  session: Session,
  detail: WorkloadDetail,
  signal: AbortSignal,
): Promise<Waiting> {
  try {
    const why = await session.client.berth.explainWorkload(detail.workloadId, { signal })
    const [first] = why.reasons
    const place = why.position > 0 ? ` (position ${why.position} in ${why.workspaceId})` : ""
    const sentence = first ? `${detail.workloadId} waits: ${first.sentence}${place}` : ""
    return { sentence, codes: why.reasons.map(({ code }) => code) }
  } catch (error) {
    if (signal.aborted) throw error
    const sentence = detail.message === "" ? "" : `${detail.workloadId} waits: ${detail.message}`
    return { sentence, codes: [] }
  }
}
