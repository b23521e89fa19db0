import type { ProcessTable } from "./process-table.ts"
import type { ProcessIdentity, ProcessStat } from "./processes.ts"

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
  /** The control groups that hold all of it; null where they do not, so that marks have to tell. */
  readonly groups: readonly string[] | null
  /** Nothing of a pod is older than its wrapper; 0 where a wrapper left no name. */
  readonly sinceTicks: number
  /** The account of the commands. */
  readonly uid: number
  /**
   * Whether its commands may have come to run under another uid. Those of root may, but not under a workspace's:
   * anybody can carry the mark of another's attempt.
   */
  readonly mayBecome: (uid: number) => boolean
  /** That account runs nothing but this attempt now: whatever runs under it is left over. */
  readonly hasUidAlone: () => boolean
}

/** The processes of a table that belong: by session, by mark, by uid, and all their descendants. */
export function belongingTo(belonging: Belonging, table: ProcessTable): readonly ProcessStat[] {
  const own = new Map<number, ProcessStat>()
  const add = (process: ProcessStat) => {
    if (process.pid > 1 && process.startTicks >= belonging.sinceTicks) own.set(process.pid, process)
  }
  for (const wrapper of belonging.wrappers)
    if (isSessionOf(wrapper, table)) for (const process of table.inSession(wrapper.pid)) add(process)
  for (const { process, podIndex } of table.markedFor(belonging.attemptId))
    if (isMarked(belonging, podIndex, table.uidOf(process.pid))) add(process)
  if (belonging.podIndex === null && belonging.hasUidAlone())
    for (const process of table.unmarked) if (table.uidOf(process.pid) === belonging.uid) add(process)
  // what is added while the map is walked is walked too
  for (const pid of own.keys()) for (const child of table.childrenOf(pid)) add(child)
  return [...own.values()]
}

function isSessionOf(wrapper: KnownWrapper, table: ProcessTable): boolean {
  const leader = table.byPid(wrapper.pid)
  return leader ? leader.startTicks === wrapper.startTicks : wrapper.wasSeenAlive
}

function isMarked(belonging: Belonging, podIndex: number, uid: number | undefined): boolean {
  if (uid === undefined || (uid !== belonging.uid && !belonging.mayBecome(uid))) return false
  return belonging.podIndex === null || belonging.podIndex === podIndex
}
