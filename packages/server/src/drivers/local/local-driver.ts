import { basename, dirname } from "node:path"
import { setImmediate as nextTurn } from "node:timers/promises"
import type { GpuKind } from "../../domain/inventory/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Clock } from "../../kit/clock.ts"
import type {
  AttemptHandle,
  AttemptId,
  AttemptLaunch,
  LogQuery,
  PodDriver,
} from "../../domain/workloads/index.ts"
import {
  attemptsWithWork,
  isAttemptId,
  isMarkedGone,
  isKept,
  isStored,
  localPaths,
  makeSharedFolders,
  readStored,
  removeAttempt,
  removeEmptied,
  replaceFileSync,
  type StoredAttempt,
} from "./attempt-files.ts"
import { observationOf, type AttemptRecord, type PodRecord } from "./attempt-record.ts"
import { examineMachine, type DoctorFact } from "./doctor.ts"
import { createLocalMachine, type LocalMachine, type LocalMachineOptions } from "./local-machine.ts"
import type { LogFiles, LogSource } from "./log-types.ts"
import { markedAttempts } from "./marked-attempts.ts"
import { createMemoryWatch } from "./memory-watch.ts"
import { openPodGroups, removeGroup } from "./pod-groups.ts"
import { createPodLife } from "./pod-life.ts"
import { prepare, spawnWrapper, type PodStartOptions } from "./pod-start.ts"
import { spawnTurn } from "./spawn-turn.ts"
import { podMarkOf, readBootId, readProcess, type PodMark } from "./processes.ts"
import { createReaper } from "./reaper.ts"
import { wrapperScript } from "./wrapper.ts"

export interface LocalDriverOptions extends LocalMachineOptions {
  readonly clusterId: string
  /** Made if it is not there; the driver uses `pods/` and `local/` in it. */
  readonly dataDir: string
  readonly clock: Clock
  /** Reading and bounding of the pods' logs; closed by whoever made it. */
  readonly logs: LogFiles
  /** What several local drivers of one server share; with it the three settings of accounts are not read. */
  readonly machine?: LocalMachine
  /** The search path that pods start with. */
  readonly path?: string
  /** What kind the GPUs of a node are. Default: NVIDIA's. */
  readonly gpuKind?: (nodeName: string) => GpuKind
  /** Whether to keep pods in control groups where the machine lets the server. Default true. */
  readonly useGroups?: boolean
  /** From TERM to KILL for a pod that fails its liveness probe. Default 10,000 ms. */
  readonly unhealthyGraceMs?: number
  /** Between two looks at the memory of pods. Default 5,000 ms. */
  readonly memoryLookMs?: number
  /** Between two looks at processes whose end no event tells. Default 5,000 ms. */
  readonly slowLookMs?: number
}

/** What a server wants to know of pods that are processes of this machine, whatever they are for. */
export interface LocalPods {
  /** Whether a process is one of a pod's (for GPUs that are used by others). */
  isPodProcess(pid: number): boolean
  /** Whether a path is a pod's log, by its place. */
  isLogPath(path: string): boolean
  /** Whether the log belongs to an attempt that is not gone. */
  isLiveLog(path: string): boolean
  /** A log of an attempt was removed: with the last one goes what else is kept of an attempt that is over. */
  logRemoved(path: string): Promise<void>
  /** How many attempts are known and not gone. */
  readonly liveAttempts: number
  /** Where pods' folders lie: the root of log retention (logs are 2 folders deeper). */
  readonly podsDir: string
}

