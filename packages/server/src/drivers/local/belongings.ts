import { podMarkOf, realUidOf, type PodMark, type ProcessIdentity, type ProcessStat } from "./processes.ts"

/** A pod's wrapper: the leader of its session. */
export interface KnownWrapper extends ProcessIdentity {
  /**
   * It was seen alive in this life of the server, so that no other process can have taken its pid as the
   * number of a session meanwhile.
   */
  readonly wasSeenAlive: boolean
}

/** What tells that a process is of a pod, or of any pod of an attempt. */
export interface Belonging {
  readonly attemptId: string
  /** null = all pods. */
  readonly podIndex: number | null
  readonly wrappers: readonly KnownWrapper[]
  /** Nothing of a pod is older than its wrapper; 0 where a wrapper left no name. */
  readonly sinceTicks: number
  /** The account of the commands. */
  readonly uid: number
  /** It is the server's account and that is root: its commands may have become anybody. */
  readonly mayBeAnyUid: boolean
  /** That account runs nothing but this attempt now: whatever runs under it is left over. */
  readonly hasUidAlone: () => boolean
}

/** Looks up marks and uids of one scan at most once each. */
export interface ProcessFacts {
  mark(pid: number): PodMark | undefined
  uid(pid: number): number | undefined
}

export function factsOfScan(): ProcessFacts {
  const marks = new Map<number, PodMark | undefined>()
  const uids = new Map<number, number | undefined>()
  return { mark: (pid) => once(marks, pid, podMarkOf), uid: (pid) => once(uids, pid, realUidOf) }
}

function once<T>(seen: Map<number, T>, pid: number, find: (pid: number) => T): T {
  if (!seen.has(pid)) seen.set(pid, find(pid))
  return seen.get(pid) as T
}

/** Those of the scanned processes that belong: by session, by mark, by uid, and all their descendants. */
export function belongingTo(
  belonging: Belonging,
  scanned: readonly ProcessStat[],
  facts: ProcessFacts,
): readonly ProcessStat[] {
  const sessions = trustedSessions(belonging.wrappers, scanned)
  const candidates = scanned.filter(
    (process) => process.pid > 1 && process.startTicks >= belonging.sinceTicks,
  )
  const own = new Map<number, ProcessStat>()
  for (const process of candidates)
    if (sessions.has(process.session) || isMarked(belonging, process.pid, facts))
      own.set(process.pid, process)
  addDescendants(own, candidates)
  return [...own.values()]
}

function trustedSessions(
  wrappers: readonly KnownWrapper[],
  scanned: readonly ProcessStat[],
): ReadonlySet<number> {
  const sessions = new Set<number>()
  for (const wrapper of wrappers) {
    const leader = scanned.find((process) => process.pid === wrapper.pid)
    const isLeader = leader?.startTicks === wrapper.startTicks
    if (isLeader || (leader === undefined && wrapper.wasSeenAlive)) sessions.add(wrapper.pid)
  }
  return sessions
}

function isMarked(belonging: Belonging, pid: number, facts: ProcessFacts): boolean {
  const uid = facts.uid(pid)
  if (uid !== belonging.uid && !belonging.mayBeAnyUid) return false
  const mark = facts.mark(pid)
  if (mark === undefined)
    return belonging.podIndex === null && uid === belonging.uid && belonging.hasUidAlone()
  if (mark.attemptId !== belonging.attemptId) return false
  return belonging.podIndex === null || belonging.podIndex === mark.podIndex
}

function addDescendants(own: Map<number, ProcessStat>, candidates: readonly ProcessStat[]): void {
  for (let before = -1; before < own.size;) {
    before = own.size
    for (const process of candidates) if (own.has(process.parentPid)) own.set(process.pid, process)
  }
}
