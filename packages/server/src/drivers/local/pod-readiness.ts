import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import type { PodProbes, Probe } from "../../domain/workloads/index.ts"
import { writtenAtMs } from "./attempt-files.ts"
import type { AttemptRecord, PodRecord } from "./attempt-record.ts"
import { askHttp, requestTarget, type HttpAnswer, type HttpQuestion } from "./http-probe.ts"
import type { Slots } from "./slots.ts"

export interface PodReadinessOptions {
  readonly clock: Clock
  readonly log: Log
  /** `isReady` of a pod is not what it was. */
  readonly onChange: (record: AttemptRecord) => void
  /** Its liveness probe has failed; asked no more. */
  readonly onUnhealthy: (record: AttemptRecord, pod: PodRecord, sentence: string) => void
  /** Each probe takes one while its connection is open. */
  readonly slots: Slots
  /** Asks once. Default: over HTTP. */
  readonly askOnce?: typeof askHttp
}

/** Knows which pods of applications may be sent connections, and finds those that answer no more. */
export interface PodReadiness {
  /** From the start of a pod, or from when it was taken over. Nothing for jobs and for what is told to end. */
  begin(record: AttemptRecord, pod: PodRecord): void
  /** It has ended or is told to: not ready at once. Gives whether it was. Idempotent. */
  end(pod: PodRecord): boolean
  /** Asks no more; what is ready stays so. */
  close(records: Iterable<AttemptRecord>): void
}

/** An application without a readiness probe is ready once it has been alive this long. */
const aliveMs = 1000
/** How long a probe may take is its period, within these bounds. */
const deadlineMs = [1000, 10_000] as const
/** Probes of what has just been started begin within this time; there, pods do not all start in one instant. */
const firstSpreadMs = 1000