/** The driver whose pods are processes of this machine. */
export interface LocalDriver extends PodDriver, LocalPods {
  /** What this machine allows, in sentences. */
  doctor(): Promise<readonly DoctorFact[]>
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/** What is kept in memory of attempts that are gone; of others the disk is read. */
const goneKept = 1000
/** A pod that floods its log or fills the disk gets this long to end by itself. */
const overflowGraceMs = 2000

export function createLocalDriver(options: LocalDriverOptions): LocalDriver {
  const { clock, log, logs } = options
  const paths = localPaths(options.dataDir)
  const bootId = readBootId()
  const serverUid = process.getuid?.() ?? 0
  const listeners = new Set<(id: AttemptId) => void>()
  const attempts = new Map<string, AttemptRecord>()
  /** Attempts that are being started or read from disk. */
  const underWay = new Map<string, Promise<unknown>>()
  let isClosed = false

  makeSharedFolders(paths)
  // a running shell goes on reading the old file
  replaceFileSync(paths.wrapper, wrapperScript, 0o600)
  const reaper = createReaper({ clock, log })
  const { accounts, addresses, usesOfUid, probeSlots } = options.machine ?? createLocalMachine(options)
  const groups = (options.useGroups ?? true) ? openPodGroups(options.dataDir) : undefined
  const life = createPodLife({
    paths,
    clock,
    log,
    logs,
    reaper,
    addresses,
    probeSlots,
    // a program that hangs will need the KILL
    unhealthyGraceMs: options.unhealthyGraceMs ?? 10_000,
    bootId,
    serverUid,
    isWorkspaceUid: (uid) => accounts.isGiven(uid),
    hasUidAlone,
    onChange: tell,
  })
  const startOptions: PodStartOptions = {
    paths,
    accounts,
    addresses,
    path: options.path ?? defaultPath,
    gpuKind: options.gpuKind ?? (() => "nvidia"),
    groups,
    nameOfPod,
  }

  /** What is of another workspace is not named. */
  function nameOfPod({ attemptId, podIndex }: PodMark, workspaceId: string): string {
    const record = attempts.get(attemptId)
    if (!record) return "another pod"
    if (record.stored.workspaceId !== workspaceId) return "a pod of another workspace"
    const pod = record.pods.find((each) => each.stored.index === podIndex)
    return `pod ${pod?.stored.podId ?? "of the same workspace"}`
  }

  function tell(id: AttemptId): void {
    if (!isClosed) for (const listener of listeners) listener(id)
  }

  // for good: pods outlive the driver
  usesOfUid.add(usesUid)
  function usesUid(uid: number, except?: AttemptRecord): boolean {
    for (const one of attempts.values())
      if (one !== except && !one.isGone && one.stored.uid === uid) return true
    // one that is being started or read may have the same account
    return underWay.size > 0
  }

  function hasUidAlone(record: AttemptRecord): boolean {
    const { uid } = record.stored
    if (usesUid(uid, record)) return false
    for (const isUsed of usesOfUid) if (isUsed !== usesUid && isUsed(uid)) return false
    return true
  }

  // ---- records -----------------------------------------------------------------------------------

  /** Runs one thing at a time for an attempt, so that two callers do not make two records. */
  async function alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    for (let before = underWay.get(id); before; before = underWay.get(id)) await before.catch(() => undefined)
    const running = work()
    underWay.set(id, running)
    try {
      return await running
    } finally {
      underWay.delete(id)
    }
  }

  function keep(record: AttemptRecord): AttemptRecord {
    attempts.set(record.id, record)
    if (attempts.size > goneKept)
      for (const [id, old] of attempts) {
        if (attempts.size <= goneKept) break
        if (old.isGone) attempts.delete(id)
      }
    return record
  }

  /** The record of an attempt, from memory or disk; undefined when neither folder nor handle tells of it. */
  async function find(id: string, handle: AttemptHandle | null): Promise<AttemptRecord | undefined> {
    if (!isAttemptId(id)) return undefined
    return attempts.get(id) ?? (await alone(id, () => load(id, handle)))
  }

  async function load(id: string, handle: AttemptHandle | null): Promise<AttemptRecord | undefined> {
    const known = attempts.get(id)
    if (known) return known
    const fromHandle = isStored(handle)
    const isOurs = fromHandle?.attemptId === id && !fromHandle.isRestored
    const stored = (await readStored(paths, id)) ?? (isOurs ? fromHandle : undefined)
    return stored && keep(await life.adopt(stored))
  }

  function byHandle(handle: AttemptHandle): Promise<AttemptRecord | undefined> {
    return find(isStored(handle)?.attemptId ?? "", handle)
  }

  // ---- starting ----------------------------------------------------------------------------------

