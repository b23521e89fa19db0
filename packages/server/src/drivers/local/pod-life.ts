import { watch } from "node:fs"
import type { ChildProcess } from "node:child_process"
import type { Clock } from "../../kit/clock.ts"
import { sleep } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import type { EndCause } from "../../domain/queue/index.ts"
import type { AttemptId } from "../../domain/workloads/index.ts"
import type { Addresses } from "./addresses.ts"
import {
  isMarkedGone,
  markGone,
  readEndSync,
  readStop,
  writeEndSync,
  writeStop,
  writtenAtMs,
  type LocalPaths,
  type StoredAttempt,
  type StoredStop,
} from "./attempt-files.ts"
import { endOfPod, newPodRecord, type AttemptRecord, type PodEnd, type PodRecord } from "./attempt-record.ts"
import type { Belonging, KnownWrapper } from "./belongings.ts"
import { podGroup, removeGroup } from "./pod-groups.ts"
import { createTableReader } from "./process-table.ts"
import type { LogFiles } from "./log-types.ts"
import { createPodReadiness } from "./pod-readiness.ts"
import { cannotRunSentence } from "./pod-last-words.ts"
import { terminateWrapper } from "./pod-terminate.ts"
import { forbidStart, readPodTruth, wrapperOf, type PodTruth } from "./pod-truth.ts"
import { readProcess } from "./processes.ts"
import type { Reaper } from "./reaper.ts"
import type { Slots } from "./slots.ts"
import { podTurn } from "./spawn-turn.ts"

export interface PodLifeOptions {
  readonly paths: LocalPaths
  readonly clock: Clock
  readonly log: Log
  readonly logs: LogFiles
  readonly reaper: Reaper
  readonly addresses: Addresses
  readonly probeSlots: Slots
  /** From TERM to KILL for a pod that fails its liveness probe. */
  readonly unhealthyGraceMs: number
  readonly bootId: string
  readonly serverUid: number
  /** Something changed about an attempt. */
  readonly onChange: (id: AttemptId) => void
  /** Whether it is the account of a workspace. */
  readonly isWorkspaceUid: (uid: number) => boolean
  /** Whether no live attempt but this one runs under its account. */
  readonly hasUidAlone: (record: AttemptRecord) => boolean
}

/** The steps of a pod's life after it was prepared. All are idempotent. */
export interface PodLife {
  /** The record of an attempt by what its folder says now, with everything that is under way taken up again. */
  adopt(stored: StoredAttempt): Promise<AttemptRecord>
  /** The record of an attempt that was prepared just now. */
  begin(stored: StoredAttempt): AttemptRecord
  /** A wrapper was started as a child of this process. */
  started(record: AttemptRecord, pod: PodRecord, child: ChildProcess & { readonly pid: number }): void
  /** Takes in what is true of the pods that had not ended. */
  refresh(record: AttemptRecord): Promise<void>
  stop(record: AttemptRecord, cause: EndCause, message: string, graceMs: number): Promise<void>
  /** The control group that holds all processes of a pod; undefined where none does. */
  groupOf(record: AttemptRecord, pod: PodRecord): string | undefined
  /** Ends one pod for a reason of the driver's own. */
  endPod(record: AttemptRecord, pod: PodRecord, cause: EndCause, message: string, graceMs: number): void
  /** Lets go of all timers and watchers; processes stay, and what they do is no longer taken in. */
  close(records: Iterable<AttemptRecord>): void
}

/** How long a pod that has taken its lock may take to say who it is. */
const beginningRounds = 100
const beginningRoundMs = 50

