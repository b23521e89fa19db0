import type { PatchWorkloadRequest, WorkloadDetail } from "@berth/contract/workloads"
import { awaitReady, markOf } from "./await-ready.ts"
import type { Session } from "./connect.ts"
import { exitCodes } from "./exit-codes.ts"
import { isApplication } from "./follow-application.ts"
import { untilDetached } from "./follow-workload.ts"
import { count } from "./human.ts"
import { writeDone } from "./output.ts"

export interface ChangeOptions {
  readonly change: PatchWorkloadRequest
  /** Whether it takes other pods, not only more or fewer. */
  readonly replaces: boolean
  /** See AwaitOptions. */
  readonly waitMs: number
  readonly isDetached: boolean
}

/**
 * Changes a workload; of an application it waits until all of its pods are as they are to be. Resolves with the exit
 * code. @throws CliError when they do not get there; BerthError
 */
export async function changeWorkload(
  session: Session,
  before: WorkloadDetail,
  { change, replaces, waitMs, isDetached }: ChangeOptions,
): Promise<number> {
  const { terminal, form, client } = session
  const { workloadId } = before
  const isWaited = isApplication(before) && !isDetached
  const mark = isWaited ? await markOf(session, before, replaces) : null
  await client.workloads.patch(workloadId, change)
  if (mark === null) {
    await writeDone(terminal, form, `${workloadId} changed`, { workloadId })
    return exitCodes.ok
  }
  const follow = async (signal: AbortSignal) => {
    const seen = await awaitReady(session, workloadId, { waitMs, mark, signal })
    if (seen.kind === "ended") return seen.exitCode
    const { phase, resource } = seen.detail
    const { replica } = resource
    const sentence = `${workloadId} is ${phase} with ${count(replica, "pod")}${replaces ? ", all as asked for" : ""}`
    await writeDone(terminal, form, sentence, { workloadId, phase, pods: replica })
    return exitCodes.ok
  }
  return untilDetached(session, workloadId, follow, [
    ["look", `berth why ${workloadId}`],
    ["its logs", `berth logs -f ${workloadId}`],
    ["stop it", `berth stop ${workloadId}`],
  ])
}
