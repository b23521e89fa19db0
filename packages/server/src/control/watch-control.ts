import type { Store } from "../domain/journal/index.ts"
import {
  countProbe,
  mayBeOverruled,
  nextProbeInMs,
  nothingCounted,
  type Prober,
  type ProbeResult,
  type ServiceId,
  type ServiceSummary,
  serviceRecordChanged,
  type ServiceStore,
  type ServiceWatch,
  serviceWatchChanged,
  stateToShow,
  type WatchCount,
  type WatchReadings,
} from "../domain/services/index.ts"
import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { createFindingWriter } from "./finding-writer.ts"

export interface WatchControlOptions {
  readonly store: Store
  readonly rows: ServiceStore
  /** undefined = addresses outside are not asked. */
  readonly prober: Prober | undefined
  /** How something of this server stands that a record follows; null while it comes up. */
  readonly lookAtJoined: (record: ProbedRecord) => Promise<ProbeResult | null>
  /** In [0, 1). */
  readonly random: () => number
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Probes watched records in time and has written down what changed. Owns no rules. */
export interface WatchControl extends WatchReadings {
  /** At boot. Resolves when every watch is known; nothing has been probed then. */
  start(): Promise<void>
  /** Probes under way are given up. Idempotent. */
  stop(): Promise<void>
}

/** What is kept of each record: thousands are watched, and configs and labels may be long. */
type ProbedRecord = Pick<ServiceSummary, "id" | "state" | "joined" | "healthCheckUrl">

function probed({ id, state, joined, healthCheckUrl }: ProbedRecord): ProbedRecord {
  return { id, state, joined, healthCheckUrl }
}

interface Watched {
  watch: ServiceWatch
  record: ProbedRecord
  count: WatchCount
  lastProbe: ServiceWatch["lastProbe"]
  /** Waits for its turn, or is being probed. */
  isBusy: boolean
  /** Something happened meanwhile that asks for another probe at once. */
  isAgain: boolean
  /** The store refused what was found: until then it is not asked again. */
  quietUntilMs: number
}

const probesAtOnce = 512
/** Of them for records that took their time when they were last asked: thousands that hang hold up none that answer. */
const slowAtOnce = 384
const slowMs = 1_000
const rowsPerPage = 1000
/** Where nothing changes, the last probe is written down so often. */
const noteEveryMs = 15 * 60_000

export function createWatchControl(options: WatchControlOptions): WatchControl {
  const { store, rows, clock, timers, log, prober } = options
  const known = new Map<ServiceId, Watched>()
  /** Watches that are new: their records are being read. */
  const beginning = new Set<ServiceId>()
  const waiting = { quick: [] as Watched[], slow: [] as Watched[] }
  const ended = new AbortController()
  const findings = createFindingWriter({
    store,
    rows,
    clock,
    timers,
    log,
    onRefused(ids) {
      for (const id of ids)
        refused(id).catch((err: unknown) =>
          log.error({ err, serviceId: id }, "a watch could not be read anew"),
        )
    },
  })
  let running = 0
  let runningSlow = 0
  let isStarted = false

  // ---- what is watched ---------------------------------------------------------------------------

  function take(watch: ServiceWatch, record: ProbedRecord): void {
    const { lastProbe } = watch
    const count = countOf(watch, record)
    const entry: Watched = {
      watch,
      record: probed(record),
      count,
      lastProbe,
      isBusy: false,
      isAgain: false,
      quietUntilMs: 0,
    }
    known.set(watch.serviceId, entry)
    // the first one soon, but not all of them at once
    plan(entry, Math.round(options.random() * watch.intervalSeconds * 1000))
  }

  function drop(id: ServiceId): void {
    known.delete(id)
    beginning.delete(id)
    findings.forget(id)
    timers.cancel(timerOf(id))
  }

  async function begin(watch: ServiceWatch): Promise<void> {
    const id = watch.serviceId
    beginning.add(id)
    const record = await rows.records.byId(store.committed, id)
    // it may be over again, or known by another change
    if (!beginning.delete(id) || !record || ended.signal.aborted) return
    take(watch, record)
    planNow(id)
  }

  async function watchMoved(watch: ServiceWatch): Promise<void> {
    const entry = known.get(watch.serviceId)
    if (!entry) return begin(watch)
    const isOther = entry.watch.intervalSeconds !== watch.intervalSeconds || watch.verdict === "over"
    entry.watch = watch
    entry.quietUntilMs = 0
    // what a joined record has come to is found by its follower
    if (watch.lastProbe && watch.lastProbe.atMs > (entry.lastProbe?.atMs ?? 0))
      entry.lastProbe = watch.lastProbe
    if (isOther) plan(entry, nextProbeInMs(watch, options.random()))
  }

  function recordMoved(record: ProbedRecord): void {
    const entry = known.get(record.id)
    if (!entry) return
    const isElsewhere = entry.record.healthCheckUrl !== record.healthCheckUrl
    const isNews = record.joined !== null && entry.record.state !== record.state
    const isOther = stateToShow(record, entry.count.verdict) !== record.state
    entry.record = probed(record)
    entry.quietUntilMs = 0
    // an owner's word holds until a threshold is met anew
    if (isElsewhere || isOther) entry.count = nothingCounted
    if (isElsewhere || isOther || isNews || timers.due(timerOf(record.id)) === undefined) planNow(record.id)
  }

  /** Whether anything is to be asked: it has an address, and its owner does not say that nobody is there. */
  function isProbed({ watch, record }: Watched): boolean {
    if (watch.verdict === "over" || !mayBeOverruled(record)) return false
    return record.joined !== null || (prober !== undefined && (record.healthCheckUrl ?? "") !== "")
  }

  // ---- probing -----------------------------------------------------------------------------------

  function plan(entry: Watched, inMs: number): void {
    const id = entry.watch.serviceId
    if (ended.signal.aborted || !isProbed(entry)) timers.cancel(timerOf(id))
    else if (entry.isBusy) entry.isAgain ||= inMs === 0
    else timers.at(timerOf(id), clock.nowMs() + inMs, () => due(entry))
  }

  function planNow(id: ServiceId): void {
    const entry = known.get(id)
    if (entry) plan(entry, 0)
  }

  function due(entry: Watched): void {
    entry.isBusy = true
    waiting[isSlow(entry) ? "slow" : "quick"].push(entry)
    next()
  }

  /** Of the slow ones only so many are asked at once. */
  function taken(): Watched | undefined {
    if (running >= probesAtOnce) return undefined
    return waiting.quick.shift() ?? (runningSlow < slowAtOnce ? waiting.slow.shift() : undefined)
  }

  function next(): void {
    while (!ended.signal.aborted) {
      const entry = taken()
      if (!entry) return
      const slow = isSlow(entry) ? 1 : 0
      running++
      runningSlow += slow
      void probe(entry).finally(() => {
        running--
        runningSlow -= slow
        const { isAgain } = entry
        entry.isBusy = false
        entry.isAgain = false
        if (known.get(entry.watch.serviceId) === entry)
          plan(entry, isAgain ? 0 : nextProbeInMs(entry.watch, options.random()))
        next()
      })
    }
  }

  async function probe(entry: Watched): Promise<void> {
    const { watch, record } = entry
    const url = record.healthCheckUrl
    if (known.get(record.id) !== entry || !isProbed(entry)) return
    const beganMs = clock.monotonicMs()
    const result = record.joined
      ? await options.lookAtJoined(record).catch(() => null)
      : await prober?.probe(url ?? "", watch.timeoutSeconds * 1000, ended.signal)
    if (!result) return
    // what it says may be of an address that the record has no more
    if (ended.signal.aborted || known.get(record.id) !== entry || entry.record.healthCheckUrl !== url) return
    note(entry, result, clock.monotonicMs() - beganMs)
  }

  function note(entry: Watched, result: ProbeResult, tookMs: number): void {
    const { watch, record } = entry
    const atMs = clock.nowMs()
    const lastProbe = { ...result, atMs, tookMs: Math.round(tookMs) }
    // of what it follows the verdict is its follower's
    if (!record.joined) entry.count = countProbe(entry.count, result, watch)
    entry.lastProbe = lastProbe
    const { verdict } = entry.count
    const isNews =
      !record.joined &&
      verdict !== "unknown" &&
      (verdict !== watch.verdict || stateToShow(record, verdict) !== record.state)
    if (!isNews && watch.lastProbe && atMs - watch.lastProbe.atMs < noteEveryMs) return
    if (atMs >= entry.quietUntilMs) findings.add({ serviceId: watch.serviceId, verdict, lastProbe }, isNews)
  }

  /** What is in memory may be wrong: it is read anew, and nothing of it is written for a while. */
  async function refused(id: ServiceId): Promise<void> {
    const watch = await rows.watches.byId(store.committed, id)
    const record = watch && (await rows.records.byId(store.committed, id))
    const entry = known.get(id)
    if (!entry) return
    if (!watch || !record) return drop(id)
    const quietUntilMs = clock.nowMs() + noteEveryMs
    Object.assign(entry, {
      watch,
      record: probed(record),
      count: countOf(watch, record),
      quietUntilMs,
    } satisfies Partial<Watched>)
  }

  const unsubscribe = [
    store.subscribe(serviceWatchChanged, ({ watch, gone }) => {
      if (gone) drop(watch.serviceId)
      else if (isStarted)
        watchMoved(watch).catch((err: unknown) =>
          log.error({ err, serviceId: watch.serviceId }, "a record could not be watched"),
        )
    }),
    store.subscribe(serviceRecordChanged, ({ record, gone }) => {
      if (!gone) recordMoved(record)
    }),
  ]

  return {
    reading(id) {
      const nextProbeAtMs = timers.due(timerOf(id)) ?? null
      return { lastProbe: known.get(id)?.lastProbe ?? null, nextProbeAtMs }
    },
    async start() {
      isStarted = true
      for (let after: ServiceId | null = null; ;) {
        const page = await rows.watches.all(store.committed, { after, limit: rowsPerPage })
        for (const { watch, record } of page) if (!known.has(record.id)) take(watch, record)
        const last = page.at(-1)
        if (!last || page.length < rowsPerPage) return
        after = last.record.id
      }
    },
    async stop() {
      ended.abort()
      for (const off of unsubscribe) off()
      for (const id of known.keys()) timers.cancel(timerOf(id))
      await findings.close()
    },
  }
}

function isSlow({ lastProbe }: Watched): boolean {
  return lastProbe !== null && lastProbe.tookMs >= slowMs
}

/** What it has come to so far; nothing where its owner had the last word. */
function countOf(watch: ServiceWatch, record: ProbedRecord): WatchCount {
  const seen: WatchCount = { ...nothingCounted, verdict: watch.verdict }
  return stateToShow(record, watch.verdict) === record.state ? seen : nothingCounted
}

function timerOf(id: ServiceId): string {
  return `watch:${id}`
}