  async function start(launch: AttemptLaunch, signal: AbortSignal): Promise<AttemptHandle> {
    const record =
      (await load(launch.id, null)) ?? keep(life.begin(await prepareUnlessAborted(launch, signal)))
    for (const pod of record.pods) {
      if (pod.hasStarted || pod.end || record.stop) continue
      await spawnTurn()
      // it may have been told to stop while others started
      if (pod.hasStarted || record.stop) continue
      signal.throwIfAborted()
      life.started(record, pod, spawnWrapper(paths, record.stored, pod.stored))
    }
    return handleOf(record.stored)
  }

  async function prepareUnlessAborted(launch: AttemptLaunch, signal: AbortSignal): Promise<StoredAttempt> {
    if (isClosed) throw new AppError("unavailable", "The driver is closed.")
    signal.throwIfAborted()
    return prepare(startOptions, launch)
  }

  // ---- looking -----------------------------------------------------------------------------------

  const memoryWatch = createMemoryWatch({
    clock,
    log,
    everyMs: options.memoryLookMs ?? 5000,
    pods: () =>
      [...livePods()].flatMap(({ record, pod }) => {
        const { memoryBytes } = pod.stored
        if (!pod.wrapper || pod.end || pod.endedBy || memoryBytes <= 0) return []
        const group = life.groupOf(record, pod) ?? null
        return [{ key: pod.key, wrapperPid: pod.wrapper.pid, group, memoryBytes }]
      }),
    onExceeded(key, usedBytes) {
      const found = podByKey(key)
      if (found)
        life.endPod(found.record, found.pod, "out_of_memory", memorySentence(found.pod, usedBytes), 0)
    },
  })

  function* livePods(): Generator<{ readonly record: AttemptRecord; readonly pod: PodRecord }> {
    for (const record of attempts.values())
      if (!record.isGone) for (const pod of record.pods) if (pod.hasStarted) yield { record, pod }
  }

  function podByKey(key: string) {
    const record = attempts.get(dirname(key))
    const pod = record?.pods.find((each) => each.key === key)
    return record && pod && !record.isGone ? { record, pod } : undefined
  }

  const stopOverflow = logs.onOverflow(({ key, cause, message }) => {
    const found = podByKey(key)
    if (found) life.endPod(found.record, found.pod, cause, message, overflowGraceMs)
  })

  const slowLookMs = options.slowLookMs ?? 5000
  let cancelSlowLook = clock.alarm(slowLookMs, slowLook)

  /** Children tell their end themselves; of others only the exit file has an event, not a killed wrapper. */
  function slowLook(): void {
    void lookAtAdopted()
      .catch((error: unknown) => log.warn({ err: error }, "pods could not be looked at"))
      .finally(() => {
        if (!isClosed) cancelSlowLook = clock.alarm(slowLookMs, slowLook)
      })
  }

  async function lookAtAdopted(): Promise<void> {
    let seen = 0
    for (const record of attempts.values()) {
      if (record.isGone || !record.pods.some((pod) => pod.hasStarted && !pod.end && !pod.isChild)) continue
      await life.refresh(record)
      if (++seen % 64 === 0) await nextTurn()
    }
  }

  // ---- logs --------------------------------------------------------------------------------------

  async function logOf(handle: AttemptHandle, podId: string) {
    const stored = isStored(handle)
    const pod = stored?.pods.find((each) => each.podId === podId)
    if (!stored || !pod)
      throw new AppError("not_found", `pods "${podId}" not found`, { resource: "pod", name: podId })
    // of an attempt whose folder has gone nothing is taken up for a look at its log
    const isThere = attempts.has(stored.attemptId) || isKept(paths, stored.attemptId)
    const record = isThere ? await byHandle(handle) : undefined
    return {
      path: paths.log(stored.attemptId, pod.index),
      pod: record?.pods.find((each) => each.stored.podId === podId),
    }
  }

  async function* followLog(handle: AttemptHandle, podId: string, query: LogQuery, signal: AbortSignal) {
    const { path, pod } = await logOf(handle, podId)
    yield* logs.follow(path, query, pod ? sourceOf(pod) : endedSource, signal)
  }

  // ---- the port ----------------------------------------------------------------------------------

