import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { createTurnstile } from "../kit/turnstile.ts"
import type { Board } from "../domain/gpu-requests/index.ts"
import type { Capacity, QueueService } from "../domain/queue/index.ts"

export interface SchedulerLoopOptions {
  readonly capacity: Capacity
  readonly board: Pick<Board, "planSteps" | "isDirty" | "nextMs">
  readonly queue: Pick<QueueService, "commitPlan" | "commitProvisions">
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
  /** For metrics: one committed plan of GPU requests. */
  readonly onGpuTurn?: (turn: {
    readonly provisioned: number
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

/** How long steps of plans may hold up one turn of the event loop together. */
const turnBudgetMs = 5
/** After a failed commit. */
const retryMs = 1000
const gateTimer = "scheduler:gate"

export function createSchedulerLoop(options: SchedulerLoopOptions): SchedulerLoop {
  const { capacity, board, queue, clock, timers, log } = options
  const turns = createTurnstile({ clock, ms: turnBudgetMs })
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
        if (isDirty() && !cancelRetry) wake()
      })
    })
  }

  const isDirty = () => board.isDirty(clock.nowMs()) || capacity.isDirty(clock.nowMs())

  /**
   * Nodes go to workspaces before work goes to nodes. What could not be handed over is planned anew by the change that
   * was in the way, else after a moment (`Board.nextMs`): work is not kept waiting for it.
   */
  async function provision(): Promise<void> {
    if (!board.isDirty(clock.nowMs())) return
    const startedMono = clock.monotonicMs()
    const steps = board.planSteps(clock.nowMs())
    let step = steps.next()
    // others have their turn between the steps of a long plan
    for (; step.done !== true; step = steps.next()) await turns.pass()
    const planMs = clock.monotonicMs() - startedMono
    const done = await queue.commitProvisions(step.value)
    options.onGpuTurn?.({ ...done, planMs })
  }

  async function run(): Promise<void> {
    const mayGoOn = () => !isStopped && isDirty()
    while (mayGoOn()) {
      try {
        await provision()
      } catch (error) {
        log.warn({ err: error }, "a plan of GPU requests could not be committed")
        return retryLater()
      }
      if (!capacity.isDirty(clock.nowMs())) continue
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
    const nowMs = clock.nowMs()
    const instants = [capacity.nextGateMs(nowMs) ?? [], board.nextMs(nowMs) ?? []].flat()
    if (instants.length === 0) timers.cancel(gateTimer)
    else timers.at(gateTimer, Math.min(...instants), wake)
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
