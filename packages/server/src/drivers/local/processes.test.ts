import { describe, expect, it } from "vitest"
import { belongingTo, type Belonging } from "./belongings.ts"
import { processTable, type ProcessFacts } from "./process-table.ts"
import { parseStat, type PodMark, type ProcessStat } from "./processes.ts"

describe("a line of the process table", () => {
  const rest = "1 77 77 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 200"

  it.each(["sh", "a b", ") R 1 1 1", "((", "a) Z 9 9 9 (b"])(
    "is read whatever its program is called: %j",
    (name) => {
      expect(parseStat(42, `42 (${name}) S 7 ${rest.slice(2)}`)).toEqual({
        pid: 42,
        name,
        state: "S",
        parentPid: 7,
        session: 77,
        startTicks: 987_654,
      })
    },
  )

  it.each(["", "42", "42 (sh) S 1 2", "nonsense"])("is refused when it is none: %j", (text) => {
    expect(parseStat(42, text)).toBeUndefined()
  })
})

describe("what belongs to a pod", () => {
  const process = (pid: number, change: Partial<ProcessStat> = {}): ProcessStat => ({
    pid,
    name: "x",
    state: "S",
    parentPid: 1,
    session: pid,
    startTicks: 1000,
    ...change,
  })
  const facts = (marks: Record<number, PodMark> = {}, uids: Record<number, number> = {}): ProcessFacts => ({
    mark: ({ pid }) => marks[pid],
    uid: (pid) => uids[pid] ?? 60_000,
  })
  const belonging = (change: Partial<Belonging> = {}): Belonging => ({
    attemptId: "att_1",
    podIndex: 0,
    wrappers: [{ pid: 100, startTicks: 1000, wasSeenAlive: true }],
    groups: null,
    sinceTicks: 1000,
    uid: 60_000,
    mayBecome: () => false,
    hasUidAlone: () => false,
    ...change,
  })
  const pidsOf = async (of: Belonging, scanned: readonly ProcessStat[], known = facts()) =>
    belongingTo(of, await processTable(scanned, 0, known)).map((found) => found.pid)

  it("is its session, also once the wrapper is gone", async () => {
    const member = process(101, { session: 100, parentPid: 100 })
    expect(await pidsOf(belonging(), [process(100), member, process(200)])).toEqual([100, 101])
    expect(await pidsOf(belonging(), [member, process(200)])).toEqual([101])
  })

  it("is not the session of another process that got the wrapper's pid", async () => {
    const reused = process(100, { startTicks: 5000 })
    const member = process(101, { session: 100, startTicks: 5001 })
    expect(await pidsOf(belonging(), [reused, member])).toEqual([])
  })

  it("is not a session whose leader was never seen, since its number may be another's by now", async () => {
    const unseen = belonging({ wrappers: [{ pid: 100, startTicks: 1000, wasSeenAlive: false }] })
    expect(await pidsOf(unseen, [process(101, { session: 100, startTicks: 5001 })])).toEqual([])
  })

  it("is nothing older than the wrapper", async () => {
    const old = process(50, { startTicks: 999 })
    expect(await pidsOf(belonging(), [old], facts({ 50: { attemptId: "att_1", podIndex: 0 } }))).toEqual([])
  })

  it("is what carries the pod's mark under the pod's account", async () => {
    const marks = {
      301: { attemptId: "att_1", podIndex: 0 },
      302: { attemptId: "att_1", podIndex: 1 },
      303: { attemptId: "att_2", podIndex: 0 },
      304: { attemptId: "att_1", podIndex: 0 },
    }
    const scanned = [301, 302, 303, 304].map((pid) => process(pid))
    const known = facts(marks, { 304: 61_000 })
    expect(await pidsOf(belonging(), scanned, known)).toEqual([301])
    expect(await pidsOf(belonging({ podIndex: null }), scanned, known)).toEqual([301, 302])
    expect(await pidsOf(belonging({ mayBecome: (uid) => uid === 61_000 }), scanned, known)).toEqual([
      301, 304,
    ])
  })

  it("is every descendant of those, in whatever order the table lists them", async () => {
    const scanned = [
      process(90, { parentPid: 402 }),
      process(402, { parentPid: 401 }),
      process(401, { parentPid: 100 }),
      process(100),
      process(500),
    ]
    expect((await pidsOf(belonging(), scanned)).sort((a, b) => a - b)).toEqual([90, 100, 401, 402])
  })

  it("is all of its account, marked for others or not at all, only when the account runs nothing else", async () => {
    const scanned = [process(600), process(601), process(602)]
    const known = facts({ 601: { attemptId: "att_2", podIndex: 0 } }, { 602: 0 })
    expect(await pidsOf(belonging({ podIndex: null }), scanned, known)).toEqual([])
    const alone = { hasUidAlone: () => true }
    expect(await pidsOf(belonging({ podIndex: null, ...alone }), scanned, known)).toEqual([600])
    expect(await pidsOf(belonging(alone), scanned, known)).toEqual([])
  })

  it("is never the first process of the machine", async () => {
    expect(
      await pidsOf(
        belonging({ sinceTicks: 0 }),
        [process(1)],
        facts({ 1: { attemptId: "att_1", podIndex: 0 } }),
      ),
    ).toEqual([])
  })
})