  return {
    clusterId: options.clusterId,
    podsDir: paths.pods,
    ensure(launch, signal) {
      if (!isAttemptId(launch.id))
        return Promise.reject(new AppError("internal", `"${launch.id}" cannot name an attempt.`))
      return alone(launch.id, () => start(launch, signal))
    },
    async inspect(handle) {
      const record = await byHandle(handle)
      if (!record) return { pods: [], isGone: true }
      if (!record.isGone) await life.refresh(record)
      return observationOf(record)
    },
    async recover(id, handle) {
      const record = await find(id, handle)
      return record ? handleOf(record.stored) : null
    },
    async stop(handle, reason, graceMs) {
      const record = await byHandle(handle)
      if (record) await life.stop(record, reason.cause, reason.message, graceMs)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async readLog(handle, podId, query) {
      const { path, pod } = await logOf(handle, podId)
      // whoever knows that it has ended wants its last line too, finished or not
      return logs.read(path, query, pod === undefined || pod.isQuiet || pod.end !== undefined)
    },
    followLog,
    async forget(id, handle, logsToo) {
      if (!isAttemptId(id) || !isKept(paths, id)) return
      const record = await find(id, handle)
      if (!record) return
      if (!record.isGone) throw new AppError("conflict", `Attempt ${id} still has processes.`)
      await removeAttempt(paths, record.stored, logsToo)
      attempts.delete(id)
    },
    marked: () => markedAttempts(paths.pods),
    leftovers: async () => (await attemptsWithWork(paths)).map((id) => id as AttemptId),
    async close() {
      isClosed = true
      cancelSlowLook()
      stopOverflow()
      memoryWatch.close()
      reaper.close()
      await Promise.allSettled(underWay.values())
      life.close(attempts.values())
      if (groups) removeGroup(groups.root) // stays where a pod is in it
      listeners.clear()
    },
    isPodProcess(pid) {
      const session = readProcess(pid)?.session
      for (const { pod } of livePods()) if (pod.wrapper && pod.wrapper.pid === session) return true
      return attempts.has(podMarkOf(pid)?.attemptId ?? "")
    },
    isLogPath: (path) => basename(path) === "log" && dirname(dirname(dirname(path))) === paths.pods,
    isLiveLog(path) {
      const id = basename(dirname(dirname(path)))
      const record = attempts.get(id)
      // one that this server does not know of yet may live: only what was seen to be gone is over
      return record ? !record.isGone : !isMarkedGone(paths, id)
    },
    async logRemoved(path) {
      const id = basename(dirname(dirname(path)))
      if (isAttemptId(id)) await alone(id, () => removeEmptied(paths, id))
    },
    doctor: () => examineMachine({ paths, accounts, serverUid, hasGroups: groups !== undefined }),
    get liveAttempts() {
      let live = 0
      for (const record of attempts.values()) if (!record.isGone) live++
      return live
    },
  }
}

function handleOf(stored: StoredAttempt): AttemptHandle {
  const pods = stored.pods.map(({ probes, ...pod }) => {
    if (!probes) return pod
    const { liveness, readiness } = probes
    return {
      ...pod,
      probes: { liveness: liveness && { ...liveness }, readiness: readiness && { ...readiness } },
    }
  })
  return { ...stored, pods }
}

function sourceOf(pod: PodRecord): LogSource {
  return {
    ended: () => (pod.isQuiet && pod.end ? { exitCode: pod.end.exitCode, cause: pod.end.cause } : null),
    onEnded(listener) {
      if (pod.isQuiet) listener()
      else pod.onQuiet.add(listener)
      return () => pod.onQuiet.delete(listener)
    },
  }
}

/** Of a pod that only its log is left of. */
const endedSource: LogSource = {
  ended: () => ({ exitCode: null, cause: null }),
  onEnded(listener) {
    listener()
    return () => undefined
  },
}

function memorySentence(pod: PodRecord, usedBytes: number): string {
  const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(2)} GiB`
  return `The pod used ${gib(usedBytes)} of memory and had asked for ${gib(pod.stored.memoryBytes)}; --memory asks for more.`
}
