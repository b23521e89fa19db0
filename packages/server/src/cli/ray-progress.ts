import type { RayClusterDetail, RayExplanation } from "@berth/contract/berth"
import { inHowLong } from "./human.ts"
import type { RaySession } from "./ray-place.ts"
import { isStatus } from "./ray-templates.ts"
import { harmless, paint } from "./terminal.ts"

/** Tells a cluster's story while somebody waits: its events, each once, and why it waits whenever that changes. */
export interface RayProgress {
  /** @throws BerthError; the signal's reason when that aborts */
  tell(cluster: RayClusterDetail, signal: AbortSignal): Promise<void>
}

export function createRayProgress(session: RaySession): RayProgress {
  const { terminal } = session
  const told = new Set<string>()
  let waiting = ""
  const say = (sentence: string) => terminal.err(`${paint(terminal, "dim", harmless(sentence))}\n`)
  return {
    async tell(cluster, signal) {
      for (const { reason, message, count } of cluster.events) {
        const key = `${cluster.name} ${reason} ${message} ${count}`
        if (told.has(key)) continue
        told.add(key)
        say(`${cluster.name}: ${message || reason}`)
      }
      if (cluster.state !== "waiting") return
      const sentence = await whyItWaits(session, cluster, signal)
      if (sentence !== "" && sentence !== waiting) say(sentence)
      waiting = sentence
    },
  }
}

async function whyItWaits(
  { client, terminal }: RaySession,
  { namespace, name, message }: RayClusterDetail,
  signal: AbortSignal,
): Promise<string> {
  try {
    const why = await client.berth.explainRay("ray-cluster", namespace, name, { signal })
    return waitingText(name, why, terminal.nowMs()) || (message === "" ? "" : `${name} waits: ${message}`)
  } catch (error) {
    // it may have gone, or be none of the caller's business
    if (isStatus(error, 404) || isStatus(error, 403)) return ""
    throw error
  }
}

/** `demo waits: 8 GPUs are needed … (position 2 in vision), expected in 2h (…)`; empty when it does not wait. */
function waitingText(name: string, why: RayExplanation, nowMs: number): string {
  const [first] = why.reasons
  if (!first) return ""
  const place = why.position > 0 ? ` (position ${why.position} in ${why.workspaceId})` : ""
  // many sentences say it themselves
  const isSaid = first.until === null || /expected|until/i.test(first.sentence)
  const estimate = isSaid ? "" : `, expected ${inHowLong(first.until, nowMs)}`
  return `${name} waits: ${first.sentence}${place}${estimate}`
}
