import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { AttemptId, PodProbes, Probe } from "../../domain/workloads/index.ts"
import { createVirtualClock, type VirtualClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { StoredAttempt } from "./attempt-files.ts"
import { newPodRecord, type AttemptRecord, type PodRecord } from "./attempt-record.ts"
import type { HttpAnswer, HttpListener } from "./http-probe.ts"
import { createPodReadiness, type PodReadiness } from "./pod-readiness.ts"
import { createSlots } from "./slots.ts"

/** A question that is under way. */
interface Asked {
  readonly atMono: number
  readonly path: string
  readonly ip: string
  readonly deadlineMs: number
  readonly listener: HttpListener
}

const success: HttpAnswer = { is: "success" }
const failure: HttpAnswer = { is: "failure", said: "its answer was status 500" }
const unasked: HttpAnswer = { is: "unasked" }

let clock: VirtualClock
let folder: string
let readiness: PodReadiness
let asked: Asked[]
let ended: string[]
let changes: boolean[]
/** undefined: it does not answer. */
let answer: HttpAnswer | undefined

function create(slots = 100) {
  readiness = createPodReadiness({
    clock,
    log: silentLog,
    slots: createSlots(slots),
    onChange: ({ pods }) => changes.push(pods[0]?.isReady ?? false),
    onUnhealthy(_record, pod, sentence) {
      ended.push(sentence)
      readiness.end(pod)
    },
    askOnce(_clock, { path, ip, deadlineMs }, listener) {
      asked.push({ atMono: clock.monotonicMs(), path, ip, deadlineMs, listener })
      if (answer) {
        listener.answered(answer)
        listener.over()
      }
      return () => listener.over()
    },
  })
}

beforeEach(() => {
  clock = createVirtualClock()
  folder = mkdtempSync(join(tmpdir(), "berth-readiness-"))
  asked = []
  ended = []
  changes = []
  answer = success
  create()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const probeOf = (change: Partial<Probe> = {}): Probe => ({
  path: "/health",
  port: 8000,
  initialDelaySeconds: 0,
  periodSeconds: 3,
  failureThreshold: 3,
  ...change,
})

function recordOf(probes: PodProbes | null, pods = 1): AttemptRecord & { readonly first: PodRecord } {
  const stored: StoredAttempt = {
    format: 1,
    attemptId: "att_1",
    workspaceId: "team-a",
    uid: 0,
    gid: 0,
    sharesAccount: true,
    groups: [],
    groupRoot: null,
    masterPort: 0,
    pods: Array.from({ length: pods }, (_, index) => {
      return { podId: `p-${index}`, index, podIp: `127.64.0.${index + 1}`, memoryBytes: 0, nice: 1, probes }
    }),
  }
  const records = stored.pods.map((pod) => newPodRecord(pod, stored.attemptId, folder))
  for (const pod of records) pod.startedAtMs = clock.nowMs()
  const [first] = records
  if (!first) throw new Error("an attempt has a pod")
  const life = { stop: undefined, killAtMono: undefined, cancelKill: undefined, isGone: false }
  return { id: stored.attemptId as AttemptId, stored, pods: records, first, ...life }
}

function begin(probes: PodProbes | null) {
  const record = recordOf(probes)
  readiness.begin(record, record.first)
  return record
}

const seconds = (count: number) => clock.advance(count * 1000)

describe("readiness", () => {
  it("begins with the first success, and is told once", async () => {
    answer = failure
    const { first } = begin({ liveness: null, readiness: probeOf({ initialDelaySeconds: 600 }) })
    await seconds(10)
    expect(first.isReady).toBe(false)
    answer = success
    await seconds(10)
    expect(first.isReady).toBe(true)
    expect(changes).toEqual([true])
  })

  it("ends with so many failures in a row after the delay, and not with earlier ones", async () => {
    const { first } = begin({ liveness: null, readiness: probeOf({ initialDelaySeconds: 60 }) })
    await seconds(5)
    answer = failure
    await seconds(54)
    expect(first.isReady).toBe(true)
    await seconds(6)
    expect(first.isReady).toBe(true)
    answer = success
    await seconds(3)
    answer = failure
    await seconds(6)
    expect(first.isReady).toBe(true)
    await seconds(3)
    expect(first.isReady).toBe(false)
    expect(changes).toEqual([true, false])
  })

  it("does not end because this machine could not ask", async () => {
    const { first } = begin({ liveness: probeOf(), readiness: probeOf() })
    await seconds(5)
    answer = unasked
    await seconds(60)
    expect([first.isReady, ended]).toEqual([true, []])
  })

  it("is that of before until something else is known, for one who takes over", async () => {
    const { first } = begin({ liveness: null, readiness: probeOf() })
    await seconds(5)
    readiness.close([])
    answer = failure
    create()
    const { first: again } = begin({ liveness: null, readiness: probeOf() })
    expect([first.isReady, again.isReady]).toEqual([true, true])
    await seconds(20)
    expect(again.isReady).toBe(false)
    create()
    expect(begin({ liveness: null, readiness: probeOf() }).first.isReady).toBe(false)
  })

  it("is not watched of jobs, nor of what is told to end", async () => {
    const job = begin(null)
    const probes = { liveness: probeOf(), readiness: probeOf() }
    const told = recordOf(probes)
    told.stop = { cause: "stopped", message: "", graceSeconds: 30, killAtMs: 0, podIndexes: [0] }
    readiness.begin(told, told.first)
    const unhealthy = recordOf(probes)
    unhealthy.first.endedBy = { cause: "unhealthy", message: "", atMs: 0 }
    readiness.begin(unhealthy, unhealthy.first)
    await seconds(30)
    expect([asked, changes, job.first.isReady]).toEqual([[], [], false])
  })

  it("ends at once and for good when the pod ends", async () => {
    const { first } = begin({ liveness: null, readiness: probeOf() })
    await seconds(5)
    expect([readiness.end(first), first.isReady, readiness.end(first)]).toEqual([true, false, false])
    const before = asked.length
    await seconds(30)
    expect([asked.length, first.isReady, clock.nextAlarmInMs()]).toEqual([before, false, undefined])
  })
})

describe("liveness", () => {
  it("ends a pod with a sentence, once", async () => {
    answer = failure
    begin({ liveness: probeOf({ path: "health?full=1" }), readiness: null })
    await seconds(60)
    expect(asked).toHaveLength(3)
    expect(ended).toEqual([
      "The liveness probe GET http://127.64.0.1:8000/health?full=1 failed 3 times in a row: at last its answer was status 500.",
    ])
  })

  it("counts the delay from the start of the pod, also for one who takes over", async () => {
    answer = failure
    const record = recordOf({ liveness: probeOf({ initialDelaySeconds: 60 }), readiness: null })
    await seconds(50)
    readiness.begin(record, record.first)
    await seconds(9)
    expect(ended).toEqual([])
    await seconds(12)
    expect(ended).toHaveLength(1)
  })
})

describe("asking", () => {
  it("goes on a period after each start, one at a time, with the period as its deadline", async () => {
    begin({ liveness: null, readiness: probeOf({ periodSeconds: 5 }) })
    await seconds(30)
    const starts = asked.map(({ atMono }) => Math.round(atMono))
    expect(starts[0]).toBeLessThanOrEqual(1000)
    expect(starts.slice(1).map((at, index) => at - (starts[index] ?? 0))).toEqual(
      Array(starts.length - 1).fill(5000),
    )
    answer = undefined
    await seconds(60)
    expect(asked.length).toBe(starts.length + 1)
    expect(asked.at(-1)?.deadlineMs).toBe(5000)
    asked.at(-1)?.listener.over()
    await seconds(1)
    expect(asked.length).toBe(starts.length + 2)
  })

  it.each([
    [1, 1000],
    [3, 3000],
    [60, 10_000],
  ])("gives a probe every %i s %i ms", async (periodSeconds, deadlineMs) => {
    begin({ liveness: null, readiness: probeOf({ periodSeconds }) })
    await seconds(2)
    expect(asked[0]?.deadlineMs).toBe(deadlineMs)
  })

  it("spreads the first questions of many pods", async () => {
    const record = recordOf({ liveness: null, readiness: probeOf() }, 250)
    await seconds(100)
    for (const pod of record.pods) readiness.begin(record, pod)
    await seconds(3)
    const perTenth = Map.groupBy(asked, ({ atMono }) => Math.floor((atMono - 100_000) / 100))
    expect(asked).toHaveLength(250)
    expect(Math.max(...[...perTenth.values()].map((each) => each.length))).toBeLessThan(15)
  })

  it("waits for room where very many hang, and leaves nobody out", async () => {
    create(2)
    answer = undefined
    const record = recordOf({ liveness: null, readiness: probeOf() }, 5)
    for (const pod of record.pods) readiness.begin(record, pod)
    await seconds(5)
    expect(asked).toHaveLength(2)
    for (let at = 0; at < 5; at++) asked[at]?.listener.over()
    expect(new Set(asked.map(({ ip }) => ip)).size).toBe(5)
    for (const pod of record.pods) readiness.end(pod)
    expect(clock.nextAlarmInMs()).toBeUndefined()
  })
})