/** @returns for one driver */
export function createPodReadiness(options: PodReadinessOptions): PodReadiness {
  const { clock, log, slots, askOnce = askHttp } = options
  let begun = 0

  /** 0–1, each far from the ones before it. */
  const nextSpread = () => (++begun * 0.618_033_988_75) % 1

  function setReady(record: AttemptRecord, pod: PodRecord, isReady: boolean): void {
    if (pod.isReady === isReady) return
    pod.isReady = isReady
    keepReady(pod, isReady)
    options.onChange(record)
  }

  /** For the next life of the server: it need not call all pods unready until it has asked them. */
  function keepReady({ folder }: PodRecord, isReady: boolean): void {
    try {
      if (isReady) writeFileSync(join(folder, "ready"), "", { mode: 0o600 })
      else rmSync(join(folder, "ready"), { force: true })
    } catch (error) {
      log.debug({ err: error }, "readiness of a pod could not be kept")
    }
  }

  function watchReadiness(record: AttemptRecord, pod: PodRecord, probe: Probe, startedAgoMs: number) {
    const countFrom = countsFrom(probe, startedAgoMs)
    let failures = 0
    return ask(pod, probe, startedAgoMs, (answer) => {
      if (answer.is === "success") {
        failures = 0
        setReady(record, pod, true)
      } else if (answer.is === "failure" && clock.monotonicMs() >= countFrom)
        if (++failures >= probe.failureThreshold) setReady(record, pod, false)
    })
  }

  function watchLiveness(record: AttemptRecord, pod: PodRecord, probe: Probe, startedAgoMs: number) {
    const countFrom = countsFrom(probe, startedAgoMs)
    let failures = 0
    return ask(pod, probe, startedAgoMs, (answer) => {
      if (answer.is === "success") failures = 0
      else if (answer.is === "failure" && clock.monotonicMs() >= countFrom)
        if (++failures >= probe.failureThreshold)
          options.onUnhealthy(record, pod, unhealthySentence(pod, probe, answer.said))
    })
  }

  /** The instant from which failures count, of the monotonic clock. */
  function countsFrom(probe: Probe, startedAgoMs: number): number {
    return clock.monotonicMs() + Math.max(0, probe.initialDelaySeconds * 1000 - startedAgoMs)
  }

  function ask(pod: PodRecord, probe: Probe, startedAgoMs: number, onAnswer: (answer: HttpAnswer) => void) {
    const periodMs = Math.max(1000, probe.periodSeconds * 1000)
    const spreadMs = startedAgoMs < firstSpreadMs ? firstSpreadMs : deadlineMs[1]
    return askAgainAndAgain({
      clock,
      slots,
      askOnce,
      firstMs: nextSpread() * Math.min(periodMs, spreadMs),
      periodMs,
      question: {
        ip: pod.stored.podIp,
        port: probe.port,
        path: probe.path,
        deadlineMs: Math.min(deadlineMs[1], Math.max(deadlineMs[0], periodMs)),
      },
      onAnswer,
    })
  }

  function watchersOf(record: AttemptRecord, pod: PodRecord, { readiness, liveness }: PodProbes) {
    const startedAtMs = pod.startedAtMs ?? clock.nowMs()
    const startedAgoMs = Math.max(0, clock.nowMs() - startedAtMs)
    const onAlive = () => setReady(record, pod, true)
    return [
      readiness
        ? watchReadiness(record, pod, readiness, startedAgoMs)
        : clock.alarm(Math.max(0, aliveMs - startedAgoMs), onAlive),
      liveness ? watchLiveness(record, pod, liveness, startedAgoMs) : () => undefined,
    ]
  }

  function stopWatching(pod: PodRecord): void {
    pod.unwatchReadiness?.()
    pod.unwatchReadiness = undefined
  }

  return {
    begin(record, pod) {
      const { probes, index } = pod.stored
      const isToldToEnd = pod.endedBy !== undefined || record.stop?.podIndexes.includes(index) === true
      if (!probes || pod.unwatchReadiness || isToldToEnd) return
      pod.isReady = writtenAtMs(join(pod.folder, "ready")) !== undefined
      const cancels = watchersOf(record, pod, probes)
      pod.unwatchReadiness = () => {
        for (const cancel of cancels) cancel()
      }
    },
    end(pod) {
      stopWatching(pod)
      if (!pod.isReady) return false
      pod.isReady = false
      keepReady(pod, false)
      return true
    },
    close(records) {
      for (const record of records) for (const pod of record.pods) stopWatching(pod)
    },
  }
}

interface Asking {
  readonly clock: Clock
  readonly slots: Slots
  readonly askOnce: typeof askHttp
  readonly firstMs: number
  readonly periodMs: number
  readonly question: HttpQuestion
  readonly onAnswer: (answer: HttpAnswer) => void
}

/** One question at a time, from the start of one to that of the next a period. @returns how to end it */
function askAgainAndAgain(asking: Asking): () => void {
  const { clock, slots, periodMs } = asking
  let isOver = false
  let leaveQueue: (() => void) | undefined
  let cancelQuestion: (() => void) | undefined
  let cancelWait = clock.alarm(asking.firstMs, turn)

  function turn(): void {
    leaveQueue = slots.take(begin)
  }

  function begin(release: () => void): void {
    const nextMono = clock.monotonicMs() + periodMs
    cancelQuestion = asking.askOnce(clock, asking.question, {
      answered: asking.onAnswer,
      over() {
        release()
        if (!isOver) cancelWait = clock.alarm(Math.max(0, nextMono - clock.monotonicMs()), turn)
      },
    })
  }

  return () => {
    isOver = true
    cancelWait()
    leaveQueue?.()
    cancelQuestion?.()
  }
}

/** Of a path in a sentence. */
const longestPath = 200

function unhealthySentence(pod: PodRecord, probe: Probe, said: string): string {
  const times = probe.failureThreshold === 1 ? "" : ` ${probe.failureThreshold} times in a row`
  const path = requestTarget(probe.path).slice(0, longestPath)
  return `The liveness probe GET http://${pod.stored.podIp}:${probe.port}${path} failed${times}: at last ${said}.`
}
