import type { Store } from "../domain/journal/index.ts"
import {
  type ServiceId,
  type ServiceStore,
  type WatchFinding,
  writeFindings,
} from "../domain/services/index.ts"
import type { Clock } from "../kit/clock.ts"
import { AppError } from "../kit/errors.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"

export interface FindingWriterOptions {
  readonly store: Store
  readonly rows: Pick<ServiceStore, "records" | "watches">
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  /** Told of what the store will not take, however often it is tried: it is given up. */
  readonly onRefused: (ids: readonly ServiceId[]) => void
}

/** Has findings written down, those of about the same time together; the latest of each record. */
export interface FindingWriter {
  /** @param isNews whether somebody may wait for it; else it only says that all is as it was */
  add(finding: WatchFinding, isNews: boolean): void
  /** Nothing of it is to be written any more. */
  forget(id: ServiceId): void
  /** Resolves when nothing is being written; what was not is given up. Idempotent. */
  close(): Promise<void>
}

/** Each takes a tenth of a millisecond, in which nobody else gets a turn. */
const findingsPerWrite = 64
/** Results that come about the same time are written together; what nobody waits for with many others. */
const gatherMs = 200
const gatherNotesMs = 10_000
const retryMs = 5_000
/** So many in a row that cannot be written now say that it is the store, not they. */
const misfortunes = 3
const namedAtMost = 5
const timer = "watch-findings"

export function createFindingWriter(options: FindingWriterOptions): FindingWriter {
  const { store, rows, clock, timers, log } = options
  const findings = new Map<ServiceId, WatchFinding>()
  /** Being written: what is forgotten meanwhile does not come back. */
  const inHand = new Set<ServiceId>()
  let writing: Promise<void> | undefined
  let isClosed = false
  /** The store was down. */
  let notBeforeMs = 0

  function planIn(ms: number): void {
    if (isClosed || writing || findings.size === 0) return
    const atMs = Math.max(clock.nowMs() + ms, notBeforeMs)
    if (atMs < (timers.due(timer) ?? Infinity)) timers.at(timer, atMs, flush)
  }

  function flush(): void {
    if (isClosed || writing) return
    writing = writeAll().then((isStoreDown) => {
      writing = undefined
      notBeforeMs = isStoreDown ? clock.nowMs() + retryMs : 0
      planIn(gatherMs)
    })
  }

  /** @returns whether the store takes nothing now */
  async function writeAll(): Promise<boolean> {
    for (let some = take(); some.length > 0; some = take()) {
      try {
        await writeFindings({ store, rows }, some)
      } catch {
        if (await writeEach(some)) return true
      } finally {
        inHand.clear()
      }
    }
    return false
  }

  function take(): readonly WatchFinding[] {
    const some: WatchFinding[] = []
    for (const finding of findings.values()) {
      if (some.length === findingsPerWrite || isClosed) break
      some.push(finding)
    }
    for (const { serviceId } of some) {
      findings.delete(serviceId)
      inHand.add(serviceId)
    }
    return some
  }

  /** Each for itself: what is wrong with one is nothing to the others. @returns whether it is the store */
  async function writeEach(some: readonly WatchFinding[]): Promise<boolean> {
    const refused: ServiceId[] = []
    let inARow = 0
    let last: unknown
    for (const one of some) {
      if (inARow >= misfortunes || isClosed) {
        putBack(one)
        continue
      }
      const failure = await failureOf(one)
      if (failure === undefined) inARow = 0
      else if (AppError.from(failure).code === "unavailable") {
        inARow++
        last = failure
        putBack(one)
      } else {
        refused.push(one.serviceId)
        last = failure
      }
    }
    if (last !== undefined) report(last, refused)
    if (refused.length > 0) options.onRefused(refused)
    return inARow > 0
  }

  async function failureOf(finding: WatchFinding): Promise<unknown> {
    try {
      await writeFindings({ store, rows }, [finding])
      return undefined
    } catch (err) {
      return err ?? new Error("refused")
    }
  }

  /** What was found since is the newer one. */
  function putBack(finding: WatchFinding): void {
    const { serviceId } = finding
    if (inHand.has(serviceId) && !findings.has(serviceId)) findings.set(serviceId, finding)
  }

  function report(err: unknown, refused: readonly ServiceId[]): void {
    const some = { refused: refused.length, serviceIds: refused.slice(0, namedAtMost) }
    if (refused.length > 0) log.warn({ err, ...some }, "what watches found of some records cannot be written")
    else log.warn({ err }, "what watches found could not be written, it will be tried again")
  }

  return {
    add(finding, isNews) {
      findings.set(finding.serviceId, finding)
      planIn(isNews ? gatherMs : gatherNotesMs)
    },
    forget(id) {
      findings.delete(id)
      inHand.delete(id)
    },
    async close() {
      isClosed = true
      timers.cancel(timer)
      await writing
    },
  }
}
