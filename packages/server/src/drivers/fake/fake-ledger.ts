import type { AttemptId, AttemptLaunch, PodLaunch } from "../../domain/workloads/index.ts"

/** Keeps count of what was started where, and notes what no control plane may do. */
export interface StartLedger {
  started(launch: AttemptLaunch, hasNode: (name: string) => boolean): void
  /** Its GPUs may be given on. */
  gone(id: AttemptId, pods: readonly PodLaunch[]): void
  violate(sentence: string): void
  starts(id: AttemptId): number
  readonly violations: readonly string[]
  /** How many attempts were ever started. */
  readonly attempts: number
}

/** A bound on memory; the first ones tell what went wrong. */
const mostViolations = 100

/** @param isLive whether an attempt has a process now */
export function createStartLedger(isLive: (id: AttemptId) => boolean): StartLedger {
  const counts = new Map<AttemptId, number>()
  const holders = new Map<string, AttemptId>()
  const violations: string[] = []

  function violate(sentence: string) {
    if (violations.length < mostViolations) violations.push(sentence)
  }

  function take(id: AttemptId, gpu: string) {
    const holder = holders.get(gpu)
    if (holder !== undefined && isLive(holder)) violate(`GPU ${gpu} of ${holder} was given to ${id}`)
    holders.set(gpu, id)
  }

  return {
    started({ id, pods }, hasNode) {
      const count = (counts.get(id) ?? 0) + 1
      counts.set(id, count)
      if (count > 1) violate(`attempt ${id} was started ${count} times`)
      for (const { podId, nodeName, gpuIndexes } of pods) {
        if (!hasNode(nodeName)) violate(`pod ${podId} was started on ${nodeName}, which is not there`)
        for (const index of gpuIndexes) take(id, `${nodeName}/${index}`)
      }
    },
    gone(id, pods) {
      for (const { nodeName, gpuIndexes } of pods)
        for (const index of gpuIndexes) {
          const gpu = `${nodeName}/${index}`
          if (holders.get(gpu) === id) holders.delete(gpu)
        }
    },
    violate,
    starts: (id) => counts.get(id) ?? 0,
    violations,
    get attempts() {
      return counts.size
    },
  }
}