export function createPodLife(options: PodLifeOptions): PodLife {
  const { paths, clock, log, logs, reaper, addresses, bootId } = options
  const readTable = createTableReader()
  const readiness = createPodReadiness({
    clock,
    log,
    slots: options.probeSlots,
    onChange: (record) => options.onChange(record.id),
    onUnhealthy: (record, pod, sentence) =>
      endPod(record, pod, "unhealthy", sentence, options.unhealthyGraceMs),
  })
  let hasWarnedOfWatch = false
  let isClosed = false

  function newRecord(stored: StoredAttempt): AttemptRecord {
    return {
      id: stored.attemptId as AttemptId,
      stored,
      pods: stored.pods.map((pod) =>
        newPodRecord(pod, stored.attemptId, paths.pod(stored.attemptId, pod.index)),
      ),
      stop: undefined,
      killAtMono: undefined,
      cancelKill: undefined,
      isGone: false,
    }
  }

  // ---- taking over -------------------------------------------------------------------------------

  async function adopt(stored: StoredAttempt): Promise<AttemptRecord> {
    const record = newRecord(stored)
    record.isGone = isMarkedGone(paths, stored.attemptId)
    record.stop = await readStop(paths, stored.attemptId)
    if (!record.isGone)
      addresses.keep(
        stored.pods.map((pod) => pod.podIp),
        stored.masterPort,
      )
    for (const pod of record.pods) await adoptPod(record, pod)
    for (const pod of record.pods) goOnEnding(record, pod)
    if (record.stop && !record.isGone) await goOnStopping(record, record.stop)
    return record
  }

  /**
   * A stop may have been cut off at any of its steps by the end of the last server: all are made again. A second
   * TERM does less harm than none.
   */
  async function goOnStopping(record: AttemptRecord, stopped: StoredStop): Promise<void> {
    await carryOut(record, stopped)
    armKill(record, Math.max(0, stopped.killAtMs - clock.nowMs()))
  }

  /** Tells the pods, keeps those from starting that have not, and sends TERM to the others. */
  async function carryOut(record: AttemptRecord, stopped: StoredStop): Promise<void> {
    const live = record.pods.filter((pod) => !pod.end)
    if (live.length === 0) return
    await tellPods(record, stopped)
    for (const pod of live) if (!pod.hasStarted) await neverStart(record, pod)
    for (const pod of live) {
      await podTurn()
      void terminateWrapper(pod, { ...options, isClosed: () => isClosed })
    }
  }

  /** The end of the last server may have come between the decision to end a pod and its end. */
  function goOnEnding(record: AttemptRecord, pod: PodRecord): void {
    if (!pod.endedBy || pod.end || record.isGone) return
    const graceMs = pod.endedBy.cause === "unhealthy" ? options.unhealthyGraceMs : 0
    const leftMs = pod.endedBy.atMs + graceMs - clock.nowMs()
    carryOutEnd(record, pod, Math.min(graceMs, Math.max(0, leftMs)))
  }

  async function adoptPod(record: AttemptRecord, pod: PodRecord): Promise<void> {
    pod.endedBy = readEndSync(paths, record.id, pod.stored.index)
    let truth = readPodTruth(pod.folder, bootId)
    if (isUnsaid(truth)) truth = await waitForBeginning(record, pod)
    if (truth.is === "waiting" && writtenAtMs(pod.folder) === undefined)
      truth = { is: "lost", startedAtMs: null, otherBoot: false } // its folder was taken away
    await takeIn(record, pod, truth)
  }

  /** A wrapper that was caught before its lock or before its pid file says soon who it is, or is gone. */
  async function waitForBeginning(record: AttemptRecord, pod: PodRecord): Promise<PodTruth> {
    for (let round = 0; round < beginningRounds; round++) {
      const seen = (await readTable(0)).markedFor(record.id)
      const isThere = seen.some((each) => each.podIndex === pod.stored.index)
      const truth = readPodTruth(pod.folder, bootId)
      if (!isUnsaid(truth) || (truth.is === "waiting" && !isThere)) return truth
      if (!isThere) break
      await sleep(clock, beginningRoundMs)
    }
    return { is: "lost", startedAtMs: null, otherBoot: false }
  }

  async function takeIn(record: AttemptRecord, pod: PodRecord, truth: PodTruth): Promise<void> {
    if (pod.end || isClosed) return
    if (truth.is === "exited" || truth.is === "lost") await ended(record, pod, truth)
    if (truth.is !== "running") return
    const isNew = !pod.hasStarted
    pod.hasStarted = true
    pod.startedAtMs ??= truth.startedAtMs
    pod.wrapper = { ...truth.wrapper, wasSeenAlive: true }
    if (pod.isChild || pod.unwatch) return
    watchFolder(record, pod)
    if (isNew) logs.track(pod.key, paths.log(record.id, pod.stored.index))
    readiness.begin(record, pod)
    // it may have ended before the watch began
    const again = readPodTruth(pod.folder, bootId)
    if (again.is !== "running") await takeIn(record, pod, again)
  }

  function watchFolder(record: AttemptRecord, pod: PodRecord): void {
    try {
      const watcher = watch(pod.folder, { persistent: false }, (_event, name) => {
        if (name === "exit") look(record, pod)
      })
      watcher.on("error", () => watcher.close())
      pod.unwatch = () => watcher.close()
    } catch (error) {
      // out of inotify watches: the slow look sees its end too, later
      if (!hasWarnedOfWatch)
        log.warn({ err: error }, "folders of pods cannot be watched; their ends show late")
      hasWarnedOfWatch = true
    }
  }

  function look(record: AttemptRecord, pod: PodRecord): void {
    takeIn(record, pod, readPodTruth(pod.folder, bootId)).catch((error: unknown) =>
      log.error({ err: error, attemptId: record.id }, "the end of a pod could not be taken in"),
    )
  }

  // ---- running -----------------------------------------------------------------------------------

  function started(
    record: AttemptRecord,
    pod: PodRecord,
    child: ChildProcess & { readonly pid: number },
  ): void {
    // it cannot have been reaped: that happens in a later turn of the event loop
    const startTicks = readProcess(child.pid)?.startTicks ?? 0
    pod.isChild = true
    pod.hasStarted = true
    pod.startedAtMs = clock.nowMs()
    pod.wrapper = { pid: child.pid, startTicks, wasSeenAlive: true }
    logs.track(pod.key, paths.log(record.id, pod.stored.index))
    readiness.begin(record, pod)
    child.once("exit", () => {
      pod.isChild = false
      void childEnded(record, pod).catch((error: unknown) =>
        log.error({ err: error, attemptId: record.id }, "the end of a pod could not be taken in"),
      )
    })
    options.onChange(record.id)
  }

  async function childEnded(record: AttemptRecord, pod: PodRecord): Promise<void> {
    if (isClosed) return
    let truth = readPodTruth(pod.folder, bootId)
    // another wrapper had the lock, or this one could not even write who it is
    if (truth.is === "beginning") truth = await waitForBeginning(record, pod)
    if (truth.is === "waiting") truth = { is: "lost", startedAtMs: null, otherBoot: false }
    await takeIn(record, pod, truth)
  }

  async function refresh(record: AttemptRecord): Promise<void> {
    for (const pod of record.pods) {
      await podTurn()
      if (pod.end || !pod.hasStarted) continue
      const truth = readPodTruth(pod.folder, bootId)
      if (!isUnsaid(truth)) await takeIn(record, pod, truth)
      else if (!pod.isChild) await adoptPod(record, pod)
    }
  }

  // ---- ending ------------------------------------------------------------------------------------

  async function ended(
    record: AttemptRecord,
    pod: PodRecord,
    truth: Extract<PodTruth, { is: "exited" | "lost" }>,
  ): Promise<void> {
    let end = endOfPod(pod, truth, record.stop, clock.nowMs())
    if (end.message === "" && (end.exitCode === 126 || end.exitCode === 127))
      end = { ...end, message: await cannotRunSentence(end.exitCode, paths.log(record.id, pod.stored.index)) }
    if (pod.end) return
    if (end.state === "lost") keepEnd(record, pod, end)
    pod.wrapper ??= formerWrapper(pod)
    pod.hasStarted = true
    pod.end = end
    readiness.end(pod)
    pod.unwatch?.()
    pod.unwatch = undefined
    if (record.isGone) return quiet(pod)
    options.onChange(record.id)
    endSurvivors(record, pod)
  }

  function formerWrapper(pod: PodRecord): KnownWrapper | undefined {
    const wrapper = wrapperOf(pod.folder, bootId)
    return wrapper && { pid: wrapper.pid, startTicks: wrapper.startTicks, wasSeenAlive: false }
  }

  function keepEnd(record: AttemptRecord, pod: PodRecord, end: PodEnd): void {
    if (!end.cause) return
    const kept = { cause: end.cause, message: end.message, atMs: end.endedAtMs }
    pod.endedBy ??= kept
    try {
      writeEndSync(paths, record.id, pod.stored.index, pod.endedBy)
    } catch (error) {
      log.warn({ err: error, attemptId: record.id }, "the cause of a pod's end could not be kept")
    }
  }

  function endSurvivors(record: AttemptRecord, pod: PodRecord): void {
    const killAt = record.killAtMono ?? clock.monotonicMs()
    if (record.pods.every((other) => other.end)) {
      void reaper.end(record.id, belongingsOf(record, null), killAt).then(() => gone(record))
    } else void reaper.end(pod.key, belongingsOf(record, pod), killAt).then(() => quiet(pod))
  }

  function quiet(pod: PodRecord): void {
    if (pod.isQuiet) return
    pod.isQuiet = true
    void logs.untrack(pod.key)
    for (const listener of pod.onQuiet) listener()
    pod.onQuiet.clear()
  }

  async function gone(record: AttemptRecord): Promise<void> {
    if (record.isGone) return
    record.cancelKill?.()
    try {
      await markGone(paths, record.stored)
    } catch (error) {
      // the next server looks for itself
      log.warn({ err: error, attemptId: record.id }, "the end of an attempt could not be noted")
    }
    record.isGone = true
    addresses.giveBack(
      record.pods.map((pod) => pod.stored.podIp),
      record.stored.masterPort,
    )
    const { groupRoot } = record.stored
    for (const pod of record.pods) {
      if (groupRoot) removeGroup(podGroup(groupRoot, record.id, pod.stored.index))
      quiet(pod)
    }
    options.onChange(record.id)
  }

  function belongingsOf(record: AttemptRecord, pod: PodRecord | null): Belonging {
    const pods = pod ? [pod] : record.pods
    const wrappers = pods.flatMap((each) => (each.wrapper ? [each.wrapper] : []))
    const groups = pods.flatMap((each) => groupOf(record, each) ?? [])
    return {
      attemptId: record.id,
      podIndex: pod ? pod.stored.index : null,
      wrappers,
      groups: groups.length === pods.length ? groups : null,
      sinceTicks:
        wrappers.length === pods.length ? Math.min(...wrappers.map((wrapper) => wrapper.startTicks)) : 0,
      uid: record.stored.uid,
      mayBecome: (uid) =>
        record.stored.sharesAccount && record.stored.uid === 0 && !options.isWorkspaceUid(uid),
      hasUidAlone: () => !record.stored.sharesAccount && options.hasUidAlone(record),
    }
  }

  function groupOf(record: AttemptRecord, pod: PodRecord): string | undefined {
    const { groupRoot } = record.stored
    if (groupRoot && !pod.group && wrapperOf(pod.folder, bootId)?.isGrouped)
      pod.group = podGroup(groupRoot, record.id, pod.stored.index)
    return pod.group
  }

  // ---- being told to end -------------------------------------------------------------------------

  async function stop(record: AttemptRecord, cause: EndCause, message: string, graceMs: number) {
    await refresh(record)
    const live = record.pods.filter((pod) => !pod.end)
    const killAtMs = clock.nowMs() + graceMs
    const before = record.stop
    if (live.length === 0 || (before && before.killAtMs <= killAtMs)) return
    record.stop = {
      cause,
      message,
      podIndexes: live.map((pod) => pod.stored.index),
      ...before,
      graceSeconds: Math.round(graceMs / 1000),
      killAtMs,
    }
    endReadiness(record, live)
    if (before) await tellPods(record, record.stop)
    else await carryOut(record, record.stop)
    armKill(record, graceMs)
  }

  /** Before any of them is told to end: nobody is to connect to it any more. */
  function endReadiness(record: AttemptRecord, pods: readonly PodRecord[]): void {
    const hadReady = pods.map((pod) => readiness.end(pod)).includes(true)
    if (hadReady) options.onChange(record.id)
  }

  async function tellPods(record: AttemptRecord, stopped: StoredStop): Promise<void> {
    try {
      await writeStop(paths, record.stored, stopped)
    } catch (error) {
      // a full disk must not keep a pod running
      log.warn({ err: error, attemptId: record.id }, "the cause of a stop could not be written for the pods")
    }
  }

  async function neverStart(record: AttemptRecord, pod: PodRecord): Promise<void> {
    if (forbidStart(pod.folder)) {
      const atMs = clock.nowMs()
      await ended(record, pod, { is: "exited", code: 143, startedAtMs: null, endedAtMs: atMs })
    } else await adoptPod(record, pod)
  }

  function armKill(record: AttemptRecord, graceMs: number): void {
    record.cancelKill?.()
    record.killAtMono = clock.monotonicMs() + graceMs
    record.cancelKill = clock.alarm(graceMs, () => {
      record.cancelKill = undefined
      const now = clock.monotonicMs()
      for (const pod of record.pods)
        if (!pod.isQuiet)
          void reaper.end(pod.key, belongingsOf(record, pod), now).then(() => forceEnd(record, pod))
      if (record.pods.every((pod) => pod.end)) void reaper.end(record.id, belongingsOf(record, null), now)
    })
  }

  /** All of a pod is gone: its end is told by its exit file, or it is lost. */
  async function forceEnd(record: AttemptRecord, pod: PodRecord): Promise<void> {
    if (!pod.end) await refresh(record)
    if (pod.end) quiet(pod)
  }

  function endPod(record: AttemptRecord, pod: PodRecord, cause: EndCause, message: string, graceMs: number) {
    if (pod.end || pod.endedBy) return
    pod.endedBy = { cause, message, atMs: clock.nowMs() }
    try {
      writeEndSync(paths, record.id, pod.stored.index, pod.endedBy)
    } catch (error) {
      log.warn({ err: error, attemptId: record.id }, "the cause of a pod's end could not be kept")
    }
    log.info({ attemptId: record.id, podId: pod.stored.podId, cause }, "pod is ended by the driver")
    endReadiness(record, [pod])
    carryOutEnd(record, pod, graceMs)
  }

  function carryOutEnd(record: AttemptRecord, pod: PodRecord, graceMs: number): void {
    if (graceMs > 0) void terminateWrapper(pod, { ...options, isClosed: () => isClosed })
    void reaper
      .end(pod.key, belongingsOf(record, pod), clock.monotonicMs() + graceMs)
      .then(() => forceEnd(record, pod))
  }

  return {
    adopt,
    begin: newRecord,
    started,
    refresh,
    stop,
    groupOf,
    endPod,
    close(records) {
      isClosed = true
      const all = [...records]
      readiness.close(all)
      for (const record of all) {
        record.cancelKill?.()
        for (const pod of record.pods) pod.unwatch?.()
      }
    },
  }
}

/** Whether no wrapper has said yet who it is. */
function isUnsaid(truth: PodTruth): boolean {
  return truth.is === "waiting" || truth.is === "beginning"
}
