import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import type { Capacity, QueueService } from "../domain/queue/index.ts"

export interface SchedulerLoopOptions {
  readonly capacity: Capacity
  readonly queue: Pick<QueueService, "commitPlan">
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  /** For metrics: one committed turn. */
  readonly onTurn?: (turn: {
    readonly admitted: number
    readonly preempted: number
    readonly lost: number
    readonly planMs: number
  }) => void
}

/** Plans when something changed, commits, and plans again until nothing is dirty. Owns no rules. */
export interface SchedulerLoop {
  /** Something changed: a turn follows soon. Cheap; call it after every change. */
  wake(): void
  /** Planning begins here, after recovery (DESIGN 3, Boot). */
  start(): void
  /** No more turns; resolves when the one in progress is over. Idempotent. */
  stop(): Promise<void>
}

/** After a failed commit. */
const retryMs = 1000
const gateTimer = "scheduler:gate"

export function createSchedulerLoop(options: SchedulerLoopOptions): SchedulerLoop {
  const { capacity, queue, clock, timers, log } = options
  let isStarted = false
  let isStopped = false
  let isScheduled = false
  let running: Promise<void> | undefined
  let cancelRetry: (() => void) | undefined

  function wake() {
    if (!isStarted || isStopped || isScheduled || running) return
    isScheduled = true
    // after the batch that brought the change: its other changes are then seen in the same turn
    setImmediate(() => {
      isScheduled = false
      if (isStopped || running) return
      running = run().finally(() => {
        running = undefined
        if (capacity.isDirty(clock.nowMs()) && !cancelRetry) wake()
      })
    })
  }

  async function run(): Promise<void> {
    const mayGoOn = () => !isStopped && capacity.isDirty(clock.nowMs())
    while (mayGoOn()) {
      const startedMono = clock.monotonicMs()
      const plan = capacity.plan(clock.nowMs())
      const planMs = clock.monotonicMs() - startedMono
      try {
        const done = await queue.commitPlan(plan)
        // what has changed since the plan stays dirty, but for the plan's own admissions
        capacity.settled(plan)
        options.onTurn?.({ ...done, planMs })
      } catch (error) {
        log.warn({ err: error }, "a plan could not be committed")
        capacity.markAllDirty()
        return retryLater()
      }
    }
    armGate()
  }

  function retryLater() {
    cancelRetry?.()
    cancelRetry = clock.alarm(retryMs, () => {
      cancelRetry = undefined
      wake()
    })
  }

  /** A start time or a back-off passes by itself: nothing else would say so. */
  function armGate() {
    const atMs = capacity.nextGateMs(clock.nowMs())
    if (atMs === null) timers.cancel(gateTimer)
    else timers.at(gateTimer, atMs, wake)
  }

  return {
    wake,
    start() {
      isStarted = true
      capacity.markAllDirty()
      wake()
    },
    async stop() {
      isStopped = true
      cancelRetry?.()
      timers.cancel(gateTimer)
      await running
    },
  }
}
