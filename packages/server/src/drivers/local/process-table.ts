import { setImmediate as nextTurn } from "node:timers/promises"
import { podMarkOf, realUidOf, scanProcesses, type PodMark, type ProcessStat } from "./processes.ts"

/** One look at all processes, with what tells whose they are. */
export interface ProcessTable {
  byPid(pid: number): ProcessStat | undefined
  inSession(session: number): readonly ProcessStat[]
  childrenOf(pid: number): readonly ProcessStat[]
  markedFor(attemptId: string): readonly { readonly process: ProcessStat; readonly podIndex: number }[]
  readonly unmarked: readonly ProcessStat[]
  uidOf(pid: number): number | undefined
}

export interface ProcessFacts {
  mark(process: ProcessStat): PodMark | undefined
  uid(pid: number): number | undefined
}

/** Marks read in one turn of the event loop: about a millisecond. */
const marksPerTurn = 48

/** Puts a scan in order. Marks are read of what started at `sinceTicks` or later only. */
export async function processTable(
  scanned: readonly ProcessStat[],
  sinceTicks: number,
  facts: ProcessFacts,
): Promise<ProcessTable> {
  const byPid = new Map(scanned.map((process) => [process.pid, process]))
  const bySession = Map.groupBy(scanned, (process) => process.session)
  const byParent = Map.groupBy(scanned, (process) => process.parentPid)
  const marked = new Map<string, { readonly process: ProcessStat; readonly podIndex: number }[]>()
  const unmarked: ProcessStat[] = []
  let read = 0
  for (const process of scanned) {
    if (process.startTicks < sinceTicks) continue
    if (++read % marksPerTurn === 0) await nextTurn()
    const mark = facts.mark(process)
    if (mark === undefined) {
      unmarked.push(process)
      continue
    }
    const list = marked.get(mark.attemptId) ?? []
    if (list.push({ process, podIndex: mark.podIndex }) === 1) marked.set(mark.attemptId, list)
  }
  return {
    byPid: (pid) => byPid.get(pid),
    inSession: (session) => bySession.get(session) ?? [],
    childrenOf: (pid) => byParent.get(pid) ?? [],
    markedFor: (attemptId) => marked.get(attemptId) ?? [],
    unmarked,
    uidOf: (pid) => facts.uid(pid),
  }
}

/**
 * Reads tables one after the other. A mark once read is kept for as long as its process lives: a program that
 * sheds it later by a new environment is still known.
 */
export function createTableReader(): (sinceTicks: number) => Promise<ProcessTable> {
  let marks = new Map<string, PodMark>()
  return async (sinceTicks) => {
    const scanned = await scanProcesses()
    const kept = new Map<string, PodMark>()
    const table = await processTable(scanned, sinceTicks, {
      uid: realUidOf,
      mark(process) {
        const key = `${process.pid}:${process.startTicks}`
        const mark = marks.get(key) ?? podMarkOf(process.pid)
        if (mark) kept.set(key, mark)
        return mark
      },
    })
    marks = kept
    return table
  }
}
