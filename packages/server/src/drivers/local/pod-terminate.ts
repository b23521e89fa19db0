import { sleep, type Clock } from "../../kit/clock.ts"
import type { PodRecord } from "./attempt-record.ts"
import { wrapperOf } from "./pod-truth.ts"
import { isSameAlive, realUidOf } from "./processes.ts"

/** How long TERM waits for a wrapper that has just been started. */
const termRounds = 200
const termRoundMs = 10

/**
 * TERM to the wrapper's group, after a check that it is still this wrapper and has the server's account. A shell
 * that has not come to its trap would die of it: one that has written its pid file has.
 */
export async function terminateWrapper(
  pod: PodRecord,
  options: {
    readonly clock: Clock
    readonly bootId: string
    readonly serverUid: number
    readonly isClosed: () => boolean
  },
): Promise<void> {
  const { wrapper } = pod
  for (let round = 0; round < termRounds; round++) {
    if (pod.end || options.isClosed() || !wrapper || !isSameAlive(wrapper)) return
    if (wrapperOf(pod.folder, options.bootId)) break
    await sleep(options.clock, termRoundMs)
  }
  if (!wrapper || !isSameAlive(wrapper) || realUidOf(wrapper.pid) !== options.serverUid) return
  try {
    process.kill(-wrapper.pid, "SIGTERM")
  } catch {
    // it ended meanwhile
  }
}
